"""What a version of a rule would have caught and missed in a year, and which words and campaigns it would stop now."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings

from campaigns.bulk import rulechanges as bulk
from campaigns.models import CampaignBlock, CampaignState, Variant
from campaigns.rulechanges import texts
from compliance.copyrules import book
from compliance.models import ReviewState, Severity
from compliance.words import lint

YEAR = timedelta(days=365)
MOST = 2_000  # assembled messages tried on a page; those sent most come first, and what is left out is said
Asked = Callable[[texts.Text], tuple[bool, bool, str]]  # whether it was found, would be, and what
RANK = {Severity.WARN: 0, Severity.REVIEW: 1, Severity.BLOCK: 2}


@dataclass(frozen=True, slots=True)
class Change:
    """One text: whether the rule in force finds something in it, whether the new version would, and what hangs on it.

    campaigns  names of running campaigns that use it · sent  messages with these words in the last year
    """

    title: str
    path: str
    quote: str
    was: bool
    now: bool
    is_approved: bool
    campaigns: tuple[str, ...]
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Month:
    """Messages sent in one month: how many the rule in force finds something in, and how many the new version."""

    first: date
    sent: int
    was: int
    now: int


@dataclass(frozen=True, slots=True)
class Radius:
    """What a version changes. blocks, messages: the texts in which the answer differs; left_out: not tried here."""

    severity: str
    blocks: tuple[Change, ...]
    messages: tuple[Change, ...]
    months: tuple[Month, ...]
    tried_blocks: int
    tried_messages: int
    left_out: int

    @property
    def caught(self) -> list[Change]:
        """Approved blocks in which only the new version finds something."""
        return [one for one in self.blocks if one.now and not one.was and one.is_approved]

    @property
    def campaigns(self) -> list[str]:
        """The running campaigns that use words in which only the new version finds something."""
        found = [one for one in (*self.blocks, *self.messages) if one.now and not one.was]
        return sorted({name for one in found for name in one.campaigns})

    @property
    def stopped(self) -> list[str]:
        """Those of them in which words would stop at once."""
        return self.campaigns if self.severity == Severity.BLOCK else []

    @property
    def sentence(self) -> str:
        """The change in one sentence."""
        blocks, live, stop = len(self.caught), len(self.campaigns), len(self.stopped)
        sent = sum(one.sent for one in self.messages if one.now and not one.was)
        freed = sum(one.sent for one in self.messages if one.was and not one.now)
        return (
            f"This change would flag {blocks:,} approved {'block' if blocks == 1 else 'blocks'} in {live:,} live "
            f"{'campaign' if live == 1 else 'campaigns'}; {stop:,} would stop. Of the messages of the last year it "
            f"would have caught {sent:,} more and {freed:,} fewer."
        )


def of(rule: lint.Rule, *, at: datetime) -> Radius:
    """Try a version of a rule on the words we have. Nothing is written."""
    in_force = book.in_force(at)
    old = next((one for one in in_force.rules if one.code == rule.code), None)
    before, after = lint.Book([old] if old else []), lint.Book([rule])
    raised = old is not None and RANK[Severity(rule.severity)] > RANK[Severity(old.severity)]

    def asked(text: texts.Text) -> tuple[bool, bool, str]:
        found = text.hits(after)
        return bool(text.hits(before)) and not (raised and found), bool(found), found[0].quote if found else ""

    going = texts.may_go(at).order_by().values_list("pk", flat=True)
    sent = bulk.sent(since=at - YEAR, going=list(going), limit=MOST, zone=settings.TIME_ZONE)
    blocks, tried_blocks = _blocks(asked, in_force.known)
    tried = Variant.objects.filter(pk__in=list(sent.often)).select_related("campaign").order_by("pk")
    messages, answers = [], {}
    for batch in texts.in_hundreds(tried):
        stands = texts.items([one.digest for one in batch])
        for one in batch:
            was, now, quote = answers[one.pk] = asked(texts.of_variant(one, in_force.known))
            if was != now:
                runs = (one.campaign.name,) if one.campaign.state == CampaignState.RUNNING else ()
                item = stands.get(one.digest)
                path = f"/console/campaigns/{one.campaign.slug}/"
                approved = item is not None and item.state == ReviewState.APPROVED
                messages.append(Change(one.subject, path, quote, was, now, approved, runs, sent.often[one.pk]))
    return Radius(
        severity=rule.severity,
        blocks=tuple(blocks),
        messages=tuple(sorted(messages, key=lambda one: -one.sent)),
        months=_months(sent, answers),
        tried_blocks=tried_blocks,
        tried_messages=len(answers),
        left_out=sent.words - len(answers),
    )


def _blocks(asked: Asked, known: frozenset[str]) -> tuple[list[Change], int]:
    found, tried = [], 0
    for batch in texts.in_hundreds(texts.published()):
        stands = texts.items([one.digest for one in batch])
        uses = _uses([one.pk for one in batch])
        tried += len(batch)
        for one in batch:
            was, now, quote = asked(texts.of_block(one, known))
            if was != now:
                item = stands.get(one.digest)
                approved = item is not None and item.state == ReviewState.APPROVED
                title, path = f"{one.block.name} (version {one.number})", f"/console/blocks/{one.block.slug}/"
                found.append(Change(title, path, quote, was, now, approved, tuple(sorted(uses[one.pk]))))
    return found, tried


def _uses(versions: Iterable[int]) -> dict[int, set[str]]:
    """The names of running campaigns by the block version they use."""
    uses: dict[int, set[str]] = defaultdict(set)
    rows = CampaignBlock.objects.filter(version__in=list(versions), campaign__state=CampaignState.RUNNING)
    for version, name in rows.values_list("version", "campaign__name"):
        uses[version].add(name)
    return uses


def _months(sent: bulk.Sent, answers: dict[int, tuple[bool, bool, str]]) -> tuple[Month, ...]:
    was, now = Counter[date](), Counter[date]()
    for (first, variant), n in sent.parts.items():
        before, after, _ = answers.get(variant, (False, False, ""))
        was[first] += n * before
        now[first] += n * after
    return tuple(Month(first, n, was[first], now[first]) for first, n in sorted(sent.months.items()))
