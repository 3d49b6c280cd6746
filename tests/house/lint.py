"""`make lint`: every check of the code that runs without a database, one line each; the exit code says if all held."""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = sys.executable
# A deployment as it should be; nothing connects.
DEPLOYED = {
    "DJANGO_SETTINGS_MODULE": "personalize.settings",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "LEDGER_KEY": secrets.token_urlsafe(64),
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
    "BASE_URL": "https://console.example",
    "ALLOWED_HOSTS": "console.example",
    "DEBUG": "0",
}
CHECKS = {
    "format": [PYTHON, "-m", "ruff", "format", "--check", "--quiet", "."],
    "style": [PYTHON, "-m", "ruff", "check", "--quiet", "."],
    "types": [PYTHON, "-m", "mypy", "--no-error-summary"],
    "imports": [PYTHON, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-logo"],
    "migrations": [PYTHON, "-W", "ignore", "manage.py", "makemigrations", "--check", "--dry-run"],
    "deployment": [PYTHON, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
    "templates": [PYTHON, "-m", "djlint", "templates", "--lint", "--quiet"],
}


def main() -> int:
    """Run all checks, or those named on the command line. Returns 1 if one found something."""
    env = {**{name: value for name, value in os.environ.items() if name != "DATABASE_URL_FILE"}, **DEPLOYED}
    found = 0
    for name in sys.argv[1:] or CHECKS:
        begun = time.monotonic()
        done = subprocess.run(CHECKS[name], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        print(f"{'✗' if done.returncode else '✓'} {name:<12} {time.monotonic() - begun:5.1f} s", flush=True)
        if done.returncode:
            found = 1
            print((done.stdout + done.stderr).strip(), flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
