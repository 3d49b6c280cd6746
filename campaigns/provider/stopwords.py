"""Whether an answer to a text message takes the consent back.

Source: 47 CFR 64.1200(a)(10): "stop", "quit", "end", "revoke", "opt out", "cancel" and "unsubscribe" revoke by
themselves, and other words do when a reasonable person would understand them as a wish to be left alone.
"""

import re

# What is a no wherever it stands, and what is one only as the whole answer or its first word ("end of my tether" is
# read as a no as well: doubt is settled for the client).
WORDS = re.compile(
    r"^\W*(?:please\s+|pls\s+)?"
    r"(?:stop(?:p|p?all|p?ing)?|quit|end|revoke|cancel|unsubscribe|arret|arrêt|halt|remove|no more)\b"
    r"|\b(?:opt[\s-]*(?:me\s+)?out|unsub(?:scribe)?|stop\s+(?:text|send|messag|contact|all|it|this|now)\w*"
    r"|(?:do\s*n[o']?t|dont|never|no\s+longer)\s+(?:text|send|messag|contact|write)\w*"
    r"|(?:take|remove)\s+(?:me|my\s+\w+)(?:\s+\w+){0,3}|leave\s+me\s+alone|no\s+more\s+(?:text|messag|sms)\w*|wrong\s+number)\b",
    re.IGNORECASE,
)


def revokes(text: str) -> bool:
    """True when the answer says, in any reasonable way, that we must stop."""
    return bool(WORDS.search(text.replace("’", "'").replace("*", "")[:1000]))
