"""Config values into annotated types, and classes called with them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import pytest
import torch

from regbench.composition.kinds import OPTIMIZER
from regbench.errors import ConfigError
from regbench.instantiation.checking import ANYTHING
from regbench.instantiation.fields import checked, converted, make, make_and_tell
from regbench.instantiation.locating import locate
from regbench.sites import Where

NAN, INFINITY = float("nan"), float("inf")


@dataclass
class Field:
    """A class of a person's own, with a range of its own."""

    size: int
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")


def takes_anything(**values: Any) -> dict[str, Any]:
    return values


def takes_rows(*rows: int) -> tuple[int, ...]:
    return rows


def annotated_with_what_is_not_there(size: Missing) -> Any:  # type: ignore[name-defined]  # noqa: F821
    return size


class Inner:
    """Takes nothing that regbench gives by itself."""

    def __init__(self, num_classes: int = 2, **others: Any) -> None:
        if others:
            raise TypeError(f"__init__() got an unexpected keyword argument {next(iter(others))!r}")
        self.num_classes = num_classes


def passes_on(**values: Any) -> Inner:
    return Inner(**values)


def passes_on_beside_its_own(**values: Any) -> Inner:
    return Inner(num_classes=5, **values)


def by_place(num_classes: int, size: int = 3, /, *, share: float = 0.5) -> tuple[int, int, float]:
    return num_classes, size, share


bound = functools.partial(Field, share=0.25)


class Kind(Enum):
    SMALL = "s"
    LARGE = "l"


def takes_kind(kind: Kind | None = None) -> Kind | None:
    return kind


def takes_field(field: Field) -> Field:
    return field


def takes_object(thing: Any, things: list[Any] | None = None) -> tuple[Any, Any]:
    return thing, things


def node(name: str, **values: Any) -> dict[str, Any]:
    return {"_target_": f"{__name__}.{name}", **values}


@pytest.mark.parametrize(
    ("value", "hint", "meant"),
    [
        (3, int, 3),
        (3.0, int, 3),
        (-2, int, -2),
        (3, float, 3.0),
        (1e-3, float, 0.001),
        (True, bool, True),
        (False, bool, False),
        ("abc", str, "abc"),
        (3, str, "3"),
        (None, int | None, None),
        (4.0, int | None, 4),
        ("mlp", Literal["mlp", "cnn"], "mlp"),
        ([1.0, 2], list[int], [1, 2]),
        ([], list[int], []),
        ((1, 2), list[float], [1.0, 2.0]),
        ([0.9, 1], tuple[float, float], (0.9, 1.0)),
        ([1, "a"], list, [1, "a"]),
        ([1, 2], tuple, (1, 2)),
        ("all", Where, "all"),
        ([0, -1], Where, [0, -1]),
        ([2.0], Where, [2]),
        (5, str | None, "5"),
        ({"a": 1}, Any, {"a": 1}),
        (None, type(None), None),
    ],
)
def test_converts_what_a_hint_takes(value: Any, hint: Any, meant: Any) -> None:
    got = converted(value, hint, "it")
    assert got == meant
    assert type(got) is type(meant)
    if isinstance(meant, list | tuple):
        assert [type(item) for item in got] == [type(item) for item in meant]


@pytest.mark.parametrize(
    ("value", "hint", "complaint"),
    [
        (2.5, int, "it must be a whole number, got 2.5"),
        (True, int, "it must be a whole number, got true"),
        ("abc", int, "it must be a whole number, got 'abc'"),
        ("3", int, "it must be a whole number, got '3'"),
        (None, int, "it must be a whole number, got null"),
        ([1], int, "it must be a whole number, got [1]"),
        (NAN, int, "it must be finite, got nan"),
        (1e19, int, "it must be a number of at most 64 bits, got 10000000000000000000"),
        (INFINITY, int, "it must be finite, got inf"),
        (True, float, "it must be a number, got true"),
        ("0.5", float, "it must be a number, got '0.5'"),
        (INFINITY, float, "it must be finite, got inf"),
        (-INFINITY, float, "it must be finite, got -inf"),
        (NAN, float, "it must be finite, got nan"),
        (None, float, "it must be a number, got null"),
        (NAN, float | None, "it must be finite, got nan"),
        (NAN, Any, "it must be finite, got nan"),
        (1, bool, "it must be true or false, got 1"),
        ("true", bool, "it must be true or false, got 'true'"),
        (None, bool, "it must be true or false, got None"),
        (True, str, "it must be a word, got true"),
        (None, str, "it must be a word, got null"),
        (["a"], str, "it must be a word, got ['a']"),
        ("???", str, "it has no value, and must have one"),
        (2.5, int | None, "it must be a whole number, got 2.5"),
        ("mpl", Literal["mlp", "cnn"], "it must be one of mlp, cnn, got 'mpl'; did you mean 'mlp'?"),
        ("tree", Literal["mlp", "cnn"], "it must be one of mlp, cnn, got 'tree'"),
        (True, Literal[1, 2], "it must be one of 1, 2, got true"),
        ([1.5], list[int], "it must be a whole number, got 1.5"),
        ([0.1, NAN], list[float], "it must be finite, got nan"),
        (3, list[int], "it must be a list, got 3"),
        ("ab", list[str], "it must be a list, got 'ab'"),
        (
            "al",
            Where,
            "it must be one of default, all, input, first, last, got 'al'; did you mean 'all'?",
        ),
        ([0.5], Where, "it must be one of default, all, input, first, last, got [0.5]"),
    ],
)
def test_refuses_what_a_hint_does_not_take(value: Any, hint: Any, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        converted(value, hint, "it")
    assert str(caught.value) == complaint


def test_makes_what_the_target_names() -> None:
    made = make(node("Field", size=2.0), "reg.mine")
    assert (type(made).__name__, made.size, type(made.size), made.share) == ("Field", 2, int, 0.5)


def test_an_unknown_field_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"^reg\.mine: no such field 'sise'; did you mean 'size'\?$"):
        make(node("Field", sise=2), "reg.mine")


def test_a_missing_field_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"^reg\.mine: size has no value; set \+reg\.mine\.size=\.\.\.$"):
        make(node("Field", share=0.1), "reg.mine")


def test_a_wrong_type_is_told_with_key_and_field() -> None:
    with pytest.raises(ConfigError, match=r"^reg\.mine: share must be a number, got 'much'$"):
        make(node("Field", size=1, share="much"), "reg.mine")


def test_the_range_that_a_class_checks_is_told_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"^reg\.mine: size must be at least 1, got 0$"):
        make(node("Field", size=0), "reg.mine")


def test_gives_only_what_the_signature_takes() -> None:
    made = make(node("Field"), "model", size=7, num_classes=10)
    assert (made.size, made.share) == (7, 0.5)
    assert make(node("takes_anything", a=1), "model", num_classes=10) == {"a": 1, "num_classes": 10}


def test_what_only_passes_through_is_tried_and_left_out_where_it_is_not_taken() -> None:
    given = {"in_shape": (1, 8, 8), "num_classes": 7, "vocabulary": None}
    made, taken = make_and_tell(node("passes_on"), "model", ANYTHING, given)
    assert (made.num_classes, taken) == (7, {"num_classes"})
    made, taken = make_and_tell(node("passes_on_beside_its_own"), "model", ANYTHING, given)
    assert (made.num_classes, taken) == (5, set())


@pytest.mark.parametrize("kind", [TypeError, ValueError, KeyError])
@pytest.mark.parametrize("says", ["unexpected {}", "unknown: {}", "Got invalid arguments {}"])
def test_what_is_refused_in_its_authors_words_is_left_out_too(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception], says: str
) -> None:
    def picky(width: int = 3, **others: Any) -> tuple[int, Any]:
        classes = others.pop("num_classes")
        if others:
            raise kind(says.format(sorted(others)))
        return width, classes

    monkeypatch.setitem(globals(), "picky", picky)
    given = {"in_shape": (1, 8, 8), "num_classes": 7, "vocabulary": None}
    assert make_and_tell(node("picky"), "model", ANYTHING, given) == ((3, 7), {"num_classes"})
    with pytest.raises(ConfigError, match=r"^model: .*depth"):
        make_and_tell(node("picky", depth=2), "model", ANYTHING, given)


def test_a_persons_own_word_that_is_not_taken_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^model: .*unexpected keyword argument 'widht'"):
        make(node("passes_on", widht=3), "model", num_classes=7)


def test_arguments_that_have_no_name_are_given_by_their_place() -> None:
    assert make(node("by_place", share=1), "model", num_classes=7, size=2) == (7, 2, 1.0)
    assert make(node("by_place"), "model", num_classes=7) == (7, 3, 0.5)


def test_a_partial_is_called_with_its_own_types_and_values() -> None:
    made = make(node("bound", size=2.0), "model")
    assert (made.size, type(made.size), made.share) == (2, int, 0.25)


@pytest.mark.parametrize("value", ["LARGE", "l", "Kind.LARGE"])
def test_a_member_of_an_enumeration_is_named_or_told_by_its_value(value: str) -> None:
    assert make(node("takes_kind", kind=value), "model") is Kind.LARGE


def test_what_is_no_member_is_answered_with_the_names() -> None:
    with pytest.raises(ConfigError, match=r"^model: kind must be one of SMALL, LARGE, got 'LARG'; did you"):
        make(node("takes_kind", kind="LARG"), "model")


def test_a_node_becomes_the_dataclass_that_an_annotation_asks_for() -> None:
    assert make(node("takes_field", field={"size": 2.0}), "model") == Field(2, 0.5)
    with pytest.raises(ConfigError, match=r"^model: field: no such field 'sise'; did you mean 'size'\?$"):
        make(node("takes_field", field={"sise": 2}), "model")
    with pytest.raises(ConfigError, match=r"^model: field: size must be at least 1, got 0$"):
        make(node("takes_field", field={"size": 0}), "model")


def test_a_node_with_a_target_is_made_at_any_depth() -> None:
    inner = node("Field", size=1)
    thing, things = make(node("takes_object", thing={"a": inner}, things=[inner, 3]), "model")
    assert (thing, things) == ({"a": Field(1)}, [Field(1), 3])
    with pytest.raises(ConfigError, match=r"^model\.things\.0: size must be at least 1, got 0$"):
        make(node("takes_object", thing=1, things=[node("Field", size=0)]), "model")


def test_what_is_given_is_not_to_be_set() -> None:
    with pytest.raises(ConfigError, match=r"^model: size is not to be set"):
        make(node("Field", size=3), "model", size=7)


def test_variadic_arguments_need_no_value() -> None:
    assert checked(takes_rows, {}, "it", {}) == {}


def test_hints_that_cannot_be_resolved_take_any_value_that_is_finite() -> None:
    assert make(node("annotated_with_what_is_not_there", size="x"), "model") == "x"
    with pytest.raises(ConfigError, match="size must be finite"):
        make(node("annotated_with_what_is_not_there", size=NAN), "model")


def test_torch_optimizers_take_the_values_of_a_file() -> None:
    values = {"_target_": "torch.optim.Adam", "lr": 0.1, "betas": [0.5, 0.6]}
    optimizer = make(values, "optimizer", OPTIMIZER, params=[torch.nn.Parameter(torch.zeros(1))])
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.6)


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("Dropout", "reg.x._target_: must be a full path such as my_module.MyClass, got 'Dropout'"),
        ("no_such_package.Net", "no module named 'no_such_package', needed for no_such_package.Net"),
        (
            "regbench.regularizers.drop.Dropout",
            "reg.x._target_: no module named 'regbench.regularizers.drop'",
        ),
        ("regbench.regularizers.dropout.Droput", "dropout has no class 'Droput'"),
        ("math.pi", "reg.x._target_: module math has no class 'pi'"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        locate(path, "reg.x")
    assert str(caught.value).startswith("reg.x._target_: ")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_locates_a_class_at_its_path() -> None:
    assert locate("torch.nn.Linear", "model") is torch.nn.Linear
