"""Texts under review, made by the package's own verbs."""

import hashlib

from compliance import review

TOPICS = ("retirement_adequacy",)
ABOUT = "/console/blocks/opening-line/"


def submitted(
    by, *, words="How long will your pot last?", topics=TOPICS, findings=(), needed=1, at, authors=(), claims=(), **more
):
    """An item in the queue, handed in by `by`."""
    return review.submit(
        digest=hashlib.sha256(words.encode()).hexdigest(),
        kind="block",
        title="Opening line",
        snapshot={
            "title": "Opening line",
            "about": ABOUT,
            "campaign": "",
            "claims": list(claims),
            "parts": {"body": words, "html": f"<!doctype html><p>{words}</p>"},
        },
        topics=list(topics),
        findings=list(findings),
        authors=[by, *authors],
        reason="Touches retirement adequacy.",
        approvals_needed=needed,
        by=by,
        at=at,
        **more,
    )
