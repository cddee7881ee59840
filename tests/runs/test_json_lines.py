"""Records on their way to metrics.jsonl."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regbench.records.course import read_lines
from regbench.runs.json_lines import JsonLines
from regbench.types import Record
from tests.storage.full_disk import file_size_limit

FIRST = Record(1, {"train/loss": 2.5, "val/loss": 2.75, "val/accuracy": 0.125})
SECOND = Record(2, {"train/loss": 1.5, "val/loss": 2.0, "val/accuracy": 0.5})
THIRD = Record(3, {"train/loss": 0.5, "val/loss": 3.0, "val/accuracy": 0.25})


def written(path: Path, *records: Record, history: tuple[Record, ...] = ()) -> list[str]:
    sink = JsonLines(path, history)
    for record in records:
        sink.write(record)
    sink.close()
    return path.read_text().splitlines()


def read_records(path: Path) -> list[Record]:
    """The whole lines of a file, as they were given to the sink."""
    return [Record(one.epoch, one.metrics) for one in read_lines(path)[0]]


def test_writes_a_line_of_json_for_each_record(tmp_path: Path) -> None:
    lines = written(tmp_path / "m.jsonl", FIRST, SECOND)
    assert [json.loads(line) for line in lines] == [
        {"epoch": 1, "train/loss": 2.5, "val/loss": 2.75, "val/accuracy": 0.125},
        {"epoch": 2, "train/loss": 1.5, "val/loss": 2.0, "val/accuracy": 0.5},
    ]


def test_a_line_can_be_read_before_the_next_is_written(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "m.jsonl")
    sink.write(FIRST)
    assert read_records(tmp_path / "m.jsonl") == [FIRST]
    sink.close()


def test_rewrites_the_history_and_cuts_what_is_beyond_it(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    written(path, FIRST, SECOND)
    with path.open("a") as file:
        file.write('{"epoch": 3, "train/lo')
    written(path, THIRD, history=(FIRST,))
    assert read_records(path) == [FIRST, THIRD]
    assert path.read_text().count("\n") == 2
    assert [p.name for p in tmp_path.iterdir()] == ["m.jsonl"]


def test_begins_anew_without_a_history(tmp_path: Path) -> None:
    written(tmp_path / "m.jsonl", FIRST, SECOND)
    assert written(tmp_path / "m.jsonl") == []


@pytest.mark.parametrize("room", [0, 1, 20])
def test_a_full_disk_is_an_error_that_leaves_no_half_line(tmp_path: Path, room: int) -> None:
    path = tmp_path / "m.jsonl"
    sink = JsonLines(path, [FIRST])
    before = path.read_bytes()
    with file_size_limit(len(before) + room), pytest.raises(OSError, match=r"No space left|File too large"):
        sink.write(SECOND)
    assert path.read_bytes() == before
    sink.write(SECOND)  # there is room again
    sink.close()
    assert read_records(path) == [FIRST, SECOND]


def test_a_disk_too_full_for_the_history_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    written(path, FIRST, SECOND)
    with file_size_limit(10), pytest.raises(OSError, match="File too large"):
        JsonLines(path, [FIRST])
    assert read_records(path) == [FIRST, SECOND]


def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "m.jsonl")
    with pytest.raises(ValueError, match="not JSON compliant"):
        sink.write(Record(1, {"train/loss": float("nan")}))
    sink.close()
    assert (tmp_path / "m.jsonl").read_text() == ""


def test_reading_stops_at_the_first_half_line(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    lines = written(path, FIRST, SECOND, THIRD)
    path.write_text(f"{lines[0]}\n{lines[1][:-5]}")
    assert read_records(path) == [FIRST]
    path.write_text(f"{lines[0]}\n{lines[1][:-5]}\n{lines[2]}\n")
    assert read_records(path) == [FIRST]


def test_floats_come_back_to_the_bit(tmp_path: Path) -> None:
    record = Record(1, {"val/loss": 0.1 + 0.2, "val/accuracy": 1 / 3})
    written(tmp_path / "m.jsonl", record)
    assert read_records(tmp_path / "m.jsonl") == [record]
