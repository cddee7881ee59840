from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from regbench.build import build_model
from regbench.data.splits import SplitOptions, carve
from regbench.data.text_csv import TextCSV
from regbench.errors import ConfigError


def table(path: Path, test_path: Path | None = None, **changed: object) -> TextCSV:
    fields = {"text": "text", "label": "label", "delimiter": ",", "length": 8, "min_count": 1} | changed
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
    "no such column": ("text,lable\na,x\n", "must have a column 'label', got text, lable"),
    "an empty file": ("", "must have a column 'text', got none"),
    "no rows": ("text,label\n", "must have at least 2 different labels, got none"),
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
        "text,label\na,x\nwell, no,y\n",
        "must have no more values in a row than columns, got more in line 3; "
        "a text that holds a ',' must stand in double quotes",
    ),
    "an open quote": (
        'text,label\na,x\n"b,y\n',
        "must be a CSV file in UTF-8, got one that cannot be read: unexpected end of data",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_refuses_in_one_sentence(file: Path, what: str):
    content, message = BAD[what]
    file.write_text(content)
    assert refusal(table(file)) == f"{file} {message}"


def test_refuses_what_is_no_utf8(file: Path):
    file.write_bytes("text,label\nä,x\nb,y\n".encode("latin-1"))
    said = refusal(table(file))
    assert said.startswith(f"{file} must be a CSV file in UTF-8, got one that cannot be read: 'utf-8' codec")
    assert "0xe4 in position 11" in said


def test_refuses_what_is_no_file_and_names_the_field(file: Path, tmp_path: Path):
    write(file, 4)
    for path in (tmp_path, tmp_path / "none.csv"):
        for field, source in (("path", table(path)), ("test_path", table(file, path))):
            assert refusal(source) == f"{field} must be a CSV file, got {path}"


def test_refuses_test_rows_of_no_class(file: Path, tmp_path: Path):
    write(file, 4)
    apart = tmp_path / "test.csv"
    apart.write_text("text,label\na,odd\nb,neither\n")
    assert refusal(table(file, apart)) == f"{apart} must have labels of {file} only, got 'neither'"
    apart.write_text("text,label\n")
    assert refusal(table(file, apart)) == f"{apart} must have at least one row below its header, got none"


@pytest.mark.parametrize("delimiter", ["", "::", '"', "\n"])
def test_refuses_what_cannot_separate(file: Path, delimiter: str):
    with pytest.raises(ValueError, match=r"^delimiter must be one character that separates, got '"):
        table(file, delimiter=delimiter)


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
