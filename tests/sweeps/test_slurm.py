"""hydra/launcher=slurm on a real Slurm: whatever is lost, the records are those of an undisturbed sweep."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes, slurm

FEW = [
    *("train.epochs=8", "train.batch_size=50", "dataset.num_train=200", "model.width=8"),
    *("device=cpu", "replicas=off"),
]
SLURM = ["hydra/launcher=slurm", "hydra.launcher.mem_gb=1"]


@pytest.fixture(scope="module")
def conf() -> Iterator[str]:
    with slurm.cluster() as folder:
        yield str(folder / "slurm.conf")


def records(root: Path) -> dict[str, list[dict[str, float]]]:
    """The metrics of each job's epochs, but for times, by the job's folder."""
    found = {}
    for path in sorted(root.glob("*/metrics.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found[path.parent.name] = [{k: v for k, v in one.items() if "time/" not in k} for one in lines]
    return found


def weights(root: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(root.glob("*/best.pt"))}


def test_whatever_happens_to_a_job_its_records_are_those_of_an_undisturbed_one(
    tmp_path: Path, conf: str
) -> None:
    line = [*slurm.accidents(tmp_path), *FEW, "seed=0"]
    kinds = "reg.accident.kind=none,kill,term,limit,requeued,doomed,cancelled"
    notes = tmp_path / "notes"
    notes.mkdir()
    calm = processes.run("train", "-m", *line, kinds, "sweep=calm", cwd=tmp_path)
    assert calm.returncode == 0, calm.stderr
    words = ["train", "-m", *line, kinds, *SLURM, "sweep=wild"]
    done = processes.run(*words, cwd=tmp_path, SLURM_CONF=conf, ACCIDENTS=str(notes))
    assert (done.returncode, done.stderr) == (4, ""), done.stdout
    said = re.sub(r"accident_seed0_[0-9a-f]+(_\d)?", "JOB", done.stdout)
    assert "5 of 7 jobs finished" in said
    assert "JOB: its worker was lost (FAILED); it is launched again" in said
    assert re.search(r"JOB +its worker was lost \(FAILED\)", said), said
    assert re.search(r"JOB +its worker was lost \(CANCELLED\)", said), said
    times = {path.name: path.read_text().count("\n") for path in notes.iterdir()}
    assert times == {"kill": 1, "term": 1, "limit": 1, "requeued": 1, "doomed": 3, "cancelled": 1}
    root = tmp_path / "outputs" / "sweeps"
    whole = records(root / "calm")
    assert [len(one) for one in whole.values()] == [8] * 7
    finished = {path.parent.name for path in (root / "wild").glob("*/summary.json")}
    assert sum(records(root / "wild")[name] == whole[name] for name in finished) >= 5
    again = processes.run(*words, cwd=tmp_path, SLURM_CONF=conf)
    assert (again.returncode, again.stderr) == (0, ""), again.stdout
    assert records(root / "wild") == whole
    assert weights(root / "wild") == weights(root / "calm")
