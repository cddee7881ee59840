"""The group `sinks` on a command line: a list of names, keys below each, and what is said of wrong words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from regbench.composition.compose import compose_jobs, read_line
from regbench.composition.settings import read_settings
from regbench.composition.shape import shape
from regbench.errors import ConfigError
from regbench.records.identity import conditions, identity


def sinks(*words: str) -> list[dict[str, Any]]:
    """Of each job of a line."""
    jobs = compose_jobs(read_line(words))
    for job in jobs:
        read_settings(job.config)
    return [job.config["sinks"] for job in jobs]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["tensorboard"]),
        (("sinks=[]",), []),
        (("sinks=wandb",), ["wandb"]),
        (("+sinks=wandb",), ["tensorboard", "wandb"]),
        (("sinks=[wandb,tensorboard]",), ["wandb", "tensorboard"]),
        (("~sinks.tensorboard",), []),
        (("+sinks.mine._target_=mine.Csv", "+sinks.mine.every=2"), ["tensorboard", "mine"]),
        (("+sinks@sinks.second=wandb", "sinks.second.project=x"), ["tensorboard", "second"]),
    ],
)
def test_what_is_named_is_there_in_its_order(words: tuple[str, ...], names: list[str]) -> None:
    (found,) = sinks(*words)
    assert [*found] == names


def test_a_key_of_one_stands_below_its_name() -> None:
    (found,) = sinks("sinks=[wandb]", "sinks.wandb.project=mine", "sinks.wandb.mode=online")
    wandb = {"project": "mine", "entity": None, "mode": "online"}
    assert found == {"wandb": {"_target_": "regbench.sinks.wandb.WandB", **wandb}}


def test_an_option_file_of_a_persons_own_is_one_more(tmp_path: Path) -> None:
    (tmp_path / "sinks").mkdir()
    file = tmp_path / "sinks" / "mine.yaml"
    file.write_text("# @package sinks.mine\n_target_: mine.Csv\npath: curves.csv\n")
    (found,) = sinks("--config-dir", str(tmp_path), "sinks=[mine,tensorboard]")
    assert [*found] == ["mine", "tensorboard"]
    assert found["mine"] == {"_target_": "mine.Csv", "path": str(Path("curves.csv").absolute())}
    file.write_text("_target_: mine.Csv\n")
    with pytest.raises(ConfigError, match=r"must begin with the line # @package sinks.mine$"):
        sinks("--config-dir", str(tmp_path), "sinks=[mine]")
    file.write_text("# @package sinks.mine\npath: x\n")
    with pytest.raises(ConfigError, match=r"must name its class by _target_"):
        sinks("--config-dir", str(tmp_path), "sinks=[mine]")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sinks=wandbb", "sinks: no option 'wandbb'; did you mean 'wandb'?"),
        ("sinks=none", "sinks: no option 'none'; type 'sinks=[]' for none"),
        ("sinks=null", "sinks: must name options, got sinks=null; type 'sinks=[]' for none"),
        ("sinks=tensorboard,wandb", "or type 'sinks=[tensorboard,wandb]' to have them all"),
        ("sinks=[wandb,wandb]", "sinks: must name each option once, got sinks=[wandb,wandb]"),
        ("sinks=my.Sink", "type +sinks.NAME._target_=my.Sink for one of your own"),
        ("sinks.wandb.project=x", "sinks.wandb: set, but the sink was not chosen; add it with +sinks=wandb"),
        ("sinks.mine.path=x", "sinks.mine: set, but no such sink was chosen"),
        ("wandb.project=x", "did you mean 'sinks.wandb.project', with +sinks=wandb?"),
        ("sink=[]", "sink: no such key; did you mean 'sinks'?"),
        ("sinks/wandb=x", "type +sinks=wandb"),
        ("sinks@mine=wandb", "a sink's own name stands below sinks"),
        ("sinks=wandb(project=x)", "type sinks=wandb sinks.wandb.project=x"),
        ("+sinks@sinks.tensorboard=wandb", "to use one sink twice, give each a name"),
    ],
)
def test_a_wrong_word_is_answered_by_what_to_type(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        sinks(word)


def test_where_records_are_shown_is_no_part_of_what_a_run_is() -> None:
    (plain,) = compose_jobs(read_line(["+reg=dropout"]))
    (other,) = compose_jobs(read_line(["+reg=dropout", "sinks=[wandb]", "sinks.wandb.project=x"]))
    before = {name: value for name, value in plain.config.items() if name != "sinks"}
    assert identity(plain.config) == identity(other.config) == identity(before)
    assert conditions(plain.config) == conditions(other.config) == conditions(before)
    assert shape(plain.config) == shape(other.config)
    read_settings(before)  # of a run that was recorded before there was a choice
