"""Records, pictures and texts on their way to TensorBoard's files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from regbench.sinks.tensorboard import TensorBoard
from regbench.types import Record
from tests.folders.hydras import contents
from tests.sinks.starts import start
from tests.storage.full_disk import file_size_limit

FIRST = Record(1, {"train/loss": 2.5, "val/loss": 2.75, "val/accuracy": 0.125})
SECOND = Record(2, {"train/loss": 1.5, "val/loss": 2.0, "val/accuracy": 0.5})
THIRD = Record(3, {"train/loss": 0.5, "val/loss": 3.0, "val/accuracy": 0.25})


def board(folder: Path, *history: Record) -> TensorBoard:
    """One that has been started for a run in that folder."""
    sink = TensorBoard()
    sink.start(start(folder, *history))
    return sink


def events(folder: Path, run: str, tag: str) -> list[tuple[int, float]]:
    """Step and value of every event of a tag, read by TensorBoard's own reader."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder / run))
    reader.Reload()
    return [(event.step, event.value) for event in reader.Scalars(tag)]


def test_a_split_is_a_sub_run_and_the_figure_its_tag(tmp_path: Path) -> None:
    sink = board(tmp_path)
    for record in (FIRST, SECOND):
        sink.write(record)
    sink.close()
    assert sorted(path.name for path in (tmp_path / "tensorboard").iterdir()) == ["train", "val"]
    assert events(tmp_path / "tensorboard", "train", "loss") == [(1, 2.5), (2, 1.5)]
    assert events(tmp_path / "tensorboard", "val", "loss") == [(1, 2.75), (2, 2.0)]
    assert events(tmp_path / "tensorboard", "val", "accuracy") == [(1, 0.125), (2, 0.5)]


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
    sink = board(tmp_path)
    sink.write(Record(1, {name: place / 4 for place, name in enumerate(names)}))
    sink.close()
    assert sorted(path.name for path in (tmp_path / "tensorboard").iterdir()) == ["train", "val"]
    for place, (run, tag) in enumerate(names.values()):
        assert events(tmp_path / "tensorboard", run, tag) == [(1, place / 4)]


def test_events_are_there_before_the_sink_is_closed(tmp_path: Path) -> None:
    sink = board(tmp_path)
    sink.write(FIRST)
    assert events(tmp_path / "tensorboard", "val", "loss") == [(1, 2.75)]
    sink.close()


def test_a_rewritten_history_holds_no_event_beyond_it(tmp_path: Path) -> None:
    sink = board(tmp_path)
    for record in (FIRST, SECOND, THIRD):
        sink.write(record)
    sink.close()
    again = board(tmp_path, FIRST)
    again.write(SECOND)
    again.close()
    assert events(tmp_path / "tensorboard", "val", "loss") == [(1, 2.75), (2, 2.0)]
    assert events(tmp_path / "tensorboard", "train", "loss") == [(1, 2.5), (2, 1.5)]


def test_without_a_record_nothing_is_written(tmp_path: Path) -> None:
    board(tmp_path).close()
    assert not (tmp_path / "tensorboard").exists()


def test_only_event_files_of_the_sub_runs_are_removed_and_none_through_a_link(tmp_path: Path) -> None:
    theirs = [
        "tensorboard/precious",
        "tensorboard/train/precious",
        "tensorboard/mine/events.out.tfevents.1",
        "away/events.out.tfevents.1",
    ]
    ours = [
        "tensorboard/train/events.out.tfevents.1.here.2.0",
        "tensorboard/train/events.out.tfevents.3.here.2.1",
    ]
    for name in theirs + ours:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("precious")
    (tmp_path / "tensorboard" / "val").symlink_to("../away")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "tensorboard").symlink_to("../tensorboard")
    before = contents(tmp_path)
    board(tmp_path / "linked").close()
    assert contents(tmp_path) == before
    board(tmp_path).close()
    assert contents(tmp_path) == {name: what for name, what in before.items() if name not in ours}


def test_a_run_folder_that_has_gone_is_not_made_again_for_its_events(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        board(tmp_path / "gone").write(FIRST)
    assert list(tmp_path.iterdir()) == []


def test_on_a_full_disk_there_is_an_error_to_catch_and_no_half_event(tmp_path: Path) -> None:
    sink = board(tmp_path)
    sink.write(FIRST)
    (file,) = (tmp_path / "tensorboard" / "train").iterdir()
    with (
        file_size_limit(file.stat().st_size + 5),
        pytest.raises(OSError, match=r"No space left|File too large"),
    ):
        sink.write(SECOND)
    sink.write(THIRD)
    sink.close()
    assert events(tmp_path / "tensorboard", "train", "loss") == [(1, 2.5), (3, 0.5)]


def test_pictures_of_members_stand_under_their_whole_name(tmp_path: Path) -> None:
    sink = board(tmp_path)
    sink.show({"gan/samples": torch.rand(4, 1, 8, 8)})
    sink.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard" / "train"), size_guidance={"images": 0}).Reload()
    (shown,) = events.Images("gan/samples")
    assert (shown.width, shown.height, shown.step) == (16, 16, 0)


def test_it_says_how_to_look_at_it(tmp_path: Path) -> None:
    folder = tmp_path / "a run"
    assert board(folder).command() == f"tensorboard --logdir '{folder}/tensorboard'"
