"""A process that answers one request after another in children and kills each of them -9 at a moment of its own.

`python -m tests.faults.killed <token> <requests> <seed>`: every request drafts a block. Prints how many were answered.
"""

import os
import random
import signal
import sys
import time


def main(token: str, requests: int, seed: int) -> None:
    """Fork, ask, kill, wait; the first request is let through and says how long one takes."""
    import django

    django.setup()
    from django.db import connections
    from django.test import Client
    from django.urls import get_resolver

    assert get_resolver().url_patterns  # every module of every page is loaded here, once, and not in each child
    dice, answered = random.Random(seed), 0
    longest = 0.0
    for number in range(requests):
        connections.close_all()
        begun = time.monotonic()
        child = os.fork()
        if not child:
            words = {"slug": f"killed-{number}", "name": "Killed", "slot": "body", "body": "Plain words."}
            got = Client(HTTP_HOST="127.0.0.1").post(
                "/api/v1/blocks", words, "application/json", headers={"authorization": f"Bearer {token}"}
            )
            os._exit(0 if got.status_code == 201 else 1)
        if number:
            time.sleep(dice.uniform(0.0, longest * 1.2))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        longest = longest or time.monotonic() - begun
        answered += os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
    print(answered)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
