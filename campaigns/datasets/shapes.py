"""What each public data set means here. Pure: a row of the file in, one logged decision out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.models import Slot, UseCase
from compliance.models import Channel, Jurisdiction
from personalize.importing.table import Fault, Row

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = timedelta(days=30.44)


@dataclass(frozen=True, slots=True)
class Told:
    """One feature: which column, what it means, and its categories when it is no number."""

    column: str
    code: str
    meaning: str
    words: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Logged:
    """One client and the one decision that was made for them.

    arm       index into the shape's arms; -1 for nothing sent
    values    {feature code: value}; an unknown value is absent
    events    (name, when, properties) · outcomes (kind, value, when)
    """

    number: int
    at: datetime
    arm: int
    values: dict[str, Any]
    events: tuple[tuple[str, datetime, dict[str, Any]], ...]
    outcomes: tuple[tuple[str, float, datetime], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """One data set. `propensity` is the known chance of every arm, nothing sent included; `unused` is never read."""

    slug: str
    name: str
    source: str
    user_prefix: str
    use_case: UseCase
    channel: Channel
    jurisdiction: Jurisdiction
    timezone: str
    metric: str
    metric_days: int
    slot: Slot
    arms: tuple[tuple[str, str], ...]
    propensity: float
    share_holdout: float
    features: tuple[Told, ...]
    columns: tuple[str, ...]
    unused: frozenset[str]
    read: Callable[[Iterable[Row]], Iterator[Logged]]


def _bank(rows: Iterable[Row]) -> Iterator[Logged]:
    """Rows are in date order from May 2008; a month earlier than the one before starts the next year."""
    year, month = 2008, 5
    for row in rows:
        index = _one_of(row, "month", MONTHS) + 1
        year, month = year + (index < month), index
        at = datetime(year, month, min(_whole(row, "day", 1, 31), 28), 10, tzinfo=UTC)
        values = _values(row, BANK)
        before = _whole(row, "pdays", -1, 10_000)
        if before < 0:
            values.pop("bank_days_since_contact", None)
        said = _one_of(row, "y", ("no", "yes"))
        events: list[tuple[str, datetime, dict[str, Any]]] = [("Adviser Called", at, {})]
        if before >= 0:
            events.append(("Adviser Called", at - timedelta(days=before), {"campaign": "previous"}))
        bought = at + timedelta(days=1)
        if said:
            events.append(("Term Deposit Opened", bought, {}))
        outcomes = (("term_deposit", 1.0, bought),) if said else ()
        yield Logged(_number(row), at, 0, values, tuple(events), outcomes)


def _hillstrom(rows: Iterable[Row]) -> Iterator[Logged]:
    """One mailing to all at once, a third each; outcomes within the two weeks after."""
    at = datetime(2008, 3, 20, 9, tzinfo=UTC)
    arms = {"Mens E-Mail": 0, "Womens E-Mail": 1, "No E-Mail": -1}
    for row in rows:
        arm = arms[tuple(arms)[_one_of(row, "segment", tuple(arms))]]
        values = _values(row, HILLSTROM)
        bought_before = at - _whole(row, "recency", 0, 120) * MONTH
        events: list[tuple[str, datetime, dict[str, Any]]] = [
            ("Order Completed", bought_before, {"total": values.get("shop_spend_before", 0.0)})
        ]
        seen = at + timedelta(days=3)
        outcomes: list[tuple[str, float, datetime]] = []
        if _one_of(row, "visit", ("0", "1")):
            events.append(("Site Visited", seen, {}))
            outcomes.append(("site_visit", 1.0, seen))
        if _one_of(row, "conversion", ("0", "1")):
            spend = _real(row, "spend")
            events.append(("Order Completed", seen + timedelta(hours=1), {"total": spend}))
            outcomes += [("purchase", 1.0, seen), ("spend", spend, seen)]
        yield Logged(_number(row), at, arm, values, tuple(events), tuple(outcomes))


def _number(row: Row) -> int:
    given = row.values.get("row_id", "")
    return row.number - 2 if given == "" else _whole(row, "row_id", 0, 10**9)


def _values(row: Row, told: tuple[Told, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in told:
        text = str(row.values[one.column]).strip()
        if one.categories:
            values[one.code] = one.categories[_one_of(row, one.column, one.categories)]
        elif text != "":
            values[one.code] = _real(row, one.column)
    return values


def _one_of(row: Row, column: str, words: tuple[str, ...]) -> int:
    given = str(row.values[column]).strip()
    if given not in words:
        raise Fault(column, f"{given!r} is none of {', '.join(words)}")
    return words.index(given)


def _whole(row: Row, column: str, low: int, high: int) -> int:
    number = _real(row, column)
    if number != int(number) or not low <= number <= high:
        raise Fault(column, f"must be a whole number from {low} to {high}")
    return int(number)


def _real(row: Row, column: str) -> float:
    try:
        number = float(row.values[column])
    except (TypeError, ValueError):
        raise Fault(column, "is not a number") from None
    if not abs(number) < 1e12:
        raise Fault(column, "is not a plausible number")
    return number


YES_NO = ("no", "yes")
BANK = (
    Told("age", "bank_age", "Age in years", "of your age"),
    Told("job", "bank_job", "Kind of work", "of your work",
         ("admin.", "blue-collar", "entrepreneur", "housemaid", "management", "retired", "self-employed", "services",
          "student", "technician", "unemployed", "unknown")),
    Told("education", "bank_education", "Level of education", "of your education",
         ("primary", "secondary", "tertiary", "unknown")),
    Told("default", "bank_in_default", "Has credit in default", "of your credit record", YES_NO),
    Told("balance", "bank_balance", "Average yearly balance in euros", "of the balance you usually keep"),
    Told("housing", "bank_housing_loan", "Has a housing loan", "you have a home loan", YES_NO),
    Told("loan", "bank_personal_loan", "Has a personal loan", "of your personal loan", YES_NO),
    Told("contact", "bank_contact", "How the bank reaches the client", "of how we usually reach you",
         ("cellular", "telephone", "unknown")),
    Told("month", "bank_month", "Month of the contact", "of the time of year", MONTHS),
    Told("campaign", "bank_contacts_now", "Contacts in this campaign, this one included",
         "of how often we spoke recently"),
    Told("pdays", "bank_days_since_contact", "Days since the contact of an earlier campaign",
         "of when we last spoke"),
    Told("previous", "bank_contacts_before", "Contacts before this campaign", "of how often we spoke before"),
    Told("poutcome", "bank_last_answer", "Result of the earlier campaign", "of what you chose last time",
         ("failure", "other", "success", "unknown")),
)  # fmt: skip
HILLSTROM = (
    Told("recency", "shop_months_since_order", "Months since the last order", "of when you last ordered"),
    Told("history", "shop_spend_before", "Money spent in the past year", "of what you bought before"),
    Told("mens", "shop_bought_mens", "Bought men's merchandise in the past year", "you bought men's wear"),
    Told("womens", "shop_bought_womens", "Bought women's merchandise in the past year", "you bought women's wear"),
    Told("zip_code", "shop_area", "Kind of area the client lives in", "of where you live",
         ("Rural", "Surburban", "Urban")),
    Told("newbie", "shop_is_new", "New customer in the past twelve months", "you are new with us"),
    Told("channel", "shop_channel", "How the client ordered in the past year", "of how you like to order",
         ("Multichannel", "Phone", "Web")),
)  # fmt: skip
SHAPES: Mapping[str, Shape] = {
    "bank-marketing": Shape(
        slug="bank-marketing",
        name="Bank Marketing: term deposits by telephone",
        source="UCI Bank Marketing (Moro, Cortez, Rita 2014), CC BY 4.0",
        user_prefix="bank-",
        use_case=UseCase.PRODUCT_RESPONSE,
        channel=Channel.PHONE,
        jurisdiction=Jurisdiction.EU,
        timezone="Europe/Lisbon",
        metric="term_deposit",
        metric_days=30,
        slot=Slot.BODY,
        arms=(("Term deposit call", "An adviser calls and offers a term deposit."),),
        propensity=1.0,
        share_holdout=0.0,
        features=BANK,
        columns=("day", "y", *(one.column for one in BANK)),
        # Known only after the call has ended: no model may ever see it. Marital status is left out on purpose.
        unused=frozenset({"row_id", "duration", "marital"}),
        read=_bank,
    ),
    "hillstrom": Shape(
        slug="hillstrom",
        name="MineThatData: e-mail test of 2008",
        source="Kevin Hillstrom, MineThatData e-mail challenge, 20 March 2008",
        user_prefix="shop-",
        use_case=UseCase.RE_ENGAGEMENT,
        channel=Channel.EMAIL,
        jurisdiction=Jurisdiction.US,
        timezone="America/New_York",
        metric="site_visit",
        metric_days=14,
        slot=Slot.VALUE_PROPOSITION,
        arms=(
            ("Men's merchandise", "An e-mail about men's merchandise."),
            ("Women's merchandise", "An e-mail about women's merchandise."),
        ),
        propensity=1 / 3,
        share_holdout=1 / 3,
        features=HILLSTROM,
        columns=("segment", "visit", "conversion", "spend", *(one.column for one in HILLSTROM)),
        unused=frozenset({"row_id", "history_segment"}),
        read=_hillstrom,
    ),
}
