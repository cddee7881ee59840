"""The sealed test split of an advice: read once, at the end, for the winner and the tuned baseline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regbench.assembly.data import load_data
from regbench.composition.trust import Trust
from regbench.errors import ConfigError
from regbench.reports.final_text import said
from regbench.studies.searching.final import read_final
from regbench.studies.searching.rounds import StudyFolder

NOT_CONFIRMED = (
    "the test split was not read: no winner came to be compared with the tuned baseline on fresh seeds, and "
    "test chooses nothing"
)


def require_test(config: Mapping[str, Any]) -> None:
    """Refuse before anything is run what could not be read at the end; the split stays sealed.

    Args:
        config: of a run.

    Raises:
        ConfigError: the dataset has no test split, or runs leave no weights.
    """
    if config["checkpoints"] == "none":
        raise ConfigError(
            "checkpoints: must not be none with --test, which reads the test split with the weights of runs"
        )
    if load_data(config["dataset"]).read_test is None:
        raise ConfigError("advise: --test: must be left out for a dataset that has no test split")


def test_of(root: Path, asked: bool, compared: bool) -> list[str]:
    """What test says, in sentences; none where it was not asked for, and has not been read before.

    Args:
        root: folder of the search.
        asked: whether it is to be read.
        compared: whether the winner was compared with the tuned baseline.

    What keeps it from being read is a sentence too: by then all the time is spent, and the rest is known.

    Raises:
        KeyboardInterrupt: by a signal; asked again it reads those that have not been read.
    """
    if not asked and StudyFolder(root).final() is None:
        return []
    if not compared:
        return [NOT_CONFIRMED]
    # its runs were made by this line, as it was typed
    try:
        return said(read_final(root, Trust(True, "")))
    except ConfigError as error:
        return [f"the test split was not read: {str(error).removeprefix('final: ')}"]
