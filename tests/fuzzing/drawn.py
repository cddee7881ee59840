"""Wrong values and words as plain text, one a line, so that many can be read at a glance."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

SIGNS = {"␤": "\n", "␛": "\x1b", "␀": "\x00", "␉": "\t", "␍": "\r", "␇": "\x07", "␣": " "}
OFTEN = re.compile(r"«(.+?)\*(\d+)»")  # «x*300» is 300 times an x


def plain(text: str) -> str:
    """A text with the signs that its pictures stand for, and what is written once for often."""
    text = OFTEN.sub(lambda found: found[1] * int(found[2]), text)
    return "".join(SIGNS.get(sign, sign) for sign in text)


def each(text: str, by: str | None = "\n") -> tuple[str, ...]:
    """The values of a text: one a line, or (by None) one a word; EMPTY is nothing."""
    return tuple(plain("" if part == "EMPTY" else part) for part in text.strip("\n").split(by) if part)


def pairs(text: str) -> list[tuple[list[str], list[str]]]:
    """The lines `WORDS -> NAMES` of a text: words of a command line as a shell reads them, names by blanks."""
    made = []
    for line in text.strip().splitlines():
        words, _, names = line.strip().rpartition(" ->")
        made.append(([plain(word) for word in shlex.split(words)], names.split()))
    return made


def calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The lines `NAME {VALUES}` of a text, the values as JSON."""
    rows = (line.partition(" ") for line in text.strip().splitlines())
    return [(name, json.loads(values or "{}")) for name, _, values in rows]
