"""Files that are read back: plain, of a size that is looked at, whole; whatever else is there is told."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from regbench.composition import hydra_record
from regbench.errors import ConfigError
from regbench.records.files import SUMMARY, Damaged, read_summary, undamaged
from regbench.records.status import Status
from regbench.records.summary import Sealed, Summary, of
from regbench.storage import reading
from regbench.storage.reading import content, json_object, require_folder
from tests.records.made import figures, summary

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefghi", "bcdefghij", strict=True)
)
# each refers to the next twice: 2^40 signs
REFERENCES = "".join(f"k{n}: ${{k{n + 1}}}${{k{n + 1}}}\n" for n in range(40)) + "k40: x\n"


def within(seconds: float) -> Any:
    started = time.perf_counter()
    return lambda: time.perf_counter() - started < seconds


def odd(path: Path, kind: str) -> Path:
    """Something that is no plain file, or one too large to be read."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "circle":
        path.symlink_to(path.name)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.path.relpath(path))  # a path of a socket is a short one
    else:
        with path.open("wb") as file:
            file.truncate(20 * 2**30)  # sparse: nothing is on the disk
    return path


KINDS = ["pipe", "device", "folder", "circle", "socket", "large"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    quick = within(1)
    with pytest.raises((ValueError, OSError)) as caught:
        content(odd(tmp_path / "file", kind))
    assert quick()
    if kind in ("pipe", "device", "folder", "socket"):
        assert str(caught.value) == "file must be a plain file"
    if kind == "large":
        assert str(caught.value) == "file must have at most 64 MiB, and has 20480 MiB"


def test_plain_files_are_read_and_those_that_links_lead_to(tmp_path: Path) -> None:
    assert content(tmp_path / "file") is None
    (tmp_path / "file").write_bytes(b"\0\xff")
    (tmp_path / "link").symlink_to("file")
    assert content(tmp_path / "file") == content(tmp_path / "link") == b"\0\xff"
    assert content(tmp_path / "file", 2) == b"\0\xff"
    with pytest.raises(ValueError, match=r"^file must have at most 1 bytes, and has 2 bytes$"):
        content(tmp_path / "file", 1)


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}x", "[]", "5", "null", '"x"', "\0", b"\xff\xfe",
     '{"a": NaN}', '{"a": 1e999}', '{"a": -Infinity}',
     "[" * 100_000, '{"a":' * 60 + "1" + "}" * 60, '{"a": ' + "9" * 5000 + "}", '{"a": 1, "a": 2}',
     '{"b": [{"a": 1, "a": 1}]}'],
)  # fmt: skip
def test_what_is_no_sound_object_is_one_sentence(tmp_path: Path, text: str | bytes) -> None:
    (tmp_path / "x.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(
        ValueError, match=r"^x\.json (cannot be read: .|must hold an object, and holds )"
    ) as caught:
        json_object(tmp_path / "x.json")
    assert str(caught.value).isprintable()


def test_an_object_is_what_it_says(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None, True, "\n\u2028", {"b": {}}], "": -(10**200)}
    (tmp_path / "x.json").write_text(json.dumps(value))
    assert json_object(tmp_path / "x.json") == value
    assert json_object(tmp_path / "y.json") is None


@pytest.mark.parametrize(
    ("make", "what"),
    [(lambda p: None, "is not there"), (lambda p: p.touch(), "is a file"),
     (lambda p: p.symlink_to("nowhere"), "is a link that leads nowhere"),
     (lambda p: p.symlink_to(p.name), "cannot be read: "), (os.mkfifo, "is something else")],
)  # fmt: skip
def test_what_is_no_folder_is_refused_with_its_name(tmp_path: Path, make: Any, what: str) -> None:
    make(tmp_path / "run")
    with pytest.raises(ConfigError, match=rf"^{tmp_path}/run: must be the folder of a run, and {what}"):
        require_folder(tmp_path / "run")


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "file/below"])
def test_names_that_no_folder_can_have_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="must be the folder of a run, and cannot be read: ") as caught:
        require_folder(tmp_path / name)
    assert str(caught.value).isprintable()


def made(**changes: Any) -> dict[str, Any]:
    return summary(epochs=[figures(0.5)], **changes)


def wrong(path: str, value: Any = ...) -> dict[str, Any]:
    """A summary with another value at a path, or none there."""
    whole: Any = made(test={"reads": 1, "last": {}, "best": {}})
    *parts, name = path.split(".")
    inner = whole
    for part in parts:
        inner = inner[part]
    if value is ...:
        del inner[name]
    else:
        inner[name] = value
    return whole


@pytest.mark.parametrize("status", ["finished", "stopped", "diverged", "failed", "interrupted"])
def test_a_sound_summary_is_read(tmp_path: Path, status: str) -> None:
    (tmp_path / SUMMARY).write_text(json.dumps(made(status=status)))
    assert read_summary(tmp_path) == undamaged(tmp_path) == of(made(status=status))


def test_where_there_is_no_summary_there_is_none(tmp_path: Path) -> None:
    assert read_summary(tmp_path) is None
    assert undamaged(tmp_path) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [("status", ...), ("status", "done"), ("status", 5), ("status", []), ("version", ...), ("version", "2"),
     ("version", None), ("version", True), ("config", ...), ("config", []), ("config.reg", 5),
     ("config.seed", -1), ("epochs", 5), ("seconds", ...), ("seconds", "1"), ("seconds", -1),
     ("epochs.done", ...), ("epochs.done", "x"), ("epochs.planned", "x"), ("last", ...), ("last", []),
     ("last", None), ("last.metrics", 5), ("last.metrics.val/accuracy", "x"), ("best.metrics", None),
     ("test", 5), ("test.reads", "x"), ("test.reads", -1),
     ("test.last", 5), ("test.best", ...), ("reason", 5), ("content", 5), ("identity", []), ("name", 5),
     ("stack", 5), ("rows", None), ("flops", 5), ("choices", [])],
)  # fmt: skip
def test_a_summary_of_another_shape_is_one_sentence(tmp_path: Path, path: str, value: Any) -> None:
    (tmp_path / SUMMARY).write_text(json.dumps(wrong(path, value)))
    with pytest.raises(Damaged) as caught:
        read_summary(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: summary.json is not that of a run: ")
    assert str(caught.value).isprintable()
    assert undamaged(tmp_path) is None


def test_what_a_run_that_failed_has_not_come_to_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / SUMMARY).write_text('{"status": "failed"}')
    assert read_summary(tmp_path) == Summary(status=Status.FAILED)


def test_a_test_split_that_was_read_before_the_run_was_made_longer_has_no_figures(tmp_path: Path) -> None:
    (tmp_path / SUMMARY).write_text(json.dumps(made(test={"reads": 2})))
    assert of(made(test={"reads": 2})) == read_summary(tmp_path)
    assert of(made(test={"reads": 2})).test == Sealed(reads=2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_summary_that_is_no_plain_file_is_damaged(tmp_path: Path, kind: str) -> None:
    quick = within(1)
    with pytest.raises(Damaged, match=r"summary\.json cannot be read: "):
        read_summary(odd(tmp_path / SUMMARY, kind).parent)
    assert quick()


@pytest.mark.parametrize(
    "text",
    [LAUGHS, REFERENCES, "5", "- 1", "a: 1\n---\na: 2", "a: 1\na: 2", "\t- a", "a: [", "\0", "1: 2",
     "? [a]\n: b", "!!python/object/apply:os.system [true]", "a: !!python/name:os.system", "a: !mine 5",
     "a: !!binary aGk=", "&a [*a]", "a: &a {b: *a}", "[" * 2000, "{a: " * 2000, "a: " + "9" * 5000,
     "a: ${" + "b" * 3000 + "}", "a: " + "${" * 900 + "}" * 900, "a: *b", "{[1]: 2}", "<<: 5",
     "\n".join(f"a{n}: {n}" for n in range(100_001))],
)  # fmt: skip
def test_yaml_that_is_no_plain_mapping_is_refused_at_once(text: str) -> None:
    quick = within(5)
    with pytest.raises(ValueError, match=r".") as caught:
        hydra_record.mapping(text)
    assert quick()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [LAUGHS, REFERENCES])
def test_what_would_fill_the_memory_is_refused_in_a_second(text: str) -> None:
    quick = within(1)
    with pytest.raises(ValueError, match="at most 100000 values"):
        hydra_record.mapping(text)
    assert quick()


def test_plain_yaml_is_what_it_says() -> None:
    found = hydra_record.mapping(
        "a: &one {b: 1e-3, c: [yes, ~, 'x', !!str 5]}\nagain: *one\nref: ${a.b}\nrelative: {d: '${..ref}'}\n"
    )
    assert found.a == found.again == {"b": 1e-3, "c": [True, None, "x", "5"]}
    assert found.ref == found.relative.d == 1e-3


def test_a_file_that_another_host_puts_another_in_the_place_of_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS says so in the middle of reading."""
    (tmp_path / "a.json").write_text('{"a": 1}')
    true, stale = reading.opened, [errno.ESTALE] * 3

    def replaced(path: Path, most: int) -> Any:
        if stale:
            raise OSError(stale.pop(), "Stale file handle")
        return true(path, most)

    monkeypatch.setattr(reading, "opened", replaced)
    assert json_object(tmp_path / "a.json") == {"a": 1}
    stale += [errno.ESTALE] * 10
    with pytest.raises(ValueError, match=r"^a\.json cannot be read: "):
        json_object(tmp_path / "a.json")
    stale[:] = [errno.EIO]
    with pytest.raises(OSError, match="Stale"):
        content(tmp_path / "a.json")
