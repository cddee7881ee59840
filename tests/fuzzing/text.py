"""Settings of text_csv that cannot be: encodings, columns, paths, names of files."""

from __future__ import annotations

import random
from pathlib import Path

from tests.fuzzing.case import Case, Recipes
from tests.fuzzing.drawn import each, pairs, plain
from tests.fuzzing.tables import of, rows

RECIPES = Recipes()

ENCODINGS = """
latin-1 utf-8
utf-16 utf-8
utf-8 utf-16
utf-8 ascii
utf-32 utf-8
utf-8 nope
utf-8 rot13
utf-8 base64
utf-8 ''
utf-8 5
utf-8 null
utf-8 [utf-8]
cp1252 utf-8
utf-8 zlib
utf-8 undefined
utf-8 hex
utf-8 «x*300»
utf-8 ../x
utf-8 {a:1}
utf-8 bz2
utf-8 quopri
utf-8 uu
utf-8 idna ?
utf-8 utf-7 ?
utf-16 utf-16 ?
latin-1 latin-1 ?
utf-8 unicode_escape ?
utf-8 punycode ?
utf-8 utf_8_sig ?
utf-8 cp037 ?
"""


@RECIPES
def encodings(chance: random.Random) -> Case:
    """Another encoding than is said, or none."""
    table = ("\n".join(rows(chance)) + "\n").replace("the", "één")
    written, said, *mild = chance.choice(ENCODINGS.strip().splitlines()).split()
    words = [f"dataset.encoding={plain(said)}"]
    statuses = (2, 0) if mild else (2,)
    return of(
        chance,
        table.encode(written),
        words,
        statuses=statuses,
        named=["dataset", "encoding"],
        about=f"{written} read as {said}",
    )


SETTINGS = """
dataset.text=nope -> text
dataset.label=nope -> label
dataset.label=text -> label
dataset.text=[text] -> text
dataset.text=5 -> text
dataset.text=\\'\\' -> text
dataset.text=Text -> text
dataset.text=\\'␛[31m\\' -> text
dataset.text=«x*3000» -> text
dataset.delimiter=; -> delimiter
dataset.delimiter=\\'\\' -> delimiter
dataset.delimiter=ab -> delimiter
dataset.delimiter=5 -> delimiter
dataset.delimiter=null -> delimiter
dataset.delimiter=\\'\\"\\' -> delimiter
dataset.delimiter=\\'␤\\' -> delimiter
dataset.delimiter=é -> delimiter
dataset.delimiter=[a] -> delimiter
dataset.tokens=nope -> tokens
dataset.tokens=5 -> tokens
dataset.tokens=[words] -> tokens
dataset.length=0 -> length
dataset.length=-1 -> length
dataset.length=1.5 -> length
dataset.length=abc -> length
dataset.length=1e400 -> length
dataset.length=999999999999 -> length
dataset.length=«9*400» -> length
dataset.min_count=0 -> min_count
dataset.min_count=1000 -> min_count
dataset.min_count=x -> min_count
dataset.min_count=-3 -> min_count
dataset.path= -> path
dataset.path=nope.csv -> nope.csv
dataset.path=precious -> precious
dataset.path=/dev/zero -> /dev/zero
dataset.path=/dev/null -> /dev/null
dataset.path=[table.csv] -> path
dataset.path=null -> path
dataset.path=5 -> path
dataset.path=table.csv.gz -> path
dataset.path=table -> path
dataset.path=Table.csv -> path
dataset.path=\\'*.csv\\' -> path
dataset.path=\\'a␤b\\' -> path
dataset.path=\\'␛[31m\\' -> path
dataset.path=http://x/t.csv -> path
dataset.path=table.csv/x -> path
dataset.path=«x*300» -> path
dataset.val_path=nope.csv -> val_path
dataset.val_path=precious -> val_path
dataset.val_path=5 -> val_path
dataset.test_path=/dev/zero -> test_path
dataset.test_path=precious/kept.txt -> test_path kept.txt
dataset.num_train=0 -> num_train
dataset.train_fraction=-1 -> train_fraction
model=mlp -> model
model=cnn -> model
+reg=flip_crop -> flip_crop
train.class_weights=[1] -> class_weights
dataset.labels=label -> labels
dataset.pat=table.csv -> pat
"""


@RECIPES
def settings(chance: random.Random) -> Case:
    """A setting of the table that it cannot have."""
    (bad,), names = chance.choice(pairs(SETTINGS))
    return of(chance, "\n".join(rows(chance)) + "\n", [bad], named=[*names, "dataset"], about=bad[:60])


NAMES = each(
    "a b.csv|é.csv|a'b.csv|a\"b.csv|a=b.csv|a,b.csv|[a].csv|{a}.csv|$a.csv|a␤b.csv|␛[31m.csv|-x.csv|~.csv|a%b.csv|#.csv|a;b.csv|a\\b.csv|.csv|a",
    "|",
)


@RECIPES
def name(chance: random.Random) -> Case:
    """An odd name of a file: it is read, or refused in a sentence."""
    odd = chance.choice(NAMES)
    table = "\n".join(rows(chance)) + "\n"
    quoted = odd.replace("\\", "\\\\").replace("'", "\\'")

    def write(file: Path) -> None:
        file.with_name(odd).write_text(table)

    return of(chance, write, [f"dataset.path='{quoted}'"], statuses=(0, 2), about=f"a table called {odd!r}")
