"""The flags of `train` and of what reads a line as it does: those of Hydra that are offered, and ours."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import NoReturn

from regbench.errors import ConfigError, brief
from regbench.terminal.arguments import Arguments

FORCE = "--force"  # run what is finished again, into new folders
FAIL_FAST = "--fail-fast"  # start no more jobs once one has failed
SHOWN = ("job", "hydra", "all")
ASKED = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
ELSEWHERE = ("cfg", "info", "hydra_help", "shell_completion")  # flags of `train` that run nothing
ALONE = (*ELSEWHERE, "multirun")  # no two of them go together
NOT_OFFERED = {  # flags of Hydra, and what to do instead
    "--experimental-rerun": "repeat a run by its line, or continue it with `regbench resume`",
    "--config-name": "add options by --config-dir",
    "--config-path": "add options by --config-dir",
    "-cn": "add options by --config-dir",
    "-cp": "add options by --config-dir",
    "--run": "a line without -m is one run",
    "-r": "a line without -m is one run",
    "--version": "type regbench --version",
}


@dataclass(frozen=True)
class CommandLine:
    """A line of `train`, or of what reads one, as it was typed.

    Attributes:
        overrides: the options and values, in order.
        config_dir: a folder with options of a person's own.
        multirun: a sweep: every value between commas is a job.
        force: of a sweep: run what is finished again, into new folders.
        fail_fast: of a sweep: start no more jobs once one has failed.
        help: what can be chosen is asked for.
        hydra_help: the flags are asked for.
        cfg: which part of the composed configuration is asked for: job, hydra or all.
        resolve: with cfg: references replaced by their values.
        package: with cfg: a key, of which alone the configuration is shown.
        info: what is asked for of how it was composed.
        shell_completion: asked for by a shell.
    """

    overrides: tuple[str, ...] = ()
    config_dir: str | None = None
    multirun: bool = False
    force: bool = False
    fail_fast: bool = False
    help: bool = False
    hydra_help: bool = False
    cfg: str | None = None
    resolve: bool = False
    package: str | None = None
    info: str | None = None
    shell_completion: bool = False

    def for_hydra(self) -> list[str]:
        """The same for Hydra's own parser, without the flags that are ours."""
        words = []
        for name in ("help", "multirun", "resolve", "shell_completion"):
            if getattr(self, name):
                words.append(_flag(name))
        for name in ("config_dir", "cfg", "package", "info"):
            value = getattr(self, name)
            if value is not None:
                words.append(f"{_flag(name)}={value}")
        return [*words, *self.overrides]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


class Flags(Arguments):
    """The flags of a command that reads a line of `train`.

    Args:
        command: its name.
        hint: more to say of a complaint of the parser, or nothing.
    """

    def __init__(self, command: str, hint: Callable[[str], str] = lambda _: "") -> None:
        super().__init__(
            prog=f"regbench {command}", usage=f"regbench {command} [flags] OVERRIDES...", add_help=False
        )
        self._command, self._hint = command, hint
        self.add_argument(
            "overrides", nargs="*", metavar="OVERRIDES", help="options and values: `regbench list`"
        )
        self.add_argument("--help", "-h", action="store_true", help="what can be chosen")
        self.add_argument("--hydra-help", action="store_true", help="these flags")
        self.add_argument("--multirun", "-m", action="store_true", help="a sweep: every value between commas")
        folder = "a folder with options of your own"
        self.add_argument("--config-dir", "-cd", metavar="DIR", help=folder)
        self.add_argument(FORCE, action="store_true", help="-m: run what is finished again, into new folders")
        self.add_argument(FAIL_FAST, action="store_true", help="-m: start no more jobs once one has failed")
        shown = "show the composed configuration, and run nothing"
        self.add_argument("--cfg", "-c", choices=SHOWN, help=shown)
        self.add_argument(
            "--resolve", action="store_true", help="with --cfg: references replaced by their values"
        )
        self.add_argument("--package", "-p", metavar="KEY", help="with --cfg: this part of it, such as train")
        self.add_argument("--info", "-i", nargs="?", const="all", choices=ASKED, help="how it was composed")
        self.add_argument("--shell-completion", "-sc", action="store_true", help=argparse.SUPPRESS)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and what to type."""
        said = re.sub(r"'[^']{100,}'", lambda found: brief(found[0]), message)
        help_line = f"see `regbench {self._command} --help`"
        raise ConfigError(f"{self._command}: {said}; {self._hint(message) or help_line}")

    def read(self, words: Sequence[str]) -> CommandLine:
        """The flags and overrides of a line; what stands after -- are overrides.

        Raises:
            ConfigError: a flag is none that is offered, is given twice, or does not go with another.
        """
        words = list(words)
        place = words.index("--") if "--" in words else len(words)
        before, after = words[:place], words[place + 1 :]
        for word in before:
            flag = word.partition("=")[0]
            if flag in NOT_OFFERED:
                raise ConfigError(f"{self._command}: {flag} is not for regbench; {NOT_OFFERED[flag]}")
        found = vars(self.parse_intermixed_args(before))
        given = {field.name: found[field.name] for field in fields(CommandLine)}
        line = CommandLine(**given | {"overrides": (*found["overrides"], *after)})
        self._refuse_pairs(line)
        return line

    def _refuse_pairs(self, line: CommandLine) -> None:
        for name in ("resolve", "package"):
            if getattr(line, name) and not line.cfg:
                raise ConfigError(f"{self._command}: {_flag(name)} is for --cfg, and needs it")
        given = [_flag(name) for name in ALONE if getattr(line, name)]
        if len(given) > 1 and not line.help:
            raise ConfigError(
                f"{self._command}: {given[0]} and {given[1]} do not go together; type one of them"
            )
