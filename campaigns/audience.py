"""For whom words may be: the audience, market and knowledge they were approved for, and products that agree."""

from collections.abc import Iterable, Sequence

from campaigns.models import Audience, BlockVersion, Knowledge, Slot
from compliance.judging.quorum import PRODUCTS
from compliance.models import Jurisdiction

# A disclosure for one product of a family speaks for the others; every other product stands alone.
FAMILIES = (
    frozenset({"investment", "isa", "shares", "fund", "bond_fund"}),
    frozenset({"pension", "drawdown", "annuity"}),
)


def words(version: BlockVersion) -> str:
    """Whom the version may reach, as a sentence for people who decide about it."""
    said = [Audience(version.audience).label]
    if version.markets:
        said.append(f"in {', '.join(Jurisdiction(one).label for one in version.markets)}")
    if version.knowledge:
        said.append(f"with {Knowledge(version.knowledge).label.lower()}")
    return f"{', '.join(said)}."


def suits_anyone(version: BlockVersion) -> bool:
    """Whether the words may reach every client, so that they can be a fallback."""
    return version.audience == Audience.RETAIL and not version.markets and not version.knowledge


def mismatches(versions: Sequence[BlockVersion]) -> list[str]:
    """Why these blocks cannot be one message for any one client, as sentences. US-09: FINRA 2210(d)(1)(E)."""
    said = []
    markets = [set(one.markets) for one in versions if one.markets]
    if markets and not set.intersection(*markets):
        said.append("These blocks were approved for different markets: no client is in all of them.")
    disclosed = _products(one for one in versions if one.block.slot == Slot.DISCLOSURE)
    spoken = _products(one for one in versions if one.block.slot != Slot.DISCLOSURE)
    if disclosed and (bare := sorted(one for one in spoken if not _family(one) & disclosed)):
        said.append(f"The disclosure is for another product: nothing is disclosed about {', '.join(bare)}.")
    return said


def _products(versions: Iterable[BlockVersion]) -> set[str]:
    return {topic for one in versions for topic in one.topics} & PRODUCTS


def _family(product: str) -> frozenset[str]:
    return next((one for one in FAMILIES if product in one), frozenset({product}))
