"""Tables in a terminal of any width: no word is broken where one fits, and nothing is lost."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable, Sequence

import pytest
from rich.console import Console

from regbench.analysis.ablation import ablate, subsets
from regbench.analysis.comparison import compare
from regbench.analysis.question import Question
from regbench.analysis.response import Swept, response
from regbench.reports import ablation_text, response_text
from regbench.reports.tables import WHOLE, tables
from regbench.terminal.columns import Table, folded
from regbench.terminal.screen import print_table
from tests.records.made import member
from tests.records.planted import cohort, result, runs
from tests.sampling import some_of

WIDTHS = (60, 80, 100, 120)
STACKS: list[list[str]] = [
    [], ["dropout", "label_smoothing", "mixup"], ["confidence_penalty"], ["smart_augmentation"], ["l2"],
    ["gan_augmentation"], ["early_stopping", "ghost_batch_norm"], ["variational_dropout"], ["cutout"],
    ["flip_crop", "manifold_mixup", "stochastic_depth", "attention_dropout"], ["dropout", "mixup"],
]  # fmt: skip


def val(stack: Sequence[str], seed: int) -> float:
    """From 0.05 to 0.95, in steps that make differences of both signs and of two digits before the point."""
    return 0.5 + 0.09 * (STACKS.index(list(stack)) * 7 % 11 - 5) * bool(stack) + 0.001 * (seed * 7 % 5)


def shown(table: Table, width: int, whole: Iterable[str] = (), terminal: bool = False) -> str:
    out = io.StringIO()
    print_table(
        Console(file=out, width=width, force_terminal=terminal, color_system=None), table, list(whole)
    )
    return out.getvalue()


def reports() -> dict[str, list[tuple[Table, list[str]]]]:
    """What each command shows of realistic runs: tables, and headings whose cells are never folded."""
    of_all = compare(cohort(runs(STACKS, range(10), val)), Question(metric="val/loss"))
    accuracy = compare(cohort(runs(STACKS, range(10), val)), Question())
    members = ["attention_dropout", "confidence_penalty", "label_smoothing"]
    stacks = subsets(members, True, False)
    ablated = ablate(
        cohort(runs(stacks, range(6), lambda s, seed: 0.5 + 0.1 * len(s) + seed * seed / 1000)), stacks,
        Question(), "digits mlp",
    )  # fmt: skip
    points = [0.0, 0.0001, 0.35, 123456.0]
    curve = response(
        cohort(result([member("dropout", p=p)], s, 0.9 - p / 9e5 + s / 99) for s in range(6) for p in points),
        Swept("reg.dropout.p", points, 0.0, True), Question(), "digits mlp dropout",
    )  # fmt: skip
    return {
        "compare": [(table, [WHOLE]) for one in (accuracy, of_all) for table in tables(one)],
        "ablate": [(table, []) for table, _ in ablation_text.pages(ablated)],
        "strength": [(table, [response_text.DRAWN]) for table, _ in response_text.pages(curve)],
    }


def words(text: str) -> list[str]:
    """Words as a reader has them: between spaces, and of a stack's name between + and comma."""
    return [word for word in re.split(r"[\s+,]+", text) if word]


@pytest.mark.parametrize(
    ("command", "width", "terminal"),
    some_of([*itertools.product(["compare", "ablate", "strength"], WIDTHS, [False, True])], every=3),
)
def test_no_word_of_a_table_is_broken(command: str, width: int, terminal: bool) -> None:
    for table, whole in reports()[command]:
        printed = shown(table, width, whole, terminal)
        there = words(printed)
        for text in [*table.headings, *(cell for row in table.rows for cell in row)]:
            for word in words(text):
                assert word in there, f"{word} is broken:\n{printed}"
        captions = printed.splitlines() if terminal else printed.replace(table.caption, "").splitlines()
        assert max(map(len, captions)) <= width


def test_what_is_never_folded_stands_on_one_line() -> None:
    for table, whole in reports()["compare"] + reports()["strength"]:
        for width in WIDTHS:
            printed = shown(table, width, whole)
            for heading in whole:
                if heading in table.headings:
                    place = table.headings.index(heading)
                    assert [row[place] for row in table.rows if row[place].strip() not in printed] == []


def test_verdicts_stay_beside_the_stacks_and_what_is_spared_has_a_table_of_its_own() -> None:
    table = reports()["compare"][0][0]
    first, second = shown(table, 80).split("\n\n", 1)
    assert "verdict" in first
    assert "train" not in words(first)
    assert "train" in words(second)
    assert table.caption + " (continued)" in second
    assert words(shown(table, 120)).count("train") == 1
    assert "(continued)" not in shown(table, 120), "there is room for all columns"


def test_a_table_of_few_columns_is_no_wider_than_it_needs_to_be() -> None:
    lines = shown(Table("c", ["stack", "x"], [["a", "1"]]), 80).splitlines()
    assert lines == ["c", "stack  x", "────────", "a      1"]


def test_a_word_wider_than_any_place_is_broken_at_its_signs_and_nothing_is_lost() -> None:
    name = "a_very_long_name_of_somebody_else's_own_technique_that_does_not_fit"
    printed = shown(Table("c", ["stack", "x"], [[name, "1"]]), 30)
    lines = [line.split()[0] for line in printed.splitlines()[3:]]
    assert "".join(lines) == name
    assert all(line.endswith("_") for line in lines[:-1])


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("dropout+label_smoothing+mixup", 16, ["dropout+", "label_smoothing+", "mixup"]),
        ("dropout+label_smoothing+mixup", 24, ["dropout+label_smoothing+", "mixup"]),
        ("dropout,mixup,l2", 14, ["dropout,mixup,", "l2"]),
        ("dropout p=0.5 mode=inverted", 14, ["dropout p=0.5", "mode=inverted"]),
        ("l2", 14, ["l2"]),
        ("", 1, [""]),
    ],
)
def test_names_go_on_after_a_plus_a_comma_or_a_space(text: str, width: int, lines: list[str]) -> None:
    assert folded(text, width, True).split("\n") == lines


JOB = "dropout+label_smoothing+mixup_seed0_31fffed388"


@pytest.mark.parametrize("width", WIDTHS)
def test_jobs_and_folders_go_on_after_a_plus_or_a_slash_and_reasons_between_words(width: int) -> None:
    folder = f"outputs/sweeps/digits_mlp/{JOB}"
    why = "dropout: p must be in [0, 1), got 1.5, which would leave nothing"
    failed = shown(Table("failed", ["job", "why"], [[JOB, why]], prose=("why",)), width)
    test = shown(Table("t", ["run", "last weights", "best"], [[folder, "0.7611 (2.0316)", "1 (0)"]]), width)
    plan = shown(Table("p", ["job", "state", "time"], [[JOB, "finished", "3 min 12 s"]]), width)
    for printed, texts in (
        (failed, (JOB, why)),
        (test, (folder, "0.7611 (2.0316)")),
        (plan, (JOB, "finished")),
    ):
        assert max(map(len, printed.splitlines())) <= width
        there = [word for word in re.split(r"[\s+/]+", printed) if word]
        for word in re.split(r"[\s+/]+", " ".join(texts)):
            assert word in there, f"{word} is broken:\n{printed}"


def test_sentences_of_a_table_begin_at_the_left() -> None:
    lines = shown(
        Table("c", ["job", "why"], [["a", "x y"], ["b", "longer"]], prose=("why",)), 80
    ).splitlines()
    assert [line.rstrip() for line in lines[1:]] == ["job  why", "───────────", "a    x y", "b    longer"]
