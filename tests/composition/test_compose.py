"""Command lines into jobs, and bad ones into one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from regbench.composition.compose import compose_jobs, read_line
from regbench.composition.composed import Composed
from regbench.composition.paths import config_dir
from regbench.errors import ConfigError
from regbench.studies.study import is_over_splits
from regbench.sweeps.folder import place_of


def jobs(*words: str) -> list[Composed]:
    return compose_jobs(read_line(words))


def stack(*words: str) -> list[str]:
    (job,) = jobs(*words)
    return list(job.config["reg"])


# --- bad command lines


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("+reg=droput", "reg: no option 'droput'; did you mean 'dropout'?"),
        ("model=mpl", "model: no option 'mpl'; did you mean 'mlp'?"),
        ("experiment=coctail", "experiment: no option 'coctail'; did you mean 'cocktail'?"),
        ("experiment=max_norm", "experiment: no option 'max_norm'; did you mean 'published/max_norm'?"),
        (
            "experiment=published/max_nrm",
            "experiment: no option 'published/max_nrm'; did you mean 'published/max_norm'?",
        ),
        ("model=/cnn", "model: no option '/cnn'; did you mean 'cnn'?"),  # the folder would be digits_/cnn
        ("+reg=[l2,/dropout]", "reg: no option '/dropout'; did you mean 'dropout'?"),
        (
            "experiment=published//sam",
            "experiment: no option 'published//sam'; did you mean 'published/sam'?",
        ),
        (
            "dataset.num_train=${hydra:nope}",  # which Hydra takes for null
            "dataset.num_train: ${hydra:nope} refers to nope of Hydra's, and there is no such key",
        ),
        (
            "dataset.num_train=${hydra:job.numb}",
            "dataset.num_train: ${hydra:job.numb} refers to job.numb of Hydra's, and there is no such key; "
            "did you mean 'job.num'?",
        ),
        ("evaluate={a:1}", "evaluate: must be a list, got {a:1}"),
        ("-m +reg=dropout reg.dropout.p=0,0.5 evaluate={a:1}", "evaluate: must be a list, got {a:1}"),
        ("train=[1]", "train: must be keys and values, got [1]"),
        ("-m +reg=dropout reg.dropout=[1] seed=1,2", "reg.dropout: must be keys and values, got [1]"),
        ("train.epoch=3", "train.epoch: no such key; did you mean 'train.epochs'?"),
        ("trian.epochs=3", "trian.epochs: no such key; did you mean 'train.epochs'?"),
        ("modle=mlp", "modle: no such key; did you mean 'model'?"),
        ("+reg=dropout reg.dropout.q=1", "reg.dropout.q: no such key; did you mean 'reg.dropout.p'?"),
        ("reg.dropout.p=0.3", "reg.dropout: set, but never added; add it with +reg=dropout"),
        (
            "+reg=dropout +reg=mixup",
            "reg: given twice, and only the last would count; write '+reg=[dropout,mixup]'",
        ),
        (
            "reg=dropout +reg=[mixup,l1]",
            "reg: given twice, and only the last would count; write '+reg=[dropout,mixup,l1]'",
        ),
        ("seed=0 seed=1", "seed: given twice, as seed=0 and as seed=1"),
        ("seed=0 ++seed=1", "seed: given twice, as seed=0 and as ++seed=1"),
        ("model=mlp model=cnn", "model: given twice, as model=mlp and as model=cnn"),
        ("model=3", "model: must be the name of an option, got model=3"),
        ("schedule=null", "schedule: must be the name of an option, got schedule=null"),
        ("-m seed=range(0,0)", "seed=range(0,0): must list at least one value to sweep over"),
    ],
)
def test_a_bad_command_line_is_one_sentence_that_begins_with_the_key(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        jobs(*line.split())
    assert str(caught.value) == said


def test_an_option_that_is_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(
        ConfigError, match=r"^schedule: no option 'zzz'; there are constant, cosine, cyclic, step$"
    ):
        jobs("schedule=zzz")


@pytest.mark.parametrize(
    ("line", "name", "options"),
    [
        ("+reg=[dropout,dropout]", "reg.dropout", "reg/dropout and reg/dropout"),
        ("+reg=[dropout,l2,dropout]", "reg.dropout", "reg/dropout and reg/dropout"),
        ("+reg=dropout +reg@reg.dropout=l2", "reg.dropout", "reg/l2 and reg/dropout"),
    ],
)
def test_two_options_under_one_name_are_refused(line: str, name: str, options: str) -> None:
    with pytest.raises(ConfigError) as caught:
        jobs(*line.split())
    text = str(caught.value)
    assert text.startswith(f"{name}: reached by ")
    assert sorted(text.split("reached by ")[1].split(";")[0].split(" and ")) == sorted(options.split(" and "))
    assert "'+reg@reg.first=NAME'" in text
    assert "\n" not in text


def test_two_options_put_under_one_name_by_hand_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^reg@reg\.a: given twice, as .*=dropout and as .*=l2$"):
        jobs("+reg@reg.a=dropout", "+reg@reg.a=l2")


def test_a_bad_job_of_a_sweep_is_refused_before_any_is_returned() -> None:
    with pytest.raises(ConfigError, match=r"^reg: no option 'droput'; did you mean 'dropout'"):
        jobs("-m", "+reg=dropout,droput")


@pytest.mark.parametrize("words", [["-m", "seed=1,2"], ["-m", "+reg=[],dropout"], []])
def test_a_value_of_a_member_that_a_job_lacks_is_refused_even_where_it_is_forced(words: list[str]) -> None:
    with pytest.raises(
        ConfigError, match=r"^reg\.dropout\.p: set, but reg\.dropout was never added; add it with \+reg="
    ):
        jobs(*words, "++reg.dropout.p=0.3")


def test_a_config_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--config-dir: must be a folder, got "):
        jobs("--config-dir", str(tmp_path / "none"))


# --- good ones


def test_the_baseline_is_the_empty_stack() -> None:
    (job,) = jobs()
    assert job.config["reg"] == {}
    assert "hydra" not in job.config
    assert job.config["train"]["lr"] == job.config["optimizer"]["lr"]
    assert job.folder.parts[:3] == ("outputs", "runs", "digits_mlp")
    assert job.folder.name.startswith("baseline_seed0_")


@pytest.mark.parametrize("word", ["reg=[mixup,dropout,l1]", "+reg=[mixup,dropout,l1]"])
def test_members_stand_in_the_order_in_which_they_are_listed(word: str) -> None:
    assert stack(word) == ["mixup", "dropout", "l1"]


def test_one_option_may_stand_twice_under_two_names() -> None:
    (job,) = jobs("+reg@reg.wide=dropout", "+reg@reg.narrow=dropout", "reg.wide.p=0.1")
    assert list(job.config["reg"]) == ["wide", "narrow"]
    assert [node["p"] for node in job.config["reg"].values()] == [0.1, 0.5]
    assert len({node["_target_"] for node in job.config["reg"].values()}) == 1
    assert job.folder.name.startswith("wide+narrow_seed0_")


def test_a_stack_may_stand_within_the_stack() -> None:
    (job,) = jobs("+reg@reg.inner.dropout=dropout")
    assert list(job.config["reg"]) == ["inner"]
    assert list(job.config["reg"]["inner"]) == ["dropout"]
    assert job.config["reg"]["inner"]["dropout"]["p"] == 0.5


def test_a_member_added_to_an_experiment_stands_after_its_own() -> None:
    (job,) = jobs("experiment=cocktail", "+reg=l1")
    assert list(job.config["reg"]) == ["l2", "dropout", "label_smoothing", "mixup", "l1"]
    assert job.config["model"]["_target_"] == "regbench.models.cnn.CNN"
    assert job.config["reg"]["dropout"]["p"] == 0.3
    assert job.config["train"]["epochs"] == 10


def test_values_of_the_command_line_stand_before_those_of_an_experiment() -> None:
    (job,) = jobs("experiment=cocktail", "train.epochs=3", "reg.dropout.p=0.1")
    assert (job.config["train"]["epochs"], job.config["reg"]["dropout"]["p"]) == (3, 0.1)


def test_the_learning_rate_follows_the_optimizer_unless_it_is_set() -> None:
    rates = [jobs(*line.split())[0].config["train"]["lr"] for line in ("optimizer=adam", "train.lr=0.5")]
    assert rates == [0.001, 0.5]


@pytest.mark.parametrize("model", sorted(path.stem for path in (config_dir() / "model").glob("*.yaml")))
def test_a_model_s_own_rate_is_that_of_sgd_and_adam_keeps_its_own(model: str) -> None:
    own = ["model._target_=x.Y"] if model == "own" else []
    (by_sgd,), (by_adam,) = jobs(f"model={model}", *own), jobs(f"model={model}", "optimizer=adam", *own)
    assert by_adam.config["train"]["lr"] == 0.001
    assert by_sgd.config["train"]["lr"] == by_sgd.config["model"].get("lr", by_sgd.config["optimizer"]["lr"])


def test_a_model_s_rate_that_was_typed_holds_with_any_optimizer() -> None:
    (job,) = jobs("model=mlp", "model.lr=0.007", "optimizer=adamw")
    assert job.config["train"]["lr"] == 0.007


def test_options_may_come_from_a_folder_of_one_s_own(tmp_path: Path) -> None:
    (tmp_path / "reg").mkdir()
    (tmp_path / "reg" / "mine.yaml").write_text("# @package reg.mine\n_target_: mine.Mine\nstrength: 2\n")
    (job,) = jobs("--config-dir", str(tmp_path), "+reg=[mine,dropout]")
    assert list(job.config["reg"]) == ["mine", "dropout"]
    assert job.config["reg"]["mine"] == {"_target_": "mine.Mine", "strength": 2}


# --- sweeps


def test_a_sweep_runs_stacks_by_seeds_in_the_order_of_the_command_line() -> None:
    found = jobs("-m", "+reg=[],dropout,[dropout,mixup]", "seed=0,1,2")
    stacks: list[list[str]] = [[], ["dropout"], ["dropout", "mixup"]]
    expected = [(members, seed) for members in stacks for seed in (0, 1, 2)]
    assert [(list(job.config["reg"]), job.config["seed"]) for job in found] == expected
    assert {job.config["threads"] for job in found} == {None}, "what it is alone, it is here"
    assert jobs("-m", "seed=0,1", "threads=2")[0].config["threads"] == 2


@pytest.mark.parametrize(
    ("typed", "name"), [("5", "5"), ("0", "0"), ("1.5", "1.5"), ("2026-11-27", "2026-11-27")]
)
def test_the_name_of_a_sweep_may_look_like_a_number(typed: str, name: str) -> None:
    words = ["-m", f"sweep={typed}", "seed=0,1"]
    assert [job.config["sweep"] for job in jobs(*words)] == [name, name]
    assert place_of(read_line(words), jobs(*words)).root == Path("outputs/sweeps") / name


@pytest.mark.parametrize(("typed", "folder"), [("7", "7"), ("1.5", "1.5"), ("./7", "7"), ("null", None)])
def test_the_folder_of_a_run_may_look_like_a_number(typed: str, folder: str | None) -> None:
    (job,) = jobs("+reg=distillation", f"reg.distillation.teacher={typed}", "reg.distillation.temperature=1")
    expected = None if folder is None else str(Path.cwd() / folder)
    assert job.config["reg"]["distillation"]["teacher"] == expected
    assert job.config["reg"]["distillation"]["temperature"] == 1


@pytest.mark.parametrize("split", ["{1:1}", "[1]", "x", "null", "0", "${seed}"])
def test_only_splits_that_are_numbers_may_follow_the_seed(split: str) -> None:
    found = jobs("-m", "seed=0,1", f"dataset.split_seed={split}")
    assert is_over_splits(found) == (split == "${seed}")


def test_a_job_of_a_sweep_is_composed_as_it_would_be_alone() -> None:
    """Jobs that choose the same options share the composition of these; Hydra's own way is the oracle."""
    words = ["+reg=[dropout,l2]", "model=cnn", "reg.dropout.p=0.25", "optimizer=adam", "model.width=4"]
    for seed, job in zip((3, 4), jobs("-m", *words, "seed=3,4"), strict=True):
        (alone,) = jobs(*words, f"seed={seed}")
        assert job.config == alone.config
        assert list(job.config["reg"]) == list(alone.config["reg"])
        assert job.choices == alone.choices


def test_a_curve_of_strengths_is_a_sweep_over_a_field() -> None:
    found = jobs("-m", "+reg=dropout", "reg.dropout.p=0,0.2,0.5")
    assert [job.config["reg"]["dropout"]["p"] for job in found] == [0, 0.2, 0.5]


# --- what is left behind


@pytest.mark.parametrize("words", [[], ["+reg=droput"]])
def test_leaves_nothing_of_hydra_s_set_up(words: list[str]) -> None:
    if words:
        with pytest.raises(ConfigError):
            jobs(*words)
    else:
        jobs()
    assert not GlobalHydra.instance().is_initialized()
    assert HydraConfig.instance().cfg is None


def test_a_rate_of_the_optimizer_that_is_passed_over_is_refused() -> None:
    said = r"^optimizer\.lr: would be passed over, .* train\.lr=0\.03; type train\.lr=0\.5$"
    with pytest.raises(ConfigError, match=said):
        jobs("optimizer.lr=0.5")
    (adam,) = jobs("optimizer=adam", "optimizer.lr=0.5")
    assert adam.config["train"]["lr"] == 0.5
