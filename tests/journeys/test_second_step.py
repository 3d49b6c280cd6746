"""An editor adds an authenticator app and a passkey in a real browser, and proves who they are before an approval."""

import hashlib
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from compliance import review
from compliance.access.engine import VISIT, SessionStore
from compliance.models import Approval, ReviewItem, Staff, StaffSession
from tests.browser import accessible
from tests.people import NOON, PASSWORD
from tests.signing import code, steps

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]
WORDS = "Our savings fund may fall as well as rise."


@pytest.fixture
def named(live_server) -> str:
    """The site by a name: browsers make passkeys for names only."""
    return live_server.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def keyed(browser_page: Page) -> Iterator[Page]:
    """The page, in a browser with a security key that says yes."""
    devtools = browser_page.context.new_cdp_session(browser_page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "automaticPresenceSimulation": True}})
    yield browser_page
    devtools.detach()


def looked_at(page: Page, browser: Browser) -> None:
    """axe finds nothing wrong, and the page has the secret or challenge that the other look made anew."""
    accessible(page, browser)
    page.reload()


def grow_old(staff: Staff) -> None:
    """The proofs of the person's visits are from yesterday."""
    for row in StaffSession.objects.filter(staff=staff):
        held = SessionStore(row.pk)
        held[VISIT] = {**held[VISIT], "proved": held[VISIT]["proved"] - 86_400}
        held.save()


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/sign-in/?next=/account/")
    page.get_by_label("User name").fill("editor")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def waiting(marketer: Staff) -> ReviewItem:
    return review.submit(
        digest=hashlib.sha256(WORDS.encode()).hexdigest(), kind="block", title="Words", reason="plain",
        snapshot={"parts": {"text": WORDS}}, topics=[], findings=[], authors=[marketer], approvals_needed=1,
        by=marketer, at=NOON,
    )  # fmt: skip


def test_app_passkey_and_a_proof_before_approval(
    keyed: Page, browser: Browser, named: str, editor: Staff, marketer: Staff
) -> None:
    page, item = keyed, waiting(marketer)

    # An authenticator app, by the letters under the picture; the recovery codes are shown once.
    sign_in(page, named)
    page.get_by_role("link", name="Add an authenticator app").click()
    looked_at(page, browser)
    secret = re.sub(r"\s", "", page.locator("code.secret").inner_text())
    page.get_by_label("Six figures from the app").fill(code(secret))
    page.get_by_role("button", name="Add the app").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()

    # A passkey.
    page.get_by_role("link", name="Add a passkey").click()
    looked_at(page, browser)
    page.get_by_label("A name for it").fill("Blue key")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.locator("#steps-title + .table-wrap, section")).to_contain_text(["Blue key"])
    assert steps(editor) == ["recovery_codes", "totp", "webauthn"]
    looked_at(page, browser)

    # Out, and in again with the passkey as second step.
    page.locator(".user-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in/")
    sign_in(page, named)
    page.wait_for_url("**/sign-in/step/")
    looked_at(page, browser)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/account/")

    # The proof is old: approving asks, keeps the reason, and the passkey lets it pass.
    page.goto(f"{named}/review/{item.pk}/")
    grow_old(editor)
    page.get_by_label("Why these words may go").fill("Calm and true.")
    page.get_by_role("button", name="Approve these words").click()
    expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()
    assert not Approval.objects.exists()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/review/")
    given = Approval.objects.get()
    assert (given.by, given.reason) == (editor, "Calm and true.")
