"""The jobs of a sweep: names, folders and states."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from regbench.assembly.data import content_of
from regbench.errors import ConfigError
from regbench.folders.state import state_of
from regbench.records.files import RECORD_VERSION
from regbench.records.identity import identity, stem
from regbench.sweeps.jobs import arrange, sweep_name
from tests.conftest import CSV, compose, reg_node
from tests.records.made import figures, summary


@dataclass
class Made:
    config: dict[str, Any]
    overrides: list[str]


def names(root: Path, *configs: dict[str, Any], force: bool = False) -> list[str]:
    made = [Made(config, []) for config in configs]
    return [job.name for job in arrange(made, root, lambda config: "", force)]


def write(folder: Path, **values: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps({**summary(epochs=[figures(0.5)]), **values}))
    return folder


@pytest.mark.parametrize(
    ("status", "state"),
    [("finished", "finished"), ("stopped", "stopped"), ("diverged", "diverged"), ("failed", "failed"),
     ("interrupted", "left")],
)  # fmt: skip
def test_a_summary_says_how_far_a_run_has_come(tmp_path: Path, status: str, state: str) -> None:
    assert state_of(write(tmp_path, status=status)) == state


def test_a_folder_without_a_summary_is_new_or_left(tmp_path: Path) -> None:
    assert state_of(tmp_path / "nowhere") == "new"
    assert state_of(tmp_path) == "new"
    (tmp_path / ".lock").touch()
    assert state_of(tmp_path) == "new"
    (tmp_path / "metrics.jsonl").touch()
    assert state_of(tmp_path) == "left"
    (tmp_path / "summary.json").write_text('{"version": 1, "sta')
    assert state_of(tmp_path) == "left"


def test_a_record_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"version 99, and this regbench writes {RECORD_VERSION}"):
        state_of(write(tmp_path, version=99, status="finished"))


def test_a_folder_is_named_by_stack_seed_and_identity(tmp_path: Path) -> None:
    config = compose("+reg=[dropout,l2]", "seed=3", "threads=1")
    assert names(tmp_path, config) == [f"dropout+l2_seed3_{identity(config)[:10]}"]
    assert names(tmp_path, compose("seed=0")) == [f"baseline_seed0_{identity(compose('seed=0'))[:10]}"]


def test_a_long_stack_is_cut_and_odd_signs_are_replaced() -> None:
    many = {f"member_{number}": reg_node("dropout") for number in range(20)}
    assert len(stem({"reg": many, "seed": 1})) == 60 + len("_seed1")
    assert stem({"reg": {"a/b <c>": {}}, "seed": 1}) == "a_b__c__seed1"


def test_what_is_the_same_is_one_job(tmp_path: Path) -> None:
    one, other = compose("+reg=dropout", "reg.dropout.p=1e-1"), compose("+reg=dropout", "reg.dropout.p=0.1")
    assert len(names(tmp_path, one, other)) == 1
    assert len(names(tmp_path, one, compose("+reg=dropout", "reg.dropout.p=0.2"))) == 2


def test_force_takes_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (name,) = names(tmp_path, compose())
    for expected in (name, f"{name}_2", f"{name}_3"):
        assert names(tmp_path, compose(), force=True) == [expected]
        write(tmp_path / expected, status="finished")
    assert names(tmp_path, compose()) == [f"{name}_3"], "the newest counts"


def test_a_sweep_is_called_by_its_datasets_and_models() -> None:
    choices = [{"dataset": "digits", "model": m, "schedule": "cosine"} for m in ("mlp", "cnn", "mlp")]
    assert sweep_name(choices) == "digits_mlp+cnn"


def test_ones_own_data_is_known_by_its_content_and_not_by_its_place(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("here.csv", "there.csv", "changed.csv")]
    for place in places:
        place.write_text(CSV.read_text())
    places[2].write_text(CSV.read_text().replace("quiet", "loud"))
    configs = [compose("model=rnn", "dataset=text_csv", f"dataset.path={place}") for place in places]
    here, there, changed = (identity(config, content_of(config)) for config in configs)
    assert here == there
    assert here != changed
    assert content_of(compose()) == "", "checksums pin the digits"
