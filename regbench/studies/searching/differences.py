"""How two searches of one folder differ, in the words that were typed where there are any."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from regbench.errors import brief
from regbench.studies.searching.settings import KNOWN

CONFIGURATION = "configuration"  # a digest, so that what differs in it cannot be shown
LONGEST = 120  # signs of a value that is shown


def apart(at: str, there: Any, value: Any) -> str:
    """The first place within two values where they differ, and both there."""
    if isinstance(there, dict) and isinstance(value, dict):
        key = next(key for key in [*there, *value] if there.get(key, apart) != value.get(key, apart))
        if key not in value:
            return f"{at} has {key}, which this one's has not"
        if key not in there:
            return f"{at} has no {key}, which this one's has"
        return apart(f"{at}.{key}", there[key], value[key])
    return f"{at} is {_shown(there)} and not {_shown(value)}"


def lines_apart(there: Sequence[str], typed: Sequence[str]) -> str:
    """What differs in the words of two lines whose configurations differ, of which a digest is kept."""
    both = [_words(there), _words(typed)]
    own = [[word for word in words if word not in other] for words, other in (both, both[::-1])]
    said = [brief(" ".join(words) or "none of these words", LONGEST) for words in own]
    why = f"its line has {said[0]} and this one has {said[1]}"
    if not any(own):
        why = "both lines say the same, so its data or its defaults were others"
    return f"{CONFIGURATION}, all values that decide a run, is another one: {why}"


def _words(line: Sequence[str]) -> list[str]:
    """Those that set values of runs, and none of the search."""
    return [
        word
        for word in line
        if "=" in word and not word.startswith("-") and word.lstrip("+").partition("=")[0] not in KNOWN
    ]


def _shown(value: Any) -> str:
    """A value within a sentence: text as it is, as a person types it."""
    return brief(value, LONGEST) if isinstance(value, str) else brief_json(value)


def brief_json(value: Any) -> str:
    """A value of a file within a sentence."""
    return brief(json.dumps(value), LONGEST)
