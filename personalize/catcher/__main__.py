"""`python -m personalize.catcher`: run the catcher until a signal comes."""

import argparse
import signal
import threading
from pathlib import Path

from personalize.catcher import page, smtp
from personalize.catcher.mailbox import Mailbox
from personalize.start.steps import say


def main() -> None:
    """Take mail and serve the page until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="personalize.catcher", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--port", type=int, default=8025)
    parser.add_argument("--folder", type=Path, default=Path(".data/mail"))
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    mailbox = Mailbox(options.folder)
    receiver = smtp.listen(mailbox, host=options.host, port=options.smtp_port)
    server = page.serve(mailbox, host=options.host, port=options.port)
    say(f"mail catcher on http://{options.host}:{options.port}, SMTP on {options.smtp_port}")
    stop.wait()
    receiver.stop()
    server.shutdown()


main()
