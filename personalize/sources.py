"""Sources: who may send us events, under which write key."""

import hashlib
import secrets
from datetime import datetime

from personalize.models import Source


def add(slug: str, name: str, *, write_key: str, at: datetime) -> Source:
    """The source of this slug, made if it is new; its key is replaced when another is given. Only a hash is kept."""
    digest = hashlib.sha256(write_key.encode()).digest()
    source, is_new = Source.objects.get_or_create(
        slug=slug, defaults={"name": name, "key_sha256": digest, "created_at": at}
    )
    if not is_new and bytes(source.key_sha256) != digest:
        Source.objects.filter(pk=source.pk).update(key_sha256=digest)
        source.refresh_from_db()
    return source


def of_files(at: datetime) -> Source:
    """The source in whose name files are imported; nobody knows its key."""
    return offline("import", "Imported files", at=at)


def offline(slug: str, name: str, *, at: datetime) -> Source:
    """A source that never calls us: its key is drawn and forgotten."""
    found = Source.objects.filter(slug=slug).first()
    return found or add(slug, name, write_key=secrets.token_urlsafe(32), at=at)
