"""A job is recorded as Hydra itself would record it; what is read is looked at before, and once."""

from __future__ import annotations

import pickle
import shlex
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from regbench.composition.compose import in_sweep
from regbench.composition.composer import Composer
from regbench.composition.hydra_interface import COMMAND_LINE
from regbench.errors import ConfigError
from tests.composition.test_template import LINES
from tests.sampling import some_of

OWN = ["hydra.sweep.dir='a b'", "hydra.sweep.subdir=job"]


@pytest.mark.parametrize(
    "line",
    some_of(
        ["hydra/launcher=joblib hydra.launcher.n_jobs=2 hydra.verbose=true seed=0,1", *LINES[1:], LINES[0]],
        every=3,
    ),
)
def test_a_job_is_recorded_as_hydra_records_it(line: str) -> None:
    composer = Composer(None)
    words = in_sweep(shlex.split(line))
    sweep = composer.compose([*words, "hydra.job_logging.root.handlers=[file]"], RunMode.MULTIRUN)
    for job in composer.sweep(words)[:2]:
        asked = [*(word for word in job if not word.startswith("hydra")), *OWN]
        try:
            by_hydra = OmegaConf.to_yaml(composer.loader.load_sweep_config(sweep, [*asked]))
        except Exception:  # its own words for what is wrong; ours are tested elsewhere
            with pytest.raises(ConfigError):
                composer.recorded(sweep, asked)
            continue
        assert OmegaConf.to_yaml(composer.recorded(sweep, asked)) == by_hydra


def test_a_time_that_the_sweep_was_told_is_that_of_all_its_jobs() -> None:
    composer, word = Composer(None), "+model.at='${now:%f}'"
    sweep = composer.compose([word], RunMode.MULTIRUN)
    told = sweep.model.at
    assert {composer.recorded(sweep, [word, f"seed={seed}"]).model.at for seed in range(3)} == {told}


def test_hydra_is_left_as_if_it_had_not_been_set_up() -> None:
    Composer(None)
    assert not GlobalHydra.instance().is_initialized()


def test_a_person_s_folder_stands_where_hydra_s_own_flag_puts_it(tmp_path: Path) -> None:
    found = [(one.provider, one.path) for one in Composer(str(tmp_path)).loader.get_search_path().get_path()]
    assert [provider for provider, _ in found] == ["hydra", "main", COMMAND_LINE, "schema"]
    assert found[2] == (COMMAND_LINE, f"file://{tmp_path}")
    assert COMMAND_LINE not in [one.provider for one in Composer(None).loader.get_sources()]


def test_a_loader_that_went_to_another_process_composes_the_same(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("_target_: mine.Mine\nwidth: 8\n")
    loader = Composer(str(tmp_path)).loader
    words = ["model=mine", "+reg=dropout", "seed=3"]
    composed = OmegaConf.to_yaml(loader.load_configuration("train", words, RunMode.RUN))
    sent = pickle.loads(pickle.dumps(loader))
    assert OmegaConf.to_yaml(sent.load_configuration("train", words, RunMode.RUN)) == composed
    (tmp_path / "model" / "mine.yaml").write_text("word")
    with pytest.raises(ConfigError, match=r"mine\.yaml"):  # looked at there too
        pickle.loads(pickle.dumps(loader)).load_configuration("train", words, RunMode.RUN)
