"""Jobs that are filled in are what they are where each is composed by itself; and few are composed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from regbench.composition.compose import compose_jobs, in_sweep, read_line
from regbench.composition.composed import Composed
from regbench.composition.composer import Composer
from regbench.errors import ConfigError
from tests.sampling import some_of

FOLDER = "hydra.sweep.dir"


@pytest.fixture(autouse=True)
def cleared() -> Iterator[None]:
    yield
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


def sweep(line: str, folder: Path | None = None) -> list[Composed]:
    words = ["--config-dir", str(folder)] if folder else []
    return compose_jobs(read_line(["-m", *words, *shlex.split(line)]))


def said(composer: Composer, words: list[str], number: int) -> str:
    """A job, or what is wrong with it."""
    try:
        return repr(composer.job(words, FOLDER, number))
    except ConfigError as error:
        return str(error)


LINES = [
    "seed=range(3)",
    "+reg=[],dropout,[dropout,mixup] seed=0,1",
    "reg=dropout reg.dropout.p=0,0.1,0.5 seed=0,1",
    "train.lr=0.1,0.2 seed=0,1",
    "model.lr=0.1,0.2 seed=0,1",
    "optimizer.lr=0.1,0.2 optimizer=adam,adamw model=mlp,cnn",
    "'train.lr=${optimizer.lr}' optimizer.lr=0.1,0.2 optimizer=sgd,adam model=mlp,cnn",
    "optimizer.momentum=0.5,0.9 seed=0,1",
    "model.width=8,16 model.depth=1,2",
    "'train.lr=${optimizer.lr},0.3' seed=0,1",
    "'train.lr=${model.lr},${seed}' seed=1,2",
    "'train.epochs=${seed}' seed=1,2",
    "'train.epochs=\"${whole:${seed}}\"' seed=1.0,2.0",
    "'+model.name=${hydra:job.num}' seed=0,1",
    "'+model.name=${hydra.job.num}' seed=0,1",
    "'+model.name=${hydra.runtime.choices.model}' model=mlp,cnn seed=0,1",
    "'+model.name=\"${oc.select:${model.norm}}\"' model.norm=seed,device seed=0,1",
    "'+model.name=\"${${model.norm}}\"' model.norm=seed,device seed=0,1",
    "'+model.name=${.width}' model.width=8,16",
    "'+model.name=${..seed}' seed=0,1",
    "'+model.name=${oc.dict.values:train}' train.epochs=1,2",
    "'+model.name=\"${oc.decode:${seed}}\"' seed=0,1",
    "'+model.name=${train}' train.epochs=1,2",
    "+model.extra=1,2 seed=0,1",
    "++model.width=8,16 seed=0,1",
    "+model.deep.inside=1,2 seed=0,1",
    "~model.lr train.epochs=1,2",
    "~model.lr model.lr=1,2",
    "seed=1,2.0,true,null,abc,'\"3\"',1e400,nan,-5",
    "device=cpu,auto,null threads=1,null",
    "dataset.root=/tmp/a,rel,'\"~/b\"',null seed=0,1",
    "evaluate=[],[calibration] seed=0,1",
    "model.tie=[],[[a,b]] seed=0,1",
    "sweep=name seed=0,1",
    "sweep=one,two seed=0",
    "device=0,1e3,'\"1\"',1_000 seed=0,1",
    '\'device="a=b",a:b,""," x "\' seed=0,1',
    "train=null,5 seed=0,1",
    "train={epochs:3},{epochs:4} seed=0,1",
    "reg=dropout reg.dropout=null,5",
    "model=own,mlp seed=0,1",
    "nope=1,2 seed=0,1",
    "+nope=1,2 seed=0,1",
    "+seed=1,2",
    "train.epochs.deep=1,2",
    "+train.epochs.deep=1,2",
    "+model.tie.0=1,2",
    "model=own,mlp '+model.a={b:1},{b:2}' +model.a.b=5,6",
    "hydra.sweep.dir=here seed=0,1",
    "'hydra.sweep.dir=here/${seed}' seed=0,1",
    "'hydra.sweep.dir=here/${hydra.job.num}' seed=0,1",
    "'hydra.sweep.dir=here/${model.width}' model.width=8,16",
    "'hydra.sweep.dir=here/${hydra.job.override_dirname}' seed=0,1",
    "+reg@reg.first=dropout +reg@reg.second=dropout reg.first.p=0.1,0.2 seed=0,1",
    "experiment=[],cocktail seed=0,1",
    "dataset=digits,mnist model=mlp seed=0,1",
]


@pytest.mark.parametrize("line", some_of(LINES, every=3))
def test_a_job_is_what_it_is_by_itself(line: str) -> None:
    composer = Composer(None)
    jobs = composer.sweep(in_sweep(shlex.split(line)))
    filled = [said(composer, words, number) for number, words in enumerate(jobs)]
    assert len(jobs) > 1
    for number, words in enumerate(jobs):
        composer._templates._kept.clear()  # nothing is to be taken over from another
        assert filled[number] == said(composer, words, number)


def test_the_options_of_a_folder_are_filled_in_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text(
        "_target_: regbench.models.mlp.MLP\nwidth: ${train.batch_size}\ndepth: 2\nnorm: none\ntie: []\n"
    )
    jobs = sweep("model=mine train.batch_size=16,32 seed=0,1", tmp_path)
    assert [(one.config["model"]["width"], one.config["seed"]) for one in jobs] == [
        (16, 0), (16, 1), (32, 0), (32, 1),
    ]  # fmt: skip


def test_no_job_shares_a_value_with_another() -> None:
    one, two, three = sweep("+reg=dropout seed=range(3)")
    for node in (one.config["train"], one.config["reg"]["dropout"], one.config, one.choices):
        node["touched"] = True
    one.config["evaluate"].append("corruption")
    assert two.config | {"seed": 2} == three.config
    assert two.choices == three.choices
    assert "touched" not in {*two.config, *two.config["train"], *two.config["reg"]["dropout"], *two.choices}
    assert sweep("+reg=dropout seed=1")[0].config == two.config


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("+reg=[],dropout,mixup seed=range(50)", 3),
        ("seed=range(50) +reg=[],dropout,mixup train.epochs=1 dataset.num_train=200", 3),
        ("+reg=dropout reg.dropout.p=0.1,0.2,0.3 seed=range(20)", 1),
        ("train.lr=0.1,0.2 model.width=8,16 seed=range(10)", 1),
        ("model.lr=0.1,0.2 seed=range(10)", 2),  # train.lr depends on it
    ],
)
def test_jobs_that_differ_in_plain_values_are_resolved_once(
    line: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[list[str]] = []
    varied = Composer.varied
    monkeypatch.setattr(Composer, "varied", lambda self, words: [made.append(words), varied(self, words)][1])
    assert len(sweep(line)) >= 4
    assert len(made) == count


def test_what_is_wrong_with_a_later_job_is_said_of_it() -> None:
    with pytest.raises(ConfigError, match=r"^train\.epochs: \$\{nope\} refers to nope, and there is no such"):
        sweep("'train.epochs=1,${nope}' seed=0,1")


def test_a_file_is_read_once_however_many_jobs_are_composed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omegaconf import OmegaConf

    read: list[str] = []
    load = OmegaConf.load
    monkeypatch.setattr(OmegaConf, "load", lambda file: [read.append(file.name), load(file)][1])
    sweep("+reg=[],dropout,[dropout,mixup],[mixup,l1] model=mlp,cnn seed=0,1")
    assert read
    assert len(read) == len(set(read))
