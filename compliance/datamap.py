"""What a table that holds personal data must say about itself: what, why, how long, and what erasure does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.apps import apps
from django.db.models import Model


@dataclass(frozen=True, slots=True)
class PersonalData:
    """One table's declaration, set as `personal_data` on the model.

    client      name of the field path that leads to the client, e.g. "client" or "message__client"; "" where a row may
                only mention somebody: then `fields` are searched for their address and the firm's own key as words
    why         the purpose in plain words, as it appears in the record of processing (GDPR Art. 30)
    keep_days   days after `clock` until the row may go; None: as long as the client relationship
    on_erasure  "delete" the rows, "blank" the named fields, or "keep" as evidence with a stated ground; the personal
                `fields` of what is kept are blanked and sealed under the client's key
    fields      the fields that hold personal values; blanked or exported
    ground      why a row survives erasure (GDPR Art. 17(3)); required when on_erasure is "keep"
    clock       path of the time from which `keep_days` and the law's periods count; "": nothing goes by itself
    record      the kind of record whose periods by place and product apply too: see compliance.rights.retention
    campaign    path of the campaign's slug, by which a product's periods and a campaign's hold reach the row
    others      further fields that point at a client of the same row
    addresses   paths of e-mail addresses that a client had; they count where `client` and all `others` are one person
    stays       when two records of one person are joined, the rows stay with the record they were made for
    """

    client: str
    why: str
    keep_days: int | None
    on_erasure: Literal["delete", "blank", "keep"]
    fields: tuple[str, ...] = ()
    ground: str = ""
    clock: str = ""
    record: str = ""
    campaign: str = ""
    others: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    stays: bool = False


def tables() -> Iterator[tuple[type[Model], PersonalData]]:
    """Every model of our three packages that declares personal data, in label order."""
    for model in sorted(apps.get_models(), key=lambda one: one._meta.label):
        declared = getattr(model, "personal_data", None)
        if declared is not None:
            yield model, declared
