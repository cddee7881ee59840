"""A configuration as YAML, as a person writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

WIDTH = 100  # signs of a line


def as_yaml(config: Mapping[str, Any]) -> str:
    """Keys in the order in which they stand; what `values_of` reads back as the same values."""
    return yaml.safe_dump(dict(config), sort_keys=False, width=WIDTH, default_flow_style=None)
