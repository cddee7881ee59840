"""A person's own table, from its file to splits."""

from __future__ import annotations

import datetime
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from regbench.data.splits import SplitOptions, carve
from regbench.data.table import Table
from regbench.types import Dataset

FIELDS: dict[str, Any] = {
    "target": "y",
    "val": None,
    "test": None,
    "group": None,
    "ignore": [],
    "categories": [],
    "numbers": "standardize",
    "rare": 1,
    "task": "auto",
    "loss": "squared",
    "unit": "",
    "delimiter": None,
    "encoding": "utf-8",
}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(content: str | bytes | None = None, path: str = "t.csv", **changed: Any) -> Table:
    """A table of this content."""
    if content is not None:
        Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return Table(path, **(FIELDS | changed))


def carved(source: Table, **changed: Any) -> Dataset:
    source.fetch()
    options = {"split_seed": 0, "train_fraction": 1.0, "num_train": None, "label_noise": 0.0}
    return carve(source, SplitOptions(**(options | changed)))


def lines(row: Callable[[int], str], count: int = 30) -> str:
    return "".join(f"{row(number)}\n" for number in range(count))


WORDS = "a,b,y\n" + lines(lambda i: f"{i},{'uv'[i % 2]},{('no', 'yes')[i % 2]}")


def test_reads_numbers_categories_and_classes_in_their_order() -> None:
    source = table("size,colour,y\n1.5,red,b\n2,blue,a\n,red,b\n4,,a\n")
    rows, labels = (torch.cat(each) for each in zip(source.train(), source.test(), strict=True))
    places = sorted(zip(rows.nan_to_num(-9).tolist(), labels.tolist(), strict=True))
    assert places == [([-9, 1], 1), ([1.5, 1], 1), ([2, 0], 0), ([4, -9], 0)]
    assert list(source.classes) == ["a", "b"]
    assert source.in_shape == (2,)


def test_inputs_are_standardized_by_the_kept_train_rows() -> None:
    data = carved(table("a,b,y\n" + lines(lambda i: f"{i**2},{'uvw'[i % 3]},{i % 2}", 60)), num_train=20)
    numbers, words = data.train.inputs[:, 0], data.train.inputs[:, 1:]
    assert numbers.mean().item() == pytest.approx(0, abs=1e-6)
    assert numbers.std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert words.sum(1).tolist() == [1.0] * 20
    assert data.in_shape == (4,)
    assert data.train.columns == (0, 1, 1, 1)
    assert data.val.columns == data.train.columns
    assert data.train.inputs.dtype == torch.float32


def test_what_is_rare_in_train_is_together_with_what_val_alone_has() -> None:
    town = lambda i: "big" if i % 3 else f"small{i}"  # noqa: E731
    data = carved(table("a,town,y\n" + lines(lambda i: f"{i},{town(i)},{i % 2}", 60), rare=2))
    assert data.columns is not None
    kept = data.columns[1]
    assert (kept["categories"], kept["others"], kept["missing"]) == (("big",), True, False)
    assert data.val.inputs[:, 1:].sum(1).tolist() == [1.0] * len(data.val)
    assert "of val of categories that train lacks" in data.note


def test_many_different_numbers_are_predicted_as_numbers_and_few_as_classes() -> None:
    many = carved(table("a,y\n" + lines(lambda i: f"{i},{i * 0.5 % 10.5}", 60)))
    assert not many.task.speaks_of_classes
    assert "regression, as y holds 21 different numbers; dataset.task=classification takes" in many.note
    few = carved(table("a,y\n" + lines(lambda i: f"{i},{i % 20}", 60)))
    assert few.classes == tuple(map(str, range(20)))  # 2 before 10
    assert "classification, as y holds no more than 20 different numbers; dataset.task=regression" in few.note
    asked = carved(table("a,y\n" + lines(lambda i: f"{i},{i % 20}", 60), task="regression", unit="EUR"))
    assert asked.train.numbers is not None
    assert (asked.train.numbers.targets, asked.train.numbers.unit) == (("y",), "EUR")
    assert "regression, as" not in asked.note


def test_no_row_is_lost_without_being_counted() -> None:
    text = "a,y\n1,\n\n , \n" + lines(lambda i: f"{i},{i % 2}")
    data = carved(table(text))
    assert sum(map(len, (data.train, data.select, data.val, data.read_test()))) == 30
    assert "30 rows in t.csv" in data.note
    assert "passed over: 2 blank lines; left out: 1 row without a target" in data.note


def test_marks_line_ends_quotes_and_blanks_of_the_format_are_no_values() -> None:
    rows = lines(lambda i: f'{i}, "x\n{i % 3}" ,{i % 2}\r'.replace(' "', '"').replace('" ', '"'))
    source = table(f"\ufeff a , b,y \r\n{rows}".encode())
    source.fetch()
    assert [column.name for column in source.columns] == ["a", "b"]
    assert source.columns[1].categories == ("x\n0", "x\n1", "x\n2")
    origins = {source.origin(part, row) for part in ("train", "test") for row in (0, 1)}
    assert all(int(origin.split()[1]) % 2 == 0 and origin.endswith(" of t.csv") for origin in origins)


@pytest.mark.parametrize(("name", "sign"), [("t.tsv", "\t"), ("t.csv", ";"), ("t.txt", "\t"), ("t.csv", "|")])
def test_the_sign_between_columns_is_found(name: str, sign: str) -> None:
    source = table(WORDS.replace(",", sign), name)
    source.fetch()
    assert [column.name for column in source.columns] == ["a", "b"]


def test_another_sign_between_columns_and_another_encoding_are_named() -> None:
    source = table(
        WORDS.replace(",", "#").replace("u", "é").encode("latin-1"), delimiter="#", encoding="latin-1"
    )
    assert source.columns[1].categories == ("v", "é")


def test_parquet_has_types() -> None:
    frame = {
        "a": list(range(40)),
        "b": [True, None] * 20,
        "c": ["x", "y"] * 20,
        "d": pl.Series(["p", "q"] * 20, dtype=pl.Categorical),
        "y": [i % 2 == 0 for i in range(40)],
    }
    pl.DataFrame(frame).write_parquet("t.parquet")
    source = table(path="t.parquet")
    source.fetch()
    known = {column.name: column.categories for column in source.columns}
    assert known == {"a": None, "b": ("true",), "c": ("x", "y"), "d": ("p", "q")}
    assert list(source.classes) == ["false", "true"]
    assert source.origin("train", 0).startswith("row ")


def test_numbers_that_are_names_are_categories_on_request() -> None:
    source = table("code,y\n" + lines(lambda i: f"{i % 3},{i % 2}"), categories=["code"])
    assert source.columns[0].categories == ("0", "1", "2")


def test_files_of_their_own_are_val_and_test() -> None:
    Path("v.csv").write_text("y,b,a\nyes,u,1\nno,new,\n")
    Path("u.csv").write_text("y,b,a,more\nno,v,2,0\n")
    data = carved(table(WORDS, val="v.csv", test="u.csv"))
    assert [len(split) for split in (data.train, data.select, data.val, data.read_test())] == [25, 5, 2, 1]
    assert data.val.labels.tolist() == [1, 0]
    assert data.val.inputs[1].tolist() == [0, 0, 0]  # missing is the mean, and `new` is none of u and v
    assert "1 value missing in val where train misses none, taken for the mean" in data.note
    assert "1 value of val of categories that train lacks" in data.note


def test_the_test_fifth_is_stratified_and_the_same_whatever_the_split_seed() -> None:
    one, other = (carved(table(WORDS), split_seed=seed) for seed in (0, 1))
    assert torch.equal(one.read_test().labels, other.read_test().labels)
    assert Counter(one.read_test().labels.tolist()) == {0: 3, 1: 3}


def test_rows_of_one_group_never_part() -> None:
    text = "a,g,y\n" + lines(lambda i: f"{i},g{i // 3},{i % 2}", 90)
    source = table(text, group="g")
    data = carved(source)
    of = lambda split: set(((split.inputs[:, 0] * std + mean).round() // 3).tolist())  # noqa: E731
    assert data.columns is not None
    mean, std = data.columns[0]["mean"], data.columns[0]["std"]
    parts = [of(split) for split in (data.train, data.select, data.val, data.read_test())]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 30
    assert [len(part) for part in parts] == [16, 4, 4, 6]
    assert data.in_shape == (1,)
    assert "30 groups by g, kept whole" in data.note


def test_test_rows_that_stand_among_the_others_are_told() -> None:
    Path("u.csv").write_text("a,b,y\n0,u,no\n99,u,no\n")
    assert any(
        "1 of the 2 test rows (50.0%) stand among the rows that train, select and val are cut from "
        "(line 2 of u.csv is line 2 of t.csv)" in said
        for said in carved(table(WORDS, test="u.csv")).warnings
    )


def test_a_file_that_is_named_twice_is_told() -> None:
    assert any(
        "path and test are the same file, t.csv" in said
        for said in carved(table(WORDS, test="t.csv")).warnings
    )


def test_the_content_is_that_of_the_files() -> None:
    Path("u.csv").write_text(WORDS)
    one, other = table(WORDS), table(WORDS, test="u.csv")
    assert one.content() == table(WORDS).content() != other.content()
    assert one.content() != table(WORDS + "7,u,no\n").content()


BASE = {"content": WORDS}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a value too few": (
        {"content": WORDS + "1,2\n"},
        "t.csv must have as many values in every row as columns, 3, got 2 in line 32",
    ),
    "a value too many": (
        {"content": WORDS + "1,2,3,4\n"},
        "t.csv must have as many values in every row as columns, 3, got 4 in line 32; a value that holds a "
        "',' must stand in double quotes",
    ),
    "an open quote": (
        {"content": WORDS + '1,"u,no\n'},
        "t.csv must be a CSV file, got one that cannot be read where the row of line 32 begins: unexpected "
        "end of data; a quote within a text in quotes must be doubled",
    ),
    "one class": (
        {"content": "a,y\n" + lines(lambda i: f"{i},1")},
        "t.csv: target 'y' must hold at least 2 classes, got '1' alone",
    ),
    "one number": (
        {"content": "a,y\n" + lines(lambda i: f"{i},1"), "task": "regression"},
        "t.csv: target 'y' must hold different numbers, got 1 alone",
    ),
    "a class of one row": (
        {"content": WORDS + "7,u,maybe\n"},
        "t.csv: target 'y' must hold each class in at least 2 rows, got 'maybe' in line 32 alone; leave the "
        "row out, or join classes",
    ),
    "no target in any row": (
        {"content": "a,y\n" + lines(lambda i: f"{i},")},
        "t.csv: target 'y' must hold values, got none in all 30 rows",
    ),
    "a target without a number": (
        {"content": "a,y\n" + lines(lambda i: f"{i},{'abc' if i == 25 else i}"), "task": "regression"},
        "t.csv: target 'y' must hold finite numbers, got 'abc' in line 27",
    ),
    "an infinite target": (
        {"content": "a,y\n" + lines(lambda i: f"{i},{'-inf' if i == 5 else i}")},
        "t.csv: target 'y' must hold finite numbers, got '-inf' in line 7",
    ),
    "a column without values": (
        {"content": "a,b,y\n" + lines(lambda i: f"{i},NA,{i % 2}"), "ignore": ["a"]},
        "t.csv: column 'b' must hold values, got none in all 30 rows: fill it, or leave it out: type "
        "dataset.ignore=[a,b]",
    ),
    "an infinite number": (
        {"content": "a,b,y\n" + lines(lambda i: f"{i},{'inf' if i == 5 else i},{i % 2}")},
        "t.csv: column 'b' must hold finite numbers, got 'inf' in line 7: mend it, or leave it out: type "
        "dataset.ignore=[b]",
    ),
    "a word among numbers": (
        {"content": "a,b,y\n" + lines(lambda i: f"{i},{'abc' if i == 5 else i},{i % 2}")},
        "t.csv: column 'b' must hold numbers or categories, got 'abc' in line 7 and 29 numbers: mend it, "
        "take all values for categories by dataset.categories=[b], or leave it out: type dataset.ignore=[b]",
    ),
    "decimal commas": (
        {"content": "a;b c;y\n" + lines(lambda i: f"{i};{i},5;{i % 2}")},
        "t.csv: column 'b c' must hold numbers with a decimal point, got '0,5' in line 2: write 3.14 and "
        "1000 for 3,14 and 1,000, or leave it out: type 'dataset.ignore=[\"b c\"]'",
    ),
    "dates": (
        {"content": "a,b,c,y\n" + lines(lambda i: f"{i},{i + 1}.1.2020,2020-01-02 12:00,{i % 2}")},
        "t.csv: column 'b' must hold numbers or categories, got dates, '1.1.2020' in line 2: put what counts "
        "of them, such as the year, into columns of numbers (1 other column cannot be used either), or leave "
        "it out: type dataset.ignore=[b,c]",
    ),
    "free text": (
        {"content": "a,b,y\n" + lines(lambda i: f"{i},some text {i},{i % 2}")},
        "t.csv: column 'b' must hold numbers or categories, got free text, 'some text 0' in line 2: make "
        "columns of what it says (a model for text takes it by dataset=text_csv), or leave it out: type "
        "dataset.ignore=[b]",
    ),
    "100,000 categories": (
        {"content": "a,y\n" + lines(lambda i: f"x{i},{i % 2}", 100_000)},
        "t.csv: column 'a' must hold at most 10,000 different categories, got 100,000: join them, or leave "
        "it out: type dataset.ignore=[a]",
    ),
    "100,000 classes": (
        {"content": "a,y\n" + lines(lambda i: f"{i},x{i}", 100_000)},
        "t.csv: target 'y' must hold at most 1,000 classes, got 100,000; where they are numbers to predict, "
        "type dataset.task=regression",
    ),
    "two columns of one name": (
        {"content": "a,b, a,y\n1,2,3,4\n"},
        "t.csv must have one column 'a', got columns 1 and 3 of that name",
    ),
    "a column without a name": (
        {"content": ",b,y\n1,2,3\n"},
        "t.csv must have a name for every column, got none for column 1 of 3; an index that pandas has "
        "written is left out by to_csv(..., index=False)",
    ),
    "an empty file": ({"content": ""}, "t.csv must have a header line and rows, got an empty file"),
    "only blank lines": ({"content": "\n \n"}, "t.csv must have a header line and rows, got an empty file"),
    "no rows": ({"content": "a,y\n\n"}, "t.csv must have at least one row below its header, got none"),
    "another encoding": (
        {"content": ("a,b,y\n" + lines(lambda i: f"{i},é,{i % 2}")).encode("latin-1")},
        "t.csv must be in utf-8, got the byte 0xe9 in position 8 (line 2), which is none of it; try "
        "dataset.encoding=latin-1, or what the file was saved in",
    ),
    "a target that is not there": (
        {"content": WORDS, "target": "label"},
        "target must name a column of t.csv, got 'label'; there are a, b, y",
    ),
    "a target that is nearly there": (
        {"content": WORDS.replace("y\n", "price\n", 1), "target": "Prise"},
        "target must name a column of t.csv, got 'Prise'; there are a, b, price; type dataset.target=price",
    ),
    "another sign between the columns": (
        {"content": WORDS.replace(",", ";"), "delimiter": ","},
        "target must name a column of t.csv, got 'y'; there are a;b;y; ';' may stand between them: type "
        "'dataset.delimiter=\";\"'",
    ),
    "the target among the ignored": (BASE | {"ignore": ["y"]}, "ignore must not name the target, got 'y'"),
    "an ignored column that is not there": (
        BASE | {"ignore": ["A"]},
        "ignore must name a column of t.csv, got 'A'; there are a, b, y; did you mean 'a'?",
    ),
    "a category that is ignored": (
        BASE | {"ignore": ["a"], "categories": ["a"]},
        "categories must name inputs, got 'a', which is none",
    ),
    "a group that is not there": (
        BASE | {"group": "g"},
        "group must name a column of t.csv, got 'g'; there are a, b, y",
    ),
    "the target as the group": (
        BASE | {"group": "y"},
        "group must be another column than the target, got 'y' for both",
    ),
    "a row without a group": (
        {"content": "a,g,y\n" + lines(lambda i: f"{i},{'' if i == 4 else i},{i % 2}"), "group": "g"},
        "t.csv must have a group in 'g' in every row, got none in line 6",
    ),
    "too few groups": (
        {"content": "a,g,y\n" + lines(lambda i: f"{i},{i % 3},{i % 2}"), "group": "g"},
        "group must name a column of t.csv with at least 4 different values, one for each split, "
        "got 3 in 'g'",
    ),
    "nothing but the target": (
        {"content": "y\n" + lines(lambda i: str(i % 2))},
        "t.csv must have a column beside y, got none",
    ),
    "no Parquet": (
        {"content": b"PAR1" + b"x" * 20, "path": "t.parquet"},
        "t.parquet must be a Parquet file, got one that cannot be read (parquet: File out of specification: "
        "The file must end with PAR1 or PARE)",
    ),
    "a folder": ({"path": "."}, "path must be a CSV or Parquet file, got .: a folder"),
    "no file": ({"path": "no.csv"}, "path must be a CSV or Parquet file, got no.csv: no such file"),
    "no separator": (
        BASE | {"delimiter": "ab"},
        "delimiter must be one character that separates, got 'ab'; for example 'dataset.delimiter=\";\"'",
    ),
    "no encoding": (
        BASE | {"encoding": "utf-99"},
        "encoding must be one that Python knows, such as utf-8, latin-1, cp1252 or utf-16, got 'utf-99'",
    ),
    "a rarity of nothing": (BASE | {"rare": 0}, "rare must be at least 1, got 0"),
}


def refusal(**given: Any) -> str:
    with pytest.raises(ValueError, match=r"\A.+\Z") as caught:  # one line
        carved(table(**given))
    return str(caught.value)


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_sentence(what: str) -> None:
    given, sentence = BAD[what]
    assert refusal(**given) == sentence


OTHER = {
    "lacks a column": ("a,y\n1,yes\n", "u.csv must have a column 'b', got none"),
    "lacks the target": ("a,b\n1,u\n", "target must name a column of u.csv, got 'y'; there are a, b"),
    "has another class": (
        "a,b,y\n1,u,yes\n1,u,maybe\n",
        "u.csv must have classes of the first file only in 'y', got 'maybe' in line 3",
    ),
    "has a word for a number": ("a,b,y\nx,u,yes\n", "u.csv: column 'a' must hold numbers, got 'x' in line 2"),
    "has no row with a target": ("a,b,y\n1,u,\n", "u.csv must have a row with a target, got none"),
}


@pytest.mark.parametrize("what", OTHER)
@pytest.mark.parametrize("key", ["val", "test"])
def test_a_file_that_is_unlike_the_first_is_refused(what: str, key: str) -> None:
    content, sentence = OTHER[what]
    Path("u.csv").write_text(content)
    assert refusal(content=WORDS, **{key: "u.csv"}) == sentence


def test_files_that_share_a_group_are_refused() -> None:
    text = "a,g,y\n" + lines(lambda i: f"{i},g{i // 3},{i % 2}", 60)
    Path("u.csv").write_text("a,g,y\n1,g3,1\n")
    assert refusal(content=text, group="g", test="u.csv") == (
        "u.csv must have groups of its own in 'g', got 'g3', which stands in t.csv too"
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([datetime.date(2020, 1, 1)], "numbers or categories, got dates, values of the type Date: put what"),
        ([[1]], "numbers or text, got values of the type List(Int64): make columns of their parts, or leave"),
        ([1.0, float("inf")], "finite numbers, got 'inf' in row 2: mend it, or leave it out: type"),
        ([float("nan")], "values, got none in all 40 rows: fill it, or leave it out: type"),
    ],
)
def test_what_a_parquet_file_holds_is_refused_by_its_type(values: list[Any], said: str) -> None:
    frame = {"a": list(range(40)), "b": values * (40 // len(values)), "y": [i % 2 for i in range(40)]}
    pl.DataFrame(frame).write_parquet("t.parquet")
    assert f"t.parquet: column 'b' must hold {said}" in refusal(path="t.parquet")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused() -> None:
    Path("t.csv").write_text(WORDS)
    Path("t.csv").chmod(0)
    assert "path must be a file that can be read, got t.csv (" in refusal()


def test_a_file_that_the_system_does_not_open_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    Path("t.csv").write_text(WORDS)
    monkeypatch.setattr(Path, "read_bytes", refused)
    assert "path must be a file that can be read, got t.csv ([Errno 13] Permission denied" in refusal()
