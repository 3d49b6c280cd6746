"""The firm's real work in a browser, from a new campaign to a regulator's packet, with real workers and real SMTP."""

import email
import io
import re
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import cast

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import accessible
from tests.firm import Firm

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("firm")]

NAME = "Settling in, in a falling market"
SLUG = "settling-in-in-a-falling-market"
BLOCKS = {  # name → whether it is the fallback of its part
    "First steps, unhurried": False,
    "Welcome": True,
    "After a fall, for cautious clients": False,
    "After a fall, the wider picture": False,
    "The next learning module": False,
    "First steps for a new client": True,
    "Past performance": True,
    "Take the first step": True,
}
PLACES = ("home-hero",)


def sign_in(page: Page, firm: Firm, who: str) -> None:
    page.context.clear_cookies()
    page.goto(f"{firm.url}/sign-in/")
    page.get_by_label("User name").fill(who)
    page.get_by_label("Password").fill(firm.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in/" not in url)


def wait_for(what: str, found, *, seconds: float = 90.0):
    """Ask again until `found()` gives something; rows move in other processes."""
    until = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > until:
            pytest.fail(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.5)
    return answer


def raw_mail(firm: Firm, key: str) -> EmailMessage:
    with urllib.request.urlopen(f"{firm.env['MAIL_CATCHER_URL']}/mail/{key}/raw", timeout=20) as answer:
        return cast(EmailMessage, email.message_from_bytes(answer.read(), policy=default))


def links(mail: EmailMessage) -> dict[str, str]:
    """The first link of each kind in the text part: c, u, w, portal."""
    body = mail.get_body(("plain",))
    assert body is not None
    found: dict[str, str] = {}
    for link, kind in re.findall(r"(https?://[^\s<>]+?/(c|u|w|portal)/[^\s<>]+)", body.get_content()):
        found.setdefault(kind, link)
    return found


def build(page: Page, firm: Firm) -> None:
    page.goto(f"{firm.url}/console/campaigns/new/")
    page.get_by_label("Use case").select_option("onboarding")
    page.get_by_label("Success is when a client has done this").fill("Module Completed")
    page.get_by_label("Name of the campaign").fill(NAME)
    page.get_by_label("Hypothesis").fill("Calm first steps help people who joined in a rough month.")
    counted(page, lambda: page.get_by_role("button", name="Add a condition").click())
    counted(page, lambda: page.get_by_label("What", exact=True).first.select_option("tenure_days"))
    counted(page, lambda: page.get_by_label("How", exact=True).first.select_option("lte"))
    page.get_by_label("Value", exact=True).first.fill("60")
    counted(page, lambda: page.get_by_label("Value", exact=True).first.press("Tab"))
    expect(page.locator("#audience")).to_contain_text("In the segment")
    for name, is_fallback in BLOCKS.items():
        pick(page, name, is_fallback=is_fallback)
    page.get_by_label("Segmented control, %").fill("0")
    page.get_by_label("Holdout, %").fill("5")
    page.get_by_role("button", name="Save draft").last.click()
    page.wait_for_url(f"**/console/campaigns/{SLUG}/")


def counted(page: Page, deed: Callable[[], object]) -> None:
    """Do something to the audience and wait for its new count."""
    with page.expect_response(lambda answer: "/console/builder/audience/" in answer.url):
        deed()
    page.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')")


def pick(page: Page, name: str, *, is_fallback: bool) -> None:
    page.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')")
    exactly = page.locator("strong", has_text=re.compile(f"^{re.escape(name)}$"))
    shelf = page.locator("details.shelf").filter(has=exactly)
    box = shelf.locator("li").filter(has=exactly).locator("input[type=checkbox]").first
    if shelf.get_attribute("open") is None:
        shelf.locator("> summary").click()
    if not box.is_visible():
        shelf.locator("summary", has_text="approved").click()
    box.check()
    fallback = shelf.locator("li").filter(has=exactly).locator("input[type=radio]")
    expect(fallback).to_be_visible()  # the shelf is back from the server
    if is_fallback:
        fallback.check()
        expect(shelf.locator("li").filter(has=exactly)).to_contain_text("Fallback")


def test_from_a_campaign_to_a_packet(firm_process: Firm, browser_page: Page, browser: Browser, tmp_path: Path) -> None:
    firm, page = firm_process, browser_page

    # The marketer builds a campaign, looks at it as three real clients, and launches it.
    sign_in(page, firm, "marketer")
    build(page, firm)
    accessible(page, browser)
    page.get_by_role("link", name="Preview").first.click()
    page.wait_for_url("**/preview/")
    expect(page.locator("article")).to_have_count(3)
    expect(page.locator("article").first).to_contain_text("Why these words")
    page.goto(f"{firm.url}/console/campaigns/{SLUG}/")
    expect(page.locator("#checklist")).to_contain_text("side by side")

    # Blocks about a falling market were never read side by side: the marketer asks, and an editor reads the few
    # messages that show every pair.
    page.goto(f"{firm.url}/console/campaigns/{SLUG}/combinations/")
    accessible(page, browser)
    page.get_by_role("button", name="Ask the editors").click()
    expect(page.locator("#messages")).to_contain_text("messages to read")
    sign_in(page, firm, "editor")
    approve(page, firm, browser)

    # Now it may be launched, and everything goes: what was read in pairs is not read again in every mixture.
    sign_in(page, firm, "marketer")
    page.goto(f"{firm.url}/console/campaigns/{SLUG}/")
    expect(page.locator("#checklist")).to_contain_text("Ready")
    page.get_by_role("link", name="Launch", exact=True).click()
    page.get_by_role("button", name="Launch now").click()
    page.wait_for_url("**/console/runs/*/")
    run_page = page.url
    wait_for("mails", lambda: [one for one in firm.mails() if "small steps" in one["subject"].lower()])
    wait_for("all to be sent", lambda: numbers(page, run_page)["pending"] == 0)
    first = numbers(page, run_page)
    assert first["sent"] > 0

    # A mixture that speaks of something none of its blocks speaks of alone is still read by itself.
    if first["held"]:
        sign_in(page, firm, "editor")
        approve(page, firm, browser)
        wait_for("the words to go out", lambda: numbers(page, run_page, firm=firm)["held"] < first["held"])
    after = numbers(page, run_page, firm=firm)
    assert after["audience"] == sum(value for name, value in after.items() if name != "audience")

    # A client gets the right words, follows a link, asks why, and unsubscribes.
    mine = next(one for one in firm.mails() if "small steps" in one["subject"].lower())
    mail = raw_mail(firm, mine["id"])
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    way = links(mail)
    answer = page.request.get(way["c"], max_redirects=0)
    assert (answer.status, answer.headers["location"].startswith("https://")) == (302, True)
    page.context.clear_cookies()
    page.goto(way["w"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Why am I seeing this?")
    accessible(page, browser)
    page.goto(way["portal"])
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    accessible(page, browser)
    page.goto(way["u"])
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")

    # The officer finds that client's message, sees why and who approved it, and takes the packet away.
    sign_in(page, firm, "officer")
    named = mail["Message-ID"].strip("<>")
    page.goto(f"{firm.url}/compliance/messages/")
    page.get_by_label("Client, address or message").fill(named.split("@")[0])
    page.get_by_role("button", name="Find").click()
    page.locator("#found tbody a").first.click()
    expect(page.locator("#waterfall")).to_contain_text("approved", ignore_case=True)
    accessible(page, browser)
    client_key = page.locator(".lede a").first.inner_text()
    page.goto(f"{firm.url}/compliance/packets/")
    page.get_by_label("Client").fill(client_key)
    page.get_by_label("Reason").fill("Whole walk")
    page.get_by_role("button", name="Build it").click()
    with page.expect_download(timeout=120_000) as download:
        page.get_by_role("link", name="Download").first.click(timeout=110_000)
    file = tmp_path / "packet.zip"
    download.value.save_as(file)
    checked(file, tmp_path)

    # The message can be rebuilt to the byte.
    replayed = firm.manage("replay", named.split("@")[0])
    assert (replayed.returncode, replayed.stdout.split()[:1]) == (0, ["identical"])

    # A program with the marketer's token fills every place of the demo firm's pages.
    assert {place: served(page, firm, place) for place in PLACES} == dict.fromkeys(PLACES, True)


def served(page: Page, firm: Firm, place: str) -> bool:
    """Whether some clients are shown words there, and nobody is kept from the marketer's token."""
    headers = {"Authorization": f"Bearer {firm.env['API_TOKEN_MARKETER']}"}
    told = [
        page.request.post(
            f"{firm.url}/api/v1/decisions", data={"userId": f"c-{number:05d}", "placement": place}, headers=headers
        ).json()
        for number in range(12)
    ]
    refused = {why["rule"] for one in told for why in one["withheld"] or ()}
    return any(one["content"] for one in told) and "kept_for_officers" not in refused


def numbers(page: Page, run_page: str, *, firm: Firm | None = None) -> dict[str, int]:
    """The run's counts by the API, in the marketer's name."""
    base, number = run_page.split("/console/")[0], run_page.rstrip("/").rsplit("/", 1)[1]
    headers = {"Authorization": f"Bearer {firm.env['API_TOKEN_MARKETER']}"} if firm else {}
    found = page.request.get(f"{base}/api/v1/runs/{number}", headers=headers).json()
    kept = {name: found[name] for name in ("audience", "sent", "held", "failed", "pending", "unconfirmed")}
    return {**kept, "suppressed": sum(found["suppressed"].values())}


def approve(page: Page, firm: Firm, browser: Browser) -> None:
    """Read and approve the combinations of our campaign."""
    page.goto(f"{firm.url}/review/?show=waiting&topic=investment_loss")
    page.locator("tbody tr").filter(has_text=NAME).locator("a").first.click()
    expect(page.locator("mark.flag").first).to_be_visible()
    accessible(page, browser)
    page.get_by_label("Why these words may go").fill("Calm, balanced, and no promise of recovery.")
    page.get_by_role("button", name="Approve these words").click()
    expect(page.locator("#decision")).to_contain_text("Approved")


def checked(file: Path, folder: Path) -> None:
    """The packet's own verify.py, with nothing but Python, says PASS; and a changed byte makes it fail."""
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as packet:
        assert {"README.html", "manifest.json", "messages.jsonl", "verify.py"} <= set(packet.namelist())
        packet.extractall(folder / "packet")
    good = run_verify(folder / "packet")
    target = folder / "packet" / "messages.jsonl"
    target.write_bytes(target.read_bytes().replace(b"s", b"z", 1))
    bad = run_verify(folder / "packet")
    assert (good.returncode, "PASS" in good.stdout) == (0, True), good.stdout
    assert bad.returncode != 0
    assert "messages.jsonl" in bad.stdout + bad.stderr


def run_verify(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "verify.py"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
