"""What may have happened to a file: cut, flipped, replaced by something else."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], None]
DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {}


def damage(made: Callable[[Path, random.Random], None]) -> Callable[[Path, random.Random], None]:
    """Enter a damage by its name."""
    DAMAGES[made.__name__] = made
    return made


@damage
def empty(path: Path, chance: random.Random) -> None:
    """Nothing in it."""
    path.write_bytes(b"")


@damage
def cut(path: Path, chance: random.Random) -> None:
    """Ends too early."""
    os.truncate(path, max(1, int(path.stat().st_size * chance.uniform(0.05, 0.95))))


@damage
def flip(path: Path, chance: random.Random) -> None:
    """One bit is another."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


@damage
def zeros(path: Path, chance: random.Random) -> None:
    """A block of zeros, as after a crash."""
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    content[at : at + 512] = bytes(len(content[at : at + 512]))
    path.write_bytes(content)


@damage
def noise(path: Path, chance: random.Random) -> None:
    """Random bytes."""
    path.write_bytes(chance.randbytes(2000))


@damage
def longer(path: Path, chance: random.Random) -> None:
    """More behind its end."""
    path.write_bytes(path.read_bytes() + chance.choice((b"\x00" * 100, b"{}", b"more\n", b"\xff" * 50)))


@damage
def doubled(path: Path, chance: random.Random) -> None:
    """Its content twice."""
    path.write_bytes(path.read_bytes() * 2)


@damage
def pipe(path: Path, chance: random.Random) -> None:
    """A pipe that nobody writes into."""
    path.unlink()
    os.mkfifo(path)


@damage
def zero_device(path: Path, chance: random.Random) -> None:
    """A link to a device that never ends."""
    path.unlink()
    path.symlink_to("/dev/zero")


@damage
def folder(path: Path, chance: random.Random) -> None:
    """A folder of that name."""
    path.unlink()
    path.mkdir()


@damage
def broken_link(path: Path, chance: random.Random) -> None:
    """A link to nothing."""
    path.unlink()
    path.symlink_to("nowhere")


@damage
def circle(path: Path, chance: random.Random) -> None:
    """A link to itself."""
    path.unlink()
    path.symlink_to(path.name)


@damage
def huge(path: Path, chance: random.Random) -> None:
    """A hole of 20 GB."""
    os.truncate(path, 20_000_000_000)


@damage
def removed(path: Path, chance: random.Random) -> None:
    """Not there."""
    path.unlink()


@damage
def deep(path: Path, chance: random.Random) -> None:
    """Nested too deep."""
    path.write_text(
        chance.choice(
            (
                "[" * 100000,
                "[" * 5000 + "]" * 5000,
                '{"a":' * 3000 + "1" + "}" * 3000,
                "a: " + "[" * 500 + "]" * 500,
            )
        )
    )


@damage
def bomb(path: Path, chance: random.Random) -> None:
    """Anchors, each nine times the one before."""
    rows = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for one, two in zip("abcdefgh", "bcdefghi", strict=True):
        rows.append(f"{two}: &{two} [{','.join([f'*{one}'] * 9)}]")
    path.write_text("\n".join(rows) + "\n")


@damage
def other(path: Path, chance: random.Random) -> None:
    """Text of another sort."""
    texts = (
        "[]",
        "{}",
        "null",
        "5",
        '"text"',
        "true",
        "NaN",
        "[1, 2]",
        "hello",
        "<html>",
        "a: b",
        '{"status": 5}',
        "\n",
        "\x00",
        "{",
        "é",
    )
    path.write_text(chance.choice(texts))


@damage
def utf16(path: Path, chance: random.Random) -> None:
    """Saved by an editor in another encoding."""
    path.write_bytes(path.read_bytes().decode("latin-1").encode("utf-16"))


@damage
def windows(path: Path, chance: random.Random) -> None:
    """Saved with a mark at its start and other line ends."""
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))


def damaged(path: Path, name: str, chance: random.Random) -> None:
    """Do a damage, by its name, to a file."""
    DAMAGES[name](path, chance)


def copy(stock: Path, where: Path) -> Path:
    """A copy of a run's folder."""
    shutil.copytree(stock, where, symlinks=True)
    return where
