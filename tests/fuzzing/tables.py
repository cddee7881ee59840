"""Tables for text_csv that cannot be read, or hold what is no text with a label."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.fuzzing.case import Case, Recipes
from tests.fuzzing.damage import DAMAGES, damaged

RECIPES = Recipes()
Stock = Mapping[str, Path]
TEXT = ["model=rnn", "model.width=8", "model.embedding=8", "dataset=text_csv", "dataset.length=8"]
TEXT += ["train.epochs=1", "train.batch_size=16", "device=cpu"]
WORDS = ["the", "cat", "dog", "sat", "ran", "on", "mat", "hill", "old", "new", "red", "blue"]


def rows(chance: random.Random, count: int = 60) -> list[str]:
    """Right rows, the first the header."""
    made = [
        f"{' '.join(chance.choice(WORDS) for _ in range(6))} {n},{'pos' if n % 2 else 'neg'}"
        for n in range(count)
    ]
    return ["text,label", *made]


def of(
    chance: random.Random,
    content: bytes | str | Callable[[Path], None],
    more: Sequence[str] = (),
    **rest: object,
) -> Case:
    """The case of a file's content."""

    def prepare(work: Path, stock: Stock) -> None:
        file = work / "table.csv"
        if callable(content):
            content(file)
        else:
            file.write_bytes(
                content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
            )

    begin = chance.choice((["train"], ["train"], ["plan"], ["train", "-m"]))
    words = [
        *begin,
        *TEXT,
        *([] if any(w.startswith("dataset.path=") for w in more) else ["dataset.path=table.csv"]),
        *more,
    ]
    keys = {word.partition("=")[0] for word in more}
    words = [w for n, w in enumerate(words) if w in more or w.partition("=")[0] not in keys]
    return Case(words, prepare=prepare, **({"named": ["dataset", "table.csv"]} | rest))  # type: ignore[arg-type]


@RECIPES
def whole(chance: random.Random) -> Case:
    """The file is damaged, or something else."""
    kind = chance.choice(
        [name for name in DAMAGES if name not in ("flip", "longer", "windows", "cut", "utf16", "doubled")]
    )

    def write(file: Path) -> None:
        file.write_text("\n".join(rows(chance)) + "\n")
        damaged(file, kind, chance)

    statuses = (2, 0) if kind in ("zeros",) else (2,)
    return of(chance, write, statuses=statuses, about=f"a table: {kind}")


@RECIPES
def right(chance: random.Random) -> Case:
    """What other programs write, and is right."""
    table = "\n".join(rows(chance)) + "\n"
    content = chance.choice(
        (
            table.encode(),
            b"\xef\xbb\xbf" + table.encode(),
            table.replace("\n", "\r\n").encode(),
            table.rstrip("\n").encode(),
        )
        + (
            (table + "\n\n").encode(),
            ("sep=,\n" + table).encode(),
            table.replace("cat", '"cat"').replace('"cat"', "cat").encode(),
        )
        + (table.replace("the", "é").encode(), table.replace("text,label", "label,text").encode())
    )
    if content.startswith(b"label,text"):
        content = b"label,text\n" + b"\n".join(
            b",".join(reversed(line.split(b","))) for line in content.splitlines()[1:]
        )
    return of(chance, content, statuses=(0,))


@RECIPES
def row(chance: random.Random) -> Case:
    """A row that is none."""
    made = rows(chance)
    bad, statuses = chance.choice(
        (
            ("too,many,values", (2,)),
            ("no label", (2,)),
            ("empty label,", (2,)),
            ('"never closed,pos', (2,)),
            ('say "no" to,this,pos', (2,)),
            ("a\x00b,pos", (2, 0)),
            (",pos", (0, 2)),
            (",", (2,)),
            (",,,,", (2,)),
            ("x" * 200_000 + ",pos", (0, 2)),
            ("x;pos", (2,)),
            ("x\tpos", (2,)),
            ("\x1b[31mred,\x1b[31m", (0, 2)),
            ("x,\u202epos", (0, 2)),
            ("text,label", (0, 2)),
            ('"a ""quoted"" text",pos', (0,)),
            ('"two\nlines",pos', (0,)),
            ('x,"pos', (2,)),
            ('x,"po"s', (0, 2)),
            ("x," + "y" * 10_000, (0, 2)),
            ("x, pos", (0, 2)),
            ("x,NaN", (0, 2)),
            ("x\rpos", (2, 0)),
        )
    )
    made.insert(chance.randrange(1, len(made)), bad)
    return of(chance, "\n".join(made) + "\n", statuses=statuses, about=f"a row is {bad[:30]!r}")


@RECIPES
def header(chance: random.Random) -> Case:
    """A header that lacks the columns, or has them twice."""
    made = rows(chance)
    made[0] = chance.choice(
        (
            "Text,Label",
            "text;label",
            "text",
            "",
            "text,text",
            "label,label",
            "text,label,",
            ",",
            "txt,label",
            "text,labels",
            "1,2",
            "# text,label",
        )
        + (
            "text,label,text",
            '"text,label"',
            "text\tlabel",
            "text|label",
            "text ,label",
            "a b c,pos",
            "text,label,other",
            "text,\x1b[31m",
            '"text',
        )
    )
    statuses = (2, 0) if made[0] in ("text,label,", "text ,label", "text,label,other") else (2,)
    return of(chance, "\n".join(made) + "\n", statuses=statuses, about=f"a header is {made[0]!r}")


@RECIPES
def few(chance: random.Random) -> Case:
    """Too few rows, classes or words."""
    made = rows(chance)
    kind, content = chance.choice(
        (
            ("header alone", made[:1]),
            ("one row", made[:2]),
            ("two rows", made[:3]),
            ("four rows", made[:5]),
            ("one class", [made[0], *(line for line in made[1:] if line.endswith("pos"))]),
            ("one row a class", [made[0], *(f"{line}{n}" for n, line in enumerate(made[1:]))]),
            ("no words", [made[0], *(f",{'ab'[n % 2]}" for n in range(60))]),
            ("words once", [made[0], *(f"w{n},{'ab'[n % 2]}" for n in range(60))]),
            ("signs", [made[0], *(f"...,{'ab'[n % 2]}" for n in range(60))]),
            ("no header", made[1:]),
            ("blank lines", [made[0], *([""] * 50)]),
        )
    )
    statuses = (2, 0) if kind in ("signs", "one row a class", "four rows") else (2,)
    return of(chance, "\n".join(content) + "\n", statuses=statuses, about=kind)


@RECIPES
def encodings(chance: random.Random) -> Case:
    """Another encoding than is said."""
    table = ("\n".join(rows(chance)) + "\n").replace("the", "één")
    written, said, statuses = chance.choice(
        (
            ("latin-1", "utf-8", (2,)),
            ("utf-16", "utf-8", (2,)),
            ("utf-8", "utf-16", (2,)),
            ("utf-8", "ascii", (2,)),
            ("utf-32", "utf-8", (2,)),
        )
        + (
            ("utf-8", "nope", (2,)),
            ("utf-8", "rot13", (2,)),
            ("utf-8", "base64", (2,)),
            ("utf-8", "''", (2,)),
            ("utf-8", "5", (2,)),
            ("utf-8", "null", (2,)),
        )
        + (
            ("utf-8", "[utf-8]", (2,)),
            ("cp1252", "utf-8", (2,)),
            ("utf-8", "zlib", (2,)),
            ("utf-8", "idna", (2, 0)),
            ("utf-8", "undefined", (2,)),
        )
        + (
            ("utf-8", "utf-7", (2, 0)),
            ("utf-16", "utf-16", (0,)),
            ("latin-1", "latin-1", (0,)),
            ("utf-8", "unicode_escape", (2, 0)),
            ("utf-8", "hex", (2,)),
        )
    )
    about = f"{written} read as {said}"
    return of(
        chance,
        table.encode(written),
        [f"dataset.encoding={said}"],
        statuses=statuses,
        named=["dataset", "encoding"],
        about=about,
    )


@RECIPES
def settings(chance: random.Random) -> Case:
    """A setting of the table that it cannot have."""
    bad, name, statuses = chance.choice(
        (
            ("dataset.text=nope", "text", (2,)),
            ("dataset.label=nope", "label", (2,)),
            ("dataset.label=text", "label", (2,)),
            ("dataset.text=[text]", "text", (2,)),
            ("dataset.text=5", "text", (2,)),
            ("dataset.text=''", "text", (2,)),
            ("dataset.delimiter=;", "delimiter", (2,)),
            ("dataset.delimiter=''", "delimiter", (2,)),
            ("dataset.delimiter=ab", "delimiter", (2,)),
            ("dataset.delimiter=5", "delimiter", (2,)),
            ("dataset.delimiter=null", "delimiter", (2,)),
            ("dataset.delimiter='\"'", "delimiter", (2,)),
            ("dataset.delimiter='\n'", "delimiter", (2,)),
            ("dataset.delimiter=é", "delimiter", (2,)),
            ("dataset.tokens=nope", "tokens", (2,)),
            ("dataset.tokens=5", "tokens", (2,)),
            ("dataset.length=0", "length", (2,)),
            ("dataset.length=-1", "length", (2,)),
            ("dataset.length=1.5", "length", (2,)),
            ("dataset.length=abc", "length", (2,)),
            ("dataset.length=999999999999", "length", (2,)),
            ("dataset.min_count=0", "min_count", (2,)),
            ("dataset.min_count=1000", "min_count", (2,)),
            ("dataset.min_count=x", "min_count", (2,)),
            ("dataset.path=", "path", (2,)),
            ("dataset.path=nope.csv", "nope.csv", (2,)),
            ("dataset.path=precious", "precious", (2,)),
            ("dataset.path=/dev/zero", "/dev/zero", (2,)),
            ("dataset.path=/dev/null", "/dev/null", (2,)),
            ("dataset.path=[table.csv]", "path", (2,)),
            ("dataset.path=null", "path", (2,)),
            ("dataset.path=5", "path", (2,)),
            ("dataset.path=table.csv.gz", "path", (2,)),
            ("dataset.path='*.csv'", "path", (2,)),
            ("dataset.path='a\nb'", "path", (2,)),
            ("dataset.path=http://x/t.csv", "path", (2,)),
            ("dataset.val_path=nope.csv", "val_path", (2,)),
            ("dataset.val_path=precious", "val_path", (2,)),
            ("dataset.test_path=/dev/zero", "test_path", (2,)),
            ("dataset.test_path=precious/kept.txt", "test_path", (2,)),
            ("dataset.val_path=table.csv", "val_path", (2, 0)),
            ("dataset.num_train=5000", "num_train", (2,)),
            ("dataset.num_train=1", "num_train", (2,)),
            ("dataset.train_fraction=0.0001", "train_fraction", (2,)),
            ("model=mlp", "model", (2,)),
            ("model=cnn", "model", (2,)),
            ("+reg=flip_crop", "flip_crop", (2,)),
            ("train.class_weights=[1]", "class_weights", (2,)),
        )
    )
    more = [bad]
    case = of(
        chance, "\n".join(rows(chance)) + "\n", more, statuses=statuses, named=[name, "dataset"], about=bad
    )
    if bad.startswith("model="):
        case.words = [word for word in case.words if not word.startswith("model.")]
    return case


@RECIPES
def other_formats(chance: random.Random) -> Case:
    """A file of another program under the name of a table."""
    table = "\n".join(rows(chance)) + "\n"
    content = chance.choice(
        (
            b"PK\x03\x04" + bytes(500),
            b"\x1f\x8b\x08" + bytes(200),
            b"%PDF-1.7\n" + bytes(300),
            b"\xd0\xcf\x11\xe0" + bytes(500),
            b"\x89PNG\r\n\x1a\n" + bytes(99),
        )
        + (
            b'[{"text": "a", "label": "b"}]\n',
            b'{"text": "a", "label": "b"}\n' * 50,
            b"<html><body>404</body></html>",
            b"version https://git-lfs.github.com/spec/v1\n",
        )
        + (
            b"PAR1" + bytes(300),
            b"SQLite format 3\x00" + bytes(300),
            b"text label\n" + b"a b\n" * 50,
            table.replace(",", "\t").encode(),
            table.replace(",", "|").encode(),
        )
        + (
            table.replace(",", ";").encode(),
            b"\r" * 100,
            b"," * 5000,
            b'"' * 5001,
            b"\x00" * 5000,
            (",".join(["x"] * 5000) + "\n").encode() * 3,
        )
    )
    return of(chance, content, about=f"a table is {content[:30]!r}")


@RECIPES
def name(chance: random.Random) -> Case:
    """An odd name of a file: it is read, or refused in a sentence."""
    odd = chance.choice(
        (
            "a b.csv",
            "é.csv",
            "a'b.csv",
            'a"b.csv',
            "a=b.csv",
            "a,b.csv",
            "[a].csv",
            "{a}.csv",
            "$a.csv",
            "a\nb.csv",
            "\x1b[31m.csv",
            "-x.csv",
            "~.csv",
            "a%b.csv",
            "#.csv",
            "a;b.csv",
            "a\\b.csv",
        )
    )
    table = "\n".join(rows(chance)) + "\n"

    def write(file: Path) -> None:
        file.with_name(odd).write_text(table)

    quoted = odd.replace("\\", "\\\\").replace("'", "\\'")
    return of(chance, write, [f"dataset.path='{quoted}'"], statuses=(0, 2), about=f"a table called {odd!r}")


def sparse(file: Path) -> None:
    """A table with a hole of 20 GB behind it."""
    file.write_text("text,label\n")
    os.truncate(file, 20_000_000_000)
