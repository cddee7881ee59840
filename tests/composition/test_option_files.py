"""A person's option files: broken ones by file, line and column; those that set nothing; and sound ones."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from regbench.composition.catalogue import entries
from regbench.composition.compose import compose_jobs, read_line
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError

HEAD = "# @package reg.mine\n"
SOUND = f"{HEAD}_target_: mine.Mine\nstrength: 2\n"
LAUGHS = f"{HEAD}a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def write(folder: Path, option: str, data: str | bytes) -> Path:
    path = folder / f"{option}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def compose(folder: Path, *words: str) -> dict[str, object]:
    (job,) = compose_jobs(read_line(["--config-dir", str(folder), *words]))
    read_settings(job.config)
    return job.config


def said(folder: Path, *words: str) -> str:
    began = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        compose(folder, *words)
    assert time.monotonic() - began < 20
    assert str(caught.value).isprintable()
    return str(caught.value)


BROKEN = [
    (f"{HEAD}a: [b\n", "line 3, column 1: must be valid YAML, got did not find expected ',' or ']'"),
    (f"{HEAD}a: x\n\tb: 3\n", "line 3, column 1: must be valid YAML"),
    (f"{SOUND}strength: 3\n", "line 4, column 1: the key strength is there twice"),
    (f"{SOUND}a: !foo 3\n", "line 4, column 4: the tag !foo must be left out"),
    (f"{SOUND}a: !!python/object/apply:os.system [x]\n", "line 4, column 4: the tag tag:yaml.org,2002:python/object"),
    (f"{SOUND}---\na: 3\n", "line 4, column 1: must be one document, got a second one"),
    (f"{SOUND}a: b\0c\n", "line 4, column 5: must be text, got the control sign \\x00"),
    (f"{SOUND}3: 4\n", "line 4, column 1: a key must be a text, got 3"),
    (f"{SOUND}null: 4\n", "line 4, column 1: a key must be a text, got null"),
    (f"{SOUND}true: 4\n", "line 4, column 1: a key must be a text, got true"),
    (f"{SOUND}? [a, b]\n: 4\n", "line 4, column 3: a key must be a text, got a list or mapping"),
    (f"{SOUND}a: {{b: {{1: 2}}}}\n", "line 4, column 9: a key must be a text, got 1"),
    ("- a\n- b\n", "line 1, column 1: must hold keys and values, got a list"),
    ("hello\n", "line 1, column 1: must hold keys and values, got a single value"),
    (f"{HEAD}a: &a {{b: *a}}\n", "line 2, column 4: an alias must not lead into itself"),
    (LAUGHS, "line 6, column 4: must hold at most 20000 values, each as often as an alias repeats it"),
    (f"{SOUND}a: {'[' * 500}{']' * 500}\n", "line 4, column 33: must nest lists and mappings at most 30 deep"),
    (f"{SOUND}a: {'9' * 5000}\n", "line 4, column 4: a whole number must have at most 18 digits"),
    (b"\xef\xbb\xbf" + SOUND.encode(), "line 1, column 1: must begin without a byte order mark (BOM)"),
    (SOUND.encode("utf-16"), "line 1: must be text in UTF-8, got byte 0xff"),
    (SOUND.encode() + b"# \xfc\n", "line 4: must be text in UTF-8, got byte 0xfc"),
    ("# @package reg..mine\na: 3\n", "line 1: a package must be names joined by single dots, got reg..mine"),
    ("# @package\na: 3\n", "line 1: must have the form # @package NAME, got # @package"),
    ("# @package: reg.mine\na: 3\n", "line 1: must have the form # @package NAME"),
    (f"# mine\n{SOUND}", "line 2: # @package must be the first line, and is not"),
    ("# @package hydra.callbacks.x\n_target_: os.system\n", "a package must begin with one of _global_, _group_, reg"),
    ("_target_: mine.Mine\n", "must begin with the line # @package reg.mine"),
    (f"{HEAD}strength: 2\n", "must name its class by _target_, such as my_module.MyClass, got none"),
    (f"{HEAD}_target_: 5\n", "line 2, column 11: _target_ must be a text such as my_module.MyClass, got 5"),
    ("defaults: 3\n", "line 1, column 11: defaults must be a list of option names, or of group: name, got no list"),
    ("defaults: [5]\n", "line 1, column 12: defaults must be a list of option names"),
    ("defaults: [_self_, dropout, _self_]\na: {}\n", "line 1, column 29: defaults must name _self_ once, got it twice"),
    ("", "must set something, and is empty"),
    ("# nothing\n", "must set something, and is empty"),
    (HEAD, "must set something, and is empty"),
    ("null\n", "must set something, and is empty"),
    ("{}\n", "must set something, and sets nothing"),
    ("defaults: []\n", "must set something, and sets nothing"),
    ("defaults: [_self_]\n", "must set something, and sets nothing"),
    (SOUND + "# " + "a" * 100_000, "must have at most 100000 bytes, got 100054"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "sentence"), BROKEN)
def test_a_broken_file_is_named_with_line_and_column(
    tmp_path: Path, data: str | bytes, sentence: str
) -> None:
    path = write(tmp_path, "reg/mine", data)
    complaint = said(tmp_path, "+reg=mine")
    assert complaint.startswith((f"{path}, {sentence}", f"{path}: {sentence}"))


@pytest.mark.parametrize(
    "option", ["defaults: [mine]\n", "defaults: [other]\n", f"{HEAD}a: ${{reg.mine.a}}\n_target_: m.M\n"]
)
def test_what_leads_back_to_itself_is_refused(tmp_path: Path, option: str) -> None:
    write(tmp_path, "reg/mine", option)
    write(tmp_path, "reg/other", "defaults: [mine]\n")
    assert "itself" in said(tmp_path, "+reg=mine")


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "reg" / "folder.yaml").mkdir(parents=True)
    os.mkfifo(tmp_path / "reg" / "pipe.yaml")
    os.symlink("loop.yaml", tmp_path / "reg" / "loop.yaml")
    os.symlink("/dev/zero", tmp_path / "reg" / "zero.yaml")
    for name in ("folder", "pipe", "loop", "zero"):
        assert said(tmp_path, f"+reg={name}").endswith(f"{name}.yaml must be a plain file, and is none")


@pytest.mark.parametrize("name", ["mine.yml", "mine.YAML", "mine"])
def test_a_file_that_hydra_does_not_see_is_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, "reg/x", SOUND)
    path.rename(tmp_path / "reg" / name)
    assert said(tmp_path, "+reg=mine").endswith(f"{tmp_path / 'reg' / name} must be called mine.yaml")


def test_a_file_that_ours_stands_before_is_refused_and_a_copy_of_it_is_not(tmp_path: Path) -> None:
    ours = Path(__file__).parents[2] / "configs" / "model" / "mlp.yaml"
    write(tmp_path, "model/mlp", ours.read_bytes())
    compose(tmp_path)
    path = write(tmp_path, "model/mlp", "_target_: mine.Net\n")
    assert said(tmp_path).startswith(f"{path}: must have another name, as regbench has an option model/mlp")
    compose(tmp_path, "model=cnn")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("# @package _global_\n", "must set something, and is empty"),
        ("# @package _global_\nseed: 1\nseed: 2\n", "line 3, column 1: the key seed is there twice"),
        ("seed: 3\n", "an experiment must begin with the line # @package _global_"),
    ],
)
def test_an_experiment_that_sets_nothing_or_twice_is_refused(
    tmp_path: Path, data: str, sentence: str
) -> None:
    path = write(tmp_path, "experiment/mine", data)
    assert said(tmp_path, "experiment=mine").startswith((f"{path}, {sentence}", f"{path}: {sentence}"))


def test_an_experiment_that_asks_for_what_is_not_there_is_answered_by_its_key(tmp_path: Path) -> None:
    write(tmp_path, "experiment/mine", "# @package _global_\ndefaults:\n  - override /model: nope\n")
    assert said(tmp_path, "experiment=mine").startswith(
        "experiment: what it names asks for what is not there: model:"
    )


def test_a_person_s_launcher_and_callbacks_are_not_called(tmp_path: Path) -> None:
    (tmp_path / "hydra" / "launcher").mkdir(parents=True)
    (tmp_path / "hydra" / "launcher" / "mine.yaml").write_text(
        "# @package hydra.launcher\n_target_: os.system\n"
    )
    assert said(tmp_path, "hydra/launcher=mine").startswith("hydra/launcher: must be an option of Hydra's")
    write(tmp_path, "experiment/x", "# @package _global_\nhydra: {callbacks: {x: {_target_: os.system}}}\n")
    assert said(tmp_path, "experiment=x").startswith("hydra.callbacks: must be empty")


def test_lists_refuse_a_broken_file_too(tmp_path: Path) -> None:
    path = write(tmp_path, "reg/mine", "")
    with pytest.raises(ValueError, match="must set something, and is empty") as caught:
        entries("reg", tmp_path)
    assert str(path) in str(caught.value)


def test_sound_files_are_taken(tmp_path: Path) -> None:
    write(tmp_path, "reg/mine", SOUND.replace("\n", "\r\n"))
    write(tmp_path, "reg/bare", "_target_: mine.Bare\n")  # named on the line
    write(tmp_path, "reg/both", "defaults:\n  - dropout\n  - mine\n")
    write(tmp_path, "reg/anchors", "# @package reg.anchors\n_target_: mine.A\na: &a {b: 1}\nc: *a\n")
    write(tmp_path, "model/wide", "defaults: [mlp, _self_]\nwidth: 8\n")
    write(
        tmp_path,
        "experiment/mine",
        "# @package _global_\ndefaults:\n  - override /model: cnn\ntrain: {epochs: 3}\n",
    )
    config = compose(tmp_path, "+reg=[both,anchors]", "+reg@reg.named=bare", "experiment=mine")
    assert list(config["reg"]) == ["dropout", "mine", "anchors", "named"]  # type: ignore[call-overload]
    assert config["reg"]["anchors"]["c"] == {"b": 1}  # type: ignore[index]
    assert compose(tmp_path, "model=wide")["model"]["width"] == 8  # type: ignore[index]


@pytest.mark.parametrize(("line", "column"), [("a: 3\t", 5), ("<<: 3", 5)])
def test_what_only_hydras_own_reader_refuses_is_named_too(tmp_path: Path, line: str, column: int) -> None:
    path = write(tmp_path, "reg/mine", f"{SOUND}{line}\n")
    sentence = said(tmp_path, "+reg=mine")
    assert sentence.startswith(f"reg: {path}, line 4, column {column}: must be valid YAML, got ")
