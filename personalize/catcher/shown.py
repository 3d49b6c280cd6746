"""The catcher's pages as HTML. Every value from a mail goes through `esc`."""

from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape as esc
from urllib.parse import urlencode

from personalize.catcher.mailbox import Caught

FRAME = """<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="stylesheet" href="/catcher.css"></head>
<body><a class="skip" href="#main">Skip to the mails</a>
<header><a class="name" href="/">Mail catcher</a><p>Nothing here was sent to anyone.</p>
<form role="search" action="/"><label for="q">Search</label>
<input id="q" name="q" type="search" value="{words}" placeholder="name, address or subject">
<button>Search</button></form>
</header><main id="main">{main}</main></body></html>
"""


def listing(mails: list[Caught], *, words: str, number: int, size: int) -> str:
    """The list, newest first: page `number` (from 1) of `size` mails."""
    shown = mails[(number - 1) * size : number * size]
    count = f"{len(mails):,} mail{'' if len(mails) == 1 else 's'}"
    if not shown:
        what = "No mail matches." if words else "No mail yet. Launch a campaign and its mails arrive here."
        return _frame("Mail catcher", f'<h1>{count}</h1><p class="empty">{what}</p>', words)
    rows = "".join(
        f'<tr><td><a href="/mail/{one.key}">{esc(one.subject or "(no subject)")}</a></td>'
        f"<td>{esc(one.to)}</td><td>{_time(one.at)}</td></tr>"
        for one in shown
    )
    table = (
        '<div class="scroll" tabindex="0" role="region" aria-label="Mails">'
        "<table><caption>Mails, newest first</caption>"
        '<thead><tr><th scope="col">Subject</th><th scope="col">To</th><th scope="col">Received (UTC)</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    return _frame("Mail catcher", f"<h1>{count}</h1>{table}{_pager(len(mails), words, number, size)}", words)


def mail(key: str, message: EmailMessage) -> str:
    """One mail: the HTML part in a sandbox, the text part, every header, and the file."""
    subject = str(message["Subject"] or "(no subject)")
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    headers = "".join(
        f"<dt>{esc(name)}</dt><dd>{esc(' '.join(str(value).split()))}</dd>" for name, value in message.items()
    )
    main = [
        f'<p><a href="/">All mails</a></p><h1>{esc(subject)}</h1>',
        f'<p class="to">To {esc(str(message["X-Envelope-To"]))} · {_time(int(key[:13]))} UTC · '
        f'<a href="/mail/{key}/raw">Download the file</a></p>',
    ]
    if html:
        main.append(
            f'<h2>As the client sees it</h2><iframe title="The mail’s HTML part" src="/mail/{key}/html" '
            'sandbox="allow-popups allow-popups-to-escape-sandbox" tabindex="0"></iframe>'
        )
    if plain:
        main.append(f'<h2>Text part</h2><pre tabindex="0">{esc(plain.get_content())}</pre>')
    main.append(f"<details><summary>Headers</summary><dl>{headers}</dl></details>")
    return _frame(subject, "".join(main), "")


def missing() -> str:
    """The page for an address that is none."""
    return _frame("Not here", '<h1>Not here</h1><p>This mail is gone, or never was. <a href="/">All mails</a></p>', "")


def _frame(title: str, main: str, words: str) -> str:
    return FRAME.format(title=esc(title), main=main, words=esc(words))


def _pager(total: int, words: str, number: int, size: int) -> str:
    last = -(-total // size)
    if last == 1:
        return ""

    def link(text: str, to: int) -> str:
        return f'<a href="/?{esc(urlencode({"q": words, "page": to}))}">{text}</a>'

    newer = link("Newer", number - 1) if number > 1 else ""
    older = link("Older", number + 1) if number < last else ""
    return f'<nav aria-label="Pages">{newer}<span>Page {number} of {last}</span>{older}</nav>'


def _time(at: int) -> str:
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return f'<time datetime="{moment.isoformat()}">{moment:%d %b %Y %H:%M:%S}</time>'
