"""`regbench compare` as a person meets it."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import processes
from tests.records.made import figures, member, write_run

SEEDS = 8
STACKS = {
    "baseline": ([], 0.0),
    "dropout": (["dropout"], 0.02),
    "mixup": (["mixup"], -0.01),
    "l2": (["l2"], 0.0),
}
HOSTILE = "<script>alert(1)</script> =1+1 | $x_1$ \\end{tabular} [bold]b[/] {{7*7}} \x1b[31m\n`"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four stacks of eight seeds: one better, one worse, one the same but for noise."""
    root = tmp_path_factory.mktemp("compared")
    draw = random.Random(1)
    for seed in range(SEEDS):
        common = 0.9 + draw.gauss(0, 0.01)
        for name, (stack, step) in STACKS.items():
            epochs = [figures(common + step + draw.gauss(0, 0.001) - 0.1 / epoch) for epoch in (1, 2, 3)]
            write_run(
                root / "sweep" / f"{name}_seed{seed}", stack, seed, epochs, ended=f"2026-11-23T{seed:02}"
            )
    return root


def compare(folder: Path, *words: str, columns: int = 120) -> subprocess.CompletedProcess[str]:
    return processes.run("compare", *words, cwd=folder, COLUMNS=str(columns))


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    """Exit status 2 and one line on stderr."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert re.search(sentence, done.stderr), done.stderr


def test_the_verdicts_are_said_in_words_with_what_the_design_could_have_found(sweep: Path) -> None:
    done = compare(sweep, "sweep", "--fixed-seeds")
    assert done.returncode == 0, done.stderr
    interval = r"\[\+[12]\.\d\d, \+2\.\d\d\]"
    words = rf"^dropout is better: val accuracy \+[12]\.\d\d points {interval}, adjusted p 0\.023$"
    assert re.search(words, done.stdout, re.MULTILINE)
    assert "mixup is worse" in done.stdout
    assert "l2 is not resolved" in done.stdout
    assert "3 techniques and 8 pairs the smallest adjusted p is 0.023" in done.stdout
    assert "unadjusted" in done.stdout
    assert "on this validation split" in done.stdout
    assert "would have been resolved four times in five" in done.stdout
    assert "for a number of seeds that was chosen beforehand" in done.stdout


def test_verdicts_may_be_looked_at_while_seeds_are_added_unless_told(sweep: Path) -> None:
    done = compare(sweep, "sweep")
    assert done.returncode == 0, done.stderr
    interval = r"\[\+1\.\d\d, \+2\.\d\d\]"
    words = rf"^dropout is better: val accuracy \+1\.\d\d points {interval}, adjusted p 0\.04$"
    assert re.search(words, done.stdout, re.MULTILINE)
    assert "3 techniques and 8 pairs the smallest adjusted p is 0.027" in done.stdout
    assert (
        "judged by the sequential test, whose verdicts and intervals hold however often one looks"
        in done.stdout
    )
    for form in ("--markdown", "--latex"):
        assert "judged by the sequential test" in compare(sweep, "sweep", form, "-").stdout
    made = json.loads(compare(sweep, "sweep", "--json", "-").stdout)["comparisons"][0]
    assert (made["judge"]["test"], made["arms"][1]["differences"]["val/accuracy"]["method"]) == (
        "sequential",
        "sequence",
    )
    rows = list(csv.DictReader(io.StringIO(compare(sweep, "sweep", "--fixed-seeds", "--csv", "-").stdout)))
    assert {row["test"] for row in rows} == {"fixed"}


def test_a_margin_is_in_points_and_what_lies_within_it_makes_no_difference_that_matters(sweep: Path) -> None:
    done = compare(sweep, "sweep", "--margin", "1")
    assert "l2 makes no difference that matters: val accuracy " in done.stdout
    assert "lies within 1.00 points of 0" in done.stdout
    assert "mixup is worse" in done.stdout
    assert "l2 is not resolved" in compare(sweep, "sweep", "--margin", "0.01").stdout
    made = json.loads(compare(sweep, "sweep", "--margin", "1", "--json", "-").stdout)
    assert made["comparisons"][0]["judge"]["margin"] == pytest.approx(0.01)
    for wrong, got in (("0", "0"), ("-1", "-1"), ("inf", "inf"), ("small", "small"), ("", "nothing")):
        refused(
            compare(sweep, "sweep", "--margin", wrong),
            f"compare: --margin must be a number above 0, such as 0.3, got {got}$",
        )


def test_the_order_of_the_folders_changes_nothing_to_the_byte(sweep: Path) -> None:
    folders = [str(path.relative_to(sweep)) for path in sorted((sweep / "sweep").iterdir())]
    shuffled = folders[::2] + folders[1::2][::-1]
    for output in ("--json", "--csv", "--markdown", "--latex"):
        assert compare(sweep, *folders, output, "-").stdout == compare(sweep, *shuffled, output, "-").stdout
    assert compare(sweep, *folders).stdout == compare(sweep, *shuffled).stdout


def test_json_has_the_documented_keys(sweep: Path) -> None:
    found = json.loads(compare(sweep, "sweep", "--json", "-").stdout)
    assert list(found) == ["regbench", "comparisons", "excluded", "duplicates", "complaints", "format"]
    (one,) = found["comparisons"]
    documented = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
    keys = {*found, *one, *one["arms"][1], *one["arms"][1]["verdict"], *one["design"]}
    assert [key for key in sorted(keys) if f"`{key}`" not in documented] == []
    assert one["arms"][1]["verdict"]["word"] == "better"


def test_csv_is_a_row_for_each_stack_in_plain_units(sweep: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(compare(sweep, "sweep", "--csv", "-").stdout)))
    assert [row["arm"] for row in rows] == ["baseline", "dropout", "l2", "mixup"]
    assert {row["seeds"] for row in rows} == {"8"}
    assert float(rows[1]["val/accuracy.difference"]) == pytest.approx(0.02, abs=0.002)
    assert float(rows[1]["val/accuracy.mean"]) == pytest.approx(0.887, abs=0.02)
    assert rows[1]["verdict"] == "better"
    assert rows[0]["verdict"] == ""


def test_csv_counts_what_is_missing_and_what_diverged(tmp_path: Path) -> None:
    for seed in range(3):
        write_run(tmp_path / f"a{seed}", [], seed, [figures(0.9)])
    write_run(tmp_path / "b0", ["dropout"], 0, [figures(0.9)])
    write_run(tmp_path / "b1", ["dropout"], 1, status="diverged", last=None, best=None)
    row = list(csv.DictReader(io.StringIO(compare(tmp_path, ".", "--csv", "-").stdout)))[1]
    assert {name: row[name] for name in ("arm", "seeds", "pairs", "diverged", "missing")} == {
        "arm": "dropout", "seeds": "1", "pairs": "1", "diverged": "1", "missing": "1",
    }  # fmt: skip


def test_files_are_written_whole_and_what_cannot_be_is_one_line(sweep: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    assert compare(sweep, "sweep", "--markdown", str(target)).returncode == 0
    assert "| dropout | 8 |" in target.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]
    refused(
        compare(sweep, "sweep", "--csv", str(tmp_path / "no" / "such.csv")), "such.csv.* cannot be written"
    )


def test_another_metric_another_snapshot_another_baseline(sweep: Path) -> None:
    assert "dropout is better: val NLL -0.0" in compare(sweep, "sweep", "--metric", "val/loss").stdout
    assert "the best weights" in compare(sweep, "sweep", "--at", "best").stdout
    assert "baseline is worse" in compare(sweep, "sweep", "--baseline", "dropout").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--metric", "gap/accuracy"], "a constant predictor has no gap"),
        (["--metric", "train/accuracy"], "must be a figure of val, test, corruption"),
        (["--metric", "val/acuracy"], "has measured val/acuracy; there are val/accuracy, val/brier"),
        (
            ["--metric", "test/accuracy"],
            "no run that counts has measured test/accuracy; there are val/accuracy",
        ),
        (["--baseline", "drop"], "no stack is called drop; did you mean 'dropout'"),
        (["--at", "first"], "--at: invalid choice"),
        (["--speed"], "unrecognized arguments: --speed"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(sweep: Path, words: list[str], sentence: str) -> None:
    refused(compare(sweep, "sweep", *words), sentence)


def test_nothing_to_compare_is_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(compare(tmp_path, "empty"), "nothing can be compared; empty: holds no run")
    refused(compare(tmp_path, "nowhere"), "nowhere: is no folder")
    refused(compare(tmp_path), "the following arguments are required: RUNS")
    write_run(tmp_path / "old", [], 0, [figures(0.9)], version=1)
    refused(compare(tmp_path, "old"), "old: its record is of version 1, and 2 or 3 is read here")


def test_what_does_not_count_is_listed_and_the_rest_compared(sweep: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "broken", ["dropout"], 9, [figures(0.9)])
    (tmp_path / "broken" / "summary.json").write_text("{")
    write_run(tmp_path / "again", ["dropout"], 0, [figures(0.9)], ended="2020")
    write_run(tmp_path / "half", ["dropout"], 9, [figures(0.9)])
    with (tmp_path / "half" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch"')
    done = compare(sweep, "sweep", str(tmp_path))
    assert done.returncode == 0, done.stderr
    said = done.stdout.replace("\n", "")
    assert "broken: summary.json cannot be read" in said
    assert "duplicate: " in said
    assert "line 2 of metrics.jsonl is not whole; those before it are used" in said


def test_runs_of_several_kinds_make_several_comparisons_or_are_refused_as_one(tmp_path: Path) -> None:
    for width in (8, 16):
        for seed in range(2):
            write_run(
                tmp_path / f"w{width}_{seed}", [], seed, [figures(0.9)], config={"model": {"width": width}}
            )
    done = compare(tmp_path, ".")
    assert "digits mlp model.width=8" in done.stdout
    assert "digits mlp model.width=16" in done.stdout
    refused(
        compare(tmp_path, ".", "--one"), r"2 comparisons; they differ in model\.width \(16(\.0)?, 8(\.0)?\)"
    )


def test_hostile_names_are_text_in_every_output(tmp_path: Path) -> None:
    for seed in range(2):
        write_run(tmp_path / f"<b>{seed}", [], seed, [figures(0.9)])
        write_run(tmp_path / f"evil{seed}", [member(HOSTILE, key="</script>")], seed, [figures(0.9)])
    done = compare(tmp_path, ".", columns=400)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "<script>alert(1)</script>" in done.stdout
    assert "[bold]b[/]" in done.stdout
    markdown = compare(tmp_path, ".", "--markdown", "-").stdout
    assert "<script" not in markdown.replace(r"\<script", "")
    assert r"\| \$x_1\$" in markdown
    latex = compare(tmp_path, ".", "--latex", "-").stdout
    assert latex.count(r"\end{tabular}") == 3
    assert r"\$x\_1\$ \textbackslash{}end\{tabular\}" in latex
    rows = list(csv.DictReader(io.StringIO(compare(tmp_path, ".", "--csv", "-").stdout)))
    assert len(rows) == 2
    assert json.loads(compare(tmp_path, ".", "--json", "-").stdout)


def test_no_spreadsheet_takes_a_name_for_a_formula(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [member("=cmd()")], 0, [figures(0.9)])
    (row,) = csv.DictReader(io.StringIO(compare(tmp_path, ".", "--csv", "-").stdout))
    assert row["arm"] == "'=cmd()"


def test_latex_takes_no_name_for_an_argument_and_sets_a_minus(tmp_path: Path) -> None:
    for seed in range(2):
        write_run(tmp_path / f"a{seed}", [], seed, [figures(0.9)])
        write_run(tmp_path / f"b{seed}", [member("[x]")], seed, [figures(0.8)])
    latex = compare(tmp_path, ".", "--latex", "-").stdout
    assert "\\\n{}[x] & 2 & " in latex  # after a line's end, [x] would be a length
    assert " & $-$10.00 & " in latex


def test_what_the_terminal_cannot_show_ends_nothing(sweep: Path) -> None:
    words = [sys.executable, "-m", "regbench", "compare", "sweep"]
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for more in ([], ["--markdown", "-"]):
        done = subprocess.run([*words, *more], cwd=sweep, env=plain, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_who_goes_is_no_error(sweep: Path) -> None:
    line = f"{sys.executable} -m regbench compare sweep | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=sweep, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("digits mlp: ")


def test_piped_tables_do_not_break_their_words(sweep: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    words = [sys.executable, "-m", "regbench", "compare", "sweep"]
    done = subprocess.run(words, cwd=sweep, env=bare, capture_output=True, text=True)
    assert re.search(r"^baseline +8 +100\.00 .* baseline *$", done.stdout, re.MULTILINE)
    assert "not resolved" in done.stdout.split("mean (difference")[0]


def test_one_standard_output_takes_one_file(sweep: Path) -> None:
    refused(compare(sweep, "sweep", "--csv", "-", "--json", "-"), "one file at most .* got --csv, --json")
    one = compare(sweep, "sweep", "--csv", "same", "--html", "./same")
    refused(one, "--html: must be another place than that of --csv, got same for both")
    refused(compare(sweep, "sweep", "--html", "-"), "--html: must name a place on the disk, got -")
    refused(compare(sweep, "sweep", "--baseline", ""), "no stack is called")


def test_comparing_does_not_wait_for_torch_or_for_what_draws() -> None:
    heavy = ("torch", "scipy.stats", "matplotlib", "plotly", "tensorboard", "hydra", "sklearn", "pandas")
    code = f"import regbench.commands.compare, sys; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
