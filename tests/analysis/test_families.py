"""What is said of the families of tests of several conditions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from regbench.analysis.families import families


def test_where_no_technique_has_a_mean_nothing_is_said_of_means() -> None:
    without: Any = SimpleNamespace(mean=None)
    lines = families([without], [], True, "there are no ranks")
    assert "there are no ranks" in lines
    assert not [line for line in lines if line.startswith("a mean counts")]
