"""The sealed test split of an advice: read once, at the end, for the winner and the tuned baseline."""

from __future__ import annotations

from pathlib import Path

from regbench.composition.trust import Trust
from regbench.reports.final_text import said
from regbench.studies.searching.final import read_final
from regbench.studies.searching.rounds import StudyFolder

NOT_CONFIRMED = (
    "the test split was not read: no winner came to be compared with the tuned baseline on fresh seeds, and "
    "test chooses nothing"
)


def test_of(root: Path, asked: bool, compared: bool) -> list[str]:
    """What test says, in sentences; none where it was not asked for, and has not been read before.

    Args:
        root: folder of the search.
        asked: whether it is to be read.
        compared: whether the winner was compared with the tuned baseline.

    Raises:
        ConfigError: a run has no weights, or the dataset has no test split. Then none is read.
        KeyboardInterrupt: by a signal; asked again it reads those that have not been read.
    """
    if not asked and StudyFolder(root).final() is None:
        return []
    if not compared:
        return [NOT_CONFIRMED]
    # its runs were made by this line, as it was typed
    return said(read_final(root, Trust(True, "")))
