"""Checkpoint files: zip archives that carry a digest of all their bytes in the comment at their end.

Every reader of zip archives passes that comment over, `torch.load` among them, which looks neither at it nor
at the checksums that an archive has of its members.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
import zlib

from regbench.storage.reading import MIB

SAYS = b"blake2b:"
DIGITS = 64  # of the digest, in hexadecimal
COMMENT = len(SAYS) + DIGITS  # bytes
END = 22  # bytes of the record that ends an archive, before the comment
MARK = "archive/.data/digest"  # a member that says: there is a digest, and whose file it is
NOBODY = "1"
LARGEST_INDEX = 16 * MIB  # of the names of all members: about 200,000 tensors
OVERHEAD = 4096  # bytes that a member may take beside its content: headers, and what aligns it
WITHOUT = 64 * 1024  # bytes that an archive may have beside its members


def close(archive: io.BytesIO, owner: str = "") -> None:
    """Put the digest to the end of an archive that is complete.

    Args:
        archive: as `torch.save` has left it.
        owner: whose file it is, in a word; `owner_of` gives it back.
    """
    with zipfile.ZipFile(archive, "a") as members:
        members.writestr(zipfile.ZipInfo(MARK), (owner or NOBODY).encode())
        members.comment = bytes(COMMENT)
    with archive.getbuffer() as content:
        content[-COMMENT:] = SAYS + _digest(content[:-COMMENT]).encode()


def require_whole(file: io.BufferedReader) -> None:
    """Refuse an archive that is not as it was written.

    One without a digest, as they were written before there was any, is held to the checksums of its members.

    Args:
        file: open for reading; it is left at its start.

    Raises:
        ValueError: it is not, or it is no archive.
    """
    size = file.seek(0, os.SEEK_END)
    ending = _last(file, COMMENT + END)
    closed = ending[: END - 2].startswith(b"PK\5\6") and ending[END - 2 : END + len(SAYS)] == (
        COMMENT.to_bytes(2, "little") + SAYS
    )
    if not closed and ending[-END:][:4] != b"PK\5\6":
        raise ValueError("it does not end as it was written")
    try:
        _require_plausible(file, size, END + COMMENT if closed else END)
        with zipfile.ZipFile(file) as members:
            _require_filled(members.infolist(), size)
            if not closed:
                _require_checksums(members)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError) as error:
        raise ValueError(f"it is no whole archive: {error}") from error
    if closed and ending[END + len(SAYS) :].decode(errors="replace") != _digest_of(file, size - COMMENT):
        raise ValueError("its content is not that of its digest")
    file.seek(0)


def owner_of(file: io.BufferedReader) -> str:
    """Whose file a whole archive is; empty where it does not say. The file is left at its start."""
    with zipfile.ZipFile(file) as members:
        owner = members.read(MARK).decode() if MARK in members.namelist() else NOBODY
    file.seek(0)
    return "" if owner == NOBODY else owner


def _last(file: io.BufferedReader, count: int) -> bytes:
    """The last bytes of a file, zeros before its first ones."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - count))
    return file.read(count).rjust(count, b"\0")


def _require_plausible(file: io.BufferedReader, size: int, ending: int) -> None:
    """Refuse an index that would fill the memory."""
    end = _last(file, ending)[:END]
    index = int.from_bytes(end[12:16], "little")
    file.seek(max(0, size - ending - 20))
    if file.read(4) == b"PK\6\7":  # there is a record with larger numbers, just before
        file.seek(max(0, size - ending - 20 - 56 + 40))
        index = max(index % 0xFFFFFFFF, int.from_bytes(file.read(8), "little"))
    if index > LARGEST_INDEX:
        raise ValueError(f"its index must have at most {LARGEST_INDEX} bytes, and has {index}")


def _require_filled(members: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse packed or overlapping members, which grow when they are read, and holes between them."""
    if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
        raise ValueError("its members must not be packed")
    if min((member.header_offset for member in members), default=0) > 0:
        raise ValueError("something stands before its first member")
    held = sum(member.file_size for member in members)
    if not held <= size <= held + OVERHEAD * len(members) + WITHOUT:
        raise ValueError(f"its members have {held} bytes, and the file {size}")


def _require_checksums(members: zipfile.ZipFile) -> None:
    if MARK in members.namelist():
        raise ValueError("its digest was taken away")
    bad = members.testzip()
    if bad is not None:
        raise ValueError(f"{bad} is not that of its checksum")


def _digest_of(file: io.BufferedReader, count: int) -> str:
    """Of the first so many bytes."""
    digest = hashlib.blake2b(digest_size=DIGITS // 2)
    file.seek(0)
    buffer = memoryview(bytearray(MIB))
    while count and (read := file.readinto(buffer[: min(count, MIB)])):
        digest.update(buffer[:read])
        count -= read
    return digest.hexdigest()


def _digest(content: memoryview) -> str:
    return hashlib.blake2b(content, digest_size=DIGITS // 2).hexdigest()
