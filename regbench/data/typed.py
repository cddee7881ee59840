"""A setting as it is typed: for a shell first, and for Hydra within it."""

from __future__ import annotations

import re
import shlex

BARE = re.compile(r"[\w./-]+", re.ASCII)  # signs that neither of the two reads as anything else
NO_WORDS = {"true", "false", "null", "nan", "inf", "on", "off", "yes", "no", "~"}  # in lower case


def typed(key: str, value: object) -> str:
    """`dataset.key=value`, in as many quotes as the value needs."""
    text = str(value)
    if BARE.fullmatch(text) and not re.fullmatch(r"[-\d._e]+", text) and text.lower() not in NO_WORDS:
        return f"dataset.{key}={text}"
    escaped = text.replace("${", "\\${")  # else the name of another setting
    inner = re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + found[2].replace('"', '\\"'), escaped)
    return shlex.quote(f'dataset.{key}="{inner}"')
