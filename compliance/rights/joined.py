"""Which records are one person: a record may have been joined into another, and that one into a third."""

from collections.abc import Iterable

from django.db.models import Q

from compliance.models import Client


def survivor(client_id: int) -> int:
    """The record that a client's was joined into in the end; their own where it never was."""
    while into := Client.objects.filter(pk=client_id).values_list("merged_into", flat=True).first():
        client_id = into
    return client_id


def everyone(client_ids: Iterable[int]) -> set[int]:
    """These records and every other of the same people, up and down all merges."""
    known: set[int] = set()
    fresh = set(client_ids)
    while fresh:
        known |= fresh
        pairs = Client.objects.filter(Q(pk__in=fresh) | Q(merged_into__in=fresh)).values_list("pk", "merged_into")
        fresh = {one for pair in pairs for one in pair if one} - known
    return known
