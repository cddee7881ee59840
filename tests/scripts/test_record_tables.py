"""The tables of keys in docs/records.md are what the code says of each key."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import record_tables
from record_tables import PerWeights
from regbench.records.environment import Environment
from regbench.records.metrics import METRICS, NUMBERS
from regbench.records.summary import (
    ClassMetrics,
    Epochs,
    Flops,
    Member,
    Reliability,
    Sealed,
    Snapshot,
    Summary,
    Targets,
)

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "records.md"
RECORDED = ROOT / "tests" / "golden" / "made" / "summary.json"
KINDS = [
    Summary,
    Environment,
    Snapshot,
    Epochs,
    Sealed,
    Reliability,
    ClassMetrics,
    Member,
    Flops,
    Targets,
    PerWeights,
]


def test_the_committed_page_is_what_the_script_writes() -> None:
    assert record_tables.page(PAGE.read_text()) == PAGE.read_text()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_said_and_nothing_else(kind: type) -> None:
    assert list(record_tables.said(kind)) == [field.name for field in dataclasses.fields(kind)]


def test_every_key_of_a_recorded_run_has_a_row_and_its_order_is_that_of_the_file() -> None:
    keys = [row[0].strip("`") for row in record_tables.rows(Summary, set())]
    recorded = json.loads(RECORDED.read_text())
    left_out = {"kept", "targets", "curve_rows"}  # where there are none
    assert [key for key in keys if "." not in key and key not in left_out] == list(recorded)
    for outer, inner in (("epochs", "planned"), ("flops", "total"), ("stack[]", "off"), ("test", "reads")):
        assert f"{outer}.{inner}" in keys
    assert "per_class.last.confusion" in keys


def test_every_metric_has_a_row_with_its_range_and_a_gap_where_there_is_one() -> None:
    both = [(name, row) for row in record_tables.course() for name in row[0].replace("`", "").split(", ")]
    numbers = {name: row for name, row in both if "of numbers to predict" in row[3]}
    rows = {name: row for name, row in both if "of numbers to predict" not in row[3]}
    assert len(numbers) + len(rows) == len(both), "of both tasks each key has one row"
    for metric in METRICS:
        of_task = numbers if metric.task == NUMBERS else rows
        assert any(name.endswith(f"/{metric.name}") for name in of_task)
        assert (f"gap/{metric.name}" in of_task) is bool(metric.gap)
    assert rows["val/brier"][1] == "[0, 2]"
    assert rows["val/brier"][3] == "evaluated epochs, with `calibration`"
    assert rows["train/loss"][1] == "nats, at least 0"
    assert rows["gap/accuracy"][1] == "[-1, 1]"
    assert [numbers[f"val/{name}"][1] for name in ("r2", "rmse", "loss")] == [
        "at most 1", "the targets' unit, at least 0", "at least 0",
    ]  # fmt: skip
    assert numbers["gap/rmse"][1] == "the targets' unit"


def test_a_page_without_the_table_or_with_all_else_by_hand_is_told_or_kept() -> None:
    mine = "# Mine\n\n" + "".join(
        f"## {heading}\n\nOf my own.\n\n| Key |\n| --- |\n| `gone` |\n\nAfter.\n\n"
        for heading in record_tables.TABLES
    )
    made = record_tables.page(mine)
    assert made.count("Of my own.\n\n| Key |") == made.count("\n\nAfter.\n") == 3
    assert "gone" not in made
    with pytest.raises(ValueError, match=r"must have one table in the section .* got 0"):
        record_tables.page("# Mine\n")
