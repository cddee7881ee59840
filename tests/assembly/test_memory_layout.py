"""Weights that lie by pixels: where, and that a state of one layout is one of the other."""

from __future__ import annotations

import copy
from itertools import islice

import pytest
import torch

from regbench.assembly import run as assembly
from regbench.assembly.memory_layout import lies_by_pixels
from regbench.assembly.run import build_run
from regbench.training.loop import Run, train_epoch
from tests.conftest import tiny

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


def built(monkeypatch: pytest.MonkeyPatch, lies: bool) -> Run:
    monkeypatch.setattr(assembly, "lies_by_pixels", lambda *_: lies)
    return build_run(tiny("resnet"))


def strides(run: Run) -> set[bool]:
    """Whether weights of convolutions of several channels and pixels lie by pixels."""
    maps = [one for one in run.model.parameters() if one.dim() == 4 and min(one.shape[1:]) > 1]
    return {one.is_contiguous(memory_format=torch.channels_last) for one in maps}


def go_on(run: Run, steps: int) -> None:
    for _ in islice(train_epoch(run, 0), steps):
        pass


def test_only_images_in_bfloat16_on_cuda() -> None:
    images, tokens = build_run(tiny()).data, build_run(tiny("text")).data
    assert lies_by_pixels(CUDA, True, images)
    assert not lies_by_pixels(CUDA, True, tokens)
    assert not lies_by_pixels(CUDA, False, images)
    assert not lies_by_pixels(CPU, True, images)
    assert strides(build_run(tiny("resnet"))) == {False}


@pytest.mark.parametrize("laid", [False, True])
def test_a_state_of_one_layout_is_taken_up_in_the_other(monkeypatch: pytest.MonkeyPatch, laid: bool) -> None:
    """A step that follows is the same to rounding; where the layout is the same, to the bit."""
    first = built(monkeypatch, laid)
    go_on(first, 2)
    state = copy.deepcopy((first.model.state_dict(), first.optimizer.state_dict()))
    for lies in (False, True):
        run = built(monkeypatch, lies)
        run.model.load_state_dict(state[0])
        run.optimizer.load_state_dict(copy.deepcopy(state[1]))
        assert strides(run) == {lies}
        for parameter, values in run.optimizer.state.items():
            assert values["momentum_buffer"].stride() == parameter.stride()
        again = built(monkeypatch, laid)
        again.model.load_state_dict(state[0])
        again.optimizer.load_state_dict(copy.deepcopy(state[1]))
        go_on(run, 2), go_on(again, 2)
        for mine, other in zip(run.model.parameters(), again.model.parameters(), strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-5)
            assert torch.equal(mine, other) or lies != laid
