"""Folders in, results out: whatever lies in them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from regbench.errors import printable
from regbench.records.reader import NotCounted, find, read_result
from tests.records.made import figures, summary, write_run

ONE = [figures(0.9)]


def reasons(*paths: Path) -> list[str]:
    return [one.reason for one in find(paths).excluded]


def test_runs_are_found_at_any_depth_each_once_whatever_the_order(tmp_path: Path) -> None:
    for folder in ("sweep/a", "sweep/deep/er/b", "c"):
        write_run(tmp_path / folder, seed=len(folder), epochs=ONE)
    given = [tmp_path, tmp_path / "c", tmp_path / "sweep"]
    there, back = find(given), find(given[::-1])
    assert sorted(Path(one.folder).name for one in there.results) == ["a", "b", "c"]
    assert [one.folder for one in there.results] == [one.folder for one in back.results]
    assert there.excluded == []


def test_an_empty_folder_a_folder_of_something_else_and_no_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.txt").write_text("meow")
    (tmp_path / "file").write_text("")
    paths = [tmp_path / name for name in ("empty", "photos", "file", "nowhere")]
    assert {one.folder.rsplit("/", 1)[1]: one.reason for one in find(paths).excluded} == {
        "empty": "holds no run", "photos": "holds no run", "file": "is no folder", "nowhere": "is no folder",
    }  # fmt: skip


def test_a_half_written_last_line_is_left_out_and_told(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=[figures(0.8), figures(0.9)])
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "val/accu')
    found = find([tmp_path])
    assert list(found.results[0].course.epochs) == [1, 2]
    (complaint,) = found.complaints
    assert complaint.reason == "line 3 of metrics.jsonl is not whole; those before it are used"


def test_runs_that_have_not_ended_are_listed_with_how_far_they_came(tmp_path: Path) -> None:
    write_run(tmp_path / "a", epochs=ONE, status="interrupted")
    write_run(tmp_path / "b", epochs=ONE)
    (tmp_path / "b" / "summary.json").unlink()
    assert reasons(tmp_path) == [
        "unfinished: interrupted after epoch 1",
        "unfinished: it has no summary.json",
    ]


def test_records_of_another_version_are_named(tmp_path: Path) -> None:
    write_run(tmp_path / "old", epochs=ONE, version=1)
    write_run(tmp_path / "own", epochs=ONE)
    found = find([tmp_path])
    assert len(found.results) == 1
    assert [one.reason for one in found.excluded] == ["its record is of version 1, and 2 or 3 is read here"]


def test_a_diverged_run_is_a_result_and_has_not_ended(tmp_path: Path) -> None:
    write_run(tmp_path / "run", status="diverged", last=None, best=None)
    assert not find([tmp_path]).results[0].ended


def at(figures: dict[str, float]) -> dict[str, object]:
    """The same of the last and the best weights."""
    return {"last": figures, "best": figures}


def bins(count: list[int], confidence: list[float | None], accuracy: list[float | None]) -> dict[str, object]:
    """Reliability of both."""
    return at({"count": count, "confidence": confidence, "accuracy": accuracy})  # type: ignore[dict-item]


HOSTILE = {
    "not JSON": "{",
    "a list": "[]",
    "deep": "[" * 100_000,
    "nothing in it": '{"version": 2, "status": "finished"}',
    "a config of text": json.dumps(summary(epochs=ONE) | {"config": "reg"}),
    "a stack of text": json.dumps(summary(epochs=ONE) | {"stack": "dropout"}),
    "a seed of text": json.dumps(summary(epochs=ONE, config={"": {"seed": "1"}})),
    "a figure of text": json.dumps(summary(epochs=[figures(0.9) | {"val/loss": "low"}])),  # type: ignore[dict-item]
    "a figure that is none": json.dumps(summary(epochs=[figures(float("nan"))])),
    "a figure beyond all numbers": json.dumps(summary(epochs=[figures(0.9) | {"val/loss": 10**400}])),
    "no figures": json.dumps(summary()),
    "no rows": json.dumps(summary(epochs=ONE, rows={"train": 5, "select": 5, "val": 0})),
    "a test of text": json.dumps(summary(epochs=ONE, test="read")),
    "uneven bins": json.dumps(summary(epochs=ONE, reliability=bins([1], [], [0.5]))),
    "bins without a row": json.dumps(summary(epochs=ONE, reliability=bins([0], [None], [None]))),
    "a mean of no rows": json.dumps(summary(epochs=ONE, reliability=bins([0, 1], [0.5, 0.5], [0.5, 1.0]))),
    "rows without a mean": json.dumps(summary(epochs=ONE, reliability=bins([1, 1], [None, 0.5], [0.5, 1.0]))),
    "a mean above 1": json.dumps(summary(epochs=ONE, reliability=bins([1], [0.5], [1.5]))),
    "an accuracy above 1": json.dumps(summary(epochs=ONE, corruption=at({"accuracy": 1.5}))),
    "no mean over corruptions": json.dumps(summary(epochs=ONE, corruption=at({"noise/1": 0.5}))),
    "a calibration error below 0": json.dumps(summary(epochs=[figures(0.9) | {"val/ece": -0.1}])),
    "a test accuracy above 1": json.dumps(summary(epochs=ONE, test=at({"accuracy": 7.0}) | {"reads": 1})),
    "a test read now and then": json.dumps(summary(epochs=ONE, test=at({"loss": 7.0}) | {"reads": "often"})),
    "a gap below -1": json.dumps(summary(epochs=[figures(0.9) | {"gap/accuracy": -1.1}])),
    "a loss beyond a float32": json.dumps(summary(epochs=[figures(0.9) | {"val/loss": 1e39}])),
    "a loss below all floats": json.dumps(summary(epochs=[figures(0.9) | {"val/loss": 1e-310}])),
    "half an epoch": json.dumps(summary(epochs=ONE, kept={"epoch": 0.5, "metrics": figures(0.9)})),
    "less than no time": json.dumps(summary(epochs=ONE, seconds=-1.0)),
    "epochs by the yard": json.dumps(summary(epochs=ONE) | {"epochs": {"done": "3 ft"}}),
    "a seed of 33 bits": json.dumps(summary(epochs=ONE, config={"": {"seed": 2**32}})),
    "an endless value": json.dumps(summary(epochs=ONE, config={"model": {"width": float("inf")}})),
    "a content of numbers": json.dumps(summary(epochs=ONE, content=5)),
    "deep values": json.dumps(summary(epochs=ONE)).replace('"audit": []', f'"audit": {"[" * 60}{"]" * 60}'),
    "a long reason": json.dumps(summary(epochs=ONE, status="x" * 10_000)),
    "a status without end": json.dumps(summary(epochs=ONE, status="fine " * 1000)),
    "a status of its own": json.dumps(summary(epochs=ONE, status="\x1b[31mfine\n")),
}


@pytest.mark.parametrize("content", HOSTILE)
def test_whatever_a_summary_holds_is_a_listed_reason_of_one_printable_line(
    tmp_path: Path, content: str
) -> None:
    write_run(tmp_path / "run", epochs=ONE)
    (tmp_path / "run" / "summary.json").write_text(HOSTILE[content])
    found = find([tmp_path])
    assert found.results == []
    (excluded,) = found.excluded
    assert excluded.reason.isprintable()
    assert excluded.reason.startswith(("its files are not", "summary.json", "unfinished"))
    assert 10 < len(excluded.reason) < 300


def test_a_diverged_run_counts_as_diverged_whatever_its_last_losses_were(tmp_path: Path) -> None:
    write_run(tmp_path / "run", status="diverged", epochs=[figures(0.1) | {"val/loss": 1e200}])
    assert [one.ended for one in find([tmp_path]).results] == [False]


def test_bytes_that_are_no_text_are_a_listed_reason(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=ONE)
    (tmp_path / "run" / "summary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotCounted, match=r"summary\.json cannot be read"):
        read_result(str(tmp_path / "run"))


def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    for name in ("summary.json", "metrics.jsonl", "environment.json"):
        write_run(tmp_path / name[0], epochs=ONE)
        (tmp_path / name[0] / name).unlink()
        os.mkfifo(tmp_path / name[0] / name)
    found = find([tmp_path])
    assert [one.reason for one in found.excluded] == [
        "summary.json cannot be read: summary.json must be a plain file"
    ]
    assert [one.reason.partition(";")[0] for one in found.complaints] == [
        "environment.json cannot be read: environment.json must be a plain file",
        "metrics.jsonl cannot be read: metrics.jsonl must be a plain file",
    ]


def test_a_folder_that_cannot_be_read_is_named_and_its_neighbours_are_read(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=ONE)
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(17):  # a path that is too long for anyone, root included
        os.mkdir("x" * 250, dir_fd=folder)
        inside = os.open("x" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inside
    os.close(folder)
    found = find([tmp_path])
    assert [Path(one.folder).name for one in found.results] == ["run"]
    assert [one.reason for one in found.excluded] == ["cannot be read: File name too long"]


def test_a_link_to_a_run_is_that_run_and_one_to_another_folder_is_named(tmp_path: Path) -> None:
    write_run(tmp_path / "elsewhere" / "sweep" / "a", epochs=ONE)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "a").symlink_to(tmp_path / "elsewhere" / "sweep" / "a")
    (mine / "again").symlink_to(mine / "a")
    (mine / "circle").symlink_to(mine)
    (mine / "dead").symlink_to(tmp_path / "nowhere")
    (mine / "itself").symlink_to(mine / "itself")
    (mine / "sweep").symlink_to(tmp_path / "elsewhere" / "sweep")
    found = find([mine])
    assert [Path(one.folder).name for one in found.results] == ["a"]
    assert {Path(one.folder).name: one.reason for one in found.excluded} == dict.fromkeys(
        ("circle", "sweep"), "is a link to no run folder, and is not followed"
    )
    assert len(find([tmp_path]).results) == 1
    assert len(find([mine / "sweep"]).results) == 1  # as what is asked for it is followed


def test_values_of_a_line_that_are_no_figures_are_left_out_and_counted(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=ONE)
    (tmp_path / "run" / "metrics.jsonl").write_text(
        '{"epoch": 1, "val/loss": NaN, "val/accuracy": 0.5, "time/examples_per_s": null}\n'
        f'{{"epoch": 2, "val/loss": {"1" * 400}, "val/accuracy": "0.5", "gap/loss": 1e999, "b": true}}\n'
    )
    found = find([tmp_path])
    course = found.results[0].course
    assert list(course.epochs) == [1, 2]
    assert {name: course.by_epoch(name) for name in course.columns} == {"val/accuracy": {1: 0.5}}
    assert [one.reason for one in found.complaints] == [
        "metrics.jsonl has values that are no finite numbers, 6 of them; they are left out"
    ]


@pytest.mark.parametrize("epoch", ["true", "1.0", "-1", "1" * 30, '"1"', "null"])
def test_a_line_without_a_whole_number_as_epoch_ends_the_course(tmp_path: Path, epoch: str) -> None:
    write_run(tmp_path / "run", epochs=ONE)
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write(f'{{"epoch": {epoch}, "val/loss": 1.0}}\n')
    found = find([tmp_path])
    assert list(found.results[0].course.epochs) == [1]
    assert [one.reason[:30] for one in found.complaints] == ["line 2 of metrics.jsonl is not"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "environment.json is missing"),
        ("{", "environment.json cannot be read: Expecting property name"),
        ("[]", "environment.json must hold an object, and holds list"),
        (
            '{"a":' * 51 + "1" + "}" * 51,
            "environment.json cannot be read: values must be nested at most 50 deep",
        ),
        ('{"a":' * 990 + "1" + "}" * 990, "environment.json cannot be read: "),
        (f'{{"a": {"1" * 400}}}', "environment.json cannot be read: numbers must be finite"),
    ],
    ids=("none", "not whole", "a list", "deep", "deeper", "beyond all floats"),
)
def test_a_run_that_does_not_say_where_it_ran_counts_with_a_complaint(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    write_run(tmp_path / "run", epochs=ONE)
    place = tmp_path / "run" / "environment.json"
    place.unlink() if content is None else place.write_text(content)
    found = find([tmp_path])
    assert [one.environment for one in found.results] == [{}]
    (complaint,) = found.complaints
    assert complaint.reason.startswith(reason)
    assert complaint.reason.endswith("; where it ran is not known")


def test_an_environment_is_flat_and_may_be_50_deep(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=ONE, environment={"a\n": {"b": {"c": 1}}})
    assert find([tmp_path]).results[0].environment["a\\x0a.b.c"] == 1.0
    (tmp_path / "run" / "environment.json").write_text('{"a":' * 50 + "1" + "}" * 50)
    assert find([tmp_path]).results[0].environment == {".".join("a" * 50): 1.0}


def test_figures_of_names_that_would_steer_a_terminal_are_left_out_and_told(tmp_path: Path) -> None:
    measured = figures(0.9) | {
        "val/\x1b[31mred": 0.5,
        "val/\ud800": 0.5,
        "l1/zeros.a.0-x": 0.5,
        "val/\N{LATIN SMALL LETTER E WITH ACUTE}": 0.5,
    }
    write_run(tmp_path / "run", epochs=[measured], test=at({"accuracy": 0.5, "a b": 0.5}) | {"reads": 1})
    found = find([tmp_path])
    kept = found.results[0].summary
    assert set(measured) - set(kept.last.metrics) == {"val/\x1b[31mred", "val/\ud800"}
    assert kept.test.best == {"accuracy": 0.5}
    assert [one.reason for one in found.complaints] == ["no figure can be called a b and 2 more: left out"]


def test_signs_that_steer_a_terminal_become_visible() -> None:
    assert printable("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\x0ac"


def test_the_last_of_several_lines_of_one_epoch_counts_in_its_course(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=ONE)
    lines = ['{"epoch": 1, "val/loss": 3, "a/b": 1}', '{"epoch": 2}', '{"epoch": 1, "val/loss": 0.5}']
    (tmp_path / "run" / "metrics.jsonl").write_text("\n".join(lines))
    course = find([tmp_path]).results[0].course
    assert (course.by_epoch("val/loss"), course.values("val/loss")) == ({1: 0.5}, [3.0, 0.5])
    assert (course.by_epoch("gap/loss"), course.values("gap/loss")) == ({}, [])


def test_of_thousands_of_runs_that_share_conditions_and_machine_one_copy_is_kept(tmp_path: Path) -> None:
    for seed in range(3):
        write_run(tmp_path / str(seed), seed=seed, epochs=ONE)
    write_run(tmp_path / "other", (), 3, ONE, config={"model": {"width": 8}}, environment={"git": "x"})
    *alike, other = find([tmp_path]).results
    for kept in ("shared", "environment"):
        assert len({id(getattr(one, kept)) for one in alike}) == 1
        assert getattr(other, kept) != getattr(alike[0], kept)
