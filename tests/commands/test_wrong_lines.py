"""Lines that no check met: each is one sentence with the key that was typed, and leaves nothing behind."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from regbench.assembly.optimization import build_optimizer
from regbench.assembly.stack import build_stack
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_jobs, read_line
from regbench.composition.settings import read_settings
from regbench.errors import LONGEST, ConfigError
from regbench.sweeps.launcher import Launch
from tests.conftest import compose
from tests.sampling import some_of


def jobs(line: str, command: str = "train") -> int:
    """How many jobs a line makes, typed in a shell after `regbench COMMAND`."""
    composed = compose_jobs(read_line(shlex.split(line), command))
    for job in composed:
        read_settings(job.config)
    return len(composed)


def said(line: str, command: str = "train") -> str:
    """What is said of a wrong line, which may take seconds and no more."""
    began = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        jobs(line, command)
    assert time.monotonic() - began < 20
    assert str(caught.value).isprintable()
    assert not GlobalHydra.instance().is_initialized()
    return str(caught.value)


FLAGS = [
    ("--experimental-rerun x.pickle", "--experimental-rerun is not for regbench; repeat a run by its line"),
    ("--experimental-rerun=x.pickle", "--experimental-rerun is not for regbench"),
    ("--experimental x.pickle", "unrecognized arguments: --experimental"),
    ("--exp=x.pickle", "unrecognized arguments: --exp=x.pickle"),
    ("--multi seed=0,1", "unrecognized arguments: --multi"),
    ("--config-name a", "--config-name is not for regbench; add options by --config-dir"),
    ("-cp=a", "-cp is not for regbench; add options by --config-dir"),
    ("--run", "--run is not for regbench; a line without -m is one run"),
    ("--version", "--version is not for regbench; type regbench --version"),
    ("--resolve", "--resolve is for --cfg, and needs it"),
    ("-p train", "--package is for --cfg, and needs it"),
    ("--cfg job -m", "--cfg and --multirun do not go together; type one of them"),
    ("--info --cfg job", "--cfg and --info do not go together; type one of them"),
    ("--cfg job --cfg all", "--cfg is given twice"),
    ("-m -m", "-m is given twice"),
    ("--config-dir a --config-dir b", "--config-dir is given twice"),
    ("--config-dir", "argument --config-dir/-cd: expected one argument"),
    ("--config-dir -- seed=3", "argument --config-dir/-cd: expected one argument"),
    ("--cfg nope", "argument --cfg/-c: invalid choice: 'nope'"),
    ("--info nope", "argument --info/-i: invalid choice: 'nope'"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["train", "plan", "race", "ablate", "strength", "list"])
@pytest.mark.parametrize(("line", "sentence"), FLAGS)
def test_a_flag_that_is_not_offered_is_refused_by_each_command(
    line: str, sentence: str, command: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_line(shlex.split(line), command)
    assert str(caught.value).startswith(f"{command}: {sentence}")


@pytest.mark.parametrize(
    "line",
    ["-m", "--multirun --force", "-m --fail-fast", "--cfg job", "--cfg=all --resolve", "-c job -p train",
     "--info", "-i defaults", "--help", "-h -m", "-- seed=3", "seed=3 --", "--hydra-help"],
)  # fmt: skip
def test_a_flag_that_is_offered_is_read(line: str) -> None:
    read_line(shlex.split(line))


def test_what_follows_two_dashes_is_no_flag() -> None:
    line = read_line(["seed=3", "--", "-m"])
    assert line == CommandLine(("seed=3", "-m"))
    assert line.for_hydra() == ["seed=3", "-m"]


def test_hydra_is_handed_a_line_without_the_flags_that_are_ours() -> None:
    line = read_line(["-cd", ".", "seed=1,2", "--fail-fast", "-m", "--force"])
    assert (line.force, line.fail_fast, line.multirun, line.config_dir) == (True, True, True, ".")
    assert line.for_hydra() == ["--multirun", "--config-dir=.", "seed=1,2"]
    shown = read_line(["--cfg=job", "--package", "train", "--resolve", "seed=3"])
    assert shown.for_hydra() == ["--resolve", "--cfg=job", "--package=train", "seed=3"]


HYDRA = [
    ("hydra.output_subdir=null", "hydra.output_subdir: must be .hydra, from which a run is read back, got null"),
    ("hydra.output_subdir=..", "hydra.output_subdir: must be .hydra, from which a run is read back, got .."),
    ("hydra.output_subdir=a/b", "hydra.output_subdir: must be .hydra, from which a run is read back, got a/b"),
    ("hydra.job.chdir=true", "hydra.job.chdir: must be false, so that relative paths are of the folder"),
    ("hydra.job.name=x", "hydra.job.name: must be train, which the log of a run is called by, got x"),
    ("hydra.job.num=3", "hydra.job.num: is found by Hydra itself, and must be left out"),
    ("hydra.mode=MULTIRUN", "hydra.mode: must be null; a line with -m is a sweep, and every other one run, got MULTIRUN"),
    ("hydra.mode=nope", "hydra.mode: Invalid value 'nope'"),
    ("+hydra.callbacks.x._target_=os.system", "hydra.callbacks: must be empty, as what it names would be called"),
    ("hydra.launcher._target_=subprocess.Popen", "hydra.launcher._target_: is not to be set here"),
    ("hydra.sweeper._target_=os.system", "hydra.sweeper._target_: is not to be set here"),
    ("hydra.job_logging.handlers.file.class=os.system", "hydra.job_logging.handlers.file.class: is not to be set here"),
    ("hydra.searchpath=[pkg://os]", "hydra.searchpath: must be empty; add options by --config-dir"),
    ("hydra.verbose=5", "hydra.verbose: must be true, false or names of loggers, got 5"),
    ("hydra/launcher=nope", "hydra/launcher: no option 'nope'; there are basic, joblib"),
    ("hydra/launcher=joblib hydra.launcher.n_jobs=0", "hydra.launcher.n_jobs: must be -1, for all cores, or a whole number in [1, 1000], got 0"),
    ("hydra/launcher=joblib hydra.launcher.n_jobs=-5", "hydra.launcher.n_jobs: must be -1, for all cores, or a whole"),
    ("hydra/launcher=joblib hydra.launcher.n_jobs=1000000000", "hydra.launcher.n_jobs: must be -1, for all cores"),
    ("hydra/launcher=joblib hydra.launcher.backend=nope", "hydra.launcher.backend: must be loky, multiprocessing or null"),
    ("hydra/launcher=joblib hydra.launcher.pre_dispatch=abc", "hydra.launcher.pre_dispatch: must be all, a whole number"),
    ("hydra/launcher=slurm hydra.launcher.timeout_min=0", "hydra.launcher.timeout_min: must be a whole number of minutes in [1, 527040], got 0"),
    ("hydra/launcher=slurm hydra.launcher.timeout_min=1:00:00", "hydra.launcher.timeout_min: must be a whole number of minutes"),
    ("hydra/launcher=slurm 'hydra.launcher.partition=\"a b\"'", "hydra.launcher.partition: must be null or a word, got a b"),
    ("hydra/launcher=slurm hydra.launcher.mem_gb=-1", "hydra.launcher.mem_gb: must be null or a number of GB above 0, got -1"),
    ("hydra/launcher=slurm hydra.launcher.gpus_per_node=one", "hydra.launcher.gpus_per_node: must be null or a whole number of at least 0"),
    ("hydra/launcher=slurm hydra.launcher.cpus_per_task=0", "hydra.launcher.cpus_per_task: must be null or a whole number of at least 1"),
    ("+hydra.launcher.nope=3", "hydra.launcher.nope: is not to be set here"),
    ("hydra.run.dir=null", "hydra.run.dir: must be a folder, got null"),
    ("hydra.run.dir=[a]", "hydra.run.dir: must be a folder, got [a]"),
    ("hydra.run.dir='${nope}'", "hydra.run.dir: ${nope} refers to nope, and there is no such key"),
    ("hydra.run.dir='${hydra.runtime.output_dir}'", "hydra.run.dir: ${hydra.runtime.output_dir} refers to hydra.runtime"),
    ("threads=1000000000000", "threads: must be at most 1024, got 1000000000000"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "sentence"), some_of(HYDRA, every=3, kind=lambda case: case[0].partition("=")[0])
)
def test_a_setting_of_hydra_that_would_run_code_or_lose_runs_is_refused(line: str, sentence: str) -> None:
    assert said(line).startswith(sentence)


@pytest.mark.parametrize(
    "line",
    [
        "hydra.run.dir=here hydra.verbose=true",
        "hydra/job_logging=disabled hydra/hydra_logging=none",
        "hydra.job_logging.root.level=WARNING",
        "+hydra.job.env_set.NAME=value",
        "-m hydra/launcher=joblib hydra.launcher.n_jobs=-1 hydra.launcher.verbose=10",
        "-m hydra.sweep.dir=here seed=0,1",
    ],
)
def test_a_setting_of_hydra_that_does_no_harm_is_taken(line: str) -> None:
    assert jobs(line) >= 1


SWEEPS = [
    ("seed=range(0,10,0)", "seed: a range must have a step other than 0, got seed=range(0,10,0)"),
    ("seed=range(nan)", "seed: a range must have finite bounds and a finite step, got seed=range(nan)"),
    ("seed=range(1e400)", "seed: a range must have finite bounds and a finite step, got seed=range(1e400)"),
    ("seed=range(10,0)", "seed=range(10,0): must list at least one value to sweep over"),
    ("train.lr=interval(0,1)", "train.lr: must list its values, got train.lr=interval(0,1)"),
    ("seed=range(1000000000)", "seed: a line must make at most 10,000 jobs, got 1,000,000,000; sweep in parts"),
    ("seed=range(200) train.epochs=range(1,100)", "seed: a line must make at most 10,000 jobs, got 19,800; sweep in parts"),
    ("train.lr=range(0,1,1e-9)", "train.lr: a line must make at most 10,000 jobs, got 1,000,000,000"),
    ("seed=range(1e300,1e301,1)", "seed: a line must make at most 10,000 jobs, got more than can be counted"),
    ("'seed=shuffle(range(1000000000))'", "seed: a line must make at most 10,000 jobs"),
    ("'seed=choice(1,2),5'", "seed: must be values, or one function of them such as choice(1,2) or range(3) that stands alone, got seed=choice(1,2),5"),
    ("'train.lr=range(2),interval(0,1)'", "train.lr: must be values, or one function of them"),
    ("'model=mlp,glob(*)'", "model: must be values, or one function of them"),
    ("'train.lr=[choice(1,2)]'", "train.lr: must be values, or one function of them"),
    ("'+reg={a:choice(l1,l2)}'", "reg: must be values, or one function of them"),
    ("'seed=glob(*)'", "seed=glob(*): must list at least one value to sweep over"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["train", "plan"])
@pytest.mark.parametrize(("line", "sentence"), SWEEPS)
def test_a_sweep_is_counted_before_it_is_made(line: str, sentence: str, command: str) -> None:
    assert said(f"-m {line}", command).startswith(sentence)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("seed=range(3)", 3),
        ("seed=range(3,0,-1)", 3),
        ("train.lr=range(0.1,0.35,0.1)", 3),
        ("'seed=sort(3,1,2)' train.epochs=1,2", 6),
        ("'seed=int(choice(1.0,2.0))'", 2),
    ],
)
def test_a_sweep_that_lists_its_values_is_taken(line: str, count: int) -> None:
    assert jobs(f"-m {line}") == count


VALUES = [
    (f"seed={'9' * 309}", "seed: a number must have at most 300 digits, got "),
    (f"train.lr=0.{'1' * 5000}", "train.lr: a number must have at most 300 digits, got "),
    (f"train.epochs={'9' * 30}", "train.epochs: must be a number of at most 64 bits, got "),
    ("train.epochs=1e400", "train.epochs: must be finite, got inf"),
    ("train.class_weights=[1,nan]", "train.class_weights: must be finite, got nan"),
    ("train.class_weights={_target_:os.getcwd}", "train: class_weights must be a value, got a group of settings"),
    ("+reg=[null]", "reg: must be names of options, got +reg=[null]"),
    ("+reg=[5]", "reg: must be names of options, got +reg=[5]"),
    ("+reg=dropout.yaml", "reg: no option 'dropout.yaml'; did you mean 'dropout'?"),
    ("+reg=../reg/dropout", "reg: no option '../reg/dropout'; did you mean 'dropout'?"),
    ("model=[null]", "model: must be the name of an option, got model=[null]"),
    ("dataset=[]", "dataset: must be the name of an option, got dataset=[]"),
    ("experiment=[cocktail,cocktail]", "experiment: must name each option once, got experiment=[cocktail,cocktail]"),
    ("'seed=${nope}'", "seed: ${nope} refers to nope, and there is no such key"),
    (f"evaluate={'[' * 500}a{']' * 500}", "evaluate: brackets must be nested at most 30 deep, got "),
    (f"model.width={'1' * 60000}", "model.width: must be given in at most 10000 signs, got 60012"),
    ("seed='\x1b[31m'", "seed: a value with \\x1b [ must stand in quotes, got \\x1b[31m"),
    ('sweep=\'"\u202eabc"\'', "sweep: must be letters, digits, and _ . + - within, got '\\u202eabc'"),
    (f"train.class_weights=[{'1,' * 9000}1]", "train.class_weights: must be given in at most 10000 signs"),
    ("--config-dir '\x00'", "--config-dir: must be a folder, got \\x00"),
    ("seed=\udcff", "seed: must be text in UTF-8, got seed=\\xdcff"),
    (f"checkpoints={'z' * 3000}", "checkpoints: must be one of none, last, best, last+best, all, got "),
]  # fmt: skip


@pytest.mark.parametrize(("line", "sentence"), VALUES)
def test_a_value_that_is_none_is_answered_by_its_key_and_in_short(line: str, sentence: str) -> None:
    complaint = said(line)
    assert complaint.startswith(sentence)
    assert len(complaint) <= LONGEST


def test_a_zero_with_a_sign_is_zero() -> None:
    (job,) = compose_jobs(read_line(["train.lr=-0.0"]))
    assert str(job.config["train"]["lr"]) == "0.0"


def test_nothing_of_a_rerun_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    marker = tmp_path / "called"
    (tmp_path / "x.pickle").write_bytes(b"cos\nmkdir\n(S'" + str(marker).encode() + b"'\ntR.")
    with pytest.raises(ConfigError):
        read_line(["--experimental-rerun", "x.pickle"])
    assert not marker.exists()


@pytest.mark.parametrize("key", ["optimizer.lr", "model.lr"])
def test_a_rate_that_is_no_number_is_told_by_the_key_that_was_typed(key: str) -> None:
    assert said(f"optimizer=adam {key}=nan") == f"{key}: must be finite, got nan"


def test_a_word_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    parse = OverridesParser.parse_rule

    def counting(self: OverridesParser, text: str, rule: str) -> Any:
        read.append(text)
        return parse(self, text, rule)

    monkeypatch.setattr(OverridesParser, "parse_rule", counting)
    assert jobs("train.class_weights=[1,2,3] seed=1") == 1
    assert read.count("train.class_weights=[1,2,3]") == 1


@pytest.mark.parametrize(
    ("name", "field", "most"),
    [
        ("feature_space", "width", 4096),
        ("feature_space", "latent", 4096),
        ("gan_augmentation", "width", 4096),
        ("smart_augmentation", "width", 4096),
        ("rand_augment", "num_ops", 100),
    ],
)
def test_what_would_fill_the_memory_or_never_end_is_refused(name: str, field: str, most: int) -> None:
    config = compose(f"+reg={name}", f"reg.{name}.{field}=1000000000")
    with pytest.raises(ConfigError, match=rf"reg\.{name}: {field} must be at most {most}, got 1000000000"):
        build_stack(config["reg"])


def test_a_value_beyond_single_precision_is_refused_before_a_step() -> None:
    config = compose("optimizer.momentum=1e300")
    with pytest.raises(ConfigError, match=r"optimizer: momentum must be at most 3e\+38 in size, got 1e\+300"):
        build_optimizer(config["optimizer"], torch.nn.Linear(2, 2), 0.1)


@pytest.mark.parametrize("flag", ["", "-m"])
@pytest.mark.parametrize(
    "key", ["reg", "model", "dataset", "optimizer", "schedule", "sinks", "train", "hydra"]
)
@pytest.mark.parametrize(
    ("value", "got"),
    [("5", "5"), ("dropout", "dropout"), ("[dropout]", "a list"), ("null", "null"), ("", "nothing")],
)
def test_a_group_that_an_experiment_makes_something_else_is_refused(
    tmp_path: Path, flag: str, key: str, value: str, got: str
) -> None:
    (tmp_path / "experiment").mkdir()
    file = tmp_path / "experiment" / "mine.yaml"
    file.write_text(f"# @package _global_\nseed: 1\n{key}: {value}\n")
    told = said(f"{flag} --config-dir {shlex.quote(str(tmp_path))} +experiment=mine")
    assert re.match(
        rf"{re.escape(str(file))}, line \d, column \d+: {key} must be a group of settings, got {got}(;|$)",
        told,
    )


def test_a_group_that_an_experiment_refers_to_another_for_is_none_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nsinks: ${reg}\n")
    assert jobs(f"--config-dir {shlex.quote(str(tmp_path))} +experiment=mine") == 1


def test_a_sweep_where_hydra_would_fill_in_the_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "${nope}").mkdir()
    monkeypatch.chdir(tmp_path / "${nope}")
    with pytest.raises(ConfigError, match=r"^hydra\.sweep\.dir: the current folder's path must have no \$\{"):
        Launch(read_line(["-m", "seed=0,1"], "train"))
