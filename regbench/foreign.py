"""The boundary to a person's own code: found by its path, and whatever it raises told in one sentence."""

from __future__ import annotations

import importlib
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regbench.errors import ConfigError

PLAIN = (ValueError, TypeError, IndexError, RuntimeError, OverflowError, OSError, ImportError)
INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
PACKAGES = {"site-packages", "dist-packages"}


@contextmanager
def refusing(what: str, *passing: type[Exception]) -> Iterator[None]:
    """Tell what is raised within in one sentence that begins with `what`; our own refusals pass unchanged.

    Args:
        what: the key, and what was being done.
        passing: errors that pass as well.

    Raises:
        ConfigError: something was raised; it is the new one's cause.
    """
    ours: tuple[type[Exception], ...] = (ConfigError, *passing)
    try:
        yield
    except ours:
        raise
    except (Exception, SystemExit) as error:  # a person's own code may raise anything; a script exits
        raise ConfigError(f"{what}{reason(error)}") from error


def reason(error: BaseException) -> str:
    """The first line of what was raised, and in which line of a person's own file that was.

    The line is left out where the code of nobody but packages was running, and where a ValueError is a
    refusal in its author's words (`raise ValueError("hidden must be at least 1, got 0")`).
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    if lines and not isinstance(error, PLAIN):
        said = f"{type(error).__name__}: {said}"  # alone, a KeyError's message is the key
    if isinstance(error, SyntaxError):
        return lines[0]  # which has the file and the line in it
    frames, own = _frames(error)
    if not own or (type(error) is ValueError and own[-1] is frames[-1] and _raises(own[-1])):
        return said
    return f"{said} ({_place(own[-1])})"


def raised(error: BaseException) -> str:
    """What a person's own code raised while it ran, by its kind and its line; empty where none of it did."""
    cause: BaseException | None = error
    while cause is not None and not _frames(cause)[1]:
        cause = cause.__cause__  # as of the RuntimeError that a StopIteration becomes in a generator
    if cause is None:
        return ""
    kind, said, place = type(cause).__name__, reason(cause), _place(_frames(cause)[1][-1])
    said = said if said.startswith(kind) else f"{kind}: {said}"
    return said if said.endswith(f"({place})") else f"{said} ({place})"


def _frames(error: BaseException) -> tuple[list[traceback.FrameSummary], list[traceback.FrameSummary]]:
    """All frames between where an error was caught and where it was raised, and those in a person's files."""
    frames = list(traceback.extract_tb(error.__traceback__))
    return frames, [frame for frame in frames if _is_a_persons(frame.filename)]


def _place(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def _raises(frame: traceback.FrameSummary) -> bool:
    return (frame.line or "").startswith("raise ")


def _is_a_persons(filename: str) -> bool:
    """Whether a file belongs neither to this package, nor to an installed one, nor to Python."""
    path = Path(filename).resolve()
    ours = path.is_relative_to(Path(__file__).parent.resolve())
    installed = any(path.is_relative_to(Path(folder).resolve()) for folder in INSTALLED)
    return not (filename.startswith("<") or ours or installed or PACKAGES & {*path.parts})


def locate(path: str, key: str) -> Callable[..., Any]:
    """The class or function at a full module path; also a class within a class, or a class method.

    Raises:
        ConfigError: there is none.
    """
    what = f"{key}._target_"
    parts = str(path).split(".")
    if str(path) == "???" or path is None:
        raise ConfigError(f"{what}: has no value; set {what}=my_module.MyClass")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise ConfigError(f"{what}: must be a full path such as my_module.MyClass, got {path!r}")
    found, end, missing = _imported(parts, what)
    for place in range(end, len(parts)):
        inner = getattr(found, parts[place], None)
        if inner is None and place == end and missing is not None:
            raise ConfigError(f"{what}: no module named {missing.name!r}, needed for {path}") from missing
        if inner is None or (place == len(parts) - 1 and not callable(inner)):
            kind = "module" if place == end else "class"
            raise ConfigError(f"{what}: {kind} {'.'.join(parts[:place])} has no class {parts[place]!r}")
        found = inner
    return found


def _imported(parts: list[str], what: str) -> tuple[Any, int, ModuleNotFoundError | None]:
    """The module of the longest part of a path that is one, its length, and why a longer part is none."""
    missing = None
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        try:
            with refusing(f"{what}: module {name} cannot be imported: "):
                return importlib.import_module(name), end, missing
        except ConfigError as error:
            cause = error.__cause__
            if not isinstance(cause, ModuleNotFoundError):
                raise
            missing = missing or cause
            if not f"{name}.".startswith(f"{cause.name}."):  # of what the module itself imports
                break
    raise ConfigError(
        f"{what}: no module named {missing.name!r}, needed for {'.'.join(parts)}"  # type: ignore[union-attr]
    ) from missing
