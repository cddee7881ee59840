"""What a checkpoint says of the columns of a table: that it is what inputs can be made by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from regbench.storage.reading import FINITE

KINDS: Mapping[str, Mapping[str, Any]] = {  # the fields of regbench.data.table_files.inputs
    "numbers": {"name": str, "mean": float, "std": float, "quantiles": [float], "indicator": bool},
    "categories": {"name": str, "categories": [str], "missing": bool, "others": bool},
}


def check_columns(columns: Any, shape: Sequence[int]) -> None:
    """Refuse what no inputs of that shape can be made by.

    Args:
        columns: what is kept, for each column how its values become inputs.
        shape: of the inputs of an example.

    Raises:
        ValueError: it is something else; in one sentence.
    """
    if not isinstance(columns, list) or not all(map(_is_column, columns)):
        raise ValueError("columns must say of each column how it becomes inputs")
    if list(shape) != [sum(map(_width, columns))]:
        raise ValueError("columns must make as many inputs as in_shape has")


def _is_column(column: Any) -> bool:
    if not isinstance(column, dict) or not isinstance(column.get("kind"), str):
        return False
    fields = KINDS.get(column["kind"])
    if fields is None or column.keys() != {"kind", *fields}:
        return False
    return all(_is(column[name], kind) for name, kind in fields.items()) and column.get("std", 0.0) >= 0


def _is(value: Any, kind: Any) -> bool:
    if isinstance(kind, list):
        return isinstance(value, list | tuple) and all(_is(one, kind[0]) for one in value)
    return type(value) is kind and (kind is not float or -FINITE < value < FINITE)


def _width(column: Mapping[str, Any]) -> int:
    if column["kind"] == "numbers":
        return int(column["std"] > 0) + column["indicator"]
    return len(column["categories"]) + column["missing"] + column["others"]
