"""What `regbench search` may try of a regularizer is legal, and never leaves it out."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest

from regbench.assembly.data import load_data
from regbench.assembly.stack import build_stack
from regbench.composition.catalogue import entries
from regbench.errors import ConfigError
from regbench.instantiation.locating import locate
from regbench.regularizers.base import Regularizer
from regbench.space import Choice, Domain, Interval
from regbench.types import Split
from tests.conftest import SENTENCES, SMALL, all_regs, compose, reg_node

REGS = all_regs()
ROWS = {  # images of 8 pixels are the smallest, and 97 rows few: what holds on them holds on others
    "images": SMALL,
    "sentences": [*SMALL, *SENTENCES],
    "columns of two classes": [*SMALL, "dataset=breast_cancer"],
}


def cls_of(name: str) -> type[Regularizer]:
    return locate(reg_node(name)["_target_"], "reg")  # type: ignore[return-value]


def search_of(name: str) -> Mapping[str, Domain]:
    """What a class says itself: of its bases none is meant."""
    return vars(cls_of(name)).get("search", {})


def ranges() -> list[tuple[str, str, Domain]]:
    """Regularizer, field and what is tried of it."""
    return [(name, key, domain) for name in REGS for key, domain in search_of(name).items()]


def built(name: str, **values: Any) -> Regularizer:
    return build_stack({name: reg_node(name, **values)}).members[name]


def inside(value: Any, domain: Domain) -> bool:
    if isinstance(domain, Interval):
        return value is not None and domain.low <= value <= domain.high
    return value in domain.values


def corners(name: str) -> Iterator[dict[str, Any]]:
    """Every field at an end of its range, in every way."""
    search = search_of(name)
    for values in itertools.product(*(domain.ends for domain in search.values())):
        yield dict(zip(search, values, strict=True))


@functools.cache
def rows(kind: str) -> Split:
    return load_data(compose(*ROWS[kind])["dataset"]).train


def refused(name: str, values: dict[str, Any], kind: str) -> str:
    """Why it cannot work on rows, in its own words; empty where it can."""
    try:
        build_stack({name: reg_node(name, **values)}).check_data(rows(kind))
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", REGS)
def test_a_class_says_itself_what_is_tried(name: str) -> None:
    assert "search" in vars(cls_of(name))
    assert {*search_of(name)} <= {field.name for field in fields(cls_of(name))}  # type: ignore[arg-type]
    assert all(isinstance(domain, Interval | Choice) for domain in search_of(name).values())


@pytest.mark.parametrize(("name", "key", "domain"), ranges())
def test_every_end_is_legal_and_leaves_it_on(name: str, key: str, domain: Domain) -> None:
    for end in domain.ends:
        assert not built(name, **{key: end}).is_off
    off = cls_of(name).off
    assert key not in off or not inside(off[key], domain), "that it is left out is the search's to say"


@pytest.mark.parametrize("name", REGS)
def test_so_are_they_together(name: str) -> None:
    assert not any(built(name, **values).is_off for values in corners(name))


@pytest.mark.parametrize(("name", "key", "domain"), ranges())
def test_the_default_is_one_of_them_and_of_their_type(name: str, key: str, domain: Domain) -> None:
    default = reg_node(name)[key]
    assert inside(default, domain)
    if isinstance(domain, Interval):
        assert domain.whole == isinstance(default, int)
        assert type(domain.low) is type(domain.high) is type(default)
    else:
        assert {type(value) for value in domain.values} == {type(default)}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("name", REGS)
def test_rows_that_the_default_takes_all_of_them_take(name: str, kind: str) -> None:
    if why := refused(name, {}, kind):
        pytest.skip(why)
    told = [refused(name, values, kind) for values in corners(name)]
    assert [why for why in told if why] == []


def test_source_text_says_the_same() -> None:
    """`regbench list` and the documentation read it there, and import no class."""
    for entry in entries("reg"):
        read = {parameter.name: parameter.search for parameter in entry.parameters if parameter.search}
        assert read == search_of(entry.name), entry.name


def test_there_is_something_to_search() -> None:
    assert len(ranges()) > 50


def test_an_end_that_is_illegal_would_be_refused() -> None:
    with pytest.raises(ConfigError, match=r"^reg\.dropout: p must lie in "):
        built("dropout", p=1.0)
