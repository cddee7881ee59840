"""The shared settings, and what makes two configurations one."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import pytest

from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.records.identity import identity, stack_name
from tests.conftest import compose, reg_node, tiny

LINE = ("+reg=[dropout,mixup]", "model=cnn", "optimizer=adam", "schedule=step", "dataset.num_train=97")
NO_PART_OF_IT = {
    ("device",),
    ("devices",),
    ("per_device",),
    ("evaluate_test",),
    ("dataset", "root"),
    ("dataset", "memory"),
    ("sinks", "tensorboard", "_target_"),
    ("checkpoints",),
    ("sweep",),
    ("replicas",),
}


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value of a configuration that holds no other."""
    if not isinstance(node, dict | list):
        yield path
        return
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node):
        yield from leaves(inner, (*path, key))


def changed(config: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    """The configuration with another value at one place."""
    config = copy.deepcopy(config)
    inner: Any = config
    for key in path[:-1]:
        inner = inner[key]
    old = inner[path[-1]]
    if isinstance(old, bool):
        inner[path[-1]] = not old
    elif isinstance(old, int | float):
        inner[path[-1]] = old + 1
    else:
        inner[path[-1]] = f"{old}!"
    return config


# --- identity


def test_a_whole_number_and_the_same_float_are_one_value() -> None:
    config = compose(*LINE)
    assert isinstance(config["train"]["epochs"], int)
    as_float = config | {"train": config["train"] | {"epochs": float(config["train"]["epochs"])}}
    assert identity(as_float) == identity(config)
    config["reg"]["mixup"]["alpha"] = 1
    one = identity(config)
    config["reg"]["mixup"]["alpha"] = 1.0
    assert identity(config) == one


def test_true_is_not_one() -> None:
    config = compose()
    assert identity(config | {"deterministic": True}) != identity(config | {"deterministic": 1})


def test_every_value_counts_but_where_it_runs_and_what_it_leaves() -> None:
    config = compose(*LINE)
    same = {path for path in leaves(config) if identity(changed(config, path)) == identity(config)}
    assert same == NO_PART_OF_IT


def test_the_order_of_the_stack_counts() -> None:
    config = compose()
    one, other = reg_node("dropout"), reg_node("mixup")
    there = config | {"reg": {"one": one, "other": other}}
    back = config | {"reg": {"other": other, "one": one}}
    assert identity(there) != identity(back)
    nested = [config | {"reg": {"s": part["reg"]}} for part in (there, back)]
    assert identity(nested[0]) != identity(nested[1])


def test_the_order_of_fields_and_of_keys_does_not_count() -> None:
    config = compose(*LINE)
    turned = {key: config[key] for key in reversed(config)}
    turned["reg"] = {name: dict(reversed(node.items())) for name, node in config["reg"].items()}
    turned["train"] = dict(reversed(config["train"].items()))
    assert identity(turned) == identity(config)


def test_what_is_measured_counts_and_in_which_order_it_is_asked_for_does_not() -> None:
    def of(asked: Any) -> str:
        return identity(compose() | {"evaluate": asked})

    assert len({of([]), of(["calibration"]), of(["calibration", "corruption"])}) == 3
    assert of(["calibration", "corruption"]) == of(["corruption", "calibration"])
    assert of(3) != of(None), "what is no list is refused later, not here"


def test_identity_is_one_on_every_machine() -> None:
    assert len(identity(compose())) == 64
    assert identity(compose()) == identity(compose())


# --- settings


def test_reads_the_defaults_of_the_primary_file() -> None:
    settings, train = read_settings(compose())
    assert (settings.seed, settings.device, settings.precision, settings.threads) == (0, "auto", "fp32", None)
    assert settings.evaluate == ["calibration"]
    assert (train.epochs, train.batch_size, train.lr) == (20, 128, 0.03)
    assert isinstance(train.lr, float)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("seed", -1, "seed: must lie in [0, 2^32 - 1], got -1"),
        ("seed", 2**32, "seed: must lie in [0, 2^32 - 1], got 4294967296"),
        ("seed", 0.5, "seed: must be a whole number, got 0.5"),
        ("seed", None, "seed: must be a whole number, got null"),
        ("threads", 0, "threads: must be at least 1, got 0"),
        ("precision", "fp16", "precision: must be one of fp32, bf16, got 'fp16'; did you mean 'bf16'?"),
        ("deterministic", "yes", "deterministic: must be true or false, got 'yes'"),
        ("evaluate_test", 1, "evaluate_test: must be true or false, got 1"),
        ("evaluate", ["foo"], "evaluate: must be one of calibration, corruption, per_class, got 'foo'"),
        (
            "evaluate",
            ["corrupt"],
            "evaluate: must be one of calibration, corruption, per_class, got 'corrupt'; "
            "did you mean 'corruption'?",
        ),
        ("evaluate", "calibration", "evaluate: must be a list, got 'calibration'"),
        ("evaluate", None, "evaluate: must be a list, got null"),
        ("evaluate", ["corruption"] * 2, "evaluate: must name each figure once, got corruption, corruption"),
        ("sead", 1, "sead: no such key; did you mean 'seed'?"),
        ("trian", {}, "trian: no such key; did you mean 'train'?"),
        ("train", 3, "train: must be a group of settings, got 3"),
        ("optimizer", None, "optimizer: must be a group of settings, got None"),
    ],
)
def test_refuses_a_setting_that_cannot_be(key: str, value: Any, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(compose() | {key: value})
    assert str(caught.value) == complaint


@pytest.mark.parametrize("asked", [[], ["calibration"], ["corruption", "calibration"]])
def test_any_figures_or_none_may_be_asked_for(asked: list[str]) -> None:
    assert read_settings(compose() | {"evaluate": asked})[0].evaluate == asked


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_ends_of_the_range_of_seeds_are_legal(seed: int) -> None:
    assert read_settings(compose() | {"seed": seed})[0].seed == seed


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("epochs", 0, "train: epochs must be at least 1, got 0"),
        ("batch_size", 0, "train: batch_size must be at least 1, got 0"),
        ("accumulate", -2, "train: accumulate must be at least 1, got -2"),
        ("evaluate_every", 0, "train: evaluate_every must be at least 1, got 0"),
        ("evaluate_rows", 0, "train: evaluate_rows must be auto, null (all) or at least 1, got 0"),
        ("evaluate_rows", "all", "train: evaluate_rows must be auto, null (all) or at least 1, got all"),
        ("lr", -0.1, "train: lr must lie in [0, 3e+38), got -0.1"),
        ("lr", math.nan, "train: lr must be finite, got nan"),
        ("epochs", 1.5, "train: epochs must be a whole number, got 1.5"),
        ("epoch", 1, "train: no such field 'epoch'; did you mean 'epochs'?"),
    ],
)
def test_refuses_a_training_setting_that_cannot_be(key: str, value: Any, complaint: str) -> None:
    config = compose()
    with pytest.raises(ConfigError) as caught:
        read_settings(config | {"train": config["train"] | {key: value}})
    assert str(caught.value) == complaint


@pytest.mark.parametrize("key", ["seed", "train", "model", "reg"])
def test_says_which_setting_is_missing(key: str) -> None:
    config = {name: value for name, value in compose().items() if name != key}
    with pytest.raises(ConfigError, match=rf"^{key}: must have a value, got none$"):
        read_settings(config)


# --- the stack's name


def test_a_stack_is_called_by_its_members_in_order() -> None:
    assert stack_name({"dropout": {}, "a": {}}) == "dropout+a"
    assert stack_name({}) == stack_name(None) == "baseline"


@pytest.mark.parametrize("part", ["model", "optimizer"])
@pytest.mark.parametrize("value", [-1, "abc", None, [], True, 1e39])
def test_a_rate_is_told_by_the_key_that_it_comes_from(part: str, value: Any) -> None:
    config = tiny()
    config[part] = config[part] | {"lr": value}
    config["train"] = config["train"] | {"lr": value}
    with pytest.raises(ConfigError, match=rf"^{part}: lr must "):
        read_settings(config)
