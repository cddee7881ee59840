"""What makes two configurations one run, and what makes two runs comparable."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from regbench.errors import printable
from regbench.records.form import EXACT

IDENTITY_VERSION = 2  # of what is hashed; that of records may rise alone, so that folders keep their names
NOT_IDENTITY = (
    "device",
    "evaluate_test",
    "checkpoints",
    "sweep",
    "replicas",
    "devices",
    "per_device",
    "sinks",
)  # where it runs, and what it leaves behind
NOT_DATA = ("root", "memory")  # keys of the dataset: where its rows lie
# nor what is repeated, what is compared, and what changes the last bits or is measured besides
NOT_CONDITIONS = (*NOT_IDENTITY, "seed", "reg", "threads", "evaluate")

INITIAL = "+init:"  # before the digest of the weights that a run starts from, in a `content`
INITIAL_DIGITS = 16  # of it, where it stands for the file among a run's conditions
RUN = "+run:"  # before each key that names a run, `=`, and the digest of that run's weights; after the former
PATHS = ("model.init",)  # keys, beside those of a name that says so, whose value is a path


def identity(config: Mapping[str, Any], content: str = "") -> str:
    """A hash of all that decides a run's results, the order of the stack's members included.

    Left out: the device, paths, what is left on the disk, whether the test split is read; keys that came
    later than the records, at the value that changes nothing. `1` is `1.0`.

    Args:
        config: resolved.
        content: a digest of the person's own data; empty where checksums pin it. With it, those of the
            weights that the run starts from, and of the runs that its members read (`joined_content`).
    """
    kept = _deciding(config, NOT_IDENTITY, content)
    if isinstance(kept.get("evaluate"), list):  # in which order they are asked for decides nothing
        kept["evaluate"] = sorted(kept["evaluate"], key=str)
    order = list(_order(config["reg"]))
    text = json.dumps([IDENTITY_VERSION, content, canonical(kept), order], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def conditions(config: Mapping[str, Any], content: str = "") -> dict[str, Any]:
    """All that must be alike in runs that are compared: what decides their results but stack and seed.

    Flat, `model.width`, in the order of the keys; `dataset.content` stands for a person's own data, and the
    digest of the weights that a run starts from for `model.init`.

    Args:
        config: resolved.
        content: as in `identity`.
    """
    flat = dict(flattened(_deciding(config, NOT_CONDITIONS, content)))
    data, initial = parts_of_content(config, content)
    if data:
        flat["dataset.content"] = data
    if initial:
        flat["model.init"] = initial[:INITIAL_DIGITS]
    return dict(sorted(flat.items()))


def joined_content(data: str, initial: str, runs: Mapping[str, str]) -> str:
    """One text of digests.

    Args:
        data: of a person's own data.
        initial: of the weights that a run starts from; empty where it starts from none.
        runs: of the weights of the runs that its members read, by the keys that name these.
    """
    named = "".join(f"{RUN}{key}={digest}" for key, digest in runs.items())
    return (f"{data}{INITIAL}{initial}" if initial else data) + named


def runs_of_content(content: str) -> dict[str, str]:
    """The third part of a `joined_content`."""
    _, *named = content.split(RUN)
    return {key: digest for key, _, digest in (one.rpartition("=") for one in named)}


def parts_of_content(config: Mapping[str, Any], content: str) -> tuple[str, str]:
    """The first two; the second is empty where a run starts from no weights."""
    content = content.partition(RUN)[0]
    model = config.get("model")
    if not isinstance(model, Mapping) or model.get("init") is None or INITIAL not in content:
        return content, ""
    data, _, initial = content.rpartition(INITIAL)
    return data, initial


def _deciding(config: Mapping[str, Any], aside: Sequence[str], content: str) -> dict[str, Any]:
    """A configuration without keys that count for nothing, and without where its dataset lies.

    A path is what a digest of the data stands for, so it counts where there is none.
    """
    kept = {name: value for name, value in without_later(config).items() if name not in aside}
    dataset, model = kept.get("dataset"), kept.get("model")
    if isinstance(kept.get("reg"), Mapping):
        kept["reg"] = told_by_content(kept["reg"], content)
    content, initial = parts_of_content(config, content)
    if initial and isinstance(model, Mapping):
        kept["model"] = {name: value for name, value in model.items() if name != "init"}
    if isinstance(dataset, Mapping):
        kept["dataset"] = {
            name: value
            for name, value in dataset.items()
            if not (name in NOT_DATA or (content and is_path(name, value)))
        }
    return kept


def told_by_content(stack: Mapping[str, Any], content: str) -> dict[str, Any]:
    """A stack whose values that name runs are what their weights are, not where they lie: digits of a digest.

    Args:
        stack: nodes by name.
        content: as in `identity`.
    """
    found = {"reg": dict(stack)}
    for key, digest in runs_of_content(content).items():
        found = _put(found, key.split("."), digest[:INITIAL_DIGITS])
    return found["reg"]


def _put(node: Mapping[str, Any], path: Sequence[str], value: str) -> dict[str, Any]:
    """A tree with another text at a path, where it has one there."""
    name, *inner = path
    if not isinstance(node.get(name), Mapping if inner else str):
        return dict(node)
    return {**node, name: _put(node[name], inner, value) if inner else value}


FILES = ("val", "test")  # keys whose value is a path where it looks like one
NAMES_A_FILE = re.compile(r".*(?:[/\\]|\.\w+$)")


def is_path(field: str, value: object) -> bool:
    """Whether the value of a key of this name, at its end, is the path of a file or folder.

    That of `path` and of what ends in `_path` is, whatever it is; that of `val` and `test` where a folder or
    an ending, such as .csv, stands in it.
    """
    if field in FILES:
        return isinstance(value, str) and bool(NAMES_A_FILE.match(value))
    return field == "path" or field.endswith("_path")


def _order(stack: Mapping[str, Any]) -> Iterator[Any]:
    for name, node in stack.items():
        yield [name, [] if "_target_" in node else list(_order(node))]


def parts_of(stack: Mapping[str, Any]) -> Iterator[str]:
    """Each member of a stack with its values as one text; the order of members counts, that of values not."""
    for name, node in stack.items():
        if "_target_" in node:
            yield json.dumps([name, canonical(_without_later_fields(node))], sort_keys=True)
        else:
            yield json.dumps([name, list(parts_of(node))])


def stack_name(members: Mapping[str, Any] | None) -> str:
    """How a stack is called in the names of folders: its members in order, or `baseline`."""
    return "+".join(members) if members else "baseline"


DIGITS = 10  # of the identity, in a folder's name: two of a million jobs share it once in two runs of a sweep
LONGEST_STEM = 60  # characters


def stem(config: Mapping[str, Any]) -> str:
    """What a person recognizes a job by: its stack and its seed."""
    name = re.sub(r"[^\w+.-]", "_", stack_name(config["reg"]))
    if len(name) > LONGEST_STEM:
        name = name[: LONGEST_STEM - 1] + "~"
    return f"{name}_seed{config['seed']}"


# keys that older runs lack, at the value that is what these did
LATER: dict[str, Any] = {
    "train.class_weights": None,
    "train.monitor": None,
    "train.lr_factors": None,
    "train.layerwise_lr_decay": 1.0,
    # Older runs measured all rows after each epoch; this is as they are in all that chooses or judges.
    "train.evaluate_rows": "auto",
    "model.sites": "auto",
    "model.own_noise": "keep",
    "model.init": None,
    "model.freeze": [],
}

LATER_FIELDS: dict[str, dict[str, Any]] = {  # the same of members, by their class
    "regbench.regularizers.l2_sp.L2SP": {"start": None},
}


def later_fields(cls: type) -> dict[str, Any]:
    """The fields that a class or one of its bases got later, at the value that is what it did before."""
    paths = (f"{base.__module__}.{base.__qualname__}" for base in reversed(cls.__mro__))
    return {name: value for path in paths for name, value in LATER_FIELDS.get(path, {}).items()}


def _without_later_fields(stack: Any) -> Any:
    """A stack whose members are as older runs have them."""
    if not isinstance(stack, Mapping):
        return stack
    if "_target_" not in stack:
        return {name: _without_later_fields(node) for name, node in stack.items()}
    later = LATER_FIELDS.get(str(stack["_target_"]), {})
    return {name: value for name, value in stack.items() if name not in later or value != later[name]}


def without_later(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what came later, where its value changes nothing: as older runs have it."""
    kept = {**config, "reg": _without_later_fields(config["reg"])} if "reg" in config else dict(config)
    for path, value in LATER.items():
        group, _, key = path.partition(".")
        if isinstance(kept.get(group), Mapping) and key in kept[group] and kept[group][key] == value:
            kept[group] = {name: item for name, item in kept[group].items() if name != key}
    return kept


def canonical(value: Any) -> Any:
    """A value whose numbers are floats wherever that is exact, so that `1` and `1.0` are written alike."""
    if isinstance(value, int):
        return float(value) if not isinstance(value, bool) and abs(value) <= EXACT else value
    if isinstance(value, Mapping):
        return {name: canonical(item) for name, item in value.items()}
    return [canonical(item) for item in value] if isinstance(value, list) else value


def flattened(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a tree with its path, `model.width`, in printable signs."""
    for name, item in value.items():
        if item and isinstance(item, dict):
            yield from flattened(item, f"{prefix}{name}.")
        else:
            yield printable(f"{prefix}{name}"), canonical(item)
