"""A word of a command line that cannot be read as key=value, and what to type instead."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

from regbench.composition.option_files import LISTED
from regbench.errors import ConfigError, brief

KEY = re.compile(r"[+~]*[\w$-]+([./][\w$-]+)*(@[\w.]*)?")  # group, or names joined by dots
FORM = "must have the form key=value"
LONGEST_WORD = 10_000  # signs: some thousand numbers, which ANTLR reads in about a second
DEEPEST = 30  # brackets within each other
MOST_DIGITS = 300
CLOSES = {"[": "]", "(": ")", "{": "}"}


def typed(*words: str) -> str:
    """Words as they are typed in a shell."""
    return shlex.join(words)


def in_quotes(key: str, value: str) -> str:
    """An override whose value is a text, whatever signs are in it."""
    return f"{key}={QuotedString(value, Quote.double).with_quotes()}"


def bare(key: str) -> str:
    """A key without the signs before it."""
    return key.lstrip("+~")


def require_readable(words: Sequence[str]) -> None:
    """Refuse words that no parser is to be given: it would take minutes over them, or give up in its midst.

    Raises:
        ConfigError: a word is too long, nests too deep, has a number of too many digits, or is no text.
    """
    for word in words:
        key = bare(word.partition("=")[0]).split("@")[0] or "config"
        if len(word) > LONGEST_WORD:
            raise ConfigError(f"{key}: must be given in at most {LONGEST_WORD} signs, got {len(word)}")
        if not word.isascii() and any("\ud800" <= sign <= "\udfff" for sign in word):
            raise ConfigError(f"{key}: must be text in UTF-8, got {word}")
        if _depth(word) > DEEPEST:
            raise ConfigError(f"{key}: brackets must be nested at most {DEEPEST} deep, got {brief(word)}")
        if re.search(rf"\d[\d_]{{{MOST_DIGITS},}}", word):
            raise ConfigError(f"{key}: a number must have at most {MOST_DIGITS} digits, got {brief(word)}")


def _depth(word: str) -> int:
    deepest = depth = 0
    for sign in word:
        depth += (sign in CLOSES) - (sign in CLOSES.values())
        deepest = max(deepest, depth)
    return deepest


class Speller:
    """Finds what may have been meant by a word that Hydra cannot read.

    Args:
        read: a word as Hydra reads it, or None where it cannot.
        options: the names of each group's options.
        functions: the names of what a value may call.
    """

    def __init__(
        self, read: Callable[[str], Any], options: Mapping[str, Sequence[str]], functions: Container[str] = ()
    ) -> None:
        self._read, self._options, self._functions = read, options, functions

    def complaint(self, words: Sequence[str], index: int) -> str:
        """One sentence on a word of a line: its key, what must hold, what to type."""
        word = words[index]
        key, equals, value = word.partition("=")
        if not word.strip():
            return f"config: a word {FORM}, got an empty one"
        if not bare(key.split("@")[0].strip()):
            return f"config: a word {FORM}, got {word!r}"
        if not equals:
            return self._no_value(words, index)
        if not KEY.fullmatch(key):
            return self._odd_key(key, value)
        return self._odd_value(key, value, words[index + 1 :])

    def _no_value(self, words: Sequence[str], index: int) -> str:
        word, rest = words[index].strip(), list(words[index + 1 :])
        key = bare(word)
        for group, options in self._options.items():
            if key in options:
                return f"{key}: {FORM}, and {key} is an option of {group}; type {self._choose(group, key)}"
        for sign in ":/ ":
            left, found, right = word.partition(sign)
            if found and right and KEY.fullmatch(left):
                return f"{bare(left)}: {FORM}, got {word!r}; type {typed(f'{left}={right.strip()}')}"
        after = [part.lstrip("=") for part in rest[:2] if part != "="][:1]
        if after and "=" not in after[0] and (rest[0].startswith("=") or self._reads(f"{word}={after[0]}")):
            right = typed(f"{word}={after[0]}")
            return f"{key}: {FORM}, in one word without blanks around the sign; type {right}"
        return f"{key}: {FORM}, got {word!r}; type {typed(f'{word}=')}VALUE"

    def _odd_key(self, key: str, value: str) -> str:
        name = bare(key).strip()
        if key.endswith("+") and name.rstrip("+") in self._options:
            group = name.rstrip("+")
            right = typed(f"+{group}=[NAME,{value}]")
            return f"{group}: += cannot be read; all members stand in one list, as in {right}"
        stripped = f"{key.strip()}={value.strip()}"
        if stripped != f"{key}={value}" and self._reads(stripped):
            return f"{name}: {FORM}, without blanks around the sign; type {typed(stripped)}"
        dots = re.sub(r"\.+", ".", key.strip("."))
        if dots != key and self._reads(f"{dots}={value}"):
            return f"{name}: a key must be names joined by single dots; type {typed(f'{dots}={value}')}"
        return f"{name}: {FORM}, with a key of names joined by dots, got {key!r}"

    def _odd_value(self, key: str, value: str, rest: Sequence[str]) -> str:
        for why, words in self._meant(key, value, rest):
            if all(self._reads(word) for word in words if not word.startswith("-m")):
                return f"{bare(key)}: {why}, got {value}; type {typed(*words)}"
        name, opening, _ = value.partition("(")
        if opening and name in self._functions:
            return f"{bare(key)}: {name}() must be called with what it takes, got {value}"
        quoted = in_quotes(key, value)
        override = self._read(quoted)
        if override is not None and override.value() == value:
            signs = "".join(dict.fromkeys(re.findall(r"[^\w\s.,/+*%@?|$:-]", value, re.ASCII)))
            why = f"a value with {' '.join(signs)}" if signs else "such a value"
            return f"{bare(key)}: {why} must stand in quotes, got {value}; type {typed(quoted)}"
        return f"{bare(key)}: {FORM}, and the value cannot be read, got {value}"

    def _meant(self, key: str, value: str, rest: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """What must hold, and the words that may have been meant, the likeliest first."""
        group = bare(key).split("@")[0]
        if value.startswith("="):
            yield "a value must follow one sign =", [f"{key}={value.lstrip('=')}"]
        if group in self._options:
            yield from self._cut_list(key, group, value, rest)
            yield from self._of_an_option(key, group, value)
        yield from _brackets(key, value, rest)
        if not value.strip(",") and bare(key) != "dataset.delimiter":  # which may be a comma
            yield "a value must follow the sign =", [f"{key}=VALUE"]
        tidy = re.sub(r",+(?=[,\])]|$)|(?<=[\[(]),+|^,+", "", re.sub(r",+", ",", value))
        if tidy and tidy != value:
            yield "a value must stand on both sides of each comma", [f"{key}={tidy}"]
        inner = value.strip("(){}[]")
        if value[0] in "({" and value[-1] in ")}" and "," not in inner:
            yield "a value must stand without brackets", [f"{key}={inner}"]
        elif value[0] in "({" and value[-1] in ")}":
            yield "a list must stand in square brackets", [f"{key}=[{inner}]"]
        parts = [part.strip() for part in re.split(r"[;|]", value)]
        if value[0] == "[" and len(parts) > 1:
            yield "items of a list must stand between commas", [f"{key}={','.join(parts)}"]
        elif len(parts) > 1 and all(re.fullmatch(r"[\d.eE+-]+", part) for part in parts):
            yield "values of a sweep must stand between commas", ["-m", f"{key}={','.join(parts)}"]

    def _cut_list(
        self, key: str, group: str, value: str, rest: Sequence[str]
    ) -> Iterator[tuple[str, list[str]]]:
        """`dropout, mixup`: options that a blank after the comma has made into words."""
        names = value.strip(",").split(",")
        for word in rest if value.endswith(",") else []:
            names += word.strip(",").split(",")
            if not word.endswith(","):
                break
        if group in LISTED and len(names) > 1 and {*names} <= {*self._options[group]}:
            yield "a list must be one word", [f"{key}=[{','.join(names)}]"]

    def _of_an_option(self, key: str, group: str, value: str) -> Iterator[tuple[str, list[str]]]:
        """`dropout(0.5)`, `dropout(p=0.5)` and `dropout,p=0.5`."""
        found = re.fullmatch(r"(\w+)[(,: ]+([^()]*?)\)?", value)
        names = self._options[group]
        if not found or not found[2] or found[1] not in names or found[2] in names:
            return
        name, inner = found.groups()
        where = f"{group}.{name}" if group in LISTED else group
        settings = [part.strip() for part in inner.split(",")] if "=" in inner else [f"FIELD={inner}"]
        why = "the settings of an option must be words of their own"
        yield why, [f"{key}={name}", *(f"{where}.{setting}" for setting in settings)]

    def _choose(self, group: str, option: str) -> str:
        return typed(f"{'+' if group in LISTED else ''}{group}={option}")

    def _reads(self, word: str) -> bool:
        return self._read(word) is not None


def _brackets(key: str, value: str, rest: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """A bracket or a quote that stands alone: it was forgotten, or a blank has cut the list in words."""
    if value[:1] in CLOSES and value.count(value[0]) > value.count(CLOSES[value[0]]):
        close = CLOSES[value[0]]
        ends = next((n for n, word in enumerate(rest, 1) if close in word), None)
        if ends:
            items = [part for word in (value, *rest[:ends]) for part in word.split(",") if part]
            yield "a list must be one word", [f"{key}={','.join(items)}"]
    for opening, closing in CLOSES.items():
        if value.count(opening) > value.count(closing):
            yield f"the bracket {opening} must be closed", [f"{key}={value}{closing}"]
        if value.count(opening) < value.count(closing):
            yield f"the bracket {closing} must be opened", [f"{key}={opening}{value}"]
    without = re.sub(r"""(["'])([^"']*)\1(\s*:)""", r"\2\3", value)
    if value.startswith("{") and without != value:
        yield "names in braces must stand without quotes", [f"{key}={without}"]
    if value[:1] in ("'", '"') and value.count(value[0]) == 1:
        yield "a quote must be closed", [in_quotes(key, value[1:])]


def escaped(value: object) -> str:
    """A text whose signs that stand for another setting's name mean themselves."""
    return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + "\\${", str(value))


def quoted(value: object) -> str:
    """A value that Hydra takes for what it is, whatever signs are in it."""
    return QuotedString(escaped(value), Quote.single).with_quotes()
