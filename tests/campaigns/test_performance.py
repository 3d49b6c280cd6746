"""Performance is shown with gross and net, the periods of its market and its warning, or not at all."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from campaigns import blocks, communications, performance
from campaigns.models import BlockVersion
from compliance import review
from compliance.models import ReviewItem
from compliance.words.lint import shipped
from tests.campaigns.world import World

WARNING = "Past performance is not a reliable guide to the future."
YEARS = [
    {"start": f"{year - 1}-07-01", "end": f"{year}-06-30", "gross": gross, "net": net}
    for year, gross, net in ((2022, "6.1", "5.1"), (2023, "4", "3.1"), (2024, "-1.2", "-2"), (2025, "8.1", "7"),
                             (2026, "7", "6"))
]  # fmt: skip
WHOLE: dict[str, Any] = {
    "kind": "actual", "currency": "GBP", "source": "Fund accounts, audited", "method": "Time-weighted, fees deducted",
    "ended_on": "2026-06-30", "warning": WARNING, "periods": YEARS,
}  # fmt: skip
BODY = f"Five years to June 2026, after charges: 5.1%, 3.1%, -2%, 7%, 6%. {WARNING}"


def draft(world: World, *, given: dict[str, Any], **change: Any) -> BlockVersion:
    asked = {"slug": "fund", "slot": "body", "name": "Fund", "body": BODY, "markets": ["UK"], **change}
    return blocks.draft(**asked, performance=given, by=world.marketer, at=world.at)


def to_last_month() -> dict[str, Any]:
    """The same five years, up to the end of last month by the real clock, by which the pages judge."""
    first = now().date().replace(day=1)
    begins = [first.replace(year=first.year - back) for back in range(5, -1, -1)]
    ends = [str(one - timedelta(days=1)) for one in begins]
    periods = [
        {**one, "start": str(start), "end": end} for one, start, end in zip(YEARS, begins[:-1], ends[1:], strict=True)
    ]
    return {**WHOLE, "ended_on": ends[-1], "periods": periods}


def without(name: str, *, of: int | None = None) -> dict[str, Any]:
    if of is None:
        return {key: value for key, value in WHOLE.items() if key != name}
    lines = [{key: value for key, value in one.items() if (at, key) != (of, name)} for at, one in enumerate(YEARS)]
    return {**WHOLE, "periods": lines}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "change", "why"),
    [
        (without("net", of=3), {}, "gross and net"),
        (without("gross", of=0), {}, "gross and net"),
        (without("periods"), {}, "needs its periods"),
        ({**WHOLE, "periods": YEARS[1:]}, {}, "from 2021-07-01 to 2022-06-30 is missing"),
        (WHOLE, {"markets": ["US"]}, "from 2021-07-01 to 2026-06-30 is missing"),
        (WHOLE, {"markets": []}, "Shown everywhere, it is held to the law of every market"),
        (without("warning"), {}, "needs its warning"),
        (WHOLE, {"body": BODY.replace(WARNING, "")}, "warning word for word"),
        (WHOLE, {"body": BODY.replace(" 7%", "")}, "does not show the net return of the period to 2025-06-30"),
        (without("method"), {}, "needs its method"),
        ({**WHOLE, "ended_on": "2025-06-30"}, {}, "within the last year"),
        ({**WHOLE, "since": "2026-01-01"}, {}, "Less than one complete year"),
        ({**WHOLE, "kind": "hypothetical"}, {}, "professional"),
        (WHOLE, {"slot": "value_proposition"}, "stands in a body"),
    ],
)
def test_t12_performance_that_is_not_whole_is_refused(
    world: World, given: dict[str, Any], change: dict[str, Any], why: str
) -> None:
    with pytest.raises(blocks.BadBlock) as refused:
        draft(world, given=given, **change)

    assert list(refused.value.errors) == ["performance"]
    assert why in refused.value.errors["performance"]
    assert not BlockVersion.objects.exists()
    made = draft(world, given=WHOLE)
    assert (made.topics, made.performance) == (["performance_figures"], WHOLE)


@pytest.mark.django_db
def test_t12_the_periods_are_those_of_the_market(world: World) -> None:
    young = {**WHOLE, "since": "2024-01-01", "periods": YEARS[3:]}
    back = [
        {"start": start, "end": "2026-06-30", "gross": "9", "net": "6"}
        for start in ("2025-07-01", "2021-07-01", "2016-07-01")
    ]
    since = [back[0], {"start": "2024-01-01", "end": "2026-06-30", "gross": "9", "net": "6"}]

    def lacks(given: dict[str, Any], *markets: str) -> str:
        return performance.lacking(given, markets, at=world.at)

    assert [lacks(WHOLE, "UK"), lacks(young, "EU"), lacks({**WHOLE, "periods": back}, "US")] == ["", "", ""]
    assert lacks({**WHOLE, "periods": [*YEARS, *back]}) == ""
    assert lacks({**young, "periods": since}, "US") == ""
    assert "2024-01-01 to 2026-06-30" in lacks({**young, "periods": back[:1]}, "US")
    assert all("from 2021-07-01 to 2026-06-30" in found for found in (lacks(WHOLE, "UK", "US"), lacks(WHOLE)))
    assert "calendar year" in performance.lacking({**WHOLE, "ended_on": "2025-12-30"}, ["US"], at=world.at)


@pytest.mark.django_db
def test_t12_hypothetical_performance_is_for_professionals_and_says_so(world: World) -> None:
    warning = "This is hypothetical. Past performance is no guide to the future."
    given = {**WHOLE, "kind": "hypothetical", "warning": warning}
    body = BODY.replace(WARNING, warning)

    with pytest.raises(blocks.BadBlock, match="say that the performance is hypothetical"):
        draft(world, given={**given, "warning": WARNING}, audience="professional")
    assert draft(world, given=given, body=body, audience="professional").performance == given


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    ["performance = performance #- '{periods,2,net}'", "performance = performance - 'warning'",
     "performance = performance - 'periods'", "performance = jsonb_set(performance, '{kind}', '\"hypothetical\"')"],
)  # fmt: skip
def test_t12_raw_sql_keeps_no_half_performance(world: World, change: str) -> None:
    made = draft(world, given=WHOLE)

    with (
        pytest.raises(IntegrityError, match="performance_is_whole_or_not_shown"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"update campaigns_blockversion set {change} where id = %s", [made.pk])
    assert BlockVersion.objects.get().performance == WHOLE


@pytest.mark.django_db
def test_t12_words_that_speak_of_performance_without_its_figures_are_blocked(world: World) -> None:
    bare = draft(world, given={}, slug="bare", body=f"The fund returned 7% over five years. {WARNING}")
    said = draft(world, given={}, slug="said", topics=["performance_figures"])
    for one in (bare, said):
        found = blocks.judge(one, rulebook=shipped()).findings
        assert [finding["rule"] for finding in found if finding["severity"] == "BLOCK"] == ["F03"]
    assert not blocks.judge(draft(world, given=WHOLE), rulebook=shipped()).blocked

    blocks.publish(bare.pk, by=world.marketer, at=world.at)
    item = ReviewItem.objects.get(digest=bare.digest)

    assert (item.officers_needed, review.is_blocked(item)) == (1, True)
    with pytest.raises(review.NoReason):
        review.approve(item.pk, by=world.editor, seen=item.digest, at=world.at)


@pytest.mark.django_db
def test_performance_is_read_by_the_reviewer_and_told_to_the_regulator(world: World, client: Any) -> None:
    client.force_login(world.marketer)
    recent = to_last_month()
    lines = {f"period_{name}": [one[name] for one in recent["periods"]] for name in performance.PERIOD}
    facts = {f"performance_{name}": value for name, value in recent.items() if name != "periods"}
    asked = {"slug": "fund", "name": "Fund", "slot": "body", "body": BODY, "language": "en", "framing": "neutral",
             "markets": ["UK"]}  # fmt: skip

    half = client.post("/console/blocks/new/", {**asked, **facts, **lines, "period_net": [""] * 5})
    kept = client.post("/console/blocks/new/", {**asked, **facts, **lines})
    again = client.get("/console/blocks/fund/edit/").content.decode()
    blocks.publish(BlockVersion.objects.get().pk, by=world.marketer, at=now())
    client.force_login(world.editor)
    item = ReviewItem.objects.get()
    seen = client.get(f"/review/{item.pk}/").content.decode()

    assert (half.status_code, kept.status_code) == (422, 302)
    assert "gross and net" in half.content.decode()
    assert f'value="{recent["ended_on"]}"' in again
    assert "Performance it shows" in seen
    version = BlockVersion.objects.get()
    assert performance.source(version.performance) == [
        f"Performance to {recent['ended_on']}: Fund accounts, audited (Time-weighted, fees deducted)"
    ]
    assert communications.sources_of([version.claims]) == []
