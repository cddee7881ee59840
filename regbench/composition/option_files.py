"""A person's option files: read once before Hydra reads them, and refused by file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from regbench.errors import ConfigError, brief

LARGEST_FILE = 100_000  # bytes of a file
DEEPEST = 30  # lists and mappings within each other
MOST = 20_000  # values of a file, each repetition by an alias counted
LONGEST_INTEGER = 18  # digits: more fit no whole number of 64 bits
CORE = "tag:yaml.org,2002:"
KNOWN = {
    f"{CORE}{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map", "merge", "timestamp")
}
PACKAGE = re.compile(r"_global_|_group_|[\w-]+(\.[\w-]+)*")
MADE = ("model", "dataset", "optimizer", "schedule")  # groups whose options name a class
LISTED = ("reg", "sinks")  # groups of which several options are chosen, each with a name below the group
PLACES = ("_global_", "_group_", *LISTED, "train", *MADE)  # where a package begins
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def require_sound(path: Path, group: str = "") -> None:
    """Refuse an option's file that Hydra would stumble over, or would take for nothing at all.

    Args:
        path: of the file.
        group: whose option it is, such as reg; empty where that does not matter.

    Raises:
        ConfigError: it cannot be read or is not what an option is; with line and column where it has one.
    """
    text = _text(path)
    header = _header(text, path)
    try:
        _require_flat(text, path)
        root = yaml.compose(text, _Loader)
    except ConfigError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{_at(path, mark)}: must be valid YAML, got {_said(error)}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: must be valid YAML, got {_said(error)}") from error
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == f"{CORE}null"):
        raise ConfigError(f"{path}: must set something, and is empty")
    if not isinstance(root, yaml.MappingNode):
        what = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
        raise ConfigError(f"{_at(path, root.start_mark)}: must hold keys and values, got {what}")
    _Nodes(path).count(root)
    _require_content(root, path, group, header)


def keys_of(path: Path) -> list[str]:
    """The keys of a sound file."""
    return [key.value for key, _ in yaml.compose(_text(path), _Loader).value]


def said_of_yaml(error: yaml.YAMLError) -> str:
    """One sentence on a file that Hydra's own reading of YAML, which is stricter, stumbles over."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = _at(Path(mark.name), mark) if mark else "its file"
    return f"{where}: must be valid YAML, got {_said(error)}"


def _text(path: Path) -> str:
    """What a plain file of moderate size holds."""
    try:
        if not path.is_file():  # a pipe would wait, a device never ends
            raise ConfigError(f"{path}: must be a plain file, and is none")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise ConfigError(f"{path}: must have at most {LARGEST_FILE} bytes, got {size}")
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if data[:3] == b"\xef\xbb\xbf":
        raise ConfigError(f"{path}, line 1, column 1: must begin without a byte order mark (BOM)")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: must be text in UTF-8, got byte 0x{data[error.start]:02x}"
        ) from error
    odd = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    if odd:
        before = text[: odd.start()]
        place = f"line {before.count(chr(10)) + 1}, column {odd.start() - before.rfind(chr(10))}"
        raise ConfigError(f"{path}, {place}: must be text, got the control sign {odd[0]}")
    return text


def _header(text: str, path: Path) -> str:
    """The package that the first lines name, or nothing; one that Hydra would pass over is refused."""
    package, first = "", True
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip().lstrip("#").split()
        if not line.strip():
            continue
        if not re.match(r"\s*#\s*@", line):
            first = False
            continue
        is_package = re.match(r"@\s*package", " ".join(words)) is not None
        if first and (len(words) != 2 or (is_package and words[0] != "@package")):
            raise ConfigError(
                f"{path}, line {number}: must have the form # @package NAME, got {brief(line.strip())}"
            )
        if is_package and not first:
            raise ConfigError(f"{path}, line {number}: # @package must be the first line, and is not")
        if not is_package:
            continue
        package = words[1]
        if not PACKAGE.fullmatch(package):
            raise ConfigError(
                f"{path}, line {number}: a package must be names joined by single dots, got {brief(package)}"
            )
    return package


def _require_flat(text: str, path: Path) -> None:
    """Refuse several documents, foreign tags and deep nests, before a tree is made of them."""
    depth = documents = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if documents > 1:
            raise ConfigError(f"{_at(path, event.start_mark)}: must be one document, got a second one")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise ConfigError(
                f"{_at(path, event.start_mark)}: must nest lists and mappings at most {DEEPEST} deep"
            )
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in KNOWN and tag != "!":
            raise ConfigError(f"{_at(path, event.start_mark)}: the tag {brief(tag)} must be left out")


class _Nodes:
    """The tree of a file, each node looked at once, whatever repeats it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[int, int] = {}

    def count(self, node: Any) -> int:
        """How many values a node stands for, those of its aliases included.

        Raises:
            ConfigError: they are too many, or the node holds itself; a key is no text, or is there twice; a
                whole number is too large.
        """
        if id(node) in self._counts:
            if not self._counts[id(node)]:
                raise self._wrong(node, "an alias must not lead into itself")
            return self._counts[id(node)]
        self._counts[id(node)] = 0  # being counted
        total = 1 + sum(map(self.count, self._children(node)))
        if total > MOST:
            raise self._wrong(node, f"must hold at most {MOST} values, each as often as an alias repeats it")
        if node.tag == f"{CORE}int" and len(re.sub(r"\D", "", node.value)) > LONGEST_INTEGER:
            raise self._wrong(node, f"a whole number must have at most {LONGEST_INTEGER} digits")
        self._counts[id(node)] = total
        return total

    def _children(self, node: Any) -> Iterator[Any]:
        if isinstance(node, yaml.SequenceNode):
            yield from node.value
        if not isinstance(node, yaml.MappingNode):
            return
        seen: dict[str, Any] = {}
        for key, value in node.value:
            merges = key.tag == f"{CORE}merge"
            if not merges and (not isinstance(key, yaml.ScalarNode) or key.tag != f"{CORE}str"):
                got = brief(key.value, 40) if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                raise self._wrong(key, f"a key must be a text, got {got}")
            if not merges and (not key.value or key.value in seen):
                why = f"the key {brief(key.value)} is there twice" if key.value else "a key must not be empty"
                raise self._wrong(key, why)
            seen[key.value] = key
            yield value

    def _wrong(self, node: Any, why: str) -> ConfigError:
        return ConfigError(f"{_at(self._path, node.start_mark)}: {why}")


def _require_content(root: Any, path: Path, group: str, package: str) -> None:
    """Refuse an option that sets nothing, or does not say what it makes; and wrong `defaults`."""
    found = {key.value: node for key, node in root.value}
    defaults = found.pop("defaults", None)
    named = _defaults(defaults, path) if defaults is not None else []
    if not found and not [one for one in named if one != "_self_"]:
        raise ConfigError(f"{path}: must set something, and sets nothing")
    target = found.get("_target_")
    if target is not None and target.tag != f"{CORE}str":
        what = brief(target.value, 40) if isinstance(target, yaml.ScalarNode) else "no text"
        at = _at(path, target.start_mark)
        raise ConfigError(f"{at}: _target_ must be a text such as my_module.MyClass, got {what or 'nothing'}")
    if group in (*MADE, *LISTED, "experiment") and package and package.split(".")[0] not in PLACES:
        raise ConfigError(
            f"{path}: a package must begin with one of {', '.join(PLACES)}, got {brief(package)}"
        )
    if group == "experiment" and found and package in ("", "_group_"):
        raise ConfigError(f"{path}: an experiment must begin with the line # @package _global_")
    if package == "_global_":
        _require_groups(found, path)
    values = any(not isinstance(node, yaml.MappingNode) for node in found.values())
    one_thing = package not in ("_global_", "") or group in MADE
    if group in (*MADE, *LISTED) and not named and target is None and values and one_thing:
        raise ConfigError(f"{path}: must name its class by _target_, such as my_module.MyClass, got none")


def _require_groups(found: Mapping[str, Any], path: Path) -> None:
    """Refuse a part that is no mapping: Hydra merges no list into one, and much refers to what is in it."""
    for name in (*MADE, *LISTED, "train", "hydra"):
        node = found.get(name)
        refers = isinstance(node, yaml.ScalarNode) and node.value.startswith("${")
        if node is None or isinstance(node, yaml.MappingNode) or refers:
            continue
        got = "a list" if isinstance(node, yaml.SequenceNode) else brief(node.value, 40) or "nothing"
        option = "NAME" if name in MADE else "[NAME]"
        chosen = f"; an option is chosen in defaults, by - override /{name}: {option}"
        raise ConfigError(
            f"{_at(path, node.start_mark)}: {name} must be a group of settings, got {got}"
            f"{chosen if name in (*MADE, *LISTED) else ''}"
        )


def _defaults(node: Any, path: Path) -> list[str]:
    """The entries of a list of defaults."""
    form = "defaults must be a list of option names, or of group: name"
    if not isinstance(node, yaml.SequenceNode):
        raise ConfigError(f"{_at(path, node.start_mark)}: {form}, got no list")
    named = []
    for item in node.value:
        if isinstance(item, yaml.MappingNode) and len(item.value) == 1:
            key, value = item.value[0]
            names = value.value if isinstance(value, yaml.SequenceNode) else [value]
            words = [one.tag in (f"{CORE}str", f"{CORE}null") for one in names]
            if not all(words):
                raise ConfigError(
                    f"{_at(path, value.start_mark)}: {form}, got another value for {brief(key.value)}"
                )
            named.append(key.value)
        elif isinstance(item, yaml.ScalarNode) and item.tag == f"{CORE}str" and item.value:
            named.append(item.value)
        else:
            raise ConfigError(f"{_at(path, item.start_mark)}: {form}, got something else")
        if named[-1] in named[:-1]:
            raise ConfigError(
                f"{_at(path, item.start_mark)}: defaults must name {brief(named[-1])} once, got it twice"
            )
    return named


def _at(path: Path, mark: Any) -> str:
    return f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)


def _said(error: BaseException) -> str:
    said = getattr(error, "problem", None) or str(error) or type(error).__name__
    return brief(" ".join(str(said).split()), 120)
