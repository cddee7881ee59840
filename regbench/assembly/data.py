"""The dataset of a configuration."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from regbench.assembly.dataset_source import keeping_of, make_source
from regbench.assembly.initial_weights import initial_digest
from regbench.assembly.run_folders import digests_of
from regbench.composition.settings import Config
from regbench.data.mapped import read_mapped, write_mapped
from regbench.data.source import Numeric, Source
from regbench.data.splits import SplitOptions, carve
from regbench.errors import printable
from regbench.instantiation.boundary import refusing
from regbench.instantiation.fields import checked
from regbench.records.identity import joined_content, parts_of_content, runs_of_content
from regbench.records.metrics import CLASSES, NUMBERS, Terms
from regbench.storage.digests import digest_of
from regbench.storage.shared import made_once
from regbench.streams import keyed_draws
from regbench.types import Dataset, Split


def load_data(node: Config) -> Dataset:
    """The dataset of a configuration, carved into its splits; the last one is kept for the next run.

    Raises:
        ConfigError: it is missing, corrupt, or too small for its splits.
    """
    return _load_data(json.dumps(node))


def content_of(config: Config, recorded: str | None = None) -> str:
    """A digest of what is the person's own, for an identity: data, initial weights, and other runs.

    Args:
        config: resolved.
        recorded: what it was when the run began; where the file of its initial weights, or the folder of a
            run that a member reads, is gone, that counts.

    Raises:
        ConfigError: the dataset or the weights cannot be read, or the weights are not those recorded.
    """
    before = "" if recorded is None else parts_of_content(config, recorded)[1]
    return joined_content(
        data_content_of(config),
        initial_digest(config.get("model", {}), before),
        digests_of(config, runs_of_content(recorded or "")),
    )


def data_content_of(config: Config) -> str:
    """A digest of the person's own data; empty where checksums pin the data.

    Raises:
        ConfigError: the dataset cannot be read.
    """
    return _content(_source_node(config))


def terms_of(config: Config) -> Terms:
    """What the runs of a configuration predict and in which unit, as their summaries will say.

    Raises:
        ConfigError: the dataset cannot be read.
    """
    with _reading_source():
        source = _fetched(_source_node(config))
        if isinstance(source, Numeric) and source.targets:
            return Terms(NUMBERS, printable(source.unit))
    return Terms(CLASSES)


def _source_node(config: Config) -> str:
    """What of a dataset's configuration says where its rows come from, and not how they are cut."""
    node = config["dataset"]
    return json.dumps({n: v for n, v in node.items() if n not in SplitOptions.__dataclass_fields__})


@functools.lru_cache(maxsize=8)
def _content(node: str) -> str:
    return made_once("content", node, lambda: _digest(node), _write_text, Path.read_text)


def _digest(node: str) -> str:
    with _reading_source():
        source = _fetched(node)
        return source.content() if hasattr(source, "content") else digest_of(*source.train())


def _write_text(text: str, path: Path) -> None:
    path.write_text(text)


@contextmanager
def _reading_source() -> Iterator[None]:
    """A source that draws at random gives the same rows whenever it is read, whatever the run's seed."""
    with keyed_draws("dataset"), refusing("dataset: "):
        yield


@functools.lru_cache(maxsize=1)
def _fetched(node: str) -> Source:
    """The source of a node, its files there; kept, for reading a person's own rows may take long."""
    source = make_source(json.loads(node))
    source.fetch()
    return source


@functools.lru_cache(maxsize=1)
def _load_data(node: str) -> Dataset:
    return made_once("rows", node, lambda: _carved(node), write_mapped, lambda path: _mapped(path, node))


def _mapped(path: Path, node: str) -> Dataset:
    """Rows that another process has written, without the test split: whoever reads it goes to the source."""
    data, has_test = read_mapped(path)
    return replace(data, read_test=functools.partial(_read_test, node)) if has_test else data


def _read_test(node: str) -> Split:
    read = _carved(node).read_test
    assert read is not None
    return read()


def _carved(node: str) -> Dataset:
    values = json.loads(node)
    shared = {name: values.pop(name) for name in SplitOptions.__dataclass_fields__ if name in values}
    with _reading_source():
        options = SplitOptions(**checked(SplitOptions, shared, "dataset", {}))
        data = carve(_fetched(json.dumps(values)), options, keeping_of(values))
    read = data.read_test
    return data if read is None else replace(data, read_test=lambda: _read(read))


def _read(split: Callable[[], Split]) -> Split:
    with keyed_draws("dataset", "test"), refusing("dataset: "):
        return split()


def rows_by_class(split: Split) -> list[int]:
    """How many rows of each class a split holds, as training is told them; empty where there are none."""
    if not split.task.speaks_of_classes:
        return []
    return torch.bincount(split.labels, minlength=split.num_classes).tolist()
