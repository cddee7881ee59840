"""A search as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from regbench.analysis.search_findings import Importance, contrasts, course
from regbench.analysis.search_stages import stages
from regbench.analysis.searching import SearchReport
from regbench.records.metrics import without_classes
from regbench.reports.search_wording import commands

FORMAT = 1  # of the file


def search_json(report: SearchReport, importance: Mapping[str, Importance]) -> str:
    """The whole report, then what the page draws: importance, contrasts, expected best, stages, commands.

    Numbers are in plain units (an accuracy of 90 % is 0.9) with all of their digits; what is no finite number
    is null.
    """
    known = {arm.name: arm for arm in report.arms}
    whole: dict[str, Any] = {
        "format": FORMAT,
        **asdict(report),
        "importance": {name: asdict(one) for name, one in importance.items()},
        "contrasts": {name: [asdict(one) for one in contrasts(arm)] for name, arm in known.items()},
        "expected_best": {
            name: [asdict(one) for one in course(arm, report.smaller)] for name, arm in known.items()
        },
        "stages": [asdict(one) for one in stages(report)],
        "commands": [{"what": what, "line": line} for what, line in commands(report)],
    }
    return json.dumps(without_classes(_finite(whole)), indent=1, allow_nan=False, default=str) + "\n"


def _finite(value: Any) -> Any:
    """Plain values, with None for what is no number."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
