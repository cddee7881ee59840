"""The text of a file in the encoding that a person names, and what the file is where it is no such text."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

MARKS = (  # what a file may begin with, and the encoding that says so; UTF-32's own mark begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
KINDS = (
    (b"PK\x03\x04", "a zip archive; unpack it"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook; save its sheet as CSV"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"BZh91AY&SY", "a bzip2 archive; unpack it"),
    (b"\xfd7zXZ\x00", "an xz archive; unpack it"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"PAR1", "a Parquet file; save it as CSV"),
    (b"ARROW1", "an Arrow file; save it as CSV"),
    (b"SQLite format 3\x00", "an SQLite database; save its table as CSV"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x80\x04\x95", "a pickle; save its table as CSV"),
    (b"\x80\x05\x95", "a pickle; save its table as CSV"),
    (b"\x89HDF", "an HDF5 file; save it as CSV"),
)
CONTROLS = re.compile(b"[\x80-\x9f]")
TEXTS = (  # in lower case, after blanks
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file itself by git lfs pull"),
    (b"<!doctype html", "a web page; download the file itself"),
    (b"<html", "a web page; download the file itself"),
    (b"<?xml", "an XML file; save it as CSV"),
    (b'{"', "a JSON file; save it as CSV"),
    (b"[{", "a JSON file; save it as CSV"),
)
WORKBOOKS = (b"xl/workbook", b"opendocument.spreadsheet")  # within a zip archive


def require_encoding(name: str) -> None:
    """Refuse a name that is no encoding of text.

    Raises:
        ValueError: it is none.
    """
    try:
        " ".encode(name)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"encoding must be one that Python knows, such as utf-8, latin-1, cp1252 or utf-16, got {name!r}"
        ) from error


def content_of(field: str, path: str, kind: str = "CSV file") -> bytes:
    """The bytes of the file that a field names.

    Args:
        field: the key.
        path: the file.
        kind: what it must be, as messages say it.

    Raises:
        ValueError: there is no such file, or it cannot be read.
    """
    try:
        file = Path(path).expanduser()
        if path and file.is_file():
            return file.read_bytes()
    except (OSError, RuntimeError, ValueError) as error:  # no such user, too long a name, no permission
        raise ValueError(f"{field} must be a file that can be read, got {path} ({error})") from error
    if re.match(r"\w+://", path):
        found = "an address; download it first"
    elif not path:
        found = "an empty name"
    else:
        found = "a folder" if file.is_dir() else "something else" if file.exists() else "no such file"
    raise ValueError(f"{field} must be a {kind}, got {path}{': ' if path else ''}{found}")


def decoded(path: str, content: bytes, encoding: str) -> str:
    """The text of a file, without the mark that it may begin with.

    Raises:
        ValueError: it is no text, or in another encoding; the message says which to type where that is seen.
    """
    _require_text(path, content)
    mark = next((name for mark, name in MARKS if content.startswith(mark)), None)
    if mark is not None and not _plain(encoding).startswith(mark):
        raise ValueError(
            f"{path} must be in {encoding}, got the byte order mark of {mark}; type dataset.encoding={mark}"
        )
    if mark is None and _plain(encoding).startswith(("utf-16", "utf-32")) and is_utf8(content):
        raise ValueError(
            f"{path} must be in {encoding}, got what reads as utf-8; type dataset.encoding=utf-8"
        )
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(_undecodable(path, content, encoding, error.start)) from error
    except UnicodeError as error:  # of the codecs that know no positions
        raise ValueError(f"{path} must be in {encoding}, got {error}") from error
    if "\0" in text:
        raise ValueError(_with_nul(path, content, text, encoding))
    return text.removeprefix("\ufeff")


def is_utf8(content: bytes) -> bool:
    """Whether a file can be UTF-8: other encodings hardly ever can, but for those of plain ASCII."""
    try:
        return "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def read_better_as(content: bytes, encoding: str) -> str:
    """The encoding that a file looks like, rather than the one that it was read in; empty where that fits."""
    if _plain(encoding).startswith("utf") or content.isascii():
        return ""
    if is_utf8(content):
        return "utf-8"
    latin = _plain(encoding) == "iso8859-1" and CONTROLS.search(content)
    return (_of_one_byte(content) or "another encoding") if latin else ""


def line_at(text: str, position: int) -> int:
    """The number of the line, from 1, that a position stands in."""
    return 1 + len(re.findall("\r\n|\r|\n", text[:position]))


def _require_text(path: str, content: bytes) -> None:
    for beginning, kind in KINDS:
        if content.startswith(beginning):
            packed = beginning.startswith(b"PK") and any(name in content for name in WORKBOOKS)
            found = "a spreadsheet (Excel or OpenDocument); save its sheet as CSV" if packed else kind
            raise ValueError(f"{path} must be a CSV file, got {found}")
    head = content[:512].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for beginning, kind in TEXTS:
        if re.sub(rb"([{\[])\s+", rb"\1", head).startswith(beginning):
            raise ValueError(f"{path} must be a CSV file, got {kind}")


def _undecodable(path: str, content: bytes, encoding: str, position: int) -> str:
    line = line_at(content[:position].decode("latin-1"), position)
    likely = "utf-8" if is_utf8(content) else _of_one_byte(content)
    return (
        f"{path} must be in {encoding}, got the byte 0x{content[position]:02x} in position {position} "
        f"(line {line}), which is none of it; {_to_try(likely)}"
    )


def _of_one_byte(content: bytes) -> str:
    """The likely encoding of a file that is no UTF-8, or nothing: latin-1 reads all bytes, most wrongly.

    Its 0x80 to 0x9f are signs for machines, which no text has; cp1252 has quotes and dashes there.
    """
    if not CONTROLS.search(content):
        return "latin-1"
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return ""
    return "cp1252"


def _to_try(likely: str) -> str:
    if likely:
        return f"try dataset.encoding={likely}, or what the file was saved in"
    return "set dataset.encoding to what the file was saved in, such as shift_jis, gb18030 or cp1251"


def _with_nul(path: str, content: bytes, text: str, encoding: str) -> str:
    if text.count("\0") * 4 > len(text):  # of UTF-16 without a mark every other byte, where it is English
        wide = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
        return f"{path} must be in {encoding}, got what looks like {wide}; type dataset.encoding={wide}"
    return f"{path} must be text, got a NUL byte in line {line_at(text, text.index(chr(0)))}"


def _plain(encoding: str) -> str:
    """The one name of an encoding that has several."""
    return codecs.lookup(encoding).name
