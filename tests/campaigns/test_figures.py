"""A figure has evidence and an end; what shows one that ended waits by itself, and goes on once it is renewed."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from campaigns import blocks, figures, plans, runs, variants
from campaigns.models import Figure, Message
from compliance import review
from compliance.models import ReviewItem
from tests.campaigns.sink import Sink
from tests.campaigns.test_caps import DAY, again, send
from tests.campaigns.world import World

LOSS: dict[str, Any] = {
    "code": "cfd-loss", "name": "Loss share, CFDs", "kind": "loss", "words": "76% of retail accounts lose money",
    "evidence": "Ledger extract, 3rd quarter", "as_of": date(2026, 11, 1), "until": date(2026, 11, 25),
}  # fmt: skip
LATER = {"as_of": date(2026, 11, 26), "until": date(2026, 12, 24), "evidence": "Ledger extract, 4th quarter"}


def figure(world: World, *, days: float = 0, approved: bool = True, **change: Any) -> Figure:
    at = world.at + days * DAY
    made = figures.propose(**{**LOSS, **change}, by=world.marketer, at=at)
    if approved:
        item = ReviewItem.objects.get(digest=made.digest)
        review.approve(item.pk, by=world.editor, seen=item.digest, reason="Checked.", at=at)
    return made


def waiting(world: World) -> Any:
    """One message of a campaign whose body shows the figure, assembled and not yet sent."""
    figure(world)
    world.client(1)
    world.block("risky", slot="body", body="76% of retail accounts lose money with us.", figures=["cfd-loss"])
    campaign = world.campaign(parts=(("hello", True), ("risky", True), ("read", True)))
    again(world, campaign)
    return campaign


def test_t30_what_shows_a_figure_that_ended_waits_and_goes_on_once_it_is_renewed(world: World, sink: Sink) -> None:
    campaign = waiting(world)
    assert Message.objects.get().state == "pending"

    send(world, days=3)  # the 26th: the figure ended on the 25th

    held = Message.objects.select_related("variant").get()
    assert (held.state, held.intent_at, sink.mails) == ("held", None, [])
    assert variants.standing([held.variant], at=world.at + 3 * DAY) == {held.variant_id: "held"}
    assert [one.code for one in plans.blockers(campaign, at=world.at + 3 * DAY)] == [
        f"figure_{held.variant.versions[1]}"
    ]
    figure(world, days=3, approved=False, **LATER)
    runs.release(at=world.at + 3 * DAY)
    send(world, days=3)
    assert sink.mails == []  # renewed, but nobody else has approved it
    item = ReviewItem.objects.get(state="waiting")
    review.approve(item.pk, by=world.editor, seen=item.digest, reason="Checked.", at=world.at + 3 * DAY)
    runs.release(at=world.at + 3 * DAY)
    send(world, days=3)
    assert (Message.objects.get().state, len(sink.mails)) == ("sent", 1)


def test_t30_a_text_that_shows_another_figure_than_the_one_in_force_waits(world: World, sink: Sink) -> None:
    waiting(world)
    figure(world, words="81% of retail accounts lose money")

    send(world)

    message = Message.objects.select_related("variant").get()
    assert (message.state, sink.mails) == ("held", [])
    assert runs.release(at=world.at) == 0
    figure(world, until=date(2026, 11, 30))
    assert runs.release(at=world.at) == 1
    assert send(world).sent == 1


SHOWN = [
    ("6%", "You get 6% a year.", True), ("6%", "76% of accounts lose", False), ("6%", "5.6% a year", False),
    ("6%", "-6% last year", False), ("6%", "6%, at most", True), ("6%", "6%.", True), ("6", "6 % a year", False),
    ("6", "6 in 10", True), ("1.5", "1.55", False), ("1.5", "1.5.", True), ("5,000", "£5,000", True),
    ("5,000", "15,000", False), ("5,000", "5,000,000", False), ("cost (low)", "a cost (low) one", True),
    ("a*b", "aab", False), ("é [x]", "é [x]", True), ("back\\slash", "back\\slash", True), ("lose", "losers", False),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("words", "body", "stands"), SHOWN)
def test_t30_a_figure_stands_as_a_whole_for_authors_and_for_the_gate(words: str, body: str, stands: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select campaigns_shows(%s, %s)", [body, words])
        told = cursor.fetchone()[0]

    assert (figures.shows(body, words), told) == (stands, stands)


def test_t30_another_number_that_ends_alike_does_not_show_the_figure(world: World, sink: Sink) -> None:
    rate = {"code": "rate", "kind": "rate", "name": "Rate"}
    figure(world, words="76%", **rate)
    world.client(1)
    world.block("rated", slot="body", body="We answer 76% of letters in a day.", figures=["rate"])
    again(world, world.campaign(parts=(("hello", True), ("rated", True), ("read", True))))
    figure(world, words="6%", **rate)

    send(world)

    assert (Message.objects.get().state, sink.mails) == ("held", [])
    assert runs.release(at=world.at) == 0
    figure(world, words="76%", until=date(2026, 11, 30), **rate)
    assert runs.release(at=world.at) == 1
    assert send(world).sent == 1


def test_a_figure_taken_back_is_not_followed_by_the_one_before_it(world: World) -> None:
    figure(world)
    second = figure(world, words="81% of retail accounts lose money")
    assert figures.in_force(["cfd-loss"], at=world.at) == {"cfd-loss": second.words}

    item = ReviewItem.objects.get(digest=second.digest)
    review.withdraw(item.pk, by=world.editor, reason="Miscounted.", at=world.at)

    assert figures.in_force(["cfd-loss"], at=world.at) == {}


def test_its_author_does_not_approve_a_figure(world: World) -> None:
    made = figures.propose(**LOSS, by=world.editor, at=world.at)
    item = ReviewItem.objects.get(digest=made.digest)

    with pytest.raises(review.NotYours):
        review.approve(item.pk, by=world.editor, seen=item.digest, reason="Mine.", at=world.at)
    assert figures.in_force(["cfd-loss"], at=world.at) == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"code": "CFD Loss"}, "lower-case"),
        ({"kind": "guess"}, "kind"),
        ({"words": " "}, "words"),
        ({"evidence": ""}, "evidence"),
        ({"words": "{{ first_name }}"}, "no field"),
        ({"until": LOSS["as_of"]}, "ends after its day"),
        ({"until": LOSS["as_of"] + timedelta(days=93)}, "within 92 days"),
        ({"kind": "rate", "until": LOSS["as_of"] + timedelta(days=367)}, "within 366 days"),
        ({"product": "tulips"}, "no product"),
    ],
)
def test_a_figure_without_its_facts_is_refused(world: World, change: dict[str, Any], why: str) -> None:
    with pytest.raises(figures.BadFigure, match=why):
        figures.propose(**{**LOSS, **change}, by=world.marketer, at=world.at)
    assert not Figure.objects.exists()
    assert figures.propose(**LOSS, by=world.marketer, at=world.at).version == 1


def test_a_text_shows_its_figures_word_for_word(world: World) -> None:
    figure(world, approved=False)
    asked = {"slug": "risky", "slot": "body", "name": "Risky", "by": world.marketer, "at": world.at}

    for codes, body in ((["cfd-loss"], "Most accounts lose money."), (["unheard-of"], LOSS["words"])):
        with pytest.raises(blocks.BadBlock) as refused:
            blocks.draft(body=body, figures=codes, **asked)
        assert list(refused.value.errors) == ["figures"]
    assert blocks.draft(body=f"{LOSS['words']}.", figures=["cfd-loss"], **asked).figures == ["cfd-loss"]


def test_a_rejected_figure_asks_nothing_of_texts(world: World) -> None:
    figure(world)
    second = figure(world, words="81% of retail accounts lose money", approved=False)
    asked = {"slug": "risky", "slot": "body", "name": "Risky", "by": world.marketer, "at": world.at}
    with pytest.raises(blocks.BadBlock):
        blocks.draft(body=f"{LOSS['words']}.", figures=["cfd-loss"], **asked)

    item = ReviewItem.objects.get(digest=second.digest)
    review.reject(item.pk, by=world.editor, seen=item.digest, reason="Miscounted.", at=world.at)

    assert blocks.draft(body=f"{LOSS['words']}.", figures=["cfd-loss"], **asked).figures == ["cfd-loss"]


def test_a_figure_never_changes(world: World) -> None:
    made = figure(world)
    for change in (
        "update campaigns_figure set words = 'x' where id = %s",
        "delete from campaigns_figure where id = %s",
    ):
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(change, [made.pk])
    with pytest.raises(IntegrityError, match="a_figure_has_evidence_and_an_end"), transaction.atomic():
        Figure.objects.create(
            **{**LOSS, "until": LOSS["as_of"]}, version=9, digest="x", author=made.author, made_at=world.at
        )


def test_the_page_lists_proposes_and_refuses(world: World, client: Any, officer: Any) -> None:
    figure(world)
    client.force_login(world.marketer)
    asked = {**LOSS, "as_of": "2026-11-02", "until": "2026-12-01"}

    listed = client.get("/console/figures/").content.decode()
    bad = client.post("/console/figures/new/", {**asked, "until": "soon"})
    kept = client.post("/console/figures/new/", asked)
    client.force_login(officer)

    assert "76% of retail accounts lose money" in listed
    assert (bad.status_code, kept.status_code, Figure.objects.count()) == (422, 302, 2)
    assert client.post("/console/figures/new/", {**asked, "until": "2026-12-02"}).status_code == 403
    assert Figure.objects.count() == 2
