"""The whole ledger as one file that anybody can check with Python's standard library and nothing of ours."""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from compliance import bulk, notes, packet_archive
from compliance.models import Checkpoint


@transaction.atomic
def write(path: Path, *, tell: Callable[[int], Any] = lambda entries: None) -> int:
    """Write every sealed entry in tree order, every checkpoint and the script; gives the entries. Memory stays flat.

    tell  is told now and then how many entries are written
    """
    head = Checkpoint.objects.order_by("-size").first()
    size = head.size if head else 0
    files: list[dict[str, Any]] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        heads = Checkpoint.objects.filter(size__lte=size).order_by("size").values_list("note", flat=True)
        lines = (f"{one}\n".encode() for one in heads.iterator(chunk_size=1_000))
        files.append(packet_archive.put(archive, "ledger/checkpoints.txt", lines))
        files.append(packet_archive.put(archive, "ledger/entries.jsonl", _entries(size, tell)))
        script = Path(__file__).with_name("packet_check.py").read_bytes()
        files.append(packet_archive.put(archive, "verify.py", [script]))
        manifest = {
            "format": 1, "firm": settings.FIRM["legal_name"], "whole_ledger": True, "checkpoint_size": size,
            "ledger_key": notes.verifier(), "files": sorted(files, key=lambda one: one["path"]),
        }  # fmt: skip
        packet_archive.put(archive, "manifest.json", [json.dumps(manifest, indent=1, sort_keys=True).encode()])
    return size


def _entries(size: int, tell: Callable[[int], Any]) -> Iterator[bytes]:
    for index, _, _, digest, *columns in bulk.every():
        if index >= size:
            return
        if index % 10_000 == 0:
            tell(index)
        entry = [one for one in columns if one is not None]
        told = {"entry": entry, "digest": bytes(digest).hex() if digest else "", "leaf": index}
        yield json.dumps(told, ensure_ascii=False).encode() + b"\n"
