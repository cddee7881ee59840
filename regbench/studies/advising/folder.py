"""The files of an advice: what each stage has come to, written once, whole or not at all.

They and the folders of the runs are all that it knows: it can be killed at any moment and typed again, by any
process, and does again nothing that has ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from regbench.analysis.words import factor
from regbench.errors import ConfigError
from regbench.folders.lock import locked
from regbench.folders.placement import refuse_place, refuse_unwritable
from regbench.storage.files import write_json
from regbench.storage.reading import json_object

ROOT = Path("outputs") / "advice"
ABOUT = "advice.json"
T = TypeVar("T")


class AdviceFolder:
    """Where an advice lives.

    Args:
        name: of it.

    Attributes:
        root: the folder, relative to the current one.
    """

    def __init__(self, name: str) -> None:
        self.root = ROOT / name

    def require(self, about: Mapping[str, Any]) -> None:
        """Write what the advice is on, or refuse a folder that holds another one.

        Raises:
            ConfigError: it does, or cannot be written.
        """
        self.refuse_unfit(about)
        if self.read(ABOUT) is None:
            self._write(ABOUT, about)

    def refuse_unfit(self, about: Mapping[str, Any]) -> None:
        """Refuse a folder that holds another one, or is none to write in; nothing is written.

        Raises:
            ConfigError: it is so.
        """
        refuse_place(self.root, "study")
        refuse_unwritable(self.root, "study")
        self.refuse(about)

    def refuse(self, about: Mapping[str, Any], name: str = ABOUT) -> None:
        """Refuse a folder that holds another one; nothing is written.

        Args:
            about: what it must be on.
            name: of the file that says so; where it is not there, nothing is refused.

        Raises:
            ConfigError: it does.
        """
        there = self.read(name)
        for key, value in about.items() if there is not None else ():
            if there and there.get(key) != json.loads(json.dumps(value)):
                of_there, of_this = _typed(key, there), _typed(key, about)
                raise ConfigError(
                    f"study: {self.root} holds other advice, whose {key} is {of_there} and not {of_this}; "
                    "name this one by study=NAME"
                )

    def once(self, name: str, reading: Callable[[Mapping[str, Any]], T], make: Callable[[], T]) -> T:
        """What a file has, or else what is made now, and written; of several who make it the first counts.

        Args:
            name: of the file.
            reading: of what `asdict` gave.
            make: gives a dataclass.
        """
        found = self.read(name)
        if found is None:
            self._write(name, asdict(make()))  # type: ignore[call-overload]
            found = self.read(name)
            assert found is not None
        return reading(found)

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.root / name).exists()

    def read(self, name: str) -> dict[str, Any] | None:
        """The values of a file; None where it is not there.

        Raises:
            ConfigError: it holds something else.
        """
        try:
            return json_object(self.root / name)
        except ValueError as error:
            raise ConfigError(f"study: in {self.root} {error}") from error

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        with locked(self.root, wait=True):
            if not self.has(name):
                write_json(self.root / name, dict(content))


def _typed(key: str, about: Mapping[str, Any]) -> str:
    """A value as a person types it: a margin in the metric's own unit, not in the plain one."""
    value = about.get(key)
    if value is None:
        return "none"
    if key == "margin":
        return f"{value * factor(about['metric']):g}"
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
