"""`manage.py sbom`: what the application is made of, for whoever must know whether a flaw of others concerns it."""

import json
import tomllib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

OURS = "personalize"


class Command(BaseCommand):
    help = "Print every package that uv.lock pins, with its hashes and what needs it, as CycloneDX 1.6 JSON."

    def handle(self, *args: Any, **options: Any) -> None:
        lock = Path(settings.ROOT) / "uv.lock"
        try:
            pinned = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
        except (OSError, KeyError, tomllib.TOMLDecodeError) as failed:
            raise CommandError(f"uv.lock cannot be read: {failed}") from None
        self.stdout.write(json.dumps(bill(pinned), indent=1))


def bill(pinned: list[dict[str, Any]]) -> dict[str, Any]:
    """The bill of materials of uv.lock's packages. The same lock gives the same text."""
    names = {one["name"]: _ref(one) for one in pinned}
    (ours,) = [one for one in pinned if one["name"] == OURS]
    wanted = [{"ref": _ref(one), "dependsOn": sorted({names[name] for name in _needs(one)})} for one in pinned]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", **_named(ours)}},
        "components": [{"type": "library", **_named(one), **_files(one)} for one in pinned if one is not ours],
        "dependencies": wanted,
    }


def _named(one: dict[str, Any]) -> dict[str, str]:
    return {"bom-ref": _ref(one), "name": one["name"], "version": one.get("version", "0"), "purl": _ref(one)}


def _ref(one: dict[str, Any]) -> str:
    return f"pkg:pypi/{one['name']}@{one.get('version', '0')}"


def _needs(one: dict[str, Any]) -> list[str]:
    """Of a package, what it needs to run; of ours, what it is built and tested with as well."""
    groups = [*one.get("optional-dependencies", {}).values(), *one.get("dev-dependencies", {}).values()]
    return [each["name"] for group in (one.get("dependencies", []), *groups) for each in group]


def _files(one: dict[str, Any]) -> dict[str, Any]:
    """The files that may be installed, each by its address and SHA-256."""
    files = [*([one["sdist"]] if "sdist" in one else []), *one.get("wheels", [])]
    listed = [
        {
            "type": "distribution",
            "url": file["url"],
            "hashes": [{"alg": "SHA-256", "content": file["hash"].removeprefix("sha256:")}],
        }
        for file in files
    ]
    return {"externalReferences": listed}
