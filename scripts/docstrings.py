"""What docstrings say, in the form that this project writes them."""

from __future__ import annotations

import re


def attributes(doc: str) -> dict[str, str]:
    """What the section Attributes of a docstring says of each."""
    section = re.search(r"^Attributes:\n((?:(?: .*)?\n)+)", f"{doc}\n", re.MULTILINE)
    found = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", section[1] if section else "", re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}
