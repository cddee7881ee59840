"""Folders in, results out: whatever lies in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regbench.compare.results import NotCounted, find, flattened, printable, read_result
from tests.simulated import figures, member, result, summary, write_run

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
    assert [record["epoch"] for record in found.results[0].records] == [1, 2]
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
    assert [one.reason for one in found.excluded] == ["its record is of version 1, and 2 is read here"]


def test_a_diverged_run_is_a_result_and_has_not_ended(tmp_path: Path) -> None:
    write_run(tmp_path / "run", status="diverged", last=None, best=None)
    assert not find([tmp_path]).results[0].ended


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
    "uneven bins": json.dumps(
        summary(epochs=ONE, reliability={"last": {"count": [1], "confidence": [], "accuracy": [0.5]}})
    ),
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
    assert 10 < len(excluded.reason) < 300


def test_bytes_that_are_no_text_are_a_listed_reason(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=ONE)
    (tmp_path / "run" / "summary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotCounted, match=r"summary\.json cannot be read"):
        read_result(str(tmp_path / "run"))


def test_the_order_of_members_makes_another_stack_and_that_of_values_does_not() -> None:
    dropout = member("dropout", p=0.5, mode="inverted")
    turned = (dropout[0], dict(reversed(dropout[1].items())))
    assert result([dropout, "mixup"]).stack == result([turned, "mixup"]).stack
    assert result([dropout, "mixup"]).stack != result(["mixup", dropout]).stack


def test_one_and_one_point_zero_are_the_same_value() -> None:
    one, float_one = ({"model": {"width": value}} for value in (1, 1.0))
    assert result(config=one).shared == result(config=float_one).shared
    assert result([member("l2", strength=1)]).stack == result([member("l2", strength=1.0)]).stack


@pytest.mark.parametrize("aside", [{"threads": 2}, {"device": "cuda"}, {"evaluate": []}, {"sweep": "other"}])
def test_where_a_run_took_place_is_no_part_of_what_is_compared(aside: dict[str, object]) -> None:
    assert result(config={"": aside}).shared == result().shared


def test_where_the_files_lie_is_no_part_of_it_either() -> None:
    assert result(config={"dataset": {"root": "elsewhere"}}).shared == result().shared


@pytest.mark.parametrize(
    "other",
    [{"train": {"lr": 0.2}}, {"train": {"epochs": 4}}, {"dataset": {"split_seed": 1}},
     {"model": {"width": 8}}, {"": {"precision": "bf16"}}],
)  # fmt: skip
def test_anything_else_is(other: dict[str, dict[str, object]]) -> None:
    assert result(config=other).shared != result().shared


def test_own_data_is_told_apart_by_its_content_and_not_by_its_path() -> None:
    def own(path: str, content: str) -> dict[str, object]:
        return dict(result(config={"dataset": {"path": path}}, content=content).shared)

    assert own("here", "abc") == own("there", "abc")
    assert own("here", "abc") != own("here", "def")


def test_a_tree_is_flattened_to_its_leaves() -> None:
    assert dict(flattened({"a": {"b": 1, "c": {}}, "d": [2]})) == {"a.b": 1.0, "a.c": {}, "d": [2.0]}


def test_signs_that_steer_a_terminal_become_visible() -> None:
    assert printable("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\x0ac"
