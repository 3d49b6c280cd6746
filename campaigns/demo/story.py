"""What the demo firm did with the product: blocks, campaigns past and present, a model, open questions."""

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from campaigns import blocks, coverage, examples, plans, runs
from campaigns.bulk import demo as bulk
from campaigns.combinations import pairs, rules
from campaigns.demo import replies
from campaigns.demo.cast import Story
from campaigns.models import BlockVersion, Campaign, Chunk, Run, UseCase
from campaigns.trials import gate, shadows
from compliance import review
from compliance.judging import readings
from compliance.models import ReviewItem, ReviewKind, ReviewState, Staff
from compliance.processing import records
from personalize import fitting
from personalize.models import Artefact
from personalize.registry import signing, steps, uses

log = logging.getLogger(__name__)
TEXTS = Path(__file__).parent / "blocks.json"
OBJECTIVE = {"open": 0.05, "click": 0.1, "outcome": 1.0, "satisfaction": 0.5, "unsubscribe": -4.0, "complaint": -8.0}
# Real dilemmas, left for whoever signs in as an editor.
UNDECIDED = (
    "body-will-it-last",
    "subject-ten-years-to-go",
    "subject-money-worries",
    "body-debt-support",
    "body-bereavement-support",
    "body-moving-account",
)
GOOD_REASONS = (
    "Clear, balanced, and the risk comes before the button.",
    "Checked against the key facts; nothing promised.",
    "Plain words, no pressure, fine for this audience.",
    "Read aloud to a colleague outside the firm: understood.",
)


def library(story: Story) -> None:
    """Every block, written by one of two marketers, read by an editor and, where two must, by the officer."""
    purposes(story)
    rulebook(story)
    texts = json.loads(TEXTS.read_text(encoding="utf-8"))
    for number, text in enumerate(texts):
        by = story.staff["marketer2" if number % 3 == 2 else "marketer"]
        at = story.ago(9 if text["slug"] in UNDECIDED else 130) + timedelta(minutes=7 * number)
        # Whoever wrote it had looked its evidence up that day.
        claims = [{**one, "as_of": at.date().isoformat()} for one in text["claims"]]
        version = blocks.draft(**{**text, "claims": claims}, by=by, at=at)
        blocks.publish(version.pk, by=by, at=at + timedelta(hours=1))
    waiting = ReviewItem.objects.filter(kind=ReviewKind.BLOCK, state=ReviewState.WAITING).order_by("pk")
    held = set(BlockVersion.objects.filter(block__slug__in=UNDECIDED).values_list("digest", flat=True))
    for number, item in enumerate(waiting):
        if item.digest not in held:
            decide(story, item, at=item.submitted_at + timedelta(hours=20), number=number)


RULES: tuple[tuple[str, str, str, dict[str, Any], str], ...] = (
    ("grief-no-offer", "Grief meets no urgency", "excludes",
     {"a": {"topic": ["bereavement", "health", "job_loss"]}, "b": {"is": ["urgent"]}},
     "Nobody in a hard moment is pressed for time (FG21/1)."),
    ("no-urgent-risk", "No urgency beside a high-risk product", "excludes",
     {"a": {"topic": ["crypto", "leverage_cfd", "high_risk_investment"]}, "b": {"is": ["urgent"]}},
     "COBS 4.12A.7R: no pressure towards restricted investments."),
    ("risk-first", "The disclosure comes before the button", "order",
     {"first": {"slot": ["disclosure"]}, "then": {"slot": ["call_to_action"]}},
     "FINRA 2210(d)(1)(C): what matters stands before the call to action."),
    ("one-button", "One call to action", "at_most", {"of": {"is": ["link"]}, "most": 1},
     "A reader is asked for one thing at a time."),
    ("email-length", "A mail can be read in three minutes", "length", {"channel": "email", "most": 6000},
     "Consumer understanding, PRIN 2A.5.3R."),
    ("calm-tone", "Tones that go together", "tones",
     {"together": [["neutral", "conservative", "balanced"], ["neutral", "balanced", "growth", "experienced"]]},
     "A cautious opening never leads into a bold middle."),
    ("one-language", "One language", "agree", {"on": "language"}, "A message is read in one language."),
    ("one-market", "One market", "agree", {"on": "market"}, "Wording made for one market stays there."),
)  # fmt: skip


def rulebook(story: Story) -> None:
    """The policy for plain words and the rules about which blocks may meet, each approved by two people."""
    at = story.ago(131)
    items = [pairs.propose(by=story.staff["marketer"], at=at)]
    for code, name, kind, body, why in RULES:
        made = rules.draft(code=code, name=name, kind=kind, body=body, why=why, by=story.staff["marketer2"], at=at)
        items.append(ReviewItem.objects.get(digest=made.digest))
    for number, item in enumerate(items):
        decide(story, item, at=at + timedelta(hours=20), number=number)


def purposes(story: Story) -> None:
    """The record of each purpose, written by a marketer and approved by two, before anything is sent."""
    at = story.ago(132)
    for number, (purpose, facts) in enumerate(records.SHIPPED.items()):
        until = (story.at + timedelta(days=180)).date()
        made = records.propose(purpose, facts, until=until, by=story.staff["marketer2"], at=at)
        decide(story, ReviewItem.objects.get(digest=made.digest), at=at + timedelta(hours=6), number=number)


def decide(story: Story, item: ReviewItem, *, at: datetime, number: int = 0) -> None:
    """An editor approves, then the officer where a second pair of eyes must look."""
    who = [story.staff["editor" if number % 2 else "editor2"], story.staff["officer"], story.staff["editor"]]
    said = GOOD_REASONS[number % len(GOOD_REASONS)]
    for step, by in enumerate(who):
        if not review.may_decide(item, by):
            readings.opened(item, by=by, at=at + timedelta(hours=step) - timedelta(minutes=6))
        review.approve(item.pk, by=by, seen=item.digest, reason=said, at=at + timedelta(hours=step))
        item.refresh_from_db()
        if item.state == ReviewState.APPROVED:
            return


def campaign(story: Story, *, slug: str, parts: dict[str, bool], days_ago: float, **fields: Any) -> Campaign:
    """A draft by `marketer`; parts: block slug → whether it is its slot's fallback."""
    newest = {one.block.slug: one for one in BlockVersion.objects.select_related("block").order_by("number")}
    candidates: list[plans.Candidate] = [(newest[name], is_fallback, {}) for name, is_fallback in parts.items()]
    return plans.draft(
        slug=slug,
        objective=OBJECTIVE,
        candidates=candidates,
        by=story.staff["marketer"],
        at=story.ago(days_ago),
        **fields,
    )


RISK_PARTS = {
    "subject-risk-careful": False,
    "subject-risk-both-sides": False,
    "subject-risk-long-view": False,
    "subject-risk-three-questions": False,
    "subject-risk-plain-english": False,
    "subject-risk-guide-ready": True,
    "preheader-short-read": True,
    "value-risk-in-plain-words": True,
    "body-risk-balanced": False,
    "body-risk-growth": False,
    "body-risk-experienced": False,
    "body-risk-questions": False,
    "body-risk-bad-year-first": False,
    "body-risk-careful": True,
    "disclosure-investments": True,
    "action-read-at-my-pace": False,
    "action-try-risk-questions": False,
    "action-open-risk-guide": True,
}
ISA_PARTS = {
    "subject-isa-or-savings": False,
    "subject-isa-explained": True,
    "preheader-costs-first": True,
    "visual-seedlings": False,
    "visual-pieces": True,
    "value-isa-wrapper": True,
    "body-isa-growth": False,
    "body-isa-careful": False,
    "body-isa-basics": True,
    "disclosure-isa": True,
    "action-see-isa-guide": True,
}
FALL_PARTS = {
    "subject-market-fall-plain": False,
    "subject-market-fall-context": False,
    "subject-market-fall-calm": True,
    "preheader-no-rush": True,
    "value-no-need-to-decide": True,
    "body-market-fall-balanced": False,
    "body-market-fall-experienced": False,
    "body-market-fall-careful": True,
    "disclosure-past-performance": True,
    "action-read-market-note": True,
}
WELCOME_PARTS = {
    "subject-first-steps": False,
    "subject-next-module": False,
    "subject-welcome": True,
    "preheader-what-comes-next": True,
    "value-settle-in": True,
    "body-next-module": False,
    "body-welcome-steps": True,
    "action-open-module": False,
    "action-take-first-step": True,
}
WEB_PARTS = {
    "value-understand-first": False,
    "value-know-your-limits": False,
    "value-risk-in-plain-words": True,
    "body-risk-balanced": False,
    "body-risk-growth": False,
    "body-risk-careful": True,
    "disclosure-investments": True,
    "action-open-risk-guide": True,
}
JOINED = {"all": [{"field": "tenure_days", "op": "gte", "value": 20}]}


def education(story: Story) -> None:
    """Under rules in the summer; what was learnt then decides in shadow, then for half, then for all in the autumn."""
    same: dict[str, Any] = {
        "use_case": "risk_education",
        "hypothesis": "A guide whose tone and opening fit the reader is finished more often than one guide for all.",
        "success_metric": "Risk Guide Completed",
        "audience": JOINED,
        "share_control": 0.25,
        "share_holdout": 0.10,
        "parts": RISK_PARTS,
    }
    first = campaign(story, slug="understand-risk-summer", name="Understand risk, summer", days_ago=101, **same)
    deliver(story, first, days_ago=96)
    declare(story, days_ago=200)
    model = learn(story, "risk_education", days_ago=60)
    go_on(story, model, days_ago=58)
    for slug, name, least, most in (("newcomers", "newcomers", 20, 360), ("second-year", "second year", 361, 720)):
        between = {"all": [{"field": "tenure_days", "op": "between", "value": [least, most]}]}
        named = {"slug": f"understand-risk-{slug}", "name": f"Understand risk, {name}", "audience": between}
        days_ago = 57.0 if slug == "newcomers" else 49.0
        deliver(story, campaign(story, days_ago=days_ago + 2, **(same | named)), days_ago=days_ago)
        if slug == "newcomers":
            shadows.decide(Artefact.objects.get(pk=model.pk), at=story.ago(51))
            go_on(story, model, days_ago=50, share=0.5)
    go_on(story, model, days_ago=40)
    second = campaign(story, slug="understand-risk-autumn", name="Understand risk, autumn", days_ago=39, **same)
    deliver(story, second, days_ago=36)


def product(story: Story) -> Campaign:
    """Finished: how an ISA works, to those who are not close to retiring."""
    audience = {"all": [*JOINED["all"], {"not": {"field": "life_stage", "op": "eq", "value": "retired"}}]}
    made = campaign(
        story,
        slug="isa-explained",
        name="How a Stocks and Shares ISA works",
        use_case="product_response",
        hypothesis="People who read what an ISA costs and risks first are more content with it later.",
        success_metric="ISA Guide Read",
        audience=audience,
        share_control=0.25,
        share_holdout=0.10,
        parts=ISA_PARTS,
        days_ago=74,
    )
    deliver(story, made, days_ago=70)
    return made


def market_fall(story: Story) -> Run:
    """Running now: some texts approved, one rejected, the rest wait for an editor."""
    audience = {
        "all": [
            {"field": "events:Dashboard Viewed", "op": "gte", "value": 4, "days": 30},
            {"field": "tenure_days", "op": "gte", "value": 365},
        ]
    }
    made = campaign(
        story,
        slug="steady-through-the-fall",
        name="Steady through the fall",
        use_case="re_engagement",
        hypothesis="Calm words in a falling market keep people from selling in a hurry.",
        success_metric="Plan Reviewed",
        audience=audience,
        share_control=0.2,
        share_holdout=0.05,
        parts=FALL_PARTS,
        days_ago=1,
    )
    at = story.at - timedelta(hours=5)
    _read_together(story, made, at=at - timedelta(hours=12))
    run = _assembled(made, by=story.staff["marketer"], at=at)
    held = list(ReviewItem.objects.filter(kind=ReviewKind.VARIANT, state=ReviewState.WAITING).order_by("-reach", "pk"))
    for number, item in enumerate(held[:4]):
        decide(story, item, at=at + timedelta(hours=1), number=number)
    if len(held) > 6:
        review.reject(
            held[5].pk,
            by=story.staff["editor2"],
            seen=held[5].digest,
            reason="“Falls like this have happened before” reads as a promise of recovery next to this body.",
            at=at + timedelta(hours=2),
        )
    runs.release(at=story.at)
    return run


def drafts(story: Story) -> None:
    """Not launched yet: one that is ready, one that waits for its words; and one place on the website."""
    campaign(
        story,
        slug="first-ninety-days",
        name="Your first ninety days",
        use_case="onboarding",
        hypothesis="One small step at a time brings more people to a plan of their own.",
        success_metric="Module Completed",
        audience={"all": [{"field": "tenure_days", "op": "lte", "value": 90}]},
        share_control=0.2,
        share_holdout=0.05,
        parts=WELCOME_PARTS,
        days_ago=6,
    )
    campaign(
        story,
        slug="ten-years-to-go",
        name="Ten years to go",
        use_case="lifecycle",
        hypothesis="A look at three numbers, ten years ahead, leads to a plan and not to a fright.",
        success_metric="Plan Reviewed",
        audience={"all": [{"field": "life_stage", "op": "eq", "value": "pre_retirement"}]},
        parts={
            "subject-ten-years-to-go": False,
            "subject-one-year": True,
            "value-yearly-check": True,
            "body-ten-years-to-go": False,
            "body-one-year": True,
            "disclosure-pension": True,
            "action-check-my-plan": True,
        },
        days_ago=3,
    )
    web = campaign(
        story,
        slug="home-hero",
        name="Home page: risk in plain words",
        use_case="risk_education",
        success_metric="Risk Guide Completed",
        channel="web",
        placement="home-hero",
        parts=WEB_PARTS,
        days_ago=20,
    )
    _read_together(story, web, at=story.ago(19.5))
    runs.launch(web, by=story.staff["marketer"], at=story.ago(19))


def deliver(story: Story, made: Campaign, *, days_ago: float) -> None:
    """Launch in the past, assemble for real, and tell who was reached and what came of it."""
    at = story.ago(days_ago)
    made.refresh_from_db()
    _read_together(story, made, at=at - timedelta(hours=12))
    run = _assembled(made, by=story.staff["marketer"], at=at)
    for number, item in enumerate(ReviewItem.objects.filter(kind=ReviewKind.VARIANT, state=ReviewState.WAITING)):
        decide(story, item, at=at + timedelta(hours=3), number=number)
    runs.release(at=at + timedelta(days=1))
    rows = bulk.tell_delivered(run.pk, at=at + timedelta(days=2))
    Campaign.objects.filter(pk=made.pk).update(state="finished")
    replies.tell(story, made, rows)


def _read_together(story: Story, made: Campaign, *, at: datetime) -> None:
    """The editors approve the few messages that show every pair of blocks nobody has seen side by side."""
    item = coverage.ask(made, plans.snapshot(made, at=at), by=made.owner, at=at)
    if item is not None and item.state == ReviewState.WAITING:
        decide(story, item, at=at)


def _assembled(made: Campaign, *, by: Staff, at: datetime) -> Run:
    run = runs.launch(made, by=by, at=at)
    for chunk in Chunk.objects.filter(run=run).order_by("number").values_list("pk", flat=True):
        runs.assemble(chunk, at=at + timedelta(minutes=1))
    return run


def declare(story: Story, *, days_ago: float) -> None:
    """Say on what footing each use case may have a model."""
    for use_case, label in UseCase.choices:
        uses.declare(
            use_case, owner=story.staff["marketer"], purpose=f"Choose what suits each client: {label}",
            materiality="low", lawful_basis="legitimate interest; consent to profiling for what clients did",
            dpia="DPIA-2026-01", lia="LIA-2026-01", ai_act_class="minimal", by=story.staff["officer"],
            at=story.ago(days_ago),
        )  # fmt: skip


def learn(story: Story, use_case: str, *, days_ago: float) -> Artefact:
    """Fit a model to what came back; its owner signs, and the officer validates it."""
    at = story.ago(days_ago)
    made = fitting.fit(use_case, examples.examples(use_case, at=at), by="staff:marketer", at=at)
    signing.own(made.pk, by=story.staff["marketer"], at=at)
    signing.validate(
        made.pk, findings="Looked at calibration, groups and the walk through time; nothing open.",
        by=story.staff["officer"], at=at + timedelta(hours=4),
    )  # fmt: skip
    return made


def go_on(story: Story, model: Artefact, *, days_ago: float, share: float = 0.0) -> None:
    """The owner asks for the model's next step, two others approve it, the officer takes it; if its trial allows it."""
    at = story.ago(days_ago)
    try:
        step = gate.ask(model.pk, share=share, by=story.staff["marketer"], at=at)
        decide(story, steps.item(step), at=at + timedelta(hours=2))
        gate.take(step.pk, by=story.staff["officer"], at=at + timedelta(hours=6))
    except steps.CannotStep as why:  # a firm whose model does not do well has one that stays where it is
        log.info("demo.model_stays", extra={"model": model.pk, "why": str(why)})
