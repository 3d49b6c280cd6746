"""How long the law gives to answer a client's request, by place, with its source and the one extension it allows."""

from dataclasses import dataclass
from datetime import date, timedelta

from compliance.hours import business_days
from compliance.models import Asked
from compliance.rights.retention import later

Kind = Asked.Kind


@dataclass(frozen=True, slots=True)
class Clock:
    """Months, days or working days from receipt, what one extension adds, and the law that says so."""

    months: int
    days: int
    more_months: int
    more_days: int
    source: str
    working_days: int = 0

    def due(self, received: date) -> date:
        """The last day to answer; a bank holiday counts as a working day, which is the earlier of two readings."""
        day = later(received, self.months) + timedelta(days=self.days)
        while business_days(received, day) < self.working_days:
            day += timedelta(days=1)
        return day

    def extended(self, received: date) -> date:
        """The last day after an extension, which the client is told of before the first one passes."""
        if not self.more_months and not self.more_days:
            return self.due(received)
        return later(received, self.months + self.more_months) + timedelta(days=self.days + self.more_days)


GDPR = Clock(1, 0, 2, 0, "GDPR Art. 12(3): one month, two more where complex")
UK = Clock(1, 0, 2, 0, "UK GDPR Art. 12(3); Data Protection Act 2018, s. 54")
CCPA = Clock(0, 45, 0, 45, "Cal. Civ. Code § 1798.130(a)(2): 45 days, 45 more")
AT_ONCE = {
    "UK": Clock(0, 0, 0, 0, "UK GDPR Art. 21(3): direct marketing ends on objection"),
    "EU": Clock(0, 0, 0, 0, "GDPR Art. 21(3): direct marketing ends on objection"),
    # The shortest of the laws that apply: 11 CCR § 7026(f) gives 15 business days. Specification, row US-19.
    "US": Clock(0, 0, 0, 0, "15 U.S.C. § 7704(a)(4): 10 business days at the latest; done at once", working_days=10),
}


def of(kind: str, jurisdiction: str) -> Clock:
    """The clock of a request; a place nobody knows gets the strictest."""
    if kind == Kind.OBJECTION:
        return AT_ONCE.get(jurisdiction, AT_ONCE["EU"])
    return {"UK": UK, "EU": GDPR, "US": CCPA}.get(jurisdiction, GDPR)
