"""A file of rows and columns, CSV or Parquet, as a person names it."""

from __future__ import annotations

import io

import polars as pl

from regbench.data.table_files.csv_rows import Cells, read_csv, require_names
from regbench.data.text_files.file import content_of, decoded

PARQUET = b"PAR1"  # what a file of this kind begins and ends with
ENDING = ".parquet"


def read_file(field: str, path: str, delimiter: str | None, encoding: str) -> Cells:
    """The rows of a file.

    Args:
        field: the key that names it.
        path: the file.
        delimiter: of a text file; None: found, see `read_csv`.
        encoding: of a text file.

    Raises:
        ValueError: there is no such file, it cannot be read, or is no table.
    """
    content = content_of(field, path, "CSV or Parquet file")
    if content.startswith(PARQUET) or path.lower().endswith(ENDING):
        return _read_parquet(path, content)
    return read_csv(path, decoded(path, content, encoding), delimiter)


def _read_parquet(path: str, content: bytes) -> Cells:
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError, ValueError, pl.exceptions.PanicException) as error:
        said = " ".join(str(error).split("\n")[0].split())
        raise ValueError(f"{path} must be a Parquet file, got one that cannot be read ({said})") from error
    require_names(path, [name.strip() for name in frame.columns])
    if not len(frame):
        raise ValueError(f"{path} must have at least one row, got none")
    return Cells(path, frame.rename(str.strip), None)
