"""TensorBoard files, read back by TensorBoard."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
from tensorboard.util import tensor_util

from regbench.analysis.report import Arm, Comparison, Curve, Report, RunNote
from regbench.composition.catalogue import entries, off_values
from regbench.instantiation.locating import locate
from regbench.reports.event_files import MARK
from regbench.reports.tensorboard import write_events

FIGURES = {"val/accuracy": 0.9, "val/loss": 0.3, "gap/accuracy": 0.1, "train/accuracy": 1.0, "seconds": 2.0}
DROPOUT = {"name": "dropout", "values": {"p": 0.5, "mode": "inverted"}, "off": {"p": 0.0}}


def arm(name: str, *members: dict[str, Any], seeds: tuple[int, ...] = (0, 1), **changes: Any) -> Arm:
    """An arm of two epochs with a val accuracy of 0.5, then 0.75, and a band of 0.125 about it."""
    curves = {
        "val/accuracy": Curve([1, 2], [0.5, 0.75], [0.375, 0.625], [0.625, 0.875]),
        "train/accuracy": Curve([2], [1.0], [1.0], [1.0]),
    }
    runs = [RunNote(seed, f"{name}{seed}", 2, {**FIGURES, "val/accuracy": 0.5 + seed / 4}) for seed in seeds]
    made = Arm(name, list(members), list(seeds), [], [], [], {}, {}, {}, None, curves, None, 0, runs)
    return replace(made, **changes)


def report(*arms: Arm, name: str = "digits mlp") -> Report:
    made = Comparison(
        name=name,
        differs={},
        config={},
        metric="val/accuracy",
        at="last",
        baseline=None,
        rows={},
        sampling_error=None,
        seed_spread=None,
        design=None,
        arms=list(arms),
        interactions=[],
        environment={},
        notes=[],
    )
    return Report("0", [made], [], [], [])


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = EventAccumulator(str(run))
    accumulator.Reload()
    tags = accumulator.Tags()["tensors"]
    found = {
        tag: [(e.step, tensor_util.make_ndarray(e.tensor_proto)) for e in accumulator.Tensors(tag)]
        for tag in tags
    }
    return {tag: [(step, float(v)) for step, v in events] for tag, events in found.items() if "_" not in tag}


def table(folder: Path) -> list[tuple[str, dict[str, Any], dict[str, float]]]:
    """The rows that TensorBoard's table has: run, hyperparameters, metrics."""
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(folder))
    backend = backend_context.Context(SimpleNamespace(data_provider=provider))
    context = RequestContext()
    told = backend.hparams_metadata(context, "")
    experiment = backend.experiment_from_metadata(
        context, "", True, told, backend.hparams_from_data_provider(context, "", limit=None)
    )
    columns = [api_pb2.ColParams(hparam=info.name) for info in experiment.hparam_infos]
    columns += [api_pb2.ColParams(metric=info.name) for info in experiment.metric_infos]
    every = [api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING]
    request = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=every, col_params=columns, start_index=0, slice_size=1000, include_metrics=True
    )
    answer = list_session_groups.Handler(context, backend, "", request).run()
    return [
        (
            group.name,
            {key: getattr(value, value.WhichOneof("kind")) for key, value in group.hparams.items()},
            {metric.name.tag: metric.value for metric in group.metric_values},
        )
        for group in answer.session_groups
    ]


def rows(folder: Path, of: Report) -> dict[str, dict[str, Any]]:
    write_events(of, folder)
    return {name: settings for name, settings, _ in table(folder)}


def test_the_mean_and_both_edges_of_every_curve_are_a_run_each_with_train_and_val_side_by_side(tmp_path):
    write_events(report(arm("baseline"), arm("dropout", DROPOUT)), tmp_path)
    for name in ("baseline", "dropout"):
        runs = {edge: scalars(tmp_path / name / edge) for edge in ("mean", "low", "high")}
        assert runs == {
            "mean": {"accuracy/val": [(1, 0.5), (2, 0.75)], "accuracy/train": [(2, 1.0)]},
            "low": {"accuracy/val": [(1, 0.375), (2, 0.625)], "accuracy/train": [(2, 1.0)]},
            "high": {"accuracy/val": [(1, 0.625), (2, 0.875)], "accuracy/train": [(2, 1.0)]},
        }


def test_a_chart_of_train_and_val_in_one_is_laid_out(tmp_path):
    write_events(report(arm("baseline")), tmp_path)
    accumulator = EventAccumulator(str(tmp_path / "baseline" / "mean"))
    accumulator.Reload()
    (event,) = accumulator.Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(tensor_util.make_ndarray(event.tensor_proto).item())
    assert [list(chart.multiline.tag) for chart in layout.category[0].chart] == [
        ["^accuracy/(train|val)$"],
        ["^loss/(train|val)$"],
    ]


def test_the_list_of_runs_begins_with_what_tells_them_apart(tmp_path):
    def listed(*names: str) -> set[str]:
        folder = tmp_path / str(len(names))
        one = report(arm("dropout", DROPOUT, seeds=(0,))).comparisons[0]
        write_events(replace(report(), comparisons=[replace(one, name=name) for name in names]), folder)
        multiplexer = EventMultiplexer().AddRunsFromDirectory(str(folder))
        return {run.split("/")[0] for run in multiplexer.Runs()}

    assert listed("digits mlp") == {"dropout"}
    assert listed("digits mlp model.width=8", "digits mlp model.width=16") == {
        "model.width=8",
        "model.width=16",
    }
    assert listed("digits mlp a", "mnist mlp a", "mnist cnn a") == {
        "digits mlp a",
        "mnist mlp a",
        "mnist cnn a",
    }


def test_every_run_that_counts_is_a_row_with_its_figures(tmp_path):
    write_events(report(arm("baseline", seeds=(3,)), arm("dropout", DROPOUT, seeds=(0, 1, 3))), tmp_path)
    found = {name: (settings, metrics) for name, settings, metrics in table(tmp_path)}
    assert sorted(found) == [
        "baseline/seed 3",
        "dropout/seed 0",
        "dropout/seed 1",
        "dropout/seed 3",
    ]
    settings, metrics = found["dropout/seed 1"]
    assert metrics == pytest.approx(
        {"val/accuracy": 0.75, "val/loss": 0.3, "gap/accuracy": 0.1, "train/accuracy": 1.0}
    )
    assert (settings["comparison"], settings["arm"], settings["seed"]) == ("digits mlp", "dropout", 1)
    assert settings["dropout.p"] == 0.5
    assert "dropout.mode" not in settings
    assert found["baseline/seed 3"][0]["dropout.p"] == 0


def test_all_rows_have_the_strengths_of_all_regularizers_at_off_where_the_run_has_none(tmp_path):
    found = rows(tmp_path, report(arm("baseline"), arm("dropout", DROPOUT)))
    strengths = {f"{name}.{key}": value for name, off in off_values().items() for key, value in off.items()}
    assert len(strengths) > len(off_values()) > 30
    assert {frozenset(row) for row in found.values()} == {
        frozenset({"comparison", "arm", "seed", *strengths})
    }
    for name, row in found.items():
        changed = {
            key for key, value in strengths.items() if row[key] != ("null" if value is None else value)
        }
        assert changed == ({"dropout.p"} if name.startswith("dropout/") else set())
    assert row["batch_norm.enabled"] is False
    assert row["early_stopping.patience"] == 1e9


def test_members_under_names_of_their_own_have_columns_too(tmp_path):
    second = {**DROPOUT, "name": "dropout_2"}
    own = {"name": "own", "values": {"kind": "a", "size": 3}, "off": {}}
    found = rows(tmp_path, report(arm("baseline"), arm("both", DROPOUT, second), arm("own", own)))
    told = {
        name: (row["dropout.p"], row["dropout_2.p"], row["own.kind"], row["own.size"])
        for name, row in found.items()
        if name.endswith("seed 0")
    }
    assert told == {
        "baseline/seed 0": (0, 0, "null", "null"),
        "both/seed 0": (0.5, 0.5, "null", "null"),
        "own/seed 0": (0, 0, "a", "3"),
    }


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ([1, 0.5], [1, 0.5]),
        ([True, False], [True, False]),
        ([None, 8], ["null", "8"]),
        ([True, 1], ["true", "1"]),
        (["none", [1, 2]], ["none", "[1, 2]"]),
        ([10**400, 1], [str(10**400), "1"]),
        ([2**53 + 1, 1], ["9007199254740993", "1"]),
        ([float("nan"), 1], ["NaN", "1"]),
        (["\ud800", "\n"], ["\\xd800", "\\x0a"]),
    ],
)
def test_a_column_is_of_one_type_and_no_row_is_dropped(values, column, tmp_path):
    arms = [
        arm(f"arm{i}", {"name": "own", "values": {"it": value}, "off": {"it": values[0]}}, seeds=(0,))
        for i, value in enumerate(values)
    ]
    found = rows(tmp_path, report(*arms))
    cells = [found[f"arm{i}/seed 0"]["own.it"] for i in range(len(values))]
    assert cells == column
    assert [type(cell) is bool for cell in cells] == [type(cell) is bool for cell in column]


def test_a_second_call_replaces_the_first_and_leaves_files_of_others_alone(tmp_path):
    write_events(report(arm("baseline"), arm("dropout", DROPOUT)), tmp_path)
    theirs = tmp_path / "dropout" / "mean" / "events.out.tfevents.1.theirs"
    theirs.write_text("theirs")
    mine = tmp_path / "notes.txt"
    mine.write_text("mine")
    write_events(report(arm("baseline", seeds=(0,))), tmp_path)
    left = {path.relative_to(tmp_path).parent.as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert (theirs.read_text(), mine.read_text()) == ("theirs", "mine")
    assert left == {
        ".",
        "dropout/mean",
        *(f"baseline/{run}" for run in ("mean", "low", "high", "seed 0")),
    }
    theirs.unlink()
    assert len([path for path in tmp_path.rglob("*tfevents*")]) == 4


def test_a_folder_without_the_mark_loses_nothing(tmp_path):
    write_events(report(arm("baseline")), tmp_path)
    (tmp_path / MARK).unlink()
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    write_events(report(arm("dropout", DROPOUT)), tmp_path)
    assert before < set(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "text",
    [
        '["../precious"]',
        '["/etc/events.out.tfevents.1.regbench"]',
        '["../events.out.tfevents.1.regbench"]',
        "{}",
        "x",
    ],
)
def test_a_mark_that_names_anything_else_is_refused_and_nothing_deleted(text, tmp_path):
    folder = tmp_path / "events"
    folder.mkdir()
    for name in ("precious", "events.out.tfevents.1.regbench"):
        (tmp_path / name).write_text("kept")
    (folder / MARK).write_text(text)
    with pytest.raises(ValueError, match="must list event files"):
        write_events(report(arm("baseline")), folder)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        [MARK, "precious", "events.out.tfevents.1.regbench"]
    )


def test_hostile_names_stay_in_the_folder_and_stand_in_the_table_as_they_are(tmp_path):
    names = ["../../out", "..", "<script>alert(1)</script>", "/etc", "OUT", "a/../../b"]
    folder = tmp_path / "deep" / "events"
    of = report(*(arm(name, seeds=(0,)) for name in names), name="../../<b>")
    assert sorted(row["arm"] for row in rows(folder, of).values()) == sorted(names)
    assert {path for path in tmp_path.rglob("*") if path.is_file() and folder not in path.parents} == set()


def test_nothing_to_tell_writes_nothing_but_the_mark(tmp_path):
    write_events(replace(report(), comparisons=[]), tmp_path / "events")
    assert [path.name for path in (tmp_path / "events").iterdir()] == [MARK]
    bare = arm("bare", seeds=(), curves={})
    write_events(report(bare), tmp_path / "bare")
    assert json.loads((tmp_path / "bare" / MARK).read_text()) == []


def test_neither_torch_nor_tensorflow_is_imported_even_where_it_is_installed(tmp_path):
    for name in ("tensorflow", "torch"):
        (tmp_path / f"{name}.py").write_text("")
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from regbench.reports.tensorboard import write_events; from regbench.analysis.report import Report;"
        "write_events(Report('0', [], [], [], []), Path(sys.argv[1]) / 'out');"
        "sys.exit(', '.join({'torch', 'tensorflow'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == ("", "\n")


def test_off_values_read_from_source_are_those_of_the_classes():
    targets = {entry.name: entry.target for entry in entries("reg")}
    assert off_values() == {name: dict(locate(target, name).off) for name, target in targets.items()}


OWN = """
from regbench.regularizers.dropout import Dropout
NOTHING = 0.0
class Inherited(Dropout):
    '''Has the off values of its base.'''
class Unannotated:
    off = {"much": [0, 0], "word": None}
class Computed:
    off = {"much": NOTHING}
class Bare:
    pass
"""


def test_a_persons_own_classes_have_theirs_their_bases_or_none(tmp_path):
    (tmp_path / "reg").mkdir()
    (tmp_path / "mine.py").write_text(OWN)
    for name in ("Inherited", "Unannotated", "Computed", "Bare"):
        (tmp_path / "reg" / f"{name.lower()}.yaml").write_text(f"_target_: mine.{name}\n")
    known = off_values()
    own = {name: off for name, off in off_values(tmp_path).items() if name not in known}
    assert own == {"inherited": {"p": 0.0}, "unannotated": {"much": [0, 0], "word": None}}
