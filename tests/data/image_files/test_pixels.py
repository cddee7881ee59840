import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regbench.data.image_files.pixels import Decoded, color_of, decode, is_image

HALF = 128  # of 255, opaque


def grey(file: Path) -> Decoded:
    return decode(file, 1, 1)


def test_sixteen_bit_greys_are_scaled_so_that_white_stays_white(tmp_path: Path):
    # 128 / 257 = 0.498, 129 / 257 = 0.502, 257 / 257 = 1, 32768 / 257 = 127.502, 65535 / 257 = 255
    deep = {0: 0, 128: 0, 129: 1, 257: 1, 32768: 128, 65535: 255}
    for suffix in ("png", "tif", "pgm"):
        for value, expected in deep.items():
            file = tmp_path / f"{value}.{suffix}"
            if suffix == "pgm":
                file.write_bytes(b"P5 1 1 65535 " + struct.pack(">H", value))
            else:
                Image.fromarray(np.array([[value]], dtype=np.uint16)).save(file)
            found = grey(file)
            assert (found.pixels.item(), found.brightest) == (expected, value), file.name
    assert decode(tmp_path / "32768.png", 1, 3).pixels.flatten().tolist() == [128, 128, 128]


def test_big_endian_sixteen_bits_are_read_as_they_are_meant(tmp_path: Path):
    Image.frombytes("I;16B", (1, 1), struct.pack(">H", 514)).save(tmp_path / "big.tif")
    assert grey(tmp_path / "big.tif").pixels.item() == 2


def test_whole_numbers_beyond_sixteen_bits_and_floats_are_refused(tmp_path: Path):
    for value in (65536, -1):
        Image.fromarray(np.array([[value]], dtype=np.int32)).save(tmp_path / "wide.tif")
        with pytest.raises(ValueError, match=rf"must lie in 0 to 65535, got {value} to {value}"):
            grey(tmp_path / "wide.tif")
    Image.fromarray(np.array([[0.5]], dtype=np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match=r"floating point numbers, of which none is known to be white"):
        grey(tmp_path / "float.tif")


@pytest.mark.parametrize(
    ("background", "expected"), [((255, 255, 255), 255), ((0, 0, 0), 0), ((10, 20, 30), 10)]
)
def test_a_hole_shows_the_background_and_not_the_colour_that_was_left_in_it(
    tmp_path: Path, background: tuple[int, int, int], expected: int
):
    Image.new("RGBA", (1, 1), (99, 98, 97, 0)).save(tmp_path / "hole.png")
    found = decode(tmp_path / "hole.png", 1, 3, background)
    assert (found.pixels[0].item(), found.transparent) == (expected, True)
    assert found.pixels.flatten().tolist() == list(background)


def test_half_a_colour_is_mixed_with_the_background(tmp_path: Path):
    Image.new("RGBA", (1, 1), (0, 100, 200, HALF)).save(tmp_path / "half.png")
    mixed = [(c * HALF + 255 * (255 - HALF)) / 255 for c in (0, 100, 200)]
    assert decode(tmp_path / "half.png", 1, 3).pixels.flatten() == pytest.approx(mixed, abs=1)


def test_every_kind_of_transparency_is_seen(tmp_path: Path):
    Image.new("LA", (1, 1), (40, 0)).save(tmp_path / "la.png")
    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([50, 60, 70])
    palette.save(tmp_path / "p.png", transparency=0)
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "key.png", transparency=(1, 2, 3))
    Image.new("L", (1, 1), 9).save(tmp_path / "grey.png", transparency=9)
    for name in ("la", "p", "key", "grey"):
        found = decode(tmp_path / f"{name}.png", 1, 3)
        assert (found.pixels.flatten().tolist(), found.transparent) == ([255, 255, 255], True), name


def test_an_opaque_image_with_an_alpha_channel_is_not_transparent(tmp_path: Path):
    Image.new("RGBA", (1, 1), (1, 2, 3, 255)).save(tmp_path / "full.png")
    Image.new("LA", (1, 1), (40, 255)).save(tmp_path / "la.png")
    found = decode(tmp_path / "full.png", 1, 3)
    assert (found.pixels.flatten().tolist(), found.transparent) == ([1, 2, 3], False)
    assert grey(tmp_path / "la.png").pixels.item() == 40


def test_palettes_one_bit_and_print_colours_are_read(tmp_path: Path):
    palette = Image.new("P", (1, 1), 1)
    palette.putpalette([0, 0, 0, 50, 60, 70])
    palette.save(tmp_path / "p.gif")
    assert decode(tmp_path / "p.gif", 1, 3).pixels.flatten().tolist() == [50, 60, 70]
    Image.new("1", (1, 1), 1).save(tmp_path / "bit.png")
    assert grey(tmp_path / "bit.png").pixels.item() == 255
    Image.new("CMYK", (1, 1), (255, 0, 255, 0)).save(tmp_path / "ink.tif")
    assert decode(tmp_path / "ink.tif", 1, 3).pixels.flatten().tolist() == [0, 255, 0]


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_frame_is_read(tmp_path: Path, suffix: str):
    frames = [Image.new("L", (1, 1), value) for value in (255, 0)]
    frames[0].save(tmp_path / f"two.{suffix}", save_all=True, append_images=frames[1:])
    found = grey(tmp_path / f"two.{suffix}")
    assert (found.pixels.item(), found.animated) == (255, True)


def test_an_image_goes_by_its_bytes_and_not_by_its_suffix(tmp_path: Path):
    Image.new("L", (1, 1), 7).save(tmp_path / "is.png")
    (tmp_path / "is.png").rename(tmp_path / "says.jpg")
    assert grey(tmp_path / "says.jpg").pixels.item() == 7
    assert is_image(tmp_path / "says.jpg")


def test_what_is_damaged_is_refused_with_its_reason(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    whole = {}
    for suffix in ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm"):
        Image.fromarray(noise).save(tmp_path / f"x.{suffix}")
        whole[suffix] = (tmp_path / f"x.{suffix}").read_bytes()
        (tmp_path / f"x.{suffix}").write_bytes(whole[suffix][: len(whole[suffix]) // 2])
        with pytest.raises(ValueError, match=r"^cannot be read: "):
            grey(tmp_path / f"x.{suffix}")
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    with pytest.raises(ValueError, match=r"^is no image of a known format$"):
        grey(tmp_path / "page.jpg")
    assert not is_image(tmp_path / "page.jpg")
    (tmp_path / "zero.png").touch()
    with pytest.raises(ValueError, match=r"^is empty$"):
        grey(tmp_path / "zero.png")
    os.truncate(tmp_path / "zero.png", 20_000_000_000)  # a hole
    with pytest.raises(ValueError, match=r"^must have at most 2,147,483,648 bytes, got 20,000,000,000$"):
        grey(tmp_path / "zero.png")


def test_postscript_is_no_image_and_starts_no_program(tmp_path: Path):
    (tmp_path / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n")
    with pytest.raises(ValueError, match=r"^is no image of a known format$"):
        grey(tmp_path / "x.png")


def told(file: Path) -> str:
    try:
        return str(grey(file).pixels.shape)
    except ValueError as error:
        return str(error)


def test_bytes_changed_at_random_end_in_pixels_or_in_a_sentence(tmp_path: Path):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    for suffix in ("png", "jpg", "gif", "bmp", "tif", "webp"):
        file = tmp_path / f"x.{suffix}"
        Image.fromarray(noise).save(file)
        whole = np.frombuffer(file.read_bytes(), dtype=np.uint8)
        for _ in range(40):
            hurt = whole.copy()
            hurt[rng.integers(0, min(len(hurt), 120), 4)] = rng.integers(0, 256, 4)
            file.write_bytes(hurt.tobytes())
            assert told(file).startswith(("(1, 1, 1)", "cannot be read: ", "is no image", "its pixels"))


def test_a_colour_has_a_name_or_digits_or_three_numbers():
    assert color_of("white") == color_of("#fff") == color_of("FFFFFF") == color_of([255, 255, 255])
    assert color_of("ff8000") == color_of([255, 128, 0]) == (255, 128, 0)


@pytest.mark.parametrize("wrong", ["puce", "#ffffff80", "", "12345", [1, 2], [0, 0, 256], [0, -1, 0]])
def test_refuses_what_is_no_opaque_colour(wrong: str | list[int]):
    with pytest.raises(
        ValueError, match=r"^background must be a colour such as white, ff8000 or \[255,128,0\]"
    ):
        color_of(wrong)
