"""An image file, or an image as Pillow has it, to 8 bits a channel.

Pillow is imported where it is used: sources without images need not wait for it.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

# Formats are told by their first bytes, never by the suffix. Others that Pillow knows are no photographs, or
# start another program (EPS).
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
LARGEST_FILE = 2**31  # bytes; whatever lies behind an image is read too, for a digest of the data
WHITE = (255, 255, 255)
DEEPEST = 65535  # white of 16 bits; 65535 = 257 * 255

Color = tuple[int, int, int]

# What Pillow raises on files that are damaged, by its own word and by trying.
DAMAGE = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Decoded:
    """An image, and what had to be decided to read it.

    Attributes:
        pixels: (channels, size, size) uint8.
        transparent: whether a pixel of it lets the background through.
        brightest: the largest grey of an image with more than 8 bits, 0 to 65535; None for 8 bits.
        animated: whether it has more pages or frames than the first, which is read.
    """

    pixels: np.ndarray
    transparent: bool
    brightest: int | None
    animated: bool


def decode(file: Path, size: int, channels: int, background: Color = WHITE) -> Decoded:
    """Read a file, turn it as its EXIF tag says, scale its shorter side to size, and cut out the centre.

    Raises:
        ValueError: it is damaged, or no image; the message is what to say after the file's name.
    """
    from PIL import Image, ImageOps

    length = file.stat().st_size
    if length == 0:
        raise ValueError("is empty")
    if length > LARGEST_FILE:
        raise ValueError(f"must have at most {LARGEST_FILE:,} bytes, got {length:,}")
    try:
        # Pillow warns of large photographs, and of what is odd though it can be read
        with warnings.catch_warnings(action="ignore"), Image.open(file, formats=_formats()) as image:
            animated = image.format != "MPO" and getattr(image, "is_animated", False)
            upright = ImageOps.exif_transpose(image)
            plain, transparent, brightest = eight_bits(upright, background)
            plain = plain.convert("L" if channels == 1 else "RGB")
            fitted = ImageOps.fit(plain, (size, size), Image.Resampling.BILINEAR)
    except Image.UnidentifiedImageError as error:
        raise ValueError("is no image of a known format") from error
    except (*DAMAGE, Image.DecompressionBombError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"cannot be read: {reason}") from error
    pixels = np.asarray(fitted).reshape(size, size, channels).transpose(2, 0, 1)
    return Decoded(pixels, transparent, brightest, animated)


def eight_bits(image: Image.Image, background: Color = WHITE) -> tuple[Image.Image, bool, int | None]:
    """An image of mode L or RGB, whether it was transparent anywhere, and the brightest of 16-bit greys.

    16-bit greys are divided by 257 and rounded, so that black and white stay what they are. A transparent
    image is laid on the background: the colours under its holes are nobody's.

    Raises:
        ValueError: its pixels are floating point numbers, or whole ones outside 0 to 65535.
    """
    from PIL import Image

    if image.mode == "F":
        raise ValueError("its pixels are floating point numbers, of which none is known to be white")
    if image.mode.startswith("I"):
        return _from_sixteen(image)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        if np.asarray(over.getchannel("A")).min() < 255:
            ground = Image.new("RGBA", image.size, (*background, 255))
            return Image.alpha_composite(ground, over).convert("RGB"), True, None
        return over.convert("RGB"), False, None
    return image.convert("L" if image.mode in ("1", "L") else "RGB"), False, None


def _from_sixteen(image: Image.Image) -> tuple[Image.Image, bool, int]:
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > DEEPEST:
        raise ValueError(f"its pixels must lie in 0 to {DEEPEST}, got {low} to {high}")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8)), False, high


def is_image(file: Path) -> bool:
    """Whether the first bytes of a file are those of an image."""
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file, formats=_formats()):
            return True
    except (*DAMAGE, Image.DecompressionBombError):
        return False


def color_of(value: str | Sequence[int]) -> Color:
    """A colour by its name, as hexadecimal digits (#ff8000, ff8000), or as red, green and blue in 0 to 255.

    Raises:
        ValueError: it is none.
    """
    from PIL import ImageColor

    wrong = f"background must be a colour such as white, ff8000 or [255,128,0], got {value!r}"
    if not isinstance(value, str):
        if len(value) != 3 or not all(0 <= part <= 255 for part in value):
            raise ValueError(wrong)
        return (value[0], value[1], value[2])
    digits = len(value) in (3, 6) and all(sign in "0123456789abcdefABCDEF" for sign in value)
    try:
        found = ImageColor.getrgb(f"#{value}" if digits else value)
    except ValueError as error:
        raise ValueError(wrong) from error
    if len(found) != 3:
        raise ValueError(wrong)
    return found


@cache
def _formats() -> list[str]:
    """The formats that the Pillow of this machine reads."""
    from PIL import Image

    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]
