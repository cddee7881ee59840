"""What torchrun tells the processes that it starts."""

from __future__ import annotations

import pytest
import torch

from regbench.assembly.device import cores, find_device
from regbench.assembly.launched import Rank, refuse_ranks, require_shares, this_rank
from regbench.assembly.workload import threads_of
from regbench.errors import ConfigError
from tests.conftest import compose, tiny

SECOND_OF_TWO = {
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_RESTART_COUNT": "1",
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
}


@pytest.fixture
def _a_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECOND_OF_TWO.items():
        monkeypatch.setenv(name, value)


def test_a_rank_knows_its_number_among_all_and_on_its_machine() -> None:
    assert this_rank(SECOND_OF_TWO) == Rank(number=3, count=4, local=1, local_count=2, restarts=1)


def test_a_process_by_itself_is_none() -> None:
    assert this_rank({}) is None
    assert this_rank(SECOND_OF_TWO | {"WORLD_SIZE": "1"}) is None
    others = {name: value for name, value in SECOND_OF_TWO.items() if name != "TORCHELASTIC_RUN_ID"}
    assert this_rank(others) is None, "other programs set RANK and WORLD_SIZE, too"


@pytest.mark.usefixtures("_a_rank")
def test_micro_batches_must_come_out_even() -> None:
    require_shares(tiny(accumulate=8))
    for accumulate in (1, 2, 6):
        with pytest.raises(
            ConfigError, match=rf"^train\.accumulate: must be a multiple of the 4 ranks .*, got {accumulate}$"
        ):
            require_shares(tiny(accumulate=accumulate))


def test_one_process_takes_any_number_of_them() -> None:
    require_shares(tiny(accumulate=3))
    refuse_ranks("list")


@pytest.mark.usefixtures("_a_rank")
def test_what_ranks_do_not_work_at_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^list: must be typed without torchrun, .*, got 4 ranks$"):
        refuse_ranks("list")


@pytest.mark.usefixtures("_a_rank")
def test_each_rank_of_a_machine_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("auto") == find_device("cuda") == torch.device("cuda", 1)
    assert find_device("cpu") == torch.device("cpu")
    with pytest.raises(
        ConfigError, match=r"^device: must be auto, cuda or cpu for several ranks, got cuda:0$"
    ):
        find_device("cuda:0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(
        ConfigError, match=r"^device: must be cpu for 2 ranks of one machine, .* there are 1$"
    ):
        find_device("auto")


@pytest.mark.usefixtures("_a_rank")
def test_the_ranks_of_a_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regbench.assembly.workload.SMALL", 0.0)
    assert threads_of(compose("device=cpu")) == max(1, cores() // 2)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert threads_of(compose("device=cpu")) == cores()
