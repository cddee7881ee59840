"""FMix: areas by counting, masks by numpy's Fourier transform."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.regularizers.fmix import FMix
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(step: int = 0, **fields: Any) -> FMix:
    member = FMix(**({"alpha": 1.0, "decay": 3.0, "p": 1.0, "per": "example"} | fields))
    member.stream = Stream(0, "fmix", Clock(step=step))
    return member


def distinct(rows: int, height: int = 8, width: int = 8) -> Batch:
    """Images whose every pixel says which row it is from, and targets that do."""
    number = torch.arange(float(rows)).view(-1, 1, 1, 1)
    return Batch(number.expand(rows, 2, height, width).clone(), torch.eye(rows))


def origins(inputs: Tensor) -> Tensor:
    """The share of pixels that each row (of `distinct`) shows of each: (B, B)."""
    return F.one_hot(inputs[:, 0].long().flatten(1), len(inputs)).double().mean(1)


@pytest.mark.parametrize("per", ["batch", "example"])
def test_targets_are_the_share_of_pixels_shown_of_each_image(per: str) -> None:
    mixed = make(alpha=9.0, per=per).transform_batch(distinct(32, 12, 10))
    torch.testing.assert_close(mixed.targets.double(), origins(mixed.inputs))
    assert (mixed.targets.diagonal() < 1).sum() > 10
    assert torch.equal(mixed.inputs[:, 0], mixed.inputs[:, 1])


@pytest.mark.parametrize("per", ["batch", "example"])
def test_partners_are_a_permutation_of_the_batch(per: str) -> None:
    shares = torch.stack(
        [origins(make(alpha=9.0, per=per, step=s).transform_batch(distinct(12)).inputs) for s in range(9)]
    )
    others = shares - torch.diag_embed(shares.diagonal(dim1=1, dim2=2))
    assert ((others > 0).sum(2) <= 1).all()  # one partner at most
    assert ((others > 0).sum(1) <= 1).all()  # and each of only one
    assert len({tuple(o.argmax(1).tolist()) for o in others}) > 5


def test_pixels_are_pasted_from_the_same_place() -> None:
    torch.manual_seed(0)
    batch = Batch(torch.rand(16, 3, 7, 9), torch.eye(16))
    mixed = make().transform_batch(batch)
    for row, (image, target) in enumerate(zip(mixed.inputs, mixed.targets, strict=True)):
        other = batch.inputs[int(torch.where(torch.arange(16) == row, 0, target).argmax())]
        taken = (image != batch.inputs[row]).any(0)
        assert torch.equal(image, torch.where(taken, other, batch.inputs[row]))


class Given(Stream):
    """A stream that draws the same share and the same coefficients for every image."""

    def __init__(self, share: float, parts: Tensor) -> None:
        super().__init__(0, "fmix", Clock())
        self._share, self._parts = share, parts

    def betas(self, a: float, b: float, count: int, device: Any = "cpu") -> Tensor:
        return torch.full((count,), self._share)

    def normal(self, shape: Any, device: Any = "cpu") -> Tensor:
        return self._parts.view(2, 1, *self._parts.shape[1:]).expand(tuple(shape))


@pytest.mark.parametrize(("height", "width"), [(8, 6), (7, 9), (6, 5)])
@pytest.mark.parametrize("decay", [0.0, 3.0])
def test_a_mask_is_the_highest_pixels_of_the_image_of_the_papers_spectrum(
    height: int, width: int, decay: float
) -> None:
    draws = np.random.default_rng(1)
    parts = draws.normal(size=(2, height, width // 2 + 1))
    # the paper's image, written with numpy and in double precision
    fy, fx = np.fft.fftfreq(height)[:, None], np.abs(np.fft.fftfreq(width)[: width // 2 + 1])
    scale = 1 / np.maximum(np.sqrt(fx * fx + fy * fy), 1 / max(height, width)) ** decay
    image = np.fft.irfftn((parts[0] + 1j * parts[1]) * scale, (height, width), (0, 1))
    kept = round(0.3 * height * width)
    threshold = np.sort(image.ravel())[-kept]
    member = make(decay=decay)
    member.stream = Given(0.3, torch.from_numpy(parts).float())
    pasted = member._pasted(torch.zeros(1, 1, height, width))
    assert np.array_equal(pasted[0, 0].numpy(), image < threshold)


def test_regions_are_large_at_the_papers_decay_and_grains_without() -> None:
    """Of neighbouring pixels few come from two images, or half of them: share 0.5, 1000 masks."""
    edges = {}
    for decay in (0.0, 3.0):
        pasted = make(decay=decay, alpha=1e6)._pasted(torch.zeros(1000, 1, 16, 16))[:, 0]
        edges[decay] = (pasted[:, 1:] != pasted[:, :-1]).double().mean().item()
    assert edges[0.0] == pytest.approx(0.5 * 256 / 255, abs=0.01)
    assert edges[3.0] < 0.12


def test_shares_are_uniform_at_alpha_one() -> None:
    kept = make().transform_batch(Batch(torch.zeros(4000, 1, 8, 8), torch.eye(4000))).targets.diagonal()
    assert kept.mean().item() == pytest.approx(0.5, abs=5 * (1 / 12 / 4000) ** 0.5)
    assert (kept < 0.25).double().mean().item() == pytest.approx(0.25, abs=0.04)


def test_one_mask_for_the_batch_or_one_for_each_example() -> None:
    same = make(per="batch", alpha=9.0).transform_batch(distinct(32)).inputs[:, 0]
    pasted = same != torch.arange(32.0).view(-1, 1, 1)
    moved = pasted.flatten(1).any(1)
    assert (pasted[moved] == pasted[moved][0]).all()
    own = make(alpha=9.0).transform_batch(distinct(32)).targets.diagonal()
    assert own[own < 1].unique().numel() > 8


def test_share_p_of_the_examples_is_mixed() -> None:
    before = torch.rand(1000, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    after = make(alpha=1e6, p=0.3).transform_batch(Batch(before, torch.ones(1000, 1))).inputs
    changed = (after != before).flatten(1).any(1).sum().item()
    assert abs(changed - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5


def test_share_p_of_the_batches_is_mixed() -> None:
    changed = 0
    for step in range(100):
        mixed = make(step, alpha=1e6, p=0.3, per="batch").transform_batch(distinct(6)).targets
        changed += not torch.equal(mixed, torch.eye(6))
    assert abs(changed - 30) < 5 * (100 * 0.3 * 0.7) ** 0.5


def test_given_batch_stays_as_it_is() -> None:
    batch = distinct(8)
    make().transform_batch(batch)
    assert torch.equal(batch.inputs, distinct(8).inputs)
    assert torch.equal(batch.targets, torch.eye(8))


def test_same_step_mixes_the_same_way_and_another_step_another_way() -> None:
    first = make(step=3).transform_batch(distinct(16)).inputs
    assert torch.equal(make(step=3).transform_batch(distinct(16)).inputs, first)
    assert not torch.equal(make(step=4).transform_batch(distinct(16)).inputs, first)


def test_keeps_the_type_of_the_images() -> None:
    batch = Batch(torch.ones(2, 1, 4, 4, dtype=torch.bfloat16), torch.eye(2))
    assert make().transform_batch(batch).inputs.dtype == torch.bfloat16


@pytest.mark.parametrize("fields", [{"alpha": 0.0}, {"p": 0.0}])
def test_returns_the_batch_itself_where_it_is_off(fields: dict[str, float]) -> None:
    batch = Batch(torch.zeros(2, 1, 3, 3), torch.eye(2))
    assert make(**fields).transform_batch(batch) is batch
    assert make(**fields).inert().startswith("off")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alpha": -0.1}, "alpha must be at least 0, got -0.1"),
        ({"decay": -1.0}, "decay must be at least 0, got -1.0"),
        ({"p": 1.5}, r"p must lie in \[0, 1\], got 1.5"),
    ],
)
def test_refuses_what_is_out_of_range(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        make(**fields)


def test_refuses_what_is_no_image() -> None:
    with pytest.raises(ValueError, match=r"^inputs must be images"):
        make().check_data(Split(torch.zeros(2, 7), torch.tensor([0, 1]), 2))
