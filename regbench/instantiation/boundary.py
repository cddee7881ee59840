"""The boundary to a person's own code: found by its path, and whatever it raises told in one sentence."""

from __future__ import annotations

import functools
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regbench.errors import ConfigError, lack_of_memory

PLAIN = (ValueError, TypeError, IndexError, RuntimeError, OverflowError, OSError, ImportError)
# a sysconfig call costs as much as a small model, and these are asked for at every look at a target
LIBRARY, INSTALLED = (
    tuple({Path(sysconfig.get_path(name)).resolve() for name in names})
    for names in (("stdlib", "platstdlib"), ("stdlib", "platstdlib", "purelib", "platlib"))
)
OURS = Path(__file__).parent.parent.resolve()
PACKAGES = {"site-packages", "dist-packages"}
# what Python itself keeps of an error and a class, past what these have under the same names
TRACEBACK = vars(BaseException)["__traceback__"].__get__
CAUSE = vars(BaseException)["__cause__"].__get__
NAME = vars(type)["__name__"].__get__
LONGEST = 300  # signs of what somebody's own words are shown of


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
    except ours as error:
        if type(error) is ConfigError and not str(error).isprintable():  # a person's own
            raise ConfigError(shown(str(error))) from error
        raise
    except BaseException as error:  # a person's own code may raise anything; a script exits
        if stops(error):
            raise
        raise ConfigError(f"{what}{reason(error)}") from error


def stops(error: BaseException) -> bool:
    """Whether it is a person's Ctrl-C, or a signal, and not what a line of code says."""
    if type(error) is not KeyboardInterrupt:
        return False
    frames = _frames(error)[0]
    return not (frames and _is_a_persons(frames[-1].filename) and "raise " in (frames[-1].line or ""))


def reason(error: BaseException) -> str:
    """The first line of what was raised, and in which line of a person's own file that was.

    The line is left out where the code of nobody but packages was running, and where a ValueError is a
    refusal in its author's words (`raise ValueError("hidden must be at least 1, got 0")`).
    """
    lines, kind = _lines(error), kind_of(error)
    if lack := lack_of_memory(error):
        return lack
    said = lines[0] if lines else kind
    if lines and not issubclass(type(error), PLAIN):
        said = f"{kind}: {said}"  # alone, a KeyError's message is the key
    if issubclass(type(error), SyntaxError) and lines:
        return lines[0]  # which has the file and the line in it
    frames, own = _frames(error)
    if not own or (lines and type(error) is ValueError and own[-1] is frames[-1] and _raises(own[-1])):
        return said
    return f"{said} ({_place(own[-1])})"


def raised(error: BaseException) -> str:
    """What a person's own code raised while it ran, by its kind and its line; empty where none of it did."""
    cause: BaseException | None = error
    while cause is not None and not _frames(cause)[1]:
        cause = CAUSE(cause)  # as of the RuntimeError that a StopIteration becomes in a generator
    if cause is None:
        return ""
    kind, said, place = kind_of(cause), reason(cause), _place(_frames(cause)[1][-1])
    said = said if said.startswith(kind) else f"{kind}: {said}"
    return said if said.endswith(f"({place})") else f"{said} ({place})"


def kind_of(error: BaseException) -> str:
    """The name of an error's class."""
    return shown(NAME(type(error)))


def trace(error: BaseException) -> str:
    """The trace of an error as Python prints it; its lines alone where the error itself cannot be printed."""
    try:
        return "".join(traceback.format_exception(error))
    except BaseException as another:
        if stops(another):
            raise
        return "".join([*traceback.format_tb(TRACEBACK(error)), kind_of(error), "\n"])


def shown(words: str, longest: int = LONGEST) -> str:
    """Somebody's own words as they may be printed: on one line, no control signs, not without end."""
    cut = words if len(words) <= longest else f"{words[:longest]}..."
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in cut)


def _lines(error: BaseException) -> list[str]:
    """What an error says, by its lines that are not empty; none where saying it raises one too."""
    try:
        words = str.__getitem__(str(error), slice(10 * LONGEST))  # it may be of a class derived from str
    except BaseException as another:
        if stops(another):
            raise
        return []
    lines = (line.strip() for line in words.splitlines())
    return [shown(line) for line in lines if line]


def _frames(error: BaseException) -> tuple[list[traceback.FrameSummary], list[traceback.FrameSummary]]:
    """All frames between where an error was caught and where it was raised, and those in a person's files."""
    frames = list(traceback.extract_tb(TRACEBACK(error)))
    return frames, [frame for frame in frames if _is_a_persons(frame.filename)]


def _place(frame: traceback.FrameSummary) -> str:
    return f"{shown(Path(frame.filename).name)}, line {frame.lineno}"


def _raises(frame: traceback.FrameSummary) -> bool:
    return (frame.line or "").startswith("raise ")


def _is_a_persons(filename: str) -> bool:
    return not filename.startswith("<") and is_a_persons(Path(filename))


def is_a_persons(file: Path) -> bool:
    """Whether a file belongs neither to this package, nor to an installed one, nor to Python."""
    path = file.resolve()
    installed = any(path.is_relative_to(folder) for folder in (OURS, *INSTALLED))
    return not (installed or PACKAGES & {*path.parts})


def is_of_python(file: Path) -> bool:
    """Whether a file belongs to Python's own library."""
    return _is_of_python(file) if file.is_absolute() else _is_of_python.__wrapped__(file)


@functools.lru_cache(maxsize=4096)  # each job of a sweep asks the same of the same modules
def _is_of_python(file: Path) -> bool:
    path = file.resolve()
    return any(path.is_relative_to(folder) for folder in LIBRARY) and not PACKAGES & {*path.parts}
