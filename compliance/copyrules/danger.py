"""Whether a pattern could keep a worker busy: looked at for repeats within repeats, then tried on texts made to hurt.

The trial runs in a process of its own with so many seconds of processor time and no more, so that a pattern that never
ends costs seconds once, when it is written, and nothing when mail goes out.
"""

import json
import re
import subprocess
import sys

LONGEST = 2_000  # characters of a pattern
TRIED = 4_000  # characters of each text it is tried on
CPU_S = 2  # of processor time for all of them
WALL_S = 60  # when a machine is so busy that processor time does not come
PIECES = 80  # texts tried, each one piece over and over
EVERY = ("a", "1", " ", "-", ".", "a ", "a1", "1 ", "£1 ", "ab ", "'", '"', "a,", "you ", "a-", "%")
PROBE = """
import json, re, resource, sys
asked = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_CPU, (asked["cpu"], asked["cpu"] + 1))
for text in asked["texts"]:
    for pattern in asked["patterns"]:
        for _ in re.finditer(pattern, text):
            pass
print("ended")
"""
UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")
REPEAT = re.compile(r"[*+?]\??|\{\d*,?\d*\}\??")
OFTEN = 10  # a group repeated more often than this counts as repeated without end


def problem(patterns: list[str]) -> str:
    """What is wrong with the patterns of a rule, as a sentence; empty when they may be used."""
    for one in patterns:
        if len(one) > LONGEST:
            return f"A pattern has at most {LONGEST:,} characters. Write phrases instead: they are never slow."
        try:
            re.compile(one)
        except (re.error, OverflowError, RecursionError) as why:
            return f"This is no pattern: {why}."
        if re.search(r"\\[1-9]|\(\?P=|\(\?\(", one):
            return "A pattern may not point back at what it found before: that can take for ever."
        if nested(one):
            return "A repeat inside a repeat can take for ever on some texts. Say how often, for example {0,3}."
    return "" if not patterns or _ends(patterns) else (
        f"This pattern takes more than {CPU_S} seconds on texts of {TRIED:,} characters that are made to slow it "
        "down. Bound its repeats, for example [^.]{0,40} in the place of .*, or write phrases: they are never slow."
    )  # fmt: skip


def nested(pattern: str) -> bool:
    """Whether a group that holds a repeat without end is itself repeated more than OFTEN times."""
    open_groups, holds, place = [], False, 0
    while place < len(pattern):
        sign = pattern[place]
        if sign == "\\":
            place += 2
        elif sign == "[":
            place = _class_end(pattern, place)
        elif sign == "(":
            open_groups.append(holds)
            holds, place = False, place + 1
        elif sign == ")":
            place += 1
            if holds and _is_often(pattern, place):
                return True
            holds = holds or bool(UNBOUNDED.match(pattern, place)) or bool(open_groups and open_groups[-1])
            if open_groups:
                open_groups.pop()
        else:
            place += 1
        if sign not in "()" and UNBOUNDED.match(pattern, place):
            holds = True
    return False


def _class_end(pattern: str, place: int) -> int:
    """The place after the class [...] that opens here."""
    place += 2 if pattern[place + 1 : place + 2] == "^" else 1
    place += pattern[place : place + 1] == "]"
    while place < len(pattern) and pattern[place] != "]":
        place += 2 if pattern[place] == "\\" else 1
    return place + 1


def _is_often(pattern: str, place: int) -> bool:
    found = REPEAT.match(pattern, place)
    if not found or found[0].startswith("?"):
        return False
    bounds = re.fullmatch(r"\{(\d*)(,?)(\d*)\}\??", found[0])
    if not bounds:
        return True
    most = bounds[3] if bounds[2] else bounds[1]
    return not most or int(most) > OFTEN


def _ends(patterns: list[str]) -> bool:
    """Whether all of them get through every text in CPU_S seconds of processor time."""
    words = sorted({word.lower() for one in patterns for word in re.findall(r"[A-Za-z]+|\d+", one)}, key=len)
    signs = sorted({sign for one in patterns for sign in one if not sign.isalnum()})
    pieces = [*EVERY, *words, *(f"{word} " for word in words), *signs][:PIECES]
    texts = [(piece * TRIED)[:TRIED] + "\n\0" for piece in pieces]
    asked = json.dumps({"patterns": patterns, "texts": texts, "cpu": CPU_S})
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, a constant program
            [sys.executable, "-I", "-S", "-c", PROBE], input=asked, capture_output=True, text=True, timeout=WALL_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.stdout.strip() == "ended"
