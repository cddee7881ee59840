"""Is a file the one that it should be?"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from pathlib import Path

from regbench.storage.reading import opened

LARGEST_FILE = 2**32  # bytes of a file that is held to a checksum; none of those that are has half as many


def require_digest(path: Path, algorithm: str, expected: str) -> None:
    """Read the file and compare its digest, in hexadecimal.

    Raises:
        ValueError: it differs.
    """
    with opened(path, LARGEST_FILE) as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    require_equal(path, algorithm, expected, found)


def require_crc_of_gzip(path: Path, archive: Path) -> None:
    """Compare the file with the CRC-32 that a gzip archive keeps of its content.

    Raises:
        ValueError: it differs.
    """
    with opened(archive, LARGEST_FILE) as file:
        file.seek(-8, 2)  # the archive ends with the CRC-32 and the length, four bytes each
        expected = int.from_bytes(file.read(4), "little")
    found = 0
    with opened(path, LARGEST_FILE) as file:
        while chunk := file.read(1 << 20):
            found = zlib.crc32(chunk, found)
    require_equal(path, "crc32", f"{expected:08x}", f"{found:08x}")


def digest_of_files(files: Iterable[tuple[str, Path]]) -> str:
    """A digest of files, each with the name that it goes by."""
    digest = hashlib.sha256()
    for name, path in files:
        with path.open("rb") as file:
            digest.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def require_equal(path: Path, algorithm: str, expected: str, found: str) -> None:
    """Refuse a file whose checksum is not the expected one.

    Raises:
        ValueError: it differs.
    """
    if found != expected:
        raise ValueError(f"{path} must have the {algorithm} {expected}, got {found}")
