"""Files of data that scikit-learn carries along, found without importing it, which takes a second."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def carried(file: str, what: str) -> Path:
    """Where scikit-learn keeps a file.

    Args:
        file: its name.
        what: the data, in the plural, as messages call them.

    Raises:
        ValueError: scikit-learn is not installed, or has no such file.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"the {what} come with scikit-learn, which must be installed, got none")
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / file
    if not path.is_file():
        raise ValueError(f"scikit-learn must carry its {what} in {path}, got no such file")
    return path
