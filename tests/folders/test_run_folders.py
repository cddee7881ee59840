"""Nothing of a person's is lost, wherever a run is told to be written, and whatever becomes of its folder."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from regbench.commands import ablate, plan, train
from regbench.errors import ConfigError
from regbench.folders.claims import mark
from regbench.runs import session
from regbench.runs.folder import RunFolder
from regbench.training.loop import EpochEnd, fit
from tests.conftest import tiny
from tests.folders.hydras import another_app, contents
from tests.sampling import some_of

QUICK = [
    "train.epochs=1",
    "model.width=8",
    "train.batch_size=32",
    "dataset.num_train=97",
    "threads=1",
    "device=cpu",
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def is_refused(main: Callable[[list[str]], int], words: list[str], said: str, folder: Path) -> None:
    before = contents(folder)
    with pytest.raises(ConfigError, match=said):
        main([*words, *QUICK])
    assert contents(folder) == before


@pytest.mark.parametrize(
    "name", some_of(["notes.txt", "tensorboard/precious", "summary.json", ".hydra/config.yaml"], every=2)
)
def test_a_folder_of_a_person_s_is_refused_and_left(here: Path, name: str) -> None:
    (here / "mine" / name).parent.mkdir(parents=True)
    (here / "mine" / name).write_text("precious")
    is_refused(train.main, ["hydra.run.dir=mine"], r"^hydra\.run\.dir: mine must be a new or an empty", here)
    another_app(here / "other")
    is_refused(
        train.main, ["hydra.run.dir=other"], r"^hydra\.run\.dir: other must be a new or an empty", here
    )


@pytest.mark.parametrize("name", [".", "..", "/", "file", "file/below", "'a\nb'"])
def test_a_place_that_is_no_folder_of_its_own_is_refused(here: Path, name: str) -> None:
    (here / "file").touch()
    is_refused(train.main, [f"hydra.run.dir={name}"], r"^hydra\.run\.dir: ", here)


def test_a_job_s_folder_that_is_a_person_s_is_refused_by_all_that_would_run_it(here: Path) -> None:
    words = ["+reg=dropout", "seed=0", "hydra.sweep.dir=sweep"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "regbench.sweeps.sweep.sweep", lambda args, place, jobs, *_: [one.folder for one in jobs]
        )
        (folder,) = train.main(["-m", *words, *QUICK])  # type: ignore[misc]
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text("precious")
    said = rf"^hydra\.sweep\.dir: {folder} must be a new or an empty folder"
    is_refused(train.main, ["-m", *words], said, here)
    is_refused(plan.main, words, said, here)
    is_refused(ablate.main, words, said, here)
    is_refused(ablate.main, ["--plan", *words], said, here)
    (folder / "summary.json").unlink()
    mark(folder)
    assert plan.main([*words, *QUICK]) == 0


@pytest.mark.parametrize("key", ["hydra.sweep.dir=.", "hydra.sweep.dir=/", "hydra.sweep.dir=file"])
def test_a_sweep_is_refused_where_no_sweep_can_stand(here: Path, key: str) -> None:
    (here / "file").touch()
    said = rf"^{key.partition('=')[0]}: .*must be a folder"
    is_refused(train.main, ["-m", "seed=0,1", key], said, here)
    is_refused(plan.main, ["seed=0,1", key], said, here)


@pytest.mark.parametrize("then", ["gone", "a person's"])
def test_a_run_whose_folder_is_removed_ends_and_does_not_make_it_again(
    here: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    folder = here / "run"
    folder.mkdir()
    mark(folder)

    def removing(*arguments: Any) -> Iterator[Any]:
        for event in fit(*arguments):
            if isinstance(event, EpochEnd) and event.record.epoch == 2:
                shutil.rmtree(folder)
                if then == "a person's":
                    folder.mkdir()
            yield event

    monkeypatch.setattr(session, "fit", removing)
    with pytest.raises(ConfigError, match="run: was removed while its run was going on"):
        session.train(RunFolder(tiny("mlp"), folder, {}, Console(file=io.StringIO())))
    assert contents(here) == ({} if then == "gone" else {"run": "a folder"})
