"""`packet`: the regulator's file over 200,000 sent messages: for one client, and for the whole campaign.

The bars are 5 s for a client and 60 s for the campaign with memory that does not grow with it. Messages are decided,
assembled and hashed as a launch does it, marked sent in the database, and sealed in the ledger; each packet is then
checked by its own verify.py, which is not timed.
"""

import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from django.db import connection

from campaigns import exhibits, runs
from campaigns.models import Message
from compliance import ledger, packet, roles
from compliance.models import Role
from compliance.web import acting
from tests.bench.queue import AT, PARTS, campaign_world
from tests.campaigns.world import World

MESSAGES, CLIENT_S, CAMPAIGN_S, MOST_GROWTH_MB = 200_000, 5.0, 60.0, 128
SENT = "update campaigns_message set state = 'sent', intent_at = %(at)s, sent_at = %(at)s where state = 'pending'"


def bench(scale: float = 1.0) -> dict[str, Any]:
    """The worse of the two, as how many times faster than its bar it was; the campaign's bar shrinks with the scale."""
    n = max(2_000, int(MESSAGES * scale))
    with acting("system:bench"), tempfile.TemporaryDirectory() as folder:
        campaign_world(n)
        world = World(AT, *(roles.hire(one, one, "x" * 12) for one in (Role.MARKETER, Role.EDITOR)))
        campaign = world.campaign(parts=PARTS)
        run = runs.launch(campaign, by=world.marketer, at=AT)
        for chunk in run.chunks.order_by("number"):
            runs.assemble(chunk.pk, at=AT)
        with connection.cursor() as cursor:
            cursor.execute(SENT, {"at": AT})
            cursor.execute("analyze")
        while ledger.seal(at=AT):
            pass
        sent = Message.objects.filter(state="sent").count()
        someone = Message.objects.filter(state="sent").order_by("pk").values_list("client_id", flat=True)[sent // 2]
        client_s, _, _ = _written(packet.Scope(client=someone), Path(folder) / "client.zip")
        before = _peak_mb()
        campaign_s, files, size = _written(packet.Scope(campaign=campaign.slug), Path(folder) / "campaign.zip")
        growth = _peak_mb() - before
        verified = _verified(Path(folder) / "client.zip") and _verified(Path(folder) / "campaign.zip")
    bar = CAMPAIGN_S * n / MESSAGES
    ratios = [CLIENT_S / client_s, bar / campaign_s]
    return {
        "name": "packet",
        "ratio": round(min(ratios), 2),
        "target": 1.0,
        "met": min(ratios) >= 1 and growth <= MOST_GROWTH_MB and verified,
        "spread": [round(one, 2) for one in sorted(ratios)],
        "messages": sent,
        "client_seconds": round(client_s, 2),
        "campaign_seconds": round(campaign_s, 1),
        "growth_mb": growth,
        "files": files,
        "megabytes": size // 1_000_000,
        "verified": verified,
    }


def _written(scope: packet.Scope, path: Path) -> tuple[float, int, int]:
    """Seconds, files and bytes of a packet."""
    begun = time.perf_counter()
    manifest = packet.write(path, scope, exhibits=exhibits.of(scope))
    return time.perf_counter() - begun, len(manifest["files"]), path.stat().st_size


def _verified(path: Path) -> bool:
    """Whether the packet's own script passes it, in a process with nothing of ours."""
    script = path.with_suffix(".py")
    with zipfile.ZipFile(path) as archive:
        script.write_bytes(archive.read("verify.py"))
    done = subprocess.run([sys.executable, "-I", str(script), str(path)], capture_output=True, check=False)
    return done.returncode == 0


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
