"""What models ask of their sizes, and members of inputs."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.types import Batch, Split


def require_positive(**sizes: int) -> None:
    """Refuse a size below 1.

    Raises:
        ValueError: a size is below 1; it is called by its keyword.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")


def require_image(in_shape: Sequence[int]) -> tuple[int, int, int]:
    """Channels, height and width of a per-example shape.

    Raises:
        ValueError: the shape has not three axes.
    """
    if len(in_shape) != 3:
        raise ValueError(f"in_shape must be (channels, height, width), got {tuple(in_shape)}")
    channels, height, width = in_shape
    return channels, height, width


def require_sequence(in_shape: Sequence[int], vocabulary: int | None) -> None:
    """Refuse what is neither token ids, of shape (T,), nor an image, of shape (C, H, W).

    Args:
        in_shape: per-example shape of the inputs.
        vocabulary: number of token ids, or None where the inputs are none.

    Raises:
        ValueError: it is neither.
    """
    if len(in_shape) != (3 if vocabulary is None else 1):
        want = "(channels, height, width)" if vocabulary is None else "(tokens,)"
        raise ValueError(f"in_shape must be {want}, got {tuple(in_shape)}")


def require_mixable(rows: Batch | Split, who: str) -> None:
    """Refuse inputs that are no numbers.

    Args:
        rows: their inputs.
        who: wants to mix them.

    Raises:
        ValueError: they are token ids.
    """
    if not rows.mixable:
        raise ValueError(f"{who} needs float inputs, got {rows.inputs.dtype}")
