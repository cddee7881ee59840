"""The words of a line, as Hydra's parser reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser

from regbench.composition.complaints import Complaints
from regbench.composition.ranges import refuse_inner
from regbench.composition.spelling import Speller, require_readable
from regbench.errors import ConfigError

MOST = 1000  # words that are kept as they have been read


class Words:
    """Reads words, each once: a long one takes a while.

    Args:
        loader: Hydra's, for the groups.
        complaints: say what is wrong with a word.
    """

    def __init__(self, loader: ConfigLoader, complaints: Complaints) -> None:
        self._groups = {*loader.list_groups("")}
        self._parser = OverridesParser.create(config_loader=loader)
        self._complaints = complaints
        self._kept: dict[str, Any] = {}

    def chooses(self, word: str) -> bool:
        """Whether a word chooses an option of a group; the others set values."""
        name = word.lstrip("+~").split("=", 1)[0].split("@", 1)[0]
        return "." not in name and name.split("/", 1)[0] in self._groups

    def read(self, words: Sequence[str]) -> list[Any]:
        """Each word as an override.

        Raises:
            ConfigError: one cannot be read, has a sweep within a value, or names no option.
        """
        require_readable(words)
        found = [self._one(word) for word in words]
        for index, one in enumerate(found):
            if one is None or not one.key_or_group:
                speller = Speller(self._one, self._complaints.options, self._parser.functions.functions)
                raise ConfigError(speller.complaint(words, index))
        for one in found:
            refuse_inner(one)
        wrong = self._complaints.no_names(found)
        if wrong:
            raise ConfigError(wrong)
        return found

    def _one(self, word: str) -> Any:
        """A word as Hydra reads it, or None where it cannot."""
        if word not in self._kept:
            if len(self._kept) >= MOST:
                self._kept.clear()
            try:
                self._kept[word] = self._parser.parse_overrides([word])[0]
            except Exception:  # of Hydra, of ANTLR, of Python's reading of numbers
                self._kept[word] = None
        return self._kept[word]
