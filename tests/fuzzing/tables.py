"""Tables for text_csv that cannot be read, or hold what is no text with a label."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fuzzing.case import Case, Recipes
from tests.fuzzing.damage import DAMAGES, damaged
from tests.fuzzing.drawn import each

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
    chance: random.Random, content: bytes | str | Callable[[Path], Any], more: Sequence[str] = (), **rest: Any
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

    keys = {word.partition("=")[0] for word in more}
    words = [word for word in [*TEXT, "dataset.path=table.csv"] if word.partition("=")[0] not in keys]
    if "model" in keys:
        words = [word for word in words if not word.startswith("model.")]
    begin = chance.choice((["train"], ["train"], ["plan"], ["train", "-m"]))
    return Case([*begin, *words, *more], prepare=prepare, **({"named": ["dataset", "table.csv"]} | rest))


@RECIPES
def whole(chance: random.Random) -> Case:
    """The file is damaged, or something else."""
    mild = ("flip", "longer", "windows", "cut", "utf16", "doubled")
    kind = chance.choice([name for name in DAMAGES if name not in mild])

    def write(file: Path) -> None:
        file.write_text("\n".join(rows(chance)) + "\n")
        damaged(file, kind, chance)

    return of(chance, write, statuses=(2, 0) if kind == "zeros" else (2,), about=f"a table: {kind}")


@RECIPES
def right(chance: random.Random) -> Case:
    """What other programs write, and is right."""
    table = "\n".join(rows(chance)) + "\n"
    turned = "\n".join(",".join(reversed(line.split(","))) for line in table.splitlines())
    quoted = "\n".join(",".join(f'"{part}"' for part in line.split(",")) for line in table.splitlines())
    texts = (
        table,
        f"\ufeff{table}",
        table.replace("\n", "\r\n"),
        table.rstrip("\n"),
        f"{table}\n\n",
        f"sep=,\n{table}",
        quoted,
        turned,
    )
    return of(
        chance, chance.choice((*texts, table.replace("the", "é"), table.replace("cat", "🐈"))), statuses=(0,)
    )


REFUSED_ROWS = each("""
too,many,values
no label
empty label,
"never closed,pos
say "no" to,this,pos
x;pos
x␉pos
x,"pos
""")
EITHER_ROWS = each("""
,,,,
a␀b,pos
,
,pos
«x*200000»,pos
␛[31mred,␛[31m
x,\u202epos
text,label
"a ""quoted"" text",pos
"two␤lines",pos
x,"po"s
x,«y*10000»
x, pos
x,NaN
x␍pos
x,«y,*50»
\udcff,pos
x,\udcff
<<<<<<< HEAD
""")


@RECIPES
def row(chance: random.Random) -> Case:
    """A row that is none."""
    made = rows(chance)
    bad = chance.choice((*REFUSED_ROWS, *EITHER_ROWS))
    made.insert(chance.randrange(1, len(made)), bad)
    statuses = (2,) if bad in REFUSED_ROWS else (2, 0)
    return of(chance, "\n".join(made) + "\n", statuses=statuses, about=f"a row is {bad[:30]!r}")


HEADERS = 'Text,Label|text;label|text|EMPTY|text,text|label,label|,|txt,label|text,labels|1,2|# text,label|text,label,text|"text,label"|text␉label'
HEADERS += '|a b c,pos|text,␛[31m|"text|TEXT,LABEL|label|text label|te xt,label|text,«x*5000»|text,label,label|␀,label|{"text": 1}|text:label'
MILD = each("text,label,|text ,label|text,label,other| text,label|text,label ", "|")


@RECIPES
def header(chance: random.Random) -> Case:
    """A header that lacks the columns, or has them twice."""
    made = rows(chance)
    made[0] = chance.choice((*each(HEADERS, "|"), *MILD))
    statuses = (2, 0) if made[0] in MILD else (2,)
    return of(chance, "\n".join(made) + "\n", statuses=statuses, about=f"a header is {made[0][:30]!r}")


@RECIPES
def few(chance: random.Random) -> Case:
    """Too few rows, classes or words."""
    first, *made = rows(chance)
    kinds = {
        "header alone": [],
        "one row": made[:1],
        "two rows": made[:2],
        "four rows": made[:4],
        "one class": [line for line in made if line.endswith("pos")],
        "one row a class": [f"{line}{n}" for n, line in enumerate(made)],
        "no words": [f",{'ab'[n % 2]}" for n in range(60)],
        "words once": [f"w{n},{'ab'[n % 2]}" for n in range(60)],
        "signs": [f"...,{'ab'[n % 2]}" for n in range(60)],
        "blank lines": [""] * 50,
        "blanks": ["   ,   "] * 50,
        "numbers": [f"{n},{n / 7}" for n in range(60)],
    }
    kind = chance.choice((*kinds, "no header"))
    content = made if kind == "no header" else [first, *kinds[kind]]
    statuses = (2, 0) if kind in ("signs", "one row a class", "four rows", "numbers") else (2,)
    return of(chance, "\n".join(content) + "\n", statuses=statuses, about=kind)


MAGIC = each(
    r"PK|%PDF-1.7|SQLite format 3␀|PAR1|<html><body>404</body></html>|version https://git-lfs.github.com/spec/v1|text label␤a b",
    "|",
)


@RECIPES
def other_formats(chance: random.Random) -> Case:
    """A file of another program under the name of a table."""
    table = "\n".join(rows(chance)) + "\n"
    kinds = [magic.encode() + bytes(300) for magic in MAGIC[:4]] + [magic.encode() for magic in MAGIC[4:]]
    kinds += [
        b"\x1f\x8b\x08" + bytes(200),
        b"\xd0\xcf\x11\xe0" + bytes(500),
        b"\x89PNG\r\n\x1a\n" + bytes(99),
        b"BZh9" + bytes(99),
    ]
    kinds += [
        b'[{"text": "a", "label": "b"}]\n',
        b'{"text": "a", "label": "b"}\n' * 50,
        b"- text: a\n  label: b\n" * 20,
    ]
    kinds += [table.replace(",", sign).encode() for sign in "\t|;: "]
    kinds += [
        b"\r" * 100,
        b"," * 5000,
        b'"' * 5001,
        bytes(5000),
        (",".join(["x"] * 5000) + "\n").encode() * 3,
        b"text,label\n" + b"," * 10**6,
    ]
    content = chance.choice(kinds)
    return of(chance, content, about=f"a table is {content[:30]!r}")
