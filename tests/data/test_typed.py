"""What a message tells to type, as a shell and Hydra read it."""

import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from regbench.data.typed import typed

HARD = [
    "a b",
    "a, b",
    "te$xt",
    'te"xt',
    "it's",
    "a\\",
    'a\\"b',
    "\\t",
    "${x}",
    "a=b",
    "[1]",
    "{x}",
    "~/x",
    "true",
]
HARD += ["1", "1.0", "1e5", "", " x ", "a;b", "`ls`", "!x", "a#b", "été", "photos (1)", "null", "-"]


@pytest.mark.parametrize("value", ["photos", "a/b_c-d.csv", "../x", *HARD])
def test_a_value_comes_through_a_shell_and_hydra_as_it_is(value: str):
    word = typed("path", value)
    read = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, text=True, check=True)
    override = OverridesParser.create().parse_override(read.stdout)
    assert override.key_or_group == "dataset.path"
    assert OmegaConf.create({"value": override.value()}).value == value


def test_plain_words_need_no_quotes():
    assert typed("path", "a/b.csv") == "dataset.path=a/b.csv"
    assert typed("path", "a b") == "'dataset.path=\"a b\"'"
