import csv
import gzip
import io
import re
import subprocess
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from torch import Tensor, nn

from regbench.assembly.model import build_model
from regbench.data.splits import SplitOptions, carve
from regbench.data.text_csv import TextCSV
from regbench.data.text_files.sentences import is_unspaced
from regbench.data.text_files.tokens import characters_of
from regbench.errors import ConfigError


def table(path: Path, test_path: Path | None = None, **changed: object) -> TextCSV:
    fields = {"text": "text", "label": "label", "delimiter": ",", "length": 8, "min_count": 1}
    fields |= {"val_path": None, "encoding": "utf-8", "tokens": "words"} | changed
    return TextCSV(path=str(path), test_path=None if test_path is None else str(test_path), **fields)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "own.csv"


def words(source: TextCSV, part: str = "train") -> list[list[str]]:
    return source.read(part)[0]


def test_reads_words_and_labels_numbered_by_the_alphabet(file: Path, tmp_path: Path):
    file.write_text("id,label,text\n1,pos,Good film!\n2,neg,It isn't\n3,mixed,\n4,pos,so so\n")
    source = table(file, test_path=file)
    source.fetch()
    sentences, labels = source.read("train")
    assert sentences == [["good", "film", "!"], ["it", "isn't"], [], ["so", "so"]]
    assert labels.tolist() == [2, 1, 0, 2]
    assert (source.num_classes, source.in_shape) == (3, (8,))


@pytest.mark.parametrize("tab", ["\t", "\\t"])
def test_other_names_and_another_delimiter(file: Path, tab: str):
    file.write_text("said\tby\na, b\tcat\nc\tdog\n")
    source = table(file, file, text="said", label="by", delimiter=tab)
    source.fetch()
    assert words(source) == [["a", ",", "b"], ["c"]]


def test_fields_in_quotes_hold_delimiters_quotes_and_line_ends(file: Path):
    file.write_bytes(b'text,label\r\n"a, ""b""\r\nc",pos\r\nd,neg\r\n')
    source = table(file, file)
    source.fetch()
    assert words(source) == [["a", ",", '"', "b", '"', "c"], ["d"]]


def test_a_byte_order_mark_belongs_to_no_column(file: Path):
    file.write_bytes("\ufefftext,label\nä,x\nb,y\n".encode())
    source = table(file, file)
    source.fetch()
    assert words(source) == [["ä"], ["b"]]


def write(file: Path, rows: int) -> None:
    """The words row<n>, for n from 0, labelled even and odd."""
    lines = (f"row{n},{'odd' if n % 2 else 'even'}\n" for n in range(rows))
    file.write_text("text,label\n" + "".join(lines))


def test_a_stratified_fifth_is_the_test_split_whatever_the_split_seed(file: Path):
    write(file, 103)  # 103 / 5 = 20.6
    source = table(file)
    source.fetch()
    parts = {part: [sentence[0] for sentence in words(source, part)] for part in ("train", "test")}
    assert len(parts["test"]) == 21
    assert sorted(parts["train"] + parts["test"]) == sorted(f"row{n}" for n in range(103))
    assert sorted(Counter(source.read("test")[1].tolist()).values()) == [10, 11]
    for part, found in parts.items():
        assert source.read(part)[1].tolist() == [int(word[3:]) % 2 for word in found]
    one, other = (carve(source, SplitOptions(seed, 1.0, None, 0.0)) for seed in (0, 1))
    assert one.train.labels.tolist() != other.train.labels.tolist()
    assert torch.equal(one.read_test().labels, other.read_test().labels)


def test_a_test_file_is_the_test_split_and_leaves_the_other_whole(file: Path, tmp_path: Path):
    write(file, 40)
    apart = tmp_path / "test.csv"
    apart.write_text("label,text\nodd,row1 new\nodd,new\n")
    source = table(file, apart)
    source.fetch()
    data = carve(source, SplitOptions(0, 1.0, None, 0.0))  # 40 // 6 = 6
    assert [len(split) for split in (data.train, data.select, data.val)] == [28, 6, 6]
    assert words(source, "test") == [["row1", "new"], ["new"]]
    assert data.read_test().labels.tolist() == [1, 1]
    assert data.read_test().inputs[1].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def refusal(source: TextCSV) -> str:
    with pytest.raises(ValueError, match=r"\A.+\Z") as caught:  # one line
        source.fetch()
    return str(caught.value)


BAD = {
    "a name misspelt": (
        "text,lable\na,x\n",
        "must have a column 'label', got text, lable; type dataset.label=lable",
    ),
    "a name in another case": (
        "Text,label\na,x\n",
        "must have a column 'text', got Text, label; type dataset.text=Text",
    ),
    "a name with a blank": (
        "text, label\na,x\n",
        "must have a column 'label', got text, ' label'; type 'dataset.label=\" label\"'",
    ),
    "other names": (
        "id,review,stars\n1,so so,x\n",
        "must have a column 'text', got id, review, stars; "
        "name its columns by dataset.text and dataset.label",
    ),
    "a name twice": ("text,label,text\na,x,b\n", "must have one column 'text', got 2 of them"),
    "semicolons": (
        "text;label\na;x\n",
        "must have a column 'text', got text;label; ';' stands between them: type 'dataset.delimiter=\";\"'",
    ),
    "tabs": (
        "text\tlabel\na, b\tx\n",
        "must have a column 'text', got 'text\\tlabel'; '\\t' stands between them: "
        "type 'dataset.delimiter=\"\\t\"'",
    ),
    "bars, and other names": (
        "review|stars\na|x\n",
        "must have a column 'text', got review|stars; '|' stands between them: "
        "type 'dataset.delimiter=\"|\"', which makes the columns review, stars",
    ),
    "semicolons and quotes": (
        '"text";"label"\n"a";"x"\n',
        "must be a CSV file, got one that cannot be read where the row of line 1 begins: ',' expected after "
        "'\"'; ';' stands between them: type 'dataset.delimiter=\";\"'",
    ),
    "a comma in the name of another column": (
        "a, b;text;label\n1;a;x\n",
        "must have a column 'text', got a, ' b;text;label'; ';' stands between them: "
        "type 'dataset.delimiter=\";\"'",
    ),
    "no header, labels again": (
        "good,pos\nbad,neg\nfine,pos\n",
        "must have a column 'text', got good, pos; its first line looks like a row: "
        "put a line with the columns' names above it, such as text,label",
    ),
    "no header, a sentence": (
        "it was a good film,1st\nbad,2nd\n",
        "must have a column 'text', got it was a good film, 1st; its first line looks like a row: "
        "put a line with the columns' names above it, such as text,label",
    ),
    "no header, a number": (
        "good,4.5\nbad,1.5\n",
        "must have a column 'text', got good, 4.5; its first line looks like a row: "
        "put a line with the columns' names above it, such as text,label",
    ),
    "an empty file": ("", "must have a column 'text', got none: the file is empty"),
    "only blank lines": ("\n  \n\n", "must have a column 'text', got none: the file is empty"),
    "no rows": ("text,label\n", "must have at least one row below its header, got none"),
    "no rows but blank ones": ("text,label\n\n,\n", "must have at least one row below its header, got none"),
    "one class": ("text,label\na,x\nb,x\n", "must have at least 2 different labels, got x"),
    "an empty label": (
        "text,label\na,x\n\nb,\n",
        "must have a text and a label in every row, got none in line 4",
    ),
    "a blank label": (
        "text,label\na,x\nb,  \n",
        "must have a text and a label in every row, got none in line 3",
    ),
    "a missing value": (
        'text,label\n"a\nb",x\nc\n',
        "must have a text and a label in every row, got none in line 4",
    ),
    "too many values": (
        'text,label\na,x\n"b\nb",x\nwell, no,y\n',
        "must have no more values in a row than columns, got more in line 5; "
        "a text that holds a ',' must stand in double quotes",
    ),
    "an open quote": (
        'text,label\na,x\n"b,y\nc,y\n',
        "must be a CSV file, got one that cannot be read where the row of line 3 begins: unexpected end of "
        "data; a quote within a text in quotes must be doubled",
    ),
    "a quote within quotes": (
        'text,label\na,x\n"a "b" c",y\n',
        "must be a CSV file, got one that cannot be read where the row of line 3 begins: ',' expected after "
        "'\"'; a quote within a text in quotes must be doubled",
    ),
    "a NUL byte": ("text,label\na,x\nb\0c,y\n", "must be text, got a NUL byte in line 3"),
}


@pytest.mark.parametrize("what", BAD)
def test_refuses_in_one_sentence(file: Path, what: str):
    content, message = BAD[what]
    file.write_bytes(content.encode())
    assert refusal(table(file)) == f"{file} {message}"


def test_what_a_refusal_says_to_type_is_what_works(file: Path):
    """The words after `type`, as a shell and Hydra read them, and what they make of the source."""
    headers = ("text;label", "text\tlabel", "text|label", "text:label", "Text,label", "text, label")
    for header in (*headers, "text,Label's", "te$xt,label", "te`xt,label", 'te"xt,label'):
        sign = next((s for s in header if s in ";\t|:"), ",")
        quoted = header.replace('te"xt', '"te""xt"')
        file.write_text(f"{quoted}\n" + "\n".join(re.sub(r"\w+\W\w+", f"a{sign}x", "a b") for _ in "ab"))
        words = re.search(r"type (.*)$", refusal(table(file)))[1]
        said = subprocess.run(
            ["bash", "-c", f"printf %s {words}"], capture_output=True, text=True, check=True
        )
        override = OverridesParser.create().parse_override(said.stdout)
        key, value = override.key_or_group.removeprefix("dataset."), override.value()
        with pytest.raises(ValueError, match=r"at least 2 different labels, got x$"):
            table(file, **{key: str(value)}).fetch()


def test_what_is_no_utf8_is_named_with_its_line_and_what_to_type(file: Path):
    file.write_bytes("text,label\nä,x\nb,y\n".encode("latin-1"))
    assert refusal(table(file)) == (
        f"{file} must be in utf-8, got the byte 0xe4 in position 11 (line 2), which is none of it; "
        "try dataset.encoding=latin-1, or what the file was saved in"
    )
    source = table(file, file, encoding="latin-1")
    source.fetch()
    assert words(source) == [["ä"], ["b"]]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "ISO-8859-1"]
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_files_are_read_in_the_encoding_that_is_named(file: Path, encoding: str, ends: str):
    file.write_bytes(ends.join(["text,label", "Käse,x", "b,y"]).encode(encoding))
    source = table(file, file, encoding=encoding)
    source.fetch()
    assert words(source) == [["käse"], ["b"]]


@pytest.mark.parametrize(
    ("written", "named", "message"),
    [
        ("utf-16", "utf-8", "got the byte order mark of utf-16; type dataset.encoding=utf-16"),
        ("utf-32", "utf-8", "got the byte order mark of utf-32; type dataset.encoding=utf-32"),
        ("utf-8-sig", "latin-1", "got the byte order mark of utf-8; type dataset.encoding=utf-8"),
        ("utf-16-le", "utf-8", "got what looks like utf-16-le; type dataset.encoding=utf-16-le"),
        ("utf-16-be", "latin-1", "got what looks like utf-16-be; type dataset.encoding=utf-16-be"),
        ("utf-8", "utf-16", "got what reads as utf-8; type dataset.encoding=utf-8"),
        (
            "utf-8",
            "ascii",
            "got the byte 0xc3 in position 12 (line 2), which is none of it; "
            "try dataset.encoding=utf-8, or what the file was saved in",
        ),
    ],
)
def test_another_encoding_than_the_named_one_is_recognized(
    file: Path, written: str, named: str, message: str
):
    plain = "text,label\nbä,x\nb,y\n" if named == "ascii" else "text,label\na,x\nb,y\n"
    file.write_bytes(plain.encode(written))
    assert refusal(table(file, encoding=named)) == f"{file} must be in {named}, {message}"


@pytest.mark.parametrize("encoding", ["utf-9", "", "base64", "rot13", "a\0b"])
def test_refuses_what_is_no_encoding(file: Path, encoding: str):
    with pytest.raises(
        ValueError, match=r"^encoding must be one that Python knows, such as utf-8, .*, got '"
    ):
        table(file, encoding=encoding)


def test_files_of_other_kinds_are_called_what_they_are(file: Path):
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as packed:
        packed.writestr("xl/workbook.xml", "<workbook/>")
    for content, kind in (
        (gzip.compress(b"text,label\n"), "a gzip archive; unpack it"),
        (book.getvalue(), "a spreadsheet (Excel or OpenDocument); save its sheet as CSV"),
        (book.getvalue().replace(b"xl/workbook", b"some/other."), "a zip archive; unpack it"),
        (bytes.fromhex("d0cf11e0a1b11ae1"), "an Excel workbook; save its sheet as CSV"),
        (b"PAR1\x15", "a Parquet file; save it as CSV"),
        (b"\x89PNG\r\n\x1a\n\0", "an image"),
        (b"\x80\x04\x95\x10\0", "a pickle; save its table as CSV"),
        (b'\xef\xbb\xbf{ "text": "a", "label": 1}\n', "a JSON file; save it as CSV"),
        (b'[\n {"text": "a"}]', "a JSON file; save it as CSV"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page; download the file itself"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a pointer of Git LFS; fetch the file itself by git lfs pull",
        ),
    ):
        file.write_bytes(content)
        assert refusal(table(file)) == f"{file} must be a CSV file, got {kind}"


def test_a_line_that_tells_spreadsheets_the_delimiter_is_passed_over(file: Path):
    file.write_text("sep=;\ntext;label\na b;x\nc;y\n")
    assert refusal(table(file)).endswith("; ';' stands between them: type 'dataset.delimiter=\";\"'")
    source = table(file, file, delimiter=";")
    source.fetch()
    assert words(source) == [["a", "b"], ["c"]]
    file.write_text("sep=;\ntext;label\na b;x\nc\n")
    assert refusal(table(file, delimiter=";")).endswith("got none in line 4")


def test_refuses_what_is_no_file_and_names_the_field(file: Path, tmp_path: Path):
    write(file, 4)
    for path, what in ((tmp_path, "a folder"), (tmp_path / "none.csv", "no such file")):
        for field, source in (
            ("path", table(path)),
            ("test_path", table(file, path)),
            ("val_path", table(file, val_path=str(path))),
        ):
            assert refusal(source) == f"{field} must be a CSV file, got {path}: {what}"
    source = table(file)
    source.path = ""
    assert refusal(source) == "path must be a CSV file, got an empty name"
    source = table(file)
    source.path = "https://example.org/a.csv"
    assert refusal(source).endswith("got https://example.org/a.csv: an address; download it first")
    source = table(file)
    source.path = "~nobody-of-this-name/a.csv"
    assert refusal(source).startswith(
        "path must be a file that can be read, got ~nobody-of-this-name/a.csv ("
    )


def test_a_text_may_be_longer_than_the_csv_module_likes_and_its_limit_stays(file: Path):
    before = csv.field_size_limit()
    file.write_text(f"text,label\n{'word ' * 40_000},x\nb,y\n")
    source = table(file, file)
    source.fetch()
    assert [len(sentence) for sentence in words(source)] == [40_000, 1]
    assert csv.field_size_limit() == before == 131_072
    rows, _ = source.train()
    assert rows.shape == (2, 9)  # what is cut off takes one place, whatever its length


def test_lines_without_a_value_are_passed_over_and_counted(file: Path):
    file.write_text("\ntext,label\n\na,x\n  \n,\nb,y\n\n")
    source = table(file, file)
    source.fetch()
    assert words(source) == [["a"], ["b"]]
    assert source.found() == (
        f"2 rows of 2 classes in {file}: x (1), y (1); test: 2 rows in {file}; passed over: 8 blank lines"
    )  # four in each of the two


def test_refuses_test_rows_of_no_class(file: Path, tmp_path: Path):
    write(file, 4)
    apart = tmp_path / "test.csv"
    apart.write_text("text,label\na,odd\nb,neither\n")
    assert refusal(table(file, apart)) == f"{apart} must have labels of {file} only, got 'neither' in line 3"
    assert refusal(table(file, val_path=str(apart))) == (
        f"{apart} must have labels of {file} only, got 'neither' in line 3"
    )
    apart.write_text("text,label\n")
    assert refusal(table(file, apart)) == f"{apart} must have at least one row below its header, got none"


def test_refuses_one_column_for_both(file: Path):
    with pytest.raises(ValueError, match=r"^text and label must be two columns, got 'text' for both$"):
        table(file, label="text")


@pytest.mark.parametrize("delimiter", ["", "::", '"', "\n"])
def test_refuses_what_cannot_separate(file: Path, delimiter: str):
    with pytest.raises(ValueError, match=r"^delimiter must be one character that separates, got '") as said:
        table(file, delimiter=delimiter)
    assert str(said.value).endswith("; for example 'dataset.delimiter=\";\"'")


def test_a_delimiter_that_is_called_by_its_name_is_said_as_it_is_typed(file: Path):
    for name, sign in (("tab", "\\t"), ("Comma", ","), ("semicolon", ";")):
        with pytest.raises(ValueError, match=r"^delimiter must be one character") as said:
            table(file, delimiter=name)
        assert str(said.value).endswith(f"; type 'dataset.delimiter=\"{sign}\"'")


# --- a val file


def test_a_val_file_is_val_and_select_is_cut_from_the_rest(file: Path, tmp_path: Path):
    write(file, 40)
    apart = tmp_path / "val.csv"
    apart.write_text("label,text\nodd,row1 new\neven,other\nodd,row1 old\n")
    source = table(file, file, val_path=str(apart))
    source.fetch()
    data = carve(source, SplitOptions(0, 1.0, None, 0.0))  # 40 // 6 = 6
    assert [len(split) for split in (data.train, data.select, data.val)] == [34, 6, 3]
    assert data.val.labels.tolist() == [1, 0, 1]
    assert data.val.inputs[:, 1:].tolist() == [[1] + [0] * 6, [0] * 7, [1] + [0] * 6]
    assert data.vocabulary == 36  # a word for each of the 34 train rows, none of val's


def test_rows_of_val_that_the_vocabulary_makes_alike_are_no_duplicates(file: Path, tmp_path: Path):
    write(file, 40)
    apart = tmp_path / "val.csv"
    rows = "".join(f"row{n},odd\n" for n in range(40))
    apart.write_text("text,label\nnew,odd\nother,even\n" + rows)
    data = carve(table(file, file, val_path=str(apart)), SplitOptions(0, 1.0, None, 0.0))
    crossing, conflict = [warning for warning in data.warnings if "equal" in warning]
    # all but the two new rows: 34 stand in train and 6 in select, every second with another label
    assert "34 of val's 42 rows (81.0%) in train, 17 with another label;" in crossing
    assert "6 of val's 42 rows (14.3%) in select, 3 with another label;" in crossing
    assert "20 inputs in 40 rows" in conflict
    assert re.findall(r"line (\d+) of val.csv is line (\d+) of own.csv", crossing)
    for val_line, own_line in re.findall(r"line (\d+) of val.csv is line (\d+) of own.csv", crossing):
        assert int(val_line) == int(own_line) + 2


def test_the_test_file_and_the_val_file_are_part_of_the_content(file: Path, tmp_path: Path):
    write(file, 40)
    apart = tmp_path / "other.csv"
    apart.write_text("text,label\na,odd\n")
    digests = {
        table(file).content(),
        table(file, apart).content(),
        table(file, val_path=str(apart)).content(),
        table(file, apart, val_path=str(apart)).content(),
    }
    assert len(digests) == 4


# --- what is told


def test_what_was_found_is_a_line(file: Path, tmp_path: Path):
    write(file, 41)
    source = table(file)
    source.fetch()
    assert source.found() == (
        f"41 rows of 2 classes in {file}: even (21), odd (20); test: a fifth of the rows, 9"
    )
    apart = tmp_path / "val.csv"
    apart.write_text("text,label\na,odd\n")
    source = table(file, file, val_path=str(apart))
    assert source.found().endswith(f"odd (20); val: 1 row in {apart}; test: 41 rows in {file}")


def test_blanks_at_the_end_of_a_class_can_be_seen(file: Path):
    file.write_text("text,label\na,x\nb,x \n")
    assert ": x (1), 'x ' (1); test" in table(file, file).found()


def test_many_classes_are_not_all_listed(file: Path):
    file.write_text("text,label\n" + "".join(f"a,c{n:02}\n" for n in range(30)))
    assert ": c00 (1), c01 (1), " in table(file, file).found()
    assert ", c09 (1), 20 more; test:" in table(file, file).found()


def told(source: TextCSV) -> list[str]:
    source.fetch()
    return source.warnings()


def test_nothing_is_told_of_what_is_as_it_should_be(file: Path):
    write(file, 40)
    assert told(table(file)) == []


def test_files_named_twice_are_told_of(file: Path, tmp_path: Path):
    write(file, 40)
    (tmp_path / "link.csv").symlink_to(file)
    assert told(table(file, tmp_path / "link.csv")) == [
        f"dataset: path and test_path are the same file, {file}",
        "dataset: 40 of the 40 test rows (100.0%) stand among the rows that train, select and val are cut "
        "from",
    ]
    assert told(table(file, val_path=str(file))) == [f"dataset: path and val_path are the same file, {file}"]


def test_test_rows_that_stand_in_train_but_for_case_and_blanks_are_counted(file: Path, tmp_path: Path):
    write(file, 40)
    apart = tmp_path / "test.csv"
    apart.write_text("text,label\nRow7  ,odd\nrow99,odd\nrow8,even\n")
    assert told(table(file, apart)) == [
        "dataset: 2 of the 3 test rows (66.7%) stand among the rows that train, select and val are cut from"
    ]


def test_rows_without_a_text_are_told_of(file: Path, tmp_path: Path):
    file.write_text("text,label\n" + "".join(f"{'' if n in (3, 5) else n},{n % 2}\n" for n in range(40)))
    apart = tmp_path / "test.csv"
    apart.write_text("text,label\nnew,1\n")
    assert told(table(file, apart)) == [f"dataset: 2 rows of {file} without a text: line 5, line 7"]


def test_texts_that_are_cut_are_told_of_with_the_length_that_is_enough(file: Path, tmp_path: Path):
    apart = tmp_path / "test.csv"
    apart.write_text("text,label\nnew,1\n")
    lengths = [*range(1, 91), *[8] * 10]  # of 100 rows; sorted, the 95th is 85 and the 99th 89
    file.write_text("text,label\n" + "".join(f"{'a ' * n},{n % 2}\n" for n in lengths))
    assert told(table(file, apart)) == [
        "dataset: 82.0% of the rows are cut, being longer than 8 words: "
        "dataset.length=85 covers 95% and dataset.length=89 covers 99% of them"
    ]
    assert told(table(file, apart, length=85)) == []  # 5 of 100 are cut
    assert len(told(table(file, apart, length=84))) == 1


def test_utf8_that_is_read_as_another_encoding_is_told_of(file: Path, tmp_path: Path):
    apart = tmp_path / "test.csv"
    apart.write_text("text,label\nnew,x\n")
    file.write_text("text,label\nKäse,x\nb,y\n", encoding="utf-8")
    for encoding in ("latin-1", "cp1252"):
        assert told(table(file, apart, encoding=encoding)) == [
            f"dataset: {file} is read as {encoding} and looks like utf-8; is it?"
        ]
    file.write_text("text,label\nKäse,x\nb,y\n", encoding="latin-1")
    assert told(table(file, apart, encoding="latin-1")) == []


def test_quotes_of_cp1252_are_no_latin_1_and_other_bytes_are_left_to_the_person(file: Path, tmp_path: Path):
    apart = tmp_path / "test.csv"
    apart.write_text("text,label\nnew,x\n")
    file.write_text("text,label\nit\u2019s,x\nb,y\n", encoding="cp1252")
    assert refusal(table(file)).endswith("; try dataset.encoding=cp1252, or what the file was saved in")
    assert told(table(file, apart, encoding="cp1252")) == []
    assert told(table(file, apart, encoding="latin-1")) == [
        f"dataset: {file} is read as latin-1 and looks like cp1252; is it?"
    ]
    file.write_text("text,label\n\u826f\u3044\u6620\u753b \u3001,x\nb,y\n", encoding="shift_jis")
    assert refusal(table(file)).endswith(
        "; set dataset.encoding to what the file was saved in, such as shift_jis, gb18030 or cp1251"
    )
    assert any("looks like another encoding" in said for said in told(table(file, apart, encoding="latin-1")))


@pytest.mark.parametrize(
    ("text", "min_count", "message"),
    [
        (
            "row{0}",
            41,
            "min_count must be a number of times that a word of the train split has, got 41, which",
        ),
        ("", 1, "texts must hold words, got none in the whole train split"),
    ],
)
def test_refuses_a_vocabulary_without_a_word(file: Path, text: str, min_count: int, message: str):
    rows = "".join(f"{text.format(n)},{'odd' if n % 2 else 'even'}\n" for n in range(40))
    file.write_text("text,label\n" + rows)
    with pytest.raises(ValueError, match=f"^{message}"):
        carve(table(file, file, min_count=min_count), SplitOptions(0, 1.0, None, 0.0))


def test_files_of_one_name_are_told_apart_by_their_folders(file: Path, tmp_path: Path):
    write(file, 40)
    (tmp_path / "later").mkdir()
    apart = tmp_path / "later" / file.name
    apart.write_text("text,label\nrow1,odd\n")
    data = carve(table(file, file, val_path=str(apart)), SplitOptions(0, 1.0, None, 0.0))
    crossing = next(said for said in data.warnings if "equal" in said)
    assert f"line 2 of {apart} is line " in crossing
    assert f" of {file})" in crossing


# --- text without blanks

SCRIPTS = {
    "Japanese": ["これは良い映画です。", "つまらない"],
    "Chinese": ["这部电影很好看", "不好看。"],
    "Thai": ["หนังเรื่องนี้ดีมาก", "ไม่ดีเลย"],
    "letters of a genome": ["acgtacgtacgtacgtacgtacgt", "ttttttttttttttttttttttttt"],
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_text_without_blanks_is_told_of_and_cut_into_its_signs_on_request(
    file: Path, tmp_path: Path, script: str
):
    good, bad = SCRIPTS[script]
    apart = tmp_path / "test.csv"
    apart.write_text("text,label\nnew,x\n")
    file.write_text(f"text,label\n{good},x\n{bad},y\n", encoding="utf-8")
    (said,) = told(table(file, apart, length=40))
    assert said == (
        "dataset: 100.0% of the rows have no blanks between their words, as in Chinese, Japanese or Thai, "
        "and a clause counts as a word; type dataset.tokens=characters"
    )
    source = table(file, apart, tokens="characters", length=40)
    assert told(source) == []
    assert words(source) == [list(good), list(bad)]


@pytest.mark.parametrize(
    "text", ["it was good", "Good!", "这 部 电影 很 好看", "나는 영화를 보았다", "café 映画", "字", "ok", ""]
)
def test_text_with_blanks_is_not_told_of(file: Path, tmp_path: Path, text: str):
    assert not is_unspaced(text)


def test_characters_are_in_lower_case_and_without_blanks():
    assert characters_of("Ab c\u3000ß\n") == ["a", "b", "c", "ß"]


def test_the_note_calls_characters_by_their_name(file: Path):
    write(file, 60)  # ten texts of four characters, fifty of five
    data = carve(table(file, file, tokens="characters", length=4), SplitOptions(0, 1.0, None, 0.0))
    assert data.train.inputs.shape == (40, 4)
    note = data.note.splitlines()[-1]
    assert " characters from the train split: unknown are 0.0% of its characters" in note
    assert "cut to 4 characters are" in note
    assert "longer than 4 characters: dataset.length=5 covers 99% of them" in " ".join(data.warnings)


# --- what a run makes of a text dataset


class Counted(nn.Module):
    """A model that says what it was given."""

    def __init__(self, in_shape: tuple[int, ...], num_classes: int, vocabulary: int) -> None:
        super().__init__()
        self.given = (in_shape, num_classes, vocabulary)
        self.table = nn.Embedding(vocabulary, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.table(tokens).mean(1)


class AnyWords(Counted):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)


def test_models_that_ask_for_a_vocabulary_get_it_and_the_token_ids_as_they_are(file: Path):
    write(file, 60)
    data = carve(table(file, file), SplitOptions(0, 1.0, None, 0.0))
    for model in (Counted, AnyWords):
        built = build_model({"_target_": f"{__name__}.{model.__name__}"}, data, seed=0)
        net = next(module for module in built.modules() if isinstance(module, Counted))
        assert net.given == ((8,), 2, 42)  # 40 of 60 rows are train, each with a word of its own
        assert torch.equal(built(data.train[:3].inputs), net(data.train.inputs[:3]))


def test_models_for_pixels_are_refused_in_one_sentence(file: Path):
    write(file, 60)
    data = carve(table(file, file), SplitOptions(0, 1.0, None, 0.0))
    node = {"_target_": "regbench.models.mlp.MLP", "width": 4, "depth": 1, "norm": "none"}
    said = (
        "^model: MLP takes no token ids, got a text dataset; models for text are rnn, transformer, "
        "and your own whose signature has `vocabulary`$"
    )
    with pytest.raises(ConfigError, match=said):
        build_model(node, data, seed=0)
