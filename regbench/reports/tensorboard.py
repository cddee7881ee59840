"""TensorBoard files of a report: curves with bands for every arm, and a row of hyperparameters for every run.

In the folder, under names fit for files, what tells them apart first:

- `<arm>/mean`, `low` and `high` are runs with the tags `accuracy/val`, `accuracy/train`, `accuracy/gap` and
  the same of `loss`; of numbers to predict `r2` stands for accuracy. So one chart has the val accuracy of all
  arms with the edges of their bands, and the chart of train stands beside it; the tab Custom Scalars has
  train and val in one.
- `<arm>/seed <n>` is a run of its own: one row of the tab HParams, with `METRICS`.

Where there are several comparisons, they stand in folders named by how they differ.

Written with TensorBoard's protocol buffers alone: neither torch nor TensorFlow, which its own writer loads
where it is installed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.util.tensor_util import make_tensor_proto

from regbench.analysis.report import Arm, Curve, Report, RunNote
from regbench.composition.catalogue import off_values
from regbench.records.metrics import Terms
from regbench.records.reader import printable
from regbench.reports.event_files import PREFIX, SUFFIX, Steps, replace_events
from regbench.reports.filenames import distinct

METRICS = ("val/{}", "val/loss", "gap/{}", "train/{}")  # of one run; {} stands for what decides
EDGES = ("mean", "low", "high")
KEPT = " =+.,"  # signs of a stack's name that may stand in that of a folder
EXACT = 2**53  # beyond that a number of TensorBoard's table would not be the one that was set

Setting = bool | int | float | str
Key = tuple[str, str]  # a member's name and one of its values'


def write_events(report: Report, folder: Path) -> None:
    """Write a report for TensorBoard, in place of what an earlier call has written into the folder.

    Args:
        report: what is written.
        folder: made where it is missing; files of others in it are left alone.

    Raises:
        ValueError: the list of what an earlier call has written is none, or a link leads out of the folder.
        OSError: something cannot be written or deleted.
    """
    name = f"{PREFIX}{int(time.time() * 1e6):020}{SUFFIX}"  # new: a running TensorBoard takes it for new
    replace_events(folder, {f"{run}/{name}": steps for run, steps in _runs(report)})


def _runs(report: Report) -> Iterator[tuple[str, Steps]]:
    """Each run of TensorBoard's: the path of its folder, and what it holds at which step."""
    settings = iter(_settings(report))
    folders = _folders([comparison.name for comparison in report.comparisons])
    for folder, comparison in zip(folders, report.comparisons, strict=True):
        names = distinct([arm.name for arm in comparison.arms], KEPT)
        layout: Steps = [(0, Summary(value=[_layout(comparison.terms)]))]  # any run may have it, and one does
        for name, arm in zip(names, comparison.arms, strict=True):
            for edge in EDGES if arm.curves else ():
                yield f"{folder}{name}/{edge}", [*layout, *_course(arm.curves, edge)]
                layout = []
            for run in arm.runs:
                yield (
                    f"{folder}{name}/seed {run.seed}",
                    [(run.epoch or 0, _session(run, next(settings), comparison.terms))],
                )


def _folders(names: Sequence[str]) -> list[str]:
    """The folder of each comparison, without words that all of them begin with; none where there is one."""
    if len(names) < 2:
        return [""] * len(names)
    words = [name.split() for name in names]
    alike = sum(1 for _ in takewhile(lambda several: len(set(several)) == 1, zip(*words, strict=False)))
    short = [" ".join(several[alike:]) or name for several, name in zip(words, names, strict=True)]
    return [f"{name}/" for name in distinct(short, KEPT)]


def _course(curves: Mapping[str, Curve], edge: str) -> Steps:
    """One of a band's edges, or its middle, of all curves, epoch by epoch."""
    by_epoch: dict[int, list[Summary.Value]] = {}
    for figure, curve in curves.items():
        split, what = figure.split("/", 1)
        for epoch, value in zip(curve.epochs, getattr(curve, edge), strict=True):
            by_epoch.setdefault(epoch, []).append(Summary.Value(tag=f"{what}/{split}", simple_value=value))
    return [(epoch, Summary(value=values)) for epoch, values in sorted(by_epoch.items())]


def _layout(terms: Terms) -> Summary.Value:
    """Charts that have train and val of all runs in one."""
    charts = [
        layout_pb2.Chart(
            title=what, multiline=layout_pb2.MultilineChartContent(tag=[rf"^{what}/(train|val)$"])
        )
        for what in (terms.decider.name, "loss")
    ]
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title="train and val", chart=charts)])
    return Summary.Value(
        tag=custom_scalar.CONFIG_SUMMARY_TAG,
        metadata=custom_scalar.create_summary_metadata(),
        tensor=make_tensor_proto(layout.SerializeToString(), shape=()),
    )


def _session(run: RunNote, settings: Mapping[str, Setting], terms: Terms) -> Summary:
    """A row of the table of hyperparameters, and the figures that stand in it."""
    start = SessionStartInfo()
    for name, value in settings.items():
        cell = start.hparams[name]
        if isinstance(value, bool):
            cell.bool_value = value
        elif isinstance(value, str):
            cell.string_value = value
        else:
            cell.number_value = value
    parts = {
        metadata.SESSION_START_INFO_TAG: HParamsPluginData(session_start_info=start),
        metadata.SESSION_END_INFO_TAG: HParamsPluginData(
            session_end_info=SessionEndInfo(status=STATUS_SUCCESS)
        ),
    }
    values = [
        Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(part), tensor=metadata.NULL_TENSOR)
        for tag, part in parts.items()
    ]
    names = [name.format(terms.decider.name) for name in METRICS]
    figures = {name: run.figures[name] for name in names if name in run.figures}
    values += [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
    return Summary(value=values)


def _settings(report: Report) -> list[dict[str, Setting]]:
    """What stands in the table for each run, in their order: the same keys for all, each of one type.

    The strengths of every member: of the options that regbench has, and of others that occur. A member that
    has none of the values that switch it off shows all it has. Where a run lacks a member, its off values
    stand, or null where they are not known.
    """
    arms = [(comparison, arm) for comparison in report.comparisons for arm in comparison.arms]
    off: dict[Key, Any] = {
        (name, key): value for name, values in off_values().items() for key, value in values.items()
    }
    for member in (member for _, arm in arms for member in arm.members):
        for key in _strengths(member):
            off.setdefault((member["name"], key), member["off"].get(key))
    rows = [
        {
            "comparison": comparison.name,
            "arm": arm.name,
            "seed": run.seed,
            **{f"{name}.{key}": value for (name, key), value in _of(arm, off).items()},
        }
        for comparison, arm in arms
        for run in arm.runs
    ]
    return _of_one_type(rows)


def _strengths(member: Mapping[str, Any]) -> list[str]:
    return [key for key in member["off"] if key in member["values"]] or list(member["values"])


def _of(arm: Arm, off: Mapping[Key, Any]) -> dict[Key, Any]:
    """The strengths of all members in one arm."""
    there = {member["name"]: member["values"] for member in arm.members}
    return {
        (name, key): there[name].get(key) if name in there else value for (name, key), value in off.items()
    }


def _of_one_type(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Setting]]:
    """Columns of numbers and of switches as they are; those of anything else, or of both, as text."""
    plain = {key for key in (rows[0] if rows else {}) if _is_plain([row[key] for row in rows])}
    return [{printable(k): v if k in plain else _text(v) for k, v in row.items()} for row in rows]


def _is_plain(values: Sequence[Any]) -> bool:
    """Whether all are switches, or all numbers that TensorBoard can hold."""
    if all(isinstance(value, bool) for value in values):
        return True
    return all(type(value) in (int, float) and abs(value) <= EXACT for value in values)


def _text(value: Any) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, default=str))
