"""The first word of the command line, to the command that it names."""

from __future__ import annotations

import os
import pkgutil
import signal
import sys
from contextlib import suppress
from types import FrameType

from regbench import __version__
from regbench.assembly.launched import Rank, refuse_ranks, this_rank
from regbench.commands import threads
from regbench.errors import ConfigError, nearest, of_the_system, with_keys
from regbench.terminal import stdio

COMMANDS = {  # each is `main` of the module of its name in `commands`
    "train": "train one stack of regularizers, or sweep over many with -m",
    "plan": "what a sweep would run, what of it is done, what the rest will take",
    "resume": "continue a run, or make it longer with train.epochs=N",
    "test": "read the sealed test split of finished runs, once more",
    "compare": "which technique helps, how much, is it real, what does it cost",
    "race": "which technique helps, seed by seed, until all is decided",
    "search": "the best stack and its strengths, tuned like the baseline, and confirmed",
    "final": "read the sealed test split once, for a search's winner and its baseline",
    "advise": "what to switch on for a model and its data, within a budget of time",
    "ablate": "what each member of a stack adds, and whether they add up",
    "strength": "the response to one value of one member, where the best lies",
    "export": "a run's model for those without regbench: weights, programs, preprocessing",
    "list": "show every model, dataset, optimizer, schedule and regularizer",
    "docs": "show a page of the documentation, or which there are",
}

BY_RANKS = ("train", "resume")  # what several processes of torchrun's may work at together

HELP = f"""regbench {__version__}: which regularizer helps my model on my data, how much, at what cost?

usage: regbench COMMAND ...

{chr(10).join(f"  {name:10}{what}" for name, what in COMMANDS.items())}

  regbench train                            the baseline: no regularizer, on the bundled digits
  regbench train +reg=dropout               one regularizer
  regbench train '+reg=[dropout,mixup]' reg.dropout.p=0.3 model=cnn dataset=fashion_mnist
  regbench train -m '+reg=[],dropout,[dropout,mixup]' seed=0,1,2
  regbench COMMAND --help                   what a command takes
"""


def main() -> None:
    """Run a command; exit with its status."""
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    stdio.open_closed()
    stdio.widen()
    threads.report_failures()
    said, wrong = "", None
    rank = this_rank()
    try:
        code = _run(sys.argv[1:]) if rank is None or rank.number == 0 else _follow(rank)
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # it is ending; another one must not change its status
        stdio.say("regbench: interrupted")
        code = 130
    except SystemExit as error:  # of an option's help
        code = error.code  # type: ignore[assignment]
    except BrokenPipeError:  # the reader has gone, e.g. `regbench list | head`
        code = 0
    except Exception as error:
        reason = of_the_system(error)
        if not reason or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        said, wrong = ": ".join([*sys.argv[1:2], reason]), error
    unwritten = stdio.flushed(wrong)  # where this is full, it is the reason
    if unwritten:
        said = f"the standard output cannot be written: {unwritten}"
    code = _fail(said) if said else code
    if rank is not None and rank.number == 0:
        _dismiss(rank, code)
    threads.leave_in_time(code)
    sys.exit(code)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    if words[0] == "--version":
        print(f"regbench {__version__}")
        return 0

    try:
        if words[0] in ("-sc", "--shell-completion"):
            return _complete(words)
        if words[0] not in COMMANDS:
            close = nearest(words[0], COMMANDS)
            raise ConfigError(f"unknown command {words[0]!r}{close}; see `regbench --help`")
        if words[0] not in BY_RANKS:
            refuse_ranks(words[0])
        return pkgutil.resolve_name(f"regbench.commands.{words[0]}:main")(words[1:]) or 0
    except ConfigError as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        return _fail(with_keys(str(error), words[1:]))


def _follow(rank: Rank) -> int:
    """Work for the first rank, who alone prints."""
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # until the process ends
    from regbench.runs.ranks import follow  # not at the top: torch takes seconds

    return follow(rank)


def _dismiss(rank: Rank, code: int) -> None:
    """Let the other ranks end, too."""
    from regbench.runs.meeting import meeting_of

    with suppress(ConfigError):  # where they cannot be reached
        meeting_of(rank).dismiss(code if isinstance(code, int) else int(code is not None))


def _fail(sentence: str) -> int:
    stdio.say(f"regbench: {sentence}")
    return 2


def _complete(words: list[str]) -> int:
    """Hydra's completion calls `regbench -sc ...` with the line typed so far in COMP_LINE."""
    line = os.environ.get("COMP_LINE", "").split(" ")
    if line[1:] and (line[1] not in COMMANDS or len(line) == 2):
        print(" ".join(COMMANDS))
        return 0
    if line[1:] and line[1] not in ("train", "plan", "race", "search", "advise", "ablate", "strength"):
        return 0
    os.environ["COMP_LINE"] = " ".join([line[0], *line[2:]])
    return pkgutil.resolve_name("regbench.commands.train:complete")(words)


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
