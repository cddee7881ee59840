"""The one exception of our own, and the words of sentences: a person's, the system's, how many and which."""

from __future__ import annotations

import difflib
import errno
import os
import re
import shlex
from collections.abc import Iterable, Iterator

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT)  # of open files, and of the disk

# what torch and the libraries of devices say of it, some of them in a plain RuntimeError
OUT_OF_MEMORY = re.compile(r"OutOfMemory|can't allocate memory|out of memory|ALLOC_FAILED", re.IGNORECASE)
ARGS, CAUSE, CONTEXT = (  # of any exception, whatever its class has made of these names
    vars(BaseException)[name].__get__ for name in ("args", "__cause__", "__context__")
)
ASKED = re.compile(r"allocate (\d+|\d+\.\d+) ?(bytes|[KMGT]?i?B)\b")

LONGEST = 400  # signs of a sentence, what is to be typed and paths left out
LONGEST_PIECE = 300  # of what has no blank in it; a path is hardly longer
LONGEST_LINE = 2000  # of what is to be typed
CUT = "…"


class ConfigError(ValueError):
    """A person's mistake, told in one sentence that begins with the config key.

    Args:
        sentence: shown in printable signs, with the middle left out of what is too long to be read.
    """

    def __init__(self, sentence: object = "") -> None:
        super().__init__(_readable(str(sentence)))


def with_keys(sentence: str, words: Iterable[str]) -> str:
    """A sentence with the key as it was typed in front of it, where it says `model: width must ...` of it.

    Args:
        sentence: that begins with a key.
        words: of the command line.
    """
    found = re.match(
        r"([\w.]+): (?:no such field '(\w+)'|(\w+)(?= (?:must|has no value|is not)\b))", sentence
    )
    if not found:
        return sentence
    key = f"{found[1]}.{found[2] or found[3]}"
    if key not in (word.lstrip("+~").partition("=")[0] for word in words):
        return sentence
    return f"{key}:{' no such field' if found[2] else ''}{sentence[found.end() :]}"


def printable(value: object) -> str:
    """A text without signs that would steer a terminal or break a line."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)


def as_typed(folder: object) -> str:
    """A folder as it is typed in a shell, where nothing takes it for an option."""
    name = str(folder)
    return shlex.quote(f"./{name}" if name.startswith("-") else name)


def brief(value: object, longest: int = 100) -> str:
    """A text in printable signs, without its middle where it is longer than that."""
    text = printable(value)
    if len(text) <= longest:
        return text
    end = longest // 4
    return f"{text[: longest - end - 1]}{CUT}{text[-end:]}"


def _readable(text: str) -> str:
    """A sentence that fits a few lines; what is to be typed stays whole."""
    text = printable(text)
    if len(text) <= LONGEST:
        return text
    head, sep, line = text.rpartition("; type ")
    if not sep:
        head, line = text, ""
    head = re.sub(r"\S+", lambda piece: brief(piece[0], LONGEST_PIECE), head)
    paths = sorted((len(piece) for piece in head.split() if "/" in piece), reverse=True)
    return f"{brief(head, LONGEST + sum(paths[:3]))}{sep}{brief(line, LONGEST_LINE)}"


def alike(word: str, words: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """The one of the words that is spelled most like this one; none where all are too different.

    Args:
        word: that was typed.
        words: that there are.
        cutoff: how much of them must agree, from 0 to 1.
    """
    return difflib.get_close_matches(word, list(words), n=1, cutoff=cutoff)


def nearest(word: str, words: Iterable[str]) -> str:
    """'; did you mean ...?' for the word that looks most like it, or nothing."""
    return did_you_mean(alike(word, words))


def did_you_mean(words: Iterable[str]) -> str:
    """'; did you mean ...?' for any of these words; nothing where there is none."""
    asked = " or ".join(map(repr, words))
    return f"; did you mean {asked}?" if asked else ""


def listed(items: Iterable[object], most: int | None = None, before_rest: str = ", ") -> str:
    """One after the other; at most so many of them, and how many more there are."""
    every = [str(item) for item in items]
    shown = ", ".join(every[:most])
    return shown if most is None or len(every) <= most else f"{shown}{before_rest}{len(every) - most:,} more"


def counted(number: int, noun: str) -> str:
    """How many of something: 1 row, 2 rows, 2 classes, 1,000 pairs."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def duration(seconds: float) -> str:
    """A time in words: 2 h 5 min, 3 min 20 s, 1.5 s."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def of_the_system(error: BaseException) -> str:
    """An error of the system, or what came of a lack of files, disk or memory, in a line; or nothing."""
    if isinstance(error, OSError):
        return _said(error)
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in EXHAUSTED:
            return _said(cause)
        for number in EXHAUSTED:
            if os.strerror(number) in str(cause):
                return os.strerror(number)
    return "" if isinstance(error, ConfigError) else lack_of_memory(error)  # which says it with its key


def lack_of_memory(error: BaseException) -> str:
    """What was asked for when memory ran out, the machine's or a device's; nothing where it did not."""
    for cause in _causes(error):
        if not issubclass(type(cause), (MemoryError, RuntimeError)):
            continue
        said = " ".join(one for one in ARGS(cause) if type(one) is str)  # not by a `__str__` of a person's
        if issubclass(type(cause), MemoryError) or OUT_OF_MEMORY.search(f"{type(cause).__name__}: {said}"):
            asked = ASKED.search(said)
            return (
                f"out of memory where {_amount(*asked.groups())} more were asked for"
                if asked
                else "out of memory"
            )
    return ""


def _amount(number: str, unit: str) -> str:
    """Bytes as one says them: 3.6 GB; what has a larger unit already stays as it is."""
    return f"{float(number) / 1e9:.3g} GB" if unit == "bytes" else f"{number} {unit}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it came of."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:  # one may be its own cause
        seen.add(id(cause))
        yield cause
        cause = CAUSE(cause) or CONTEXT(cause)


def _said(error: OSError) -> str:
    if error.errno == errno.ENOENT and not error.filename and not _has_current_folder():
        return "the current folder has been deleted; go to another one"
    where = f"{error.filename}: " if error.filename else ""
    return " ".join(f"{where}{error.strerror or error}".split())


def _has_current_folder() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True
