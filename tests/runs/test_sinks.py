"""Records on their way to files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from regbench.records.course import read_lines
from regbench.runs.sinks import JsonLines, Sink, Sinks, TensorBoard, grid
from regbench.types import Record
from tests.folders.hydras import contents
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


def events(folder: Path, run: str, tag: str) -> list[tuple[int, float]]:
    """Step and value of every event of a tag, read by TensorBoard's own reader."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder / run))
    reader.Reload()
    return [(event.step, event.value) for event in reader.Scalars(tag)]


# --- metrics.jsonl


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


# --- TensorBoard


def test_a_split_is_a_sub_run_and_the_figure_its_tag(tmp_path: Path) -> None:
    sink = TensorBoard(tmp_path / "tb")
    for record in (FIRST, SECOND):
        sink.write(record)
    sink.close()
    assert sorted(path.name for path in (tmp_path / "tb").iterdir()) == ["train", "val"]
    assert events(tmp_path / "tb", "train", "loss") == [(1, 2.5), (2, 1.5)]
    assert events(tmp_path / "tb", "val", "loss") == [(1, 2.75), (2, 2.0)]
    assert events(tmp_path / "tb", "val", "accuracy") == [(1, 0.125), (2, 0.5)]


def test_a_run_has_two_entries_whatever_it_measures(tmp_path: Path) -> None:
    names = {
        "train/true_accuracy": ("train", "true_accuracy"),
        "val/ece": ("val", "ece"),
        "select/loss": ("val", "select/loss"),
        "gap/loss": ("val", "gap/loss"),
        "objective/data": ("train", "objective/data"),
        "schedule/lr": ("train", "schedule/lr"),
        "time/epoch_s": ("train", "time/epoch_s"),
        "l1/zeros.layer/0": ("train", "l1/zeros.layer/0"),
    }
    sink = TensorBoard(tmp_path / "tb")
    sink.write(Record(1, {name: place / 4 for place, name in enumerate(names)}))
    sink.close()
    assert sorted(path.name for path in (tmp_path / "tb").iterdir()) == ["train", "val"]
    for place, (run, tag) in enumerate(names.values()):
        assert events(tmp_path / "tb", run, tag) == [(1, place / 4)]


def test_events_are_there_before_the_sink_is_closed(tmp_path: Path) -> None:
    sink = TensorBoard(tmp_path / "tb")
    sink.write(FIRST)
    assert events(tmp_path / "tb", "val", "loss") == [(1, 2.75)]
    sink.close()


def test_a_rewritten_history_holds_no_event_beyond_it(tmp_path: Path) -> None:
    sink = TensorBoard(tmp_path / "tb")
    for record in (FIRST, SECOND, THIRD):
        sink.write(record)
    sink.close()
    again = TensorBoard(tmp_path / "tb", [FIRST])
    again.write(SECOND)
    again.close()
    assert events(tmp_path / "tb", "val", "loss") == [(1, 2.75), (2, 2.0)]
    assert events(tmp_path / "tb", "train", "loss") == [(1, 2.5), (2, 1.5)]


def test_without_a_record_nothing_is_written(tmp_path: Path) -> None:
    TensorBoard(tmp_path / "tb").close()
    assert not (tmp_path / "tb").exists()


def test_only_event_files_of_the_sub_runs_are_removed_and_none_through_a_link(tmp_path: Path) -> None:
    theirs = [
        "tb/precious",
        "tb/train/precious",
        "tb/mine/events.out.tfevents.1",
        "away/events.out.tfevents.1",
    ]
    ours = ["tb/train/events.out.tfevents.1.here.2.0", "tb/train/events.out.tfevents.3.here.2.1"]
    for name in theirs + ours:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("precious")
    (tmp_path / "tb" / "val").symlink_to("../away")
    (tmp_path / "link").symlink_to("tb")
    before = contents(tmp_path)
    TensorBoard(tmp_path / "link").close()
    assert contents(tmp_path) == before
    TensorBoard(tmp_path / "tb").close()
    assert contents(tmp_path) == {name: what for name, what in before.items() if name not in ours}


def test_a_run_folder_that_has_gone_is_not_made_again_for_its_events(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TensorBoard(tmp_path / "gone" / "tb").write(FIRST)
    assert list(tmp_path.iterdir()) == []


def test_on_a_full_disk_there_is_an_error_to_catch_and_no_half_event(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path / "tb")
    board.write(FIRST)
    (file,) = (tmp_path / "tb" / "train").iterdir()
    with (
        file_size_limit(file.stat().st_size + 5),
        pytest.raises(OSError, match=r"No space left|File too large"),
    ):
        board.write(SECOND)
    board.write(THIRD)
    board.close()
    assert events(tmp_path / "tb", "train", "loss") == [(1, 2.5), (3, 0.5)]


@pytest.mark.parametrize(
    ("count", "rows", "columns"), [(1, 1, 1), (6, 3, 2), (7, 3, 3), (80, 10, 8), (64, 8, 8)]
)
def test_a_grid_lays_pictures_out_in_reading_order(count: int, rows: int, columns: int) -> None:
    images = torch.arange(1.0, count + 1).view(-1, 1, 1, 1).expand(-1, 3, 2, 5)
    picture = grid(images)
    assert picture.shape == (3, rows * 2, columns * 5)
    numbers = picture[0, ::2, ::5].flatten().tolist()
    assert numbers == [*range(1, count + 1), *[0] * (rows * columns - count)]
    assert torch.equal(picture[:, :2, :5], torch.ones(3, 2, 5))


def test_pictures_of_members_stand_under_their_whole_name(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)
    board.show({"gan/samples": torch.rand(4, 1, 8, 8)})
    board.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "train"), size_guidance={"images": 0}).Reload()
    (shown,) = events.Images("gan/samples")
    assert (shown.width, shown.height, shown.step) == (16, 16, 0)


def test_several_sinks_are_one_that_hands_everything_on_in_order() -> None:
    seen: list[tuple[str, str]] = []

    class Noting(Sink):
        def __init__(self, name: str) -> None:
            self.name = name

        def step(self, epoch: int, share: float) -> None:
            seen.append((self.name, f"step {epoch + share}"))

        def write(self, record: Record) -> None:
            seen.append((self.name, f"write {record.epoch}"))

        def show(self, pictures: Mapping[str, Tensor], epoch: int = 0) -> None:
            seen.append((self.name, f"show {epoch}"))

        def tell(self, texts: Mapping[str, str], epoch: int) -> None:
            seen.append((self.name, f"tell {epoch}"))

        def close(self) -> None:
            seen.append((self.name, "close"))

    both = Sinks(Noting("a"), Sink(), Sinks(Noting("b")))
    both.step(1, 0.5)
    both.write(FIRST)
    both.show({}, 3)
    both.tell({}, 4)
    both.close()
    said = ["step 1.5", f"write {FIRST.epoch}", "show 3", "tell 4", "close"]
    assert seen == [(name, what) for what in said for name in "ab"]
