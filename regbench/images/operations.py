"""Operations on images, of which each example of a batch is done one: its own, of its own strength.

All of a batch is worked on by each of four steps (a warp, saturation, sharpness, a table of values), in which
an image that the step does not mean is at rest and keeps its bits: the draws decide nothing but numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.images.colors import saturation
from regbench.images.geometry import placement, warp
from regbench.images.tables import Changes, changed, fixed_table

# each operation's strength at rest, where it changes nothing
SIGNED: Mapping[str, float] = dict.fromkeys(  # strengths of both signs
    [
        *("shear_x", "shear_y", "translate_x", "translate_y", "rotate"),
        *("brightness", "saturation", "contrast", "sharpness"),
    ],
    0.0,
)
REST: Mapping[str, float] = {
    "identity": 0.0,
    **SIGNED,
    "posterize": 8.0,
    "solarize": 2.0,
    "autocontrast": 0.0,
    "equalize": 0.0,
}
OPS = tuple(REST)
FACTORS = ("brightness", "saturation", "contrast", "sharpness")
BY_WARP = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
BY_TABLE = ("brightness", "contrast", "posterize", "solarize", "autocontrast", "equalize")


class Strengths:
    """How strong each operation of OPS is at a level in [0, 1].

    The strength is widest * level with a random sign for an operation of SIGNED; posterize keeps
    8 - dropped_bits * level bits, solarize inverts from 1 - level on, and the others have no strength.

    Args:
        widest: strength of each operation of SIGNED at level 1; translations in pixels, rotate in degrees.
        dropped_bits: bits that posterize drops at level 1.
        device: where the draws are.
    """

    def __init__(
        self, widest: Mapping[str, float], dropped_bits: int, device: torch.device | str = "cpu"
    ) -> None:
        start, slope = {"posterize": 8.0, "solarize": 1.0}, {"posterize": -dropped_bits, "solarize": -1.0}
        slope = dict(widest) | slope
        self._start = torch.tensor([start.get(name, 0.0) for name in OPS], dtype=torch.float64, device=device)
        # two for each operation: as it is, and where the sign is negative
        signs = [(1, -1 if name in SIGNED else 1) for name in OPS]
        slopes = [
            [slope.get(name, 0.0) * sign for sign in both] for name, both in zip(OPS, signs, strict=True)
        ]
        self._slopes = torch.tensor(slopes, dtype=torch.float64, device=device)

    def strengths(self, chosen: Tensor, levels: Tensor, negative: Tensor) -> Tensor:
        """The strength of each example's operation, (B,) float64.

        Args:
            chosen: (B,) indices into OPS.
            levels: (B,) in [0, 1].
            negative: (B,) 0, or 1 for a negative sign.
        """
        return self._start[chosen] + self._slopes[chosen, negative] * levels


@dataclass(frozen=True)
class Acts:
    """What is done to each of B images, in the terms of the four steps.

    Attributes:
        places: (B, 2, W + H), see `regbench.images.geometry.placement`.
        fixed: (B, 256), see `regbench.images.tables.Changes`.
        numbers: (B, 6): factors of saturation, sharpness and contrast; 1 or 0 for autocontrast, for equalize,
            and for any operation by a table.
    """

    places: Tensor
    fixed: Tensor
    numbers: Tensor

    def __getitem__(self, rows: Tensor) -> Acts:
        each = (self.places, self.fixed, self.numbers)
        return Acts(*(known.index_select(0, rows) for known in each))


def acts_of(images: Tensor, chosen: Tensor, strengths: Tensor) -> Acts:
    """The acts of operations on images of a size and a type.

    Args:
        images: (.., H, W), any of them.
        chosen: (B,) indices into OPS.
        strengths: (B,), float64 where factors are to be as Pillow rounds them: slopes, pixels and degrees;
            for brightness, saturation, contrast and sharpness the factor minus 1; bits, and the threshold in
            [0, 1]; else not used.
    """
    by, is_done = _by_operation(images, chosen, strengths)
    numbers = [by[name] for name in ("saturation", "sharpness", "contrast")]
    flags = [is_done["autocontrast"], is_done["equalize"]]
    flags.append(torch.stack([is_done[name] for name in BY_TABLE]).any(0))
    return Acts(
        _placed(images, by),
        _fixed(by),
        torch.stack([*numbers, *(flag.to(images.dtype) for flag in flags)], 1),
    )


def _by_operation(
    images: Tensor, chosen: Tensor, strengths: Tensor, names: Iterable[str] = OPS
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Of operations the strength for each example, at rest where another is chosen; and where it is.

    What is told as a factor minus 1 is a factor here.
    """
    is_done = {name: chosen == OPS.index(name) for name in names}
    by = {name: torch.where(done, strengths, REST[name]) for name, done in is_done.items()}
    by = {name: 1 + each if name in FACTORS else each for name, each in by.items()}
    return {name: each.to(images.dtype) for name, each in by.items()}, is_done


def _placed(images: Tensor, by: Mapping[str, Tensor]) -> Tensor:
    return placement(images.shape[-2:], *(by[name] for name in BY_WARP))


def _fixed(by: Mapping[str, Tensor]) -> Tensor:
    return fixed_table(by["posterize"], by["solarize"], by["brightness"])


def every_act(space: Strengths, levels: Tensor, images: Tensor) -> Acts:
    """The acts of every operation at each of L levels with either sign, (len(OPS) * L * 2).

    That of an operation, a level and a sign, all indices, is at `place_of` them.

    Args:
        space: how strong the operations are.
        levels: (L,) in [0, 1], float64, on the device of the images.
        images: (.., H, W), any of them, for their size and type.
    """
    counts = (len(OPS), len(levels), 2)
    chosen, level, negative = (
        torch.arange(count, device=levels.device).view(shape).expand(counts).flatten()
        for count, shape in zip(counts, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True)
    )
    return acts_of(images, chosen, space.strengths(chosen, levels[level], negative))


def place_of(chosen: Tensor, level: Tensor | int, negative: Tensor, levels: int = 1) -> Tensor:
    """Where `every_act` has an operation at one of so many levels with a sign; all of one shape."""
    return (chosen * levels + level) * 2 + negative


def apply_each(images: Tensor, acts: Acts) -> Tensor:
    """Do to each example what is to be done to it.

    The same as torchvision's functional of the operation's name does to it alone: bilinear between pixels and
    black outside; saturation and sharpness as on floats. Operations by a table round to 256 values first, and
    do and cut off what Pillow does; others round nothing.

    Args:
        images: (B, C, H, W) in [0, 1].
        acts: of the B examples.
    """
    saturate, sharpen, contrast, stretch, equalize, by_table = acts.numbers.unbind(1)
    moved = warp(images, acts.places)
    moved = saturation(moved, saturate) if images.shape[1] == 3 else moved
    moved = sharpness(moved, sharpen)
    toned = changed(moved, Changes(acts.fixed, contrast, stretch, equalize))
    return moved.lerp(toned, by_table[:, None, None, None])  # exact at 0 and 1, and quicker than where


def apply_chosen(images: Tensor, chosen: Tensor, strengths: Tensor) -> Tensor:
    """What `apply_each` does of `acts_of` operations, to the bit.

    On a CPU each step has only the images that it means to work on, which is quicker where they are many. To
    know which they are would be to wait for any other device.
    """
    if images.device.type != "cpu":
        return apply_each(images, acts_of(images, chosen, strengths))
    done = images.clone()
    meant = STEP_OF[chosen]
    for index, (names, step) in enumerate(STEPS.items()):
        rows = (meant == index).nonzero().flatten()
        if len(rows):
            by, is_done = _by_operation(images, chosen[rows], strengths[rows], names)
            done.index_copy_(0, rows, step(images.index_select(0, rows), by, is_done))
    return done


def _warped(images: Tensor, by: Mapping[str, Tensor], _: Mapping[str, Tensor]) -> Tensor:
    return warp(images, _placed(images, by))


def _saturated(images: Tensor, by: Mapping[str, Tensor], _: Mapping[str, Tensor]) -> Tensor:
    return saturation(images, by["saturation"])


def _sharpened(images: Tensor, by: Mapping[str, Tensor], _: Mapping[str, Tensor]) -> Tensor:
    return sharpness(images, by["sharpness"])


def _toned(images: Tensor, by: Mapping[str, Tensor], is_done: Mapping[str, Tensor]) -> Tensor:
    stretch = is_done["autocontrast"].to(images.dtype)
    return changed(images, Changes(_fixed(by), by["contrast"], stretch))


def _equalized(images: Tensor, _: Mapping[str, Tensor], is_done: Mapping[str, Tensor]) -> Tensor:
    equalize = is_done["equalize"].to(images.dtype)
    values = torch.arange(256, dtype=images.dtype, device=images.device).expand(len(images), -1)
    return changed(images, Changes(values, equalize=equalize))


STEPS: Mapping[tuple[str, ...], Callable[..., Tensor]] = {
    BY_WARP: _warped,
    ("saturation",): _saturated,
    ("sharpness",): _sharpened,
    ("brightness", "contrast", "posterize", "solarize", "autocontrast"): _toned,
    ("equalize",): _equalized,  # counts pixels, which is not to be done for others
}
_STEPS = {name: index for index, names in enumerate(STEPS) for name in names}
STEP_OF = torch.tensor([_STEPS.get(name, -1) for name in OPS])  # which step is whose; the identity's is none


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Move every pixel within the border away from the mean around it, which weighs it five times.

    With s the sum of the nine pixels around x the mean is (s + 4 x) / 13, and x becomes
    x + (1 - factor) * (s - 9 x) / 13.
    """
    height, width = images.shape[2:]
    if min(height, width) < 3:
        return images.clone()
    columns = (images[:, :, :-2] + images[:, :, 1:-1]).add_(images[:, :, 2:])  # in place: memory costs more
    apart = (columns[..., :-2] + columns[..., 1:-1]).add_(columns[..., 2:])
    apart = F.pad(apart.sub_(images[:, :, 1:-1, 1:-1], alpha=9), (1, 1, 1, 1))
    return torch.addcmul(images, (1 - factor)[:, None, None, None], apart, value=1 / 13).clamp(0, 1)
