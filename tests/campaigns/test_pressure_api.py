"""Figures and calm for programs: what the pages may, with the same refusals."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils.timezone import now

from campaigns.models import Calm, Figure
from compliance import review
from compliance.access import bearers
from compliance.models import ReviewItem, Staff

pytestmark = pytest.mark.django_db
Call = Callable[..., Any]


@pytest.fixture
def call(client: Browser, marketer: Staff, editor: Staff, officer: Staff) -> Call:
    """Call the API with the token of a role."""
    for staff in (marketer, editor, officer):
        bearers.give(
            staff, name="t", scopes=bearers.scopes_of(staff), expires_at=None, by="system:test", at=now(),
            secret=staff.username,
        )  # fmt: skip

    def _call(who: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {who}"}
        return getattr(client, method)(f"/api/v1/{path}", body, content_type="application/json", headers=headers)

    return _call


def loss(**change: Any) -> dict[str, Any]:
    today = now().date()
    return {"code": "loss", "name": "Loss share", "kind": "loss", "words": "76% of accounts lose money",
            "evidence": "Books, Q3", "as_of": today.isoformat(), "until": (today + timedelta(days=90)).isoformat(),
            **change}  # fmt: skip


def test_a_figure_is_proposed_and_stands_once_somebody_else_approves_it(call: Call, editor: Staff) -> None:
    long = (now() + timedelta(days=200)).date().isoformat()
    for change in ({"until": long}, {"words": "{{ loss }} lose"}, {"product": "luck"}, {"kind": "guess"}):
        assert call("marketer", "post", "figures", loss(**change)).status_code == 400
    assert call("editor", "post", "figures", loss()).status_code == 403
    assert not Figure.objects.exists()

    made = call("marketer", "post", "figures", loss())

    assert (made.status_code, made.json()["standing"], made.json()["is_in_force"]) == (201, "waiting", False)
    item = ReviewItem.objects.get(digest=made.json()["digest"])
    review.approve(item.pk, by=editor, seen=item.digest, reason="Seen the books.", at=now())
    (listed,) = call("editor", "get", "figures?code=loss").json()
    assert (listed["standing"], listed["is_in_force"]) == ("approved", True)
    assert call("marketer", "get", "figures?code=none").json() == []


def test_calm_is_begun_by_one_and_lifted_by_two(call: Call) -> None:
    assert call("marketer", "post", "calm", {"reason": "Storm"}).status_code == 403
    assert call("editor", "post", "calm", {"reason": ""}).status_code == 400
    assert not Calm.objects.exists()

    begun = call("editor", "post", "calm", {"reason": "Storm"})

    assert (begun.status_code, begun.json()["begun_by"], begun.json()["closes_pressing"]) == (201, "editor", True)
    assert call("officer", "post", "calm", {"reason": "Storm"}).status_code == 409
    lift = f"calm/{begun.json()['id']}/lift"
    assert call("marketer", "post", lift).status_code == 403
    first = call("editor", "post", lift)
    assert (first.status_code, first.json()["lift_asked_by"], first.json()["lifted_at"]) == (200, "editor", None)
    assert call("editor", "post", lift).status_code == 403
    assert Calm.objects.filter(lifted_at=None).count() == 1
    assert call("officer", "post", lift).json()["lifted_by"] == "officer"
    assert call("officer", "post", lift).status_code == 409
    (listed,) = call("marketer", "get", "calm").json()["results"]
    assert (listed["reason"], listed["lifted_by"]) == ("Storm", "officer")
