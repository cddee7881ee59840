"""What is one run, and what may be compared: both read a configuration by one rule."""

from __future__ import annotations

from typing import Any

import pytest

from regbench.records.identity import (
    conditions,
    flattened,
    identity,
    joined_content,
    parts_of,
    parts_of_content,
    runs_of_content,
    told_by_content,
)
from tests.records.made import CONFIG, member, result


def of(**dataset: Any) -> dict[str, Any]:
    """A configuration whose dataset has these fields."""
    return CONFIG | {"dataset": CONFIG["dataset"] | dataset}


@pytest.mark.parametrize(
    ("field", "content", "counts"),
    [("root", "", False), ("root", "abc", False), ("path", "abc", False), ("labels_path", "abc", False),
     ("memory", "", False), ("memory", "abc", False),
     ("path", "", True), ("labels_path", "", True), ("filepath", "abc", True), ("filepath", "", True),
     ("pathology", "abc", True), ("split_seed", "abc", True)],
)  # fmt: skip
def test_a_field_of_a_dataset_counts_for_both_questions_or_for_neither(
    field: str, content: str, counts: bool
) -> None:
    here, there = of(**{field: "here"}), of(**{field: "there"})
    assert (identity(here, content) != identity(there, content)) is counts
    assert (conditions(here, content) != conditions(there, content)) is counts


@pytest.mark.parametrize("field", ["val", "test"])
@pytest.mark.parametrize(
    ("one", "other", "counts"),
    [
        ("here/a.csv", "there/a.csv", False),
        ("a.csv", "b.parquet", False),
        ("few", "many", True),
        (1, 2, True),
    ],
)
def test_val_and_test_are_paths_where_they_look_like_one(
    field: str, one: object, other: object, counts: bool
) -> None:
    assert (identity(of(**{field: one}), "abc") != identity(of(**{field: other}), "abc")) is counts
    assert identity(of(**{field: one})) != identity(of(**{field: other}))  # no digest stands for them


def test_what_decides_a_run_and_is_no_condition_is_what_is_repeated_compared_or_measured_besides() -> None:
    changes = {name: CONFIG | {name: "another"} for name in CONFIG if name != "reg"}
    runs = {name for name, one in changes.items() if identity(one) != identity(CONFIG)}
    compared = {name for name, one in changes.items() if conditions(one) != conditions(CONFIG)}
    assert compared < runs
    assert runs - compared == {"seed", "threads", "evaluate"}
    assert CONFIG.keys() - runs == {"reg", "device", "evaluate_test", "checkpoints", "sweep"}


def test_how_many_rows_are_measured_after_an_epoch_counts_where_it_chooses() -> None:
    """A run from before there was the key counts as one with auto: it chose by all rows too."""
    made = {
        asked: CONFIG | {"train": CONFIG["train"] | {"evaluate_rows": asked}}
        for asked in ("auto", None, 100, 200)
    }
    assert identity(made["auto"]) == identity(CONFIG)
    assert len({identity(one) for one in made.values()}) == 4
    assert conditions(made[100]) != conditions(made["auto"]) == conditions(CONFIG)


def test_the_order_of_members_makes_another_stack_and_that_of_values_does_not() -> None:
    dropout = member("dropout", p=0.5, mode="inverted")
    turned = (dropout[0], dict(reversed(dropout[1].items())))
    assert result([dropout, "mixup"]).stack == result([turned, "mixup"]).stack
    assert result([dropout, "mixup"]).stack != result(["mixup", dropout]).stack


def test_one_and_one_point_zero_are_the_same_value() -> None:
    one, float_one = ({"model": {"width": value}} for value in (1, 1.0))
    assert result(config=one).shared == result(config=float_one).shared
    assert result([member("l2", strength=1)]).stack == result([member("l2", strength=1.0)]).stack


def test_whole_numbers_that_no_float_can_hold_stay_apart() -> None:
    odd, even = (result(config={"dataset": {"split_seed": seed}}) for seed in (2**53 + 1, 2**53))
    assert odd.shared != even.shared
    assert odd.shared["dataset.split_seed"] == 2**53 + 1


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


def test_a_run_that_a_member_names_is_told_apart_by_its_weights_and_not_by_its_path() -> None:
    def of_teacher(path: str, digest: str) -> tuple[object, object, str]:
        stack = [member("distillation", teacher=path, share=0.5)]
        content = joined_content("", "", {"reg.distillation.teacher": digest * 64})
        found = result(stack, content=content)
        return found.stack, found.shared, identity(found.summary.config, content)

    here, there, other = of_teacher("here", "a"), of_teacher("there", "a"), of_teacher("here", "b")
    assert here == there
    assert here[0] != other[0]
    assert here[1] == other[1]
    assert here[2] != other[2]


def test_a_field_that_a_member_got_later_makes_no_other_run_of_what_older_ones_did() -> None:
    values = {"_target_": "regbench.regularizers.l2_sp.L2SP", "strength": 0.1}
    older, newer = ({**CONFIG, "reg": {"l2_sp": node}} for node in (values, {**values, "start": None}))
    assert identity(newer) == identity(older)
    assert [*parts_of(newer["reg"])] == [*parts_of(older["reg"])]
    assert identity({**CONFIG, "reg": {"inner": newer["reg"]}}) == identity(
        {**CONFIG, "reg": {"inner": older["reg"]}}
    )
    other = {**CONFIG, "reg": {"l2_sp": {**values, "start": "somewhere"}}}
    assert identity(other) != identity(older)
    own = {**CONFIG, "reg": {"mine": {"_target_": "mine.Mine", "start": None}}}
    assert identity(own) != identity({**CONFIG, "reg": {"mine": {"_target_": "mine.Mine"}}})


def test_digests_are_joined_in_one_text_and_read_from_it() -> None:
    runs = {"reg.a.teacher": "1" * 64, "reg.both.b.start": "2" * 64}
    content = joined_content("data", "initial", runs)
    assert runs_of_content(content) == runs
    assert parts_of_content({"model": {"init": "file"}}, content) == ("data", "initial")
    assert parts_of_content({"model": {}}, joined_content("data", "", runs)) == ("data", "")
    assert runs_of_content("data+init:initial") == runs_of_content("") == {}


@pytest.mark.parametrize(
    "content", ["+run:", "+run:x", "+run:=", "+run:seed=1", "+run:reg.a.b=1", "+run:reg=1"]
)
def test_a_content_that_names_what_is_not_there_changes_nothing_else(content: str) -> None:
    config = CONFIG | {"reg": {"a": {"_target_": "x.Y", "b": 1}}}
    assert told_by_content(config["reg"], content) == config["reg"]
