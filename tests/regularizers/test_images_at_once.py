"""Members of images do not look at what they draw: nothing waits for it, and several runs go at once."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.regularizers.color_jitter import ColorJitter
from regbench.regularizers.cutmix import CutMix
from regbench.regularizers.cutout import Cutout
from regbench.regularizers.flip_crop import FlipCrop
from regbench.regularizers.fmix import FMix
from regbench.regularizers.grid_mask import GridMask
from regbench.regularizers.hide_and_seek import HideAndSeek
from regbench.regularizers.input_noise import InputNoise
from regbench.regularizers.rand_augment import RandAugment
from regbench.regularizers.random_erasing import RandomErasing
from regbench.regularizers.rotation import Rotation
from regbench.regularizers.saliency_mix import SaliencyMix
from regbench.regularizers.translation import Translation
from regbench.regularizers.trivial_augment import TrivialAugment
from regbench.streams import Clock, Stream
from regbench.types import Batch
from tests.dispatched import Dispatched

RUNS, ROWS = 3, 28
MEMBERS: list[Regularizer] = [
    RandAugment(num_ops=2, magnitude=20),
    TrivialAugment(p=0.8),
    ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
    Rotation(degrees=40.0),
    Translation(fraction=0.3),
    FlipCrop(p=0.8, flip=0.5, padding=2, fill="zero"),
    FlipCrop(p=0.8, flip=0.5, padding=2, fill="reflect"),
    Cutout(p=0.8, size=None),
    RandomErasing(p=0.8, min_area=0.02, max_area=0.33, min_aspect=0.3, max_aspect=3.3, fill="random"),
    CutMix(alpha=1.0, p=0.8, per="example"),
    CutMix(alpha=1.0, p=0.8, per="batch"),
    FMix(alpha=1.0, decay=3.0, p=0.8, per="example"),
    FMix(alpha=1.0, decay=3.0, p=0.8, per="batch"),
    GridMask(p=0.8, ratio=0.6, min_size=0.4, max_size=1.0, degrees=360.0, ramp=0.0),
    HideAndSeek(p=0.5, sizes=None),
    InputNoise(sigma=0.3),
    SaliencyMix(alpha=1.0, p=0.8),
]


class Kept:
    """A stream that keeps its draws, or gives those that it was given."""

    def __init__(self, draws: Any) -> None:
        self._draws = draws
        self.kept: list[Tensor] = []

    def __getattr__(self, name: str) -> Any:
        def draw(*args: Any) -> Tensor:
            drawn = (
                next(self._draws)
                if not isinstance(self._draws, Stream)
                else getattr(self._draws, name)(*args)
            )
            self.kept.append(drawn)
            return drawn

        return draw


def shown(member: Regularizer, draws: Any, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    member.stream = draws
    batch = member.transform_batch(Batch(inputs, targets))
    return batch.inputs, batch.targets


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: type(member).__name__)
@pytest.mark.parametrize("channels", [1, 3])
def test_several_runs_at_once_show_what_each_shows_alone(member: Regularizer, channels: int) -> None:
    torch.manual_seed(0)
    inputs = torch.rand(RUNS, ROWS, channels, 20, 16)
    targets = torch.eye(ROWS).expand(RUNS, -1, -1)
    alone, draws = [], []
    for run in range(RUNS):
        stream = Kept(Stream(run, "member", Clock()))
        alone.append(shown(member, stream, inputs[run], targets[run]))
        draws.append(stream.kept)
    stacked = [torch.stack(each) for each in zip(*draws, strict=True)]

    def one(inputs: Tensor, targets: Tensor, draws: list[Tensor]) -> tuple[Tensor, Tensor]:
        return shown(member, Kept(iter(draws)), inputs, targets)

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of operations that would be done run by run
        together = torch.func.vmap(one)(inputs, targets, stacked)
    for found, wanted in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(found, torch.stack(wanted), rtol=0, atol=1e-6)
    assert not torch.equal(together[0], inputs)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: type(member).__name__)
def test_nothing_waits_for_what_was_drawn(member: Regularizer) -> None:
    inputs, targets = torch.rand(ROWS, 3, 20, 16), torch.eye(ROWS)
    stream = Kept(Stream(0, "member", Clock()))
    shown(member, stream, inputs, targets)
    with Dispatched() as seen:
        shown(member, Kept(iter(stream.kept)), inputs, targets)
    assert seen.changes > 0
    assert seen.waits == 0
