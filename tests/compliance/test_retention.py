"""T-52: how long records are kept by kind, place and product; a hold wins; the sweep does what its plan says."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

from compliance import roles
from compliance.models import CampaignProduct, Client, CoolingOff, Hold, LedgerEntry, RetentionRule, Role, SubjectKey
from compliance.rights import holds, retention
from personalize.models import Declaration, Event, Outcome, Source
from tests.merged import merge
from tests.people import PASSWORD, reviewer

DAY = timedelta(days=1)
SENT = date(2020, 5, 31)


@pytest.mark.parametrize(
    ("place", "product", "ends"),
    [
        ("UK", "other", date(2023, 5, 31)),  # COBS 4.11.1R(3)(d)
        ("UK", "mifid", date(2025, 5, 31)),  # (c)
        ("UK", "life_pension", date(2026, 5, 31)),  # (b)
        ("UK", "pension_transfer", None),  # (a), indefinitely
        ("UK", "", date(2026, 5, 31)),  # nobody said what it promotes: the longest that ends
        ("EU", "other", date(2025, 5, 31)),  # MiFID II Art. 16
        ("US", "other", date(2025, 12, 31)),  # 204-2(e): five years from the year's end, longer than 17a-4's three
    ],
)
def test_t52_messages_are_kept_by_place_and_product(place: str, product: str, ends: date | None, db: None) -> None:
    told = retention.until("message", SENT, jurisdiction=place, product=product, on=date(2026, 11, 23))

    assert told == ends


def test_t52_a_rule_counts_on_its_days_only_and_names_its_source(db: None) -> None:
    asked = {"record": "message", "jurisdiction": "EU", "months": 120, "starts": "sent", "source": "A new law"}
    RetentionRule.objects.create(**asked, valid_from=date(2027, 1, 1), valid_to=date(2028, 1, 1))

    told = [
        retention.until("message", SENT, jurisdiction="EU", product="mifid", on=day)
        for day in (date(2026, 12, 31), date(2027, 1, 1), date(2028, 1, 1))
    ]

    assert told == [date(2025, 5, 31), date(2030, 5, 31), date(2025, 5, 31)]
    assert not RetentionRule.objects.filter(source="").exists()
    with pytest.raises(IntegrityError, match="a_retention_rule_names_its_source"):
        RetentionRule.objects.create(**asked | {"source": ""}, valid_from=SENT)


@given(st.dates(date(1990, 1, 1), date(2040, 1, 1)), st.integers(1, 400), st.booleans(), st.integers(0, 9000))
def test_t52_what_the_sweep_takes_has_reached_its_day(started: date, months: int, year_end: bool, passed: int) -> None:
    rule = RetentionRule(months=months, from_year_end=year_end)
    on = started + timedelta(days=passed)

    latest, ends = retention._latest(rule, on), retention._end(rule, started)

    assert latest is not None
    assert ends is not None
    assert started >= latest or ends <= on  # never early
    assert started < latest or on - ends <= timedelta(days=366 if year_end else 4)  # and hardly late


@pytest.fixture
def old(db: None, at):
    """Two clients with an event, a declaration and an outcome of each age: 390, 401, 2,100 and 2,200 days."""
    people = [Client.objects.create(user_id=f"u{one}", first_seen_at=at, jurisdiction="UK") for one in range(2)]
    source = Source.objects.create(slug="s", name="S", key_sha256=b"1" * 32, created_at=at)
    for person in people:
        for days in (390, 401, 2_100, 2_200):
            then = at - days * DAY
            Event.objects.create(
                source=source, message_id=f"{person.pk}-{days}", client=person, type="track", name="x",
                occurred_at=then, received_at=then,
            )  # fmt: skip
            Declaration.objects.create(client=person, key="k", value="v", source="s", declared_at=then)
            Outcome.objects.create(client=person, kind="tenure", value=1, at=then, source="s")
        CoolingOff.objects.create(client=person, product="crypto", started_at=at - 2_200 * DAY)
    return people


def left(model) -> list[int]:
    return sorted(model.objects.values_list("client__user_id", flat=True))


def test_t52_the_sweep_takes_what_is_due_and_says_so(old, at) -> None:
    plan = {one.table: (one.goes, one.held) for one in retention.plan(at=at) if one.goes or one.held}
    assert LedgerEntry.objects.filter(kind="retention.let_go").count() == 0
    assert Event.objects.count() == 8

    gone = retention.sweep(at=at)

    assert plan == {
        "personalize.Event": (6, 0),
        "personalize.Declaration": (2, 0),
        "personalize.Outcome": (2, 0),
        "compliance.CoolingOff": (2, 0),
    }
    assert gone == {table: goes for table, (goes, _) in plan.items()}
    assert (Event.objects.count(), Declaration.objects.count(), Outcome.objects.count()) == (2, 6, 6)
    told = LedgerEntry.objects.filter(kind="retention.let_go").order_by("about").values_list("facts", flat=True)
    assert {one["table"]: one["rows"] for one in told} == gone
    assert all(one["rules"] for one in told if one["table"] != "compliance.CoolingOff")
    assert retention.sweep(at=at) == {}


def test_t52_a_hold_wins_and_two_people_lift_it(old, at, officer, editor) -> None:
    hold = holds.place("client", client_id=old[0].pk, reason="A claim.", by=officer, at=at)

    gone = retention.sweep(at=at)

    assert gone["personalize.Event"] == 3
    assert left(Event) == ["u0", "u0", "u0", "u0", "u1"]
    assert {one.table: one.held for one in retention.plan(at=at)}["personalize.Event"] == 3
    officer2, admin = reviewer("officer2", Role.OFFICER), roles.hire("admin", Role.ADMIN, PASSWORD)
    with pytest.raises(holds.AlreadyLifted):
        holds.lift(hold.pk, by=officer2, at=at)  # nobody asked yet
    for other in (editor, admin):  # only compliance officers are one of the two
        with pytest.raises(holds.NotYours):
            holds.ask_lift(hold.pk, by=other, at=at)
        with pytest.raises(IntegrityError, match="two_people_lift_a_hold"), holds.transaction.atomic():
            Hold.objects.update(lift_asked_by=other, lift_asked_at=at)
    assert Hold.objects.get().lift_asked_by is None
    holds.ask_lift(hold.pk, by=officer2, at=at)
    for other in (officer2, editor, admin):
        with pytest.raises(holds.NotYours):
            holds.lift(hold.pk, by=other, at=at)
        with pytest.raises(IntegrityError, match="two_people_lift_a_hold"), holds.transaction.atomic():
            Hold.objects.update(lifted_by=other, lifted_at=at)
    assert retention.sweep(at=at) == {}
    holds.lift(hold.pk, by=officer, at=at)
    assert retention.sweep(at=at)["personalize.Event"] == 3


def test_t52_a_hold_binds_on_a_record_two_merges_away(old, at, officer) -> None:
    first, second = old
    third = Client.objects.create(user_id="u9", first_seen_at=at, jurisdiction="UK")
    merge(second.pk, first.pk, at=at)
    merge(third.pk, second.pk, at=at)
    hold = holds.place("client", client_id=first.pk, reason="A claim.", by=officer, at=at)

    for one in (first, second, third):
        with pytest.raises(IntegrityError, match="a_hold_wins_over_every_deletion"), holds.transaction.atomic():
            SubjectKey.objects.filter(pk=one.pk).delete()

    assert SubjectKey.objects.count() == 3
    holds.ask_lift(hold.pk, by=officer, at=at)
    holds.lift(hold.pk, by=reviewer("officer2", Role.OFFICER), at=at)
    assert SubjectKey.objects.filter(pk=third.pk).delete()[0] == 1


def test_t52_a_hold_binds_what_was_joined_into_another_record_since(old, at, officer) -> None:
    holds.place("client", client_id=old[0].pk, reason="A claim.", by=officer, at=at)
    merge(old[1].pk, old[0].pk, at=at)

    assert retention.sweep(at=at) == {}
    assert {one.table: (one.goes, one.held) for one in retention.plan(at=at)}["personalize.Event"] == (0, 6)


def test_t52_a_hold_of_everything_keeps_everything(old, at, officer) -> None:
    holds.place("everything", reason="An examination.", by=officer, at=at)

    assert retention.sweep(at=at) == {}
    assert sum(one.held for one in retention.plan(at=at)) == 12


@pytest.mark.parametrize(
    ("scope", "target", "reason"),
    [("client", {}, "x"), ("everything", {"campaign": "c"}, "x"), ("campaign", {}, "x"), ("everything", {}, " ")],
)
def test_a_hold_says_what_and_why(scope, target, reason, at, officer) -> None:
    with pytest.raises(holds.BadHold):
        holds.place(scope, **target, reason=reason, by=officer, at=at)

    assert not Hold.objects.exists()


def test_t52_a_campaigns_product_is_stated_and_recorded(db: None, at, officer) -> None:
    retention.state_product("transfer", "pension_transfer", by=officer, at=at)

    assert CampaignProduct.objects.get().product == "pension_transfer"
    assert LedgerEntry.objects.get(kind="product.stated").about == "campaign:transfer"
