"""Values of YAML, read as Hydra reads them."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from regbench.composition.paths import config_dir
from regbench.composition.yaml_values import values_of

TEXTS = [
    "1e-3",
    "1E5",
    "-2.5e+3",
    "1.e2",
    "3",
    "3.5",
    "+4",
    "0x1f",
    "1_000",
    "yes",
    "null",
    "~",
    ".inf",
    "-.INF",
]
TEXTS += [
    "2020-01-01",
    "a: b",
    "'1e-3'",
    "1e",
    "e3",
    "[1e-3, x]",
    "{a: 1e-4}",
    "${seed}",
    "text",
    "''",
    "1:30",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_value_is_what_hydra_makes_of_it(text: str) -> None:
    written = f"value: {text}" if text != "a: b" else f"value: {{{text}}}"
    found, expected = values_of(written), OmegaConf.to_container(OmegaConf.create(written))
    assert found == expected
    assert type(found["value"]) is type(expected["value"])  # type: ignore[index,call-overload]


def test_every_option_of_the_package_is_read_alike() -> None:
    for path in config_dir().rglob("*.yaml"):
        text = path.read_text()
        if OmegaConf.create(text):
            assert values_of(text) == OmegaConf.to_container(OmegaConf.create(text)), path


def test_what_holds_no_values_is_refused() -> None:
    with pytest.raises(ValueError, match="must be valid YAML, got"):
        values_of("a: [1")
    with pytest.raises(ValueError, match=r"must hold keys and values, got \[1\]"):
        values_of("[1]")
