"""Members are given the runs that they name: models or weights that others have trained."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from regbench.assembly.initial_weights import InitialWeights, weights_of_run
from regbench.assembly.matched_weights import MOST_NAMED, fitting
from regbench.assembly.run_folders import weights_in
from regbench.assembly.trained import Trained, plain_names, read_trained
from regbench.composition.trust import Trust
from regbench.errors import ConfigError, brief, listed
from regbench.regularizers.base import Regularizer, Stack
from regbench.storage import checkpoint
from regbench.types import Dataset

NO_TRUST = Trust(False, "type the line there, or put that code below the current folder,")


def give_runs(
    stack: Stack,
    data: Dataset,
    model: nn.Module,
    device: torch.device,
    initial: bool = True,
    known: Collection[str] | None = None,
) -> list[str]:
    """Fill in the `runs` of every member that acts and names one (`Regularizer.reads_runs`).

    Args:
        stack: of the run.
        data: what it is to learn.
        model: of the run, into which no member has put anything yet.
        device: of the run; where the models and weights are put.
        initial: read weights too; False where a checkpoint is to come, in which members keep theirs.
        known: the keys of which source text tells that they name runs, for by these digests are taken; None
            where none are.

    Returns:
        Sentences on what of a run is left out.

    Raises:
        ConfigError: a key is not known; or what is named is no finished run, or none that fits; in one
            sentence that begins with the key.
    """
    said: list[str] = []
    for member_key, leaf in _keyed(stack, "reg"):
        given: dict[str, Any] = {}
        for field, what in leaf.reads_runs.items():
            folder, key = getattr(leaf, field), f"{member_key}.{field}"
            if leaf.is_off or not folder:
                continue
            if known is not None and key not in known:
                raise ConfigError(_unknown(leaf, member_key, field))
            if what == "model":
                given[field] = _model(folder, key, data, device)
            elif what != "weights":
                raise ConfigError(f"{key}: reads_runs must say model or weights, got {brief(repr(what))}")
            elif initial:
                given[field], note = _weights(folder, key, data, model, device)
                said += [note] if note else []
        if given:
            leaf.runs = given
    return said


def _unknown(leaf: Regularizer, member_key: str, field: str) -> str:
    cls = type(leaf)
    path = f"{cls.__module__}.{cls.__qualname__}"
    return (
        f"{member_key}.{field}: must be told to name a run by the text of its class, and is not; write "
        f"reads_runs = {dict(leaf.reads_runs)} into {path}, and set {member_key}._target_={path}"
    )


def _keyed(stack: Stack, key: str) -> Iterator[tuple[str, Regularizer]]:
    for name, member in stack.members.items():
        if isinstance(member, Stack):
            yield from _keyed(member, f"{key}.{name}")
        else:
            yield f"{key}.{name}", member


def _weights(
    folder: str, key: str, data: Dataset, model: nn.Module, device: torch.device
) -> tuple[dict[str, Tensor], str]:
    """Another run's weights by the names of a model's, and what is to be said of those that are left out."""
    file, note = weights_in(folder, key), ""
    weights = weights_of_run(file, folder, key)
    try:
        found = fitting(model, weights, data.num_classes)
    except ConfigError:
        brought = _brought(file.parent, weights, data)
        if not brought:
            raise
        kept = {name: tensor for name, tensor in weights.tensors.items() if name not in brought}
        found = fitting(model, replace(weights, tensors=kept), data.num_classes)
        note = f"{key}: what members have brought there is left out: {listed(brought, MOST_NAMED)}"
    return {name: tensor.to(device) for name, tensor in found.items()}, note


def _brought(folder: Path, weights: InitialWeights, data: Dataset) -> list[str]:
    """The tensors of a run that its members have put into its model; none where its record does not tell."""
    try:
        plain = plain_names(folder, data, NO_TRUST)
    except ConfigError:
        return []
    return [name for name in weights.tensors if name not in plain]


def _model(folder: str, key: str, data: Dataset, device: torch.device) -> nn.Module:
    file = weights_in(folder, key)
    about = os.stat(file)
    try:
        found = _read(file, about.st_mtime_ns, about.st_size, str(device), torch.get_default_dtype())
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from error
    _require_same_question(found, folder, key, data)
    return found.model


@functools.lru_cache(maxsize=2)  # a run is built several times before it begins, and a sweep's jobs have one
def _read(file: Path, _changed: int, _size: int, device: str, _numbers: torch.dtype) -> Trained:
    """The model that a file of weights is of; all whom it is given to leave it as it is."""
    found = read_trained(file.parent, "best" if file.name == checkpoint.BEST else "last", NO_TRUST)
    found.model.requires_grad_(False).to(device)
    return found


def _require_same_question(found: Trained, folder: str, key: str, data: Dataset) -> None:
    """Refuse a run whose answers are no answers here.

    Raises:
        ConfigError: its inputs or its classes are others.
    """
    wanted = _apart_in_inputs(found.about, data) or _apart_in_classes(found, data)
    if wanted is not None:
        must, theirs = wanted
        raise ConfigError(f"{key}: must be a run {must}, and {brief(folder)} {theirs}")


Apart = tuple[str, str] | None  # what the run must be like, and what it is like instead


def _apart_in_classes(found: Trained, data: Dataset) -> Apart:
    if found.numbers is not None:
        return "that predicts classes", "predicts numbers"
    theirs = found.about["num_classes"]
    if theirs != data.num_classes:
        return f"with {data.num_classes} classes", f"has {theirs}"
    names = zip(found.about.get("classes") or (), data.classes, strict=False)
    for number, (there, here) in enumerate(names):
        if there != here:
            return "with the same classes", f"calls {number} {brief(there)!r}, which here is {brief(here)!r}"
    return None


def _apart_in_inputs(about: Mapping[str, Any], data: Dataset) -> Apart:
    if (about["vocabulary"] is None) != (data.vocabulary is None):
        kinds = ("text", "numbers") if about["vocabulary"] is None else ("numbers", "text")
        return f"whose inputs are {kinds[0]}", f"reads {kinds[1]}"
    if tuple(about["in_shape"]) != tuple(data.in_shape):
        return f"with inputs of shape {tuple(data.in_shape)}", f"takes {tuple(about['in_shape'])}"
    words = [_words(tokens) for tokens in (about.get("tokens"), data.tokens)]
    if about["vocabulary"] != data.vocabulary or (all(words) and words[0] != words[1]):
        return "with the same vocabulary, made of the same train rows", "has another"
    if data.columns is not None and list(about.get("columns") or ()) != list(data.columns):
        return "whose inputs are made alike of the columns, by the same train rows", "makes others"
    return None


def _words(tokens: Any) -> Any:
    """How sentences become token ids, in plain values; nothing where that is not known."""
    return tokens and {**tokens, "words": list(tokens["words"])}
