"""Inputs for the model in this folder, made of images, sentences, rows of a table or numbers.

Written by regbench; it needs NumPy, and nothing of regbench. `preprocessing.json` beside it says what is due:

    images    pixels (N, C, H, W), whole numbers as they were stored or floats in [0, 1]
    tokens    a list of N sentences, or token ids (N, T)
    columns   a list of N dicts, a value for each column, None where it is missing; or numbers (N, F)
    numbers   numbers (N, ...)
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("preprocessing.json")
PADDING, UNKNOWN = 0, 1  # token ids
OUTERMOST = 1e-7  # the quantile of the smallest value; it would be mapped to minus infinity
NO_VALUE = (
    "",
    "#n/a",
    "#na",
    "-nan",
    "<na>",
    "?",
    "missing",
    "n/a",
    "na",
    "nan",
    "nat",
    "nil",
    "none",
    "null",
)
CUTS = {
    "words": lambda text: re.findall(r"\w+(?:['\u2019]\w+)*|[^\w\s]", text.lower()),
    "spaces": lambda text: text.lower().split(),
    "characters": lambda text: [sign for sign in text.lower() if not sign.isspace()],
}


def inputs(given: Any, about: Mapping[str, Any] | None = None) -> np.ndarray:
    """The model's inputs, (N, ...), of what is given; `about` is the content of preprocessing.json."""
    about = json.loads(FILE.read_text(encoding="utf-8")) if about is None else about
    if about["kind"] == "tokens":
        return sentences(given, about["tokens"]) if _are_words(given) else np.asarray(given, dtype=np.int64)
    if about["kind"] == "columns" and not _are_numbers(given):
        return rows(given, about["columns"])
    values = np.asarray(given)
    if about["kind"] == "images" and values.dtype.kind in "iu":
        if about["scale"] is None:
            raise ValueError("images must be floats in [0, 1], for the run was not shown whole numbers")
        values = values / np.float32(about["scale"])
    return values.astype(np.float32)


def _are_words(given: Any) -> bool:
    return isinstance(given, list | tuple) and any(isinstance(one, str) for one in given)


def _are_numbers(given: Any) -> bool:
    return hasattr(given, "dtype") or not isinstance(given[0], dict)


def sentences(given: Sequence[str], tokens: Mapping[str, Any] | None) -> np.ndarray:
    """Token ids (N, T): words by their place in the vocabulary, cut at T, filled up with PADDING."""
    if tokens is None:
        raise ValueError("the run has kept no words of its vocabulary; give token ids (N, T)")
    ids = {word: number for number, word in enumerate(tokens["words"], 1 + max(PADDING, UNKNOWN))}
    made = np.full((len(given), tokens["length"]), PADDING, dtype=np.int64)
    for row, text in enumerate(given):
        found = [ids.get(word, UNKNOWN) for word in CUTS[tokens["cut"]](text)[: tokens["length"]]]
        made[row, : len(found)] = found
    return made


def rows(given: Sequence[Mapping[str, Any]], columns: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Numbers (N, F) of rows: numbers standardized or mapped to normal scores, categories one-hot."""
    parts = []
    for column in columns:
        values = [row[column["name"]] for row in given]
        parts.append((_numbers if column["kind"] == "numbers" else _categories)(values, column))
    return np.concatenate(parts, axis=1).astype(np.float32)


def _numbers(values: Sequence[Any], column: Mapping[str, Any]) -> np.ndarray:
    known = np.array([math.nan if _is_missing(value) else float(value) for value in values])
    missing = np.isnan(known)
    parts = []
    if column["std"] > 0:
        scores = (known - column["mean"]) / column["std"]
        if column["quantiles"]:
            scores = _normal_scores(known, np.array(column["quantiles"]))
        parts.append(np.where(missing, 0.0, scores))
    if column["indicator"]:
        parts.append(missing.astype(float))
    return np.stack(parts, axis=1) if parts else np.zeros((len(values), 0))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in NO_VALUE)


def _normal_scores(values: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    places = np.linspace(0, 1, len(quantiles))
    upper = np.interp(values, quantiles, places)
    lower = 1 - np.interp(-values, -quantiles[::-1], places)
    shares = np.clip((upper + lower) / 2, OUTERMOST, 1 - OUTERMOST)
    return np.array([math.nan if math.isnan(one) else NormalDist().inv_cdf(one) for one in shares])


def _categories(values: Sequence[Any], column: Mapping[str, Any]) -> np.ndarray:
    names = list(column["categories"])
    places = {name: place for place, name in enumerate(names)}
    width = len(names) + column["missing"] + column["others"]
    made = np.zeros((len(values), width))
    for row, value in enumerate(values):
        text = _text(value)
        place = None if text is None else places.get(text)
        if text is None and column["missing"]:
            place = len(names)
        if place is None and column["others"]:
            place = width - 1
        if place is not None:
            made[row, place] = 1.0
    return made


def _text(value: Any) -> str | None:
    """A category as a table's text has it: 1 for 1.0, true for True; None for what is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip() or None
