"""A trained model, taken up where neither the dataset nor the process that trained it is left."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import regbench
from regbench.assembly.run import build_run
from regbench.composition.recorded import read_run
from regbench.storage import checkpoint
from regbench.types import PADDING, UNKNOWN
from tests import processes
from tests.conftest import CSV

QUICK = ["train.epochs=1", "threads=1", "device=cpu"]
TEXT = ["model=rnn", "model.width=8", "model.embedding=8", "dataset=text_csv", "dataset.length=6"]


def train(folder: Path, *words: str) -> Path:
    done = processes.run("train", *QUICK, *words, "hydra.run.dir=run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def text_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    shutil.copy(CSV, folder / "mine.csv")
    run = train(folder, *TEXT, "dataset.path=mine.csv", "dataset.min_count=1")
    (folder / "mine.csv").unlink()
    return run


def words_by_frequency(run: Path) -> list[str]:
    """The words that a checkpoint keeps, in the order of their ids."""
    return list(checkpoint.load(run / "last.pt")["tokens"]["words"])


def test_a_loaded_model_names_its_classes(text_run: Path) -> None:
    assert regbench.load(str(text_run)).classes == ("count", "deed", "place")


def test_sentences_become_the_ids_that_the_words_have(text_run: Path) -> None:
    ids = {word: number for number, word in enumerate(words_by_frequency(text_run), 2)}
    sentence, other = "The proud otter! WAITS again the the", "seven"
    expected = [
        [ids["the"], ids["proud"], ids["otter"], UNKNOWN, ids["waits"], ids["again"]],  # cut to six
        [ids["seven"], *[PADDING] * 5],
    ]
    model = regbench.load(str(text_run), "last")
    assert torch.equal(model([sentence, other]), model(torch.tensor(expected)))
    assert not torch.equal(model([sentence]), model(["a a a a a a"])), "and the words count"


def test_the_most_frequent_word_comes_first(text_run: Path) -> None:
    words = words_by_frequency(text_run)
    with CSV.open() as file:
        rows = [
            row["text"].lower().replace(",", " ,").replace(".", " .").split() for row in csv.DictReader(file)
        ]
    frequent = max({w for row in rows for w in row}, key=lambda w: sum(row[:6].count(w) for row in rows))
    assert words[0] == frequent
    assert len(words) == len(set(words))


def test_another_process_in_another_folder_needs_no_dataset(text_run: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(text_run, tmp_path / "elsewhere" / "run")
    code = "import regbench; m = regbench.load('run'); print(m.classes, m(['we saw seven of them']).tolist())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=moved.parent,
        env={**os.environ, "PYTHONPATH": str(Path(regbench.__file__).parents[1])},
    )
    here = regbench.load(str(text_run))
    assert done.stdout == f"{here.classes} {here(['we saw seven of them']).tolist()}\n"


@pytest.mark.parametrize("given", ["one string", [], [1, 2], ["one", 2], None])
def test_what_is_no_list_of_sentences_is_refused(text_run: Path, given: object) -> None:
    with pytest.raises(ValueError, match=r"^sentences must be a list of one string or more, got "):
        regbench.load(str(text_run))(given)


@pytest.mark.parametrize("sentence", ["", "   ", "zzz yyy", "the " * 50, "\N{SNOWMAN} \N{BELL}"])
def test_any_sentence_gives_logits(text_run: Path, sentence: str) -> None:
    logits = regbench.load(str(text_run))([sentence])
    assert logits.shape == (1, 3)
    assert logits.isfinite().all()


def test_a_checkpoint_that_kept_no_names_and_words_still_loads(text_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(text_run, tmp_path / "run")
    for name in ("last.pt", "previous.pt"):
        if (run / name).exists():
            state = checkpoint.load(run / name)
            checkpoint.save(run / name, {n: v for n, v in state.items() if n not in ("classes", "tokens")})
    model = regbench.load(str(run))
    ids = torch.tensor([[2, 3, 4, 0, 0, 0]])
    assert torch.equal(model(ids), regbench.load(str(text_run))(ids))
    assert model.classes == ("0", "1", "2")
    with pytest.raises(ValueError, match=r"^inputs must be token ids, for the run has kept no words"):
        model(["we saw"])


def test_a_model_for_images_names_its_classes_by_what_they_show(tmp_path: Path) -> None:
    model = regbench.load(str(train(tmp_path, "model.width=8")))
    assert model.classes == tuple("0123456789")
    assert model(torch.rand(3, 1, 8, 8)).shape == (3, 10)


def test_a_regularized_transformer_takes_sentences_too(tmp_path: Path) -> None:
    rows = [(f"{random.Random(i).choice(['alpha', 'beta'])} word{i % 7}", i % 2) for i in range(60)]
    with (tmp_path / "mine.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    words = [*TEXT[3:], "model=transformer", "model.width=8", "model.depth=1", "model.heads=2"]
    run = train(tmp_path, *words, "dataset.path=mine.csv", "train.batch_size=8", "+reg=[word_dropout,ema]")
    model = regbench.load(str(run), "last")
    assert model.classes == ("0", "1")
    assert model(["alpha word3", "beta"]).shape == (2, 2)


def test_a_member_that_asks_for_a_normalization_finds_none_again(tmp_path: Path) -> None:
    """Loaded without an optimizer, standardized filters have the scale that was trained with."""
    reg = ["+reg=weight_standardization", "model.norm=none"]
    folder = train(tmp_path, "model=cnn", "model.width=4", "dataset.num_train=97", *reg)
    config, _ = read_run(folder)
    val = build_run(config).data.val
    with torch.no_grad():
        logits = regbench.load(str(folder), "last")(val[torch.arange(len(val))].inputs)
    recorded = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    loss = torch.nn.functional.cross_entropy(logits, val.labels)
    assert loss.item() == pytest.approx(recorded["val/loss"], rel=1e-4)
