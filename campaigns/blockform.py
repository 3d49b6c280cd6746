"""The form of one block: what a browser sends becomes a draft, and a version becomes the form again."""

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from campaigns import performance
from campaigns.drafts import Draft
from campaigns.models import BlockVersion

MOST_CLAIMS = 8
PLAIN = ("slot", "body", "language", "framing", "url", "image", "audience", "knowledge", "provenance")
TEXTS = ("slug", "name", "topics", "figures", *PLAIN)
CLAIM = ("text", "evidence", "as_of", "until")


@dataclass(slots=True)
class BlockForm:
    """Everything on the page of one block's words; `errors` by field, as `blocks.BadBlock` names them."""

    values: dict[str, str]
    claims: list[dict[str, str]] = field(default_factory=list)
    markets: list[str] = field(default_factory=list)
    performance: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def blank(cls, slot: str = "") -> "BlockForm":
        """A new block's page."""
        usual = {"language": "en", "framing": "neutral", "audience": "retail", "provenance": "person", "slot": slot}
        return cls(dict.fromkeys(TEXTS, "") | usual)

    @classmethod
    def of(cls, version: BlockVersion) -> "BlockForm":
        """A version's words, to write the next one from."""
        block = version.block
        texts = {name: getattr(version, name) for name in PLAIN if name != "slot"}
        values = {"slug": block.slug, "name": block.name, "slot": block.slot, "topics": ", ".join(version.topics)}
        values["figures"] = ", ".join(version.figures)
        return cls(texts | values, [dict(one) for one in version.claims], list(version.markets),
                   dict(version.performance))  # fmt: skip

    @classmethod
    def read(cls, post: QueryDict) -> "BlockForm":
        """What the browser sent; empty claim lines are dropped."""
        claims = _rows(post, "claim", CLAIM, most=MOST_CLAIMS)
        shown = {name: post.get(f"performance_{name}", "").strip()[:500] for name in performance.TEXTS}
        periods = _rows(post, "period", performance.PERIOD, most=performance.MOST)
        usual = {"audience": "retail", "provenance": "person"}
        texts = {name: post.get(name, usual.get(name, "")).strip()[:20_000] for name in TEXTS}
        return cls(texts, claims, post.getlist("markets"), performance.tidy({**shown, "periods": periods}))

    @property
    def lines(self) -> list[dict[str, str]]:
        """The claims, and empty lines to add to them."""
        return [*self.claims, *({} for _ in range(max(1, 3 - len(self.claims))))][:MOST_CLAIMS]

    @property
    def periods(self) -> list[dict[str, str]]:
        """The periods of performance, and empty lines up to five."""
        kept = self.performance.get("periods", [])
        return [*kept, *({} for _ in range(max(0, 5 - len(kept))))]

    def topics(self) -> list[str]:
        """The topic codes as written between commas."""
        return [one.strip().lower().replace(" ", "_") for one in self.values["topics"].split(",") if one.strip()]

    def figures(self) -> list[str]:
        """The figure codes as written between commas."""
        return [one.strip().lower() for one in self.values["figures"].split(",") if one.strip()]

    def words(self) -> Draft:
        """The draft this form describes."""
        given = {name: self.values[name] for name in PLAIN}
        return Draft(**given, topics=self.topics(), claims=self.claims, markets=self.markets, figures=self.figures(),
                     performance=self.performance)  # fmt: skip


def _rows(post: QueryDict, prefix: str, names: tuple[str, ...], *, most: int) -> list[dict[str, str]]:
    """Lines of equally named inputs, without the empty ones."""
    lists = {name: post.getlist(f"{prefix}_{name}")[:most] for name in names}
    longest = max(map(len, lists.values()), default=0)
    rows = [{name: _at(lists[name], index) for name in names} for index in range(longest)]
    return [{name: text for name, text in row.items() if text} for row in rows if any(row.values())]


def _at(texts: list[str], index: int) -> str:
    return texts[index].strip()[:500] if index < len(texts) else ""
