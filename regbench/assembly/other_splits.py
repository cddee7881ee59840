"""Whether the runs that members read may have trained on rows by which this one is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from regbench.assembly.data import data_content_of
from regbench.composition.named_runs import named_runs
from regbench.composition.settings import Config
from regbench.errors import brief
from regbench.records.files import undamaged
from regbench.records.identity import parts_of_content

SAME = ("_target_", "name")  # fields of a dataset: where these differ, its rows are others altogether
CUTS = ("split_seed", "group")  # fields that decide which rows are val; sizes only shorten train


def other_splits(config: Config) -> Iterator[str]:
    """A warning for each run whose dataset is this one's, split otherwise.

    One whose record is gone or damaged is passed over.

    Args:
        config: resolved.
    """
    for named in named_runs(config.get("reg")):
        summary = None if named.is_off else undamaged(Path(named.path))
        theirs = summary and summary.config.get("dataset")
        if not summary or not isinstance(theirs, Mapping):
            continue
        data = parts_of_content(summary.config, summary.content or "")[0]
        apart = _apart(theirs, data, config)
        if apart:
            yield (
                f"{named.full_key}: the run in {brief(named.path)} has split its dataset otherwise "
                f"({apart}), so it may have learned rows that are val here"
            )


def _apart(theirs: Mapping[str, Any], data: str, config: Config) -> str:
    """What differs, in words; empty where the splits agree, or the datasets have nothing in common."""
    ours = config["dataset"]
    if any(theirs.get(name) != ours.get(name) for name in SAME):
        return ""
    for name in CUTS:
        if theirs.get(name) != ours.get(name):
            return f"{name} {brief(theirs.get(name))} there, {brief(ours.get(name))} here"
    return "its files hold other rows" if data != data_content_of(config) else ""
