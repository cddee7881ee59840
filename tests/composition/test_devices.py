"""The GPUs of a sweep, as they are typed."""

from __future__ import annotations

from typing import Any

import pytest

from regbench.commands.train import main
from regbench.composition.compose import compose_jobs, read_line
from regbench.composition.devices import as_list, read_devices, require_per_device
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.records.identity import conditions, identity
from tests.conftest import compose


@pytest.mark.parametrize(
    ("value", "means"), [(None, None), ("all", None), ("cpu", ()), (2, (2,)), ([1, 0], (1, 0))]
)
def test_what_is_meant(value: Any, means: tuple[int, ...] | None) -> None:
    assert read_devices(value) == means


@pytest.mark.parametrize(
    "value", ["gpu", "", -1, 1.5, True, [], [0, 0], [0, -1], ["0"], [[0]], {"a": 1}, [None]]
)
def test_what_is_none(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^devices: must be all, cpu, null or different numbers of GPUs"):
        read_devices(value)


@pytest.mark.parametrize("value", [0, -1, 257])
def test_so_many_jobs_cannot_share_a_device(value: int) -> None:
    with pytest.raises(ConfigError, match=rf"^per_device: must lie in \[1, 256\], got {value}$"):
        require_per_device(value)


def test_numbers_between_commas_are_one_list() -> None:
    assert as_list("devices=0,1") == "devices=[0,1]"
    for word in ("devices=0", "devices=all,cpu", "seed=0,1", "devices=[0,1]", "model.devices=0,1"):
        assert as_list(word) == word
    jobs = compose_jobs(read_line(["-m", "devices=0,1", "seed=0,1"]))
    assert [(job.config["seed"], job.config["devices"]) for job in jobs] == [(0, [0, 1]), (1, [0, 1])]


def test_they_are_part_neither_of_the_identity_nor_of_the_conditions() -> None:
    plain, placed = compose(), compose("devices=[1]", "per_device=2")
    assert (placed["devices"], placed["per_device"]) == ([1], 2)
    assert identity(placed) == identity(plain)
    assert conditions(placed) == conditions(plain)


def test_a_configuration_of_an_older_run_has_none() -> None:
    older = {name: value for name, value in compose().items() if name not in ("devices", "per_device")}
    settings, _ = read_settings(older)
    assert (settings.devices, settings.per_device) == (None, 1)
    assert identity(older) == identity(compose())


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("devices=gpu", "devices: must be"),
        ("per_device=0", "per_device: must lie"),
        ("per_device=x", "per_device: "),
    ],
)
def test_a_wrong_one_is_answered_with_its_key(word: str, says: str) -> None:
    with pytest.raises(ConfigError, match=f"^{says}"):
        read_settings(compose(word))


@pytest.mark.parametrize("word", ["devices=0", "per_device=2"])
def test_a_single_run_has_no_use_for_them(word: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^\w+: is for a sweep, and needs -m; a single run has device=cuda:1$"
    ):
        main([word])
