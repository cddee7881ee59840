"""A person's own code: found by its path; whatever it raises, in one sentence."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from regbench.errors import ConfigError
from regbench.instantiation.boundary import raised, refusing, stops, trace
from regbench.instantiation.fields import make
from regbench.instantiation.locating import locate

SOURCE = """class Odd(Exception):
    pass

class Outer:
    class Inner:
        pass

    @classmethod
    def made(cls, size: int):
        return size

def key():
    return {}["width"]

def unpack():
    a, b = (1, 2, 3)

def own_words():
    raise ValueError("size must be at least 1, got 0")

def odd():
    raise Odd("first line\\nsecond line")

def leaves():
    raise SystemExit("done")

def silent():
    assert 1 == 2

def installed():
    import torch
    torch.zeros(2) @ torch.zeros(3)
"""


@pytest.fixture(autouse=True)
def _persons_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "persons.py").write_text(SOURCE)
    for name, text in {
        "dividing": "x = 1 / 0\n",
        "unparsable": "def f(:\n",
        "lacking": "import no_such_package\n",
        "script": "import sys\nsys.exit(2)\n",
    }.items():
        (tmp_path / f"persons_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)


def complaint(target: str, **values: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        make({"_target_": target, **values}, "model")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("key", "model: KeyError: 'width' (persons.py, line 13)"),
        ("unpack", "model: too many values to unpack (expected 2) (persons.py, line 16)"),
        ("own_words", "model: size must be at least 1, got 0"),
        ("odd", "model: Odd: first line (persons.py, line 22)"),
        ("leaves", "model: SystemExit: done (persons.py, line 25)"),
        ("silent", "model: AssertionError (persons.py, line 28)"),
    ],
)
def test_whatever_is_raised_is_told_with_the_persons_own_line(name: str, said: str) -> None:
    assert complaint(f"persons.{name}") == said


def test_of_what_torch_raises_the_line_of_the_person_s_that_called_it_is_told() -> None:
    said = complaint("persons.installed")
    assert said.startswith("model: ")
    assert said.endswith("(persons.py, line 32)")


def test_a_refusal_of_ours_and_a_person_s_ctrl_c_pass() -> None:
    with pytest.raises(ConfigError, match=r"^seed: as it was$"), refusing("model: "):
        raise ConfigError("seed: as it was")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started aside ignores it
    try:
        with pytest.raises(KeyboardInterrupt), refusing("model: "):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("GeneratorExit", "GeneratorExit"),
        ("Base('gone')", "Base: gone"),
        ("Mute()", "Mute"),
        ("MuteExit()", "MuteExit"),
        ("StopIteration", "StopIteration"),
        ("RuntimeError('red: \\x1b[31m')", "red: \\x1b[31m"),
        ("RuntimeError('x' * 10**6)", "x" * 300 + "..."),
        ("RuntimeError('\\n\\n')", "RuntimeError"),
        ("type('A\\nB', (Exception,), {})('c')", "A\\nB: c"),
    ],
)
def test_whatever_a_line_of_code_raises_is_one_short_sentence(raised: str, said: str, tmp_path: Path) -> None:
    name = f"raising_{tmp_path.name.rstrip('_')}"
    source = """
class Base(BaseException): pass
class Mute(Exception):
    def __str__(self): raise ValueError("no")
class MuteExit(Exception):
    def __str__(self): raise SystemExit(3)
def f():
    raise """
    (tmp_path / f"{name}.py").write_text(source + raised)
    assert complaint(f"{name}.f") == f"model: {said} ({name}.py, line 8)"


ODD = [
    "__traceback__ = property(lambda self: 1 / 0)",
    "__class__ = property(lambda self: 1 / 0)",
    "__cause__ = property(lambda self: 1 / 0)",
    "__getattribute__ = lambda self, name: 1 / 0",
    "__str__ = lambda self: 5",
    "__str__ = lambda self: type('Cut', (str,), {'__getitem__': 5})('')",
]


@pytest.mark.parametrize("odd", [*ODD, "metaclass"])
def test_an_error_whose_own_attributes_fail_is_told_and_its_trace_printed(odd: str) -> None:
    class Meta(type):
        __name__ = property(lambda self: 1 / 0)  # type: ignore[assignment]

    space: dict[str, Any] = {"Meta": Meta}
    head = "(Exception, metaclass=Meta): pass" if odd == "metaclass" else f"(Exception): {odd}"
    exec(compile(f"class Odd{head}\ndef f():\n    raise Odd", "/home/me/mine.py", "exec"), space)
    said = []
    try:
        space["f"]()
    except BaseException as error:
        said = [stops(error), raised(error), "line 3, in f" in trace(error)]
    assert said == [False, "Odd (mine.py, line 3)", True]
    with pytest.raises(ConfigError, match=r"^model: Odd \(mine.py, line 3\)$"), refusing("model: "):
        space["f"]()


def test_a_class_of_ones_own_derived_from_ctrl_c_is_none() -> None:
    class Enough(KeyboardInterrupt):
        pass

    assert not stops(Enough())
    assert stops(KeyboardInterrupt())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dividing", "module persons_dividing cannot be imported: ZeroDivisionError: division by zero "),
        (
            "unparsable",
            "module persons_unparsable cannot be imported: invalid syntax (persons_unparsable.py,",
        ),
        ("lacking", "no module named 'no_such_package', needed for persons_lacking.Net"),
        ("script", "module persons_script cannot be imported: SystemExit: 2 (persons_script.py, line 2)"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_with_its_reason(name: str, said: str) -> None:
    assert complaint(f"persons_{name}.Net").startswith(f"model._target_: {said}")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("persons.Outer.Other", "class persons.Outer has no class 'Other'"),
        ("persons.Other", "module persons has no class 'Other'"),
        ("persons.Other.Inner", "no module named 'persons.Other', needed for persons.Other.Inner"),
        ("persons.", "must be a full path such as my_module.MyClass, got 'persons.'"),
        ("a..b", "must be a full path such as my_module.MyClass, got 'a..b'"),
        (5, "must be a full path such as my_module.MyClass, got 5"),
        (None, "has no value; set model._target_=my_module.MyClass"),
        ("???", "has no value; set model._target_=my_module.MyClass"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_where_it_ends(path: Any, said: str) -> None:
    assert complaint(path) == f"model._target_: {said}"


def test_a_class_within_a_class_and_a_class_method_are_found() -> None:
    assert locate("persons.Outer.Inner", "model").__name__ == "Inner"
    assert make({"_target_": "persons.Outer.made", "size": 3}, "model") == 3
