"""The effects of configs/experiment/published: what a file says above its settings, and which claims it makes.

Above the settings a file has a title, and lines `# KEY: TEXT`:

    paper      where the effect was published, with its address
    figures    what was found there
    here       at which size it is tried here, and what differs
    needs      what a machine must have, where two cores do not do; it is then marked not run
    run        a command, several times where it takes several
    claim      what is claimed of the figures, several times where there are several:
               A > B [on METRIC] [where KEY=VALUE]            arm A is better than arm B
               A = B within MARGIN [on METRIC] [...]           their difference is sure to be smaller, in the plain unit
               METRIC of A > NUMBER, or < NUMBER [...]         the mean of one arm, with its 95 % interval
    ours, verdict, cost    what scripts/published found, written by it alone
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pages import ROOT

FOLDER = ROOT / "configs" / "experiment" / "published"
WRITTEN = ("ours", "verdict", "cost")  # keys of lines that the script writes
KEYS = ("paper", "figures", "here", "needs", "run", "claim", *WRITTEN)
LINE = re.compile(rf"# ({'|'.join(KEYS)}): (.*)")
PACKAGE = "# @package _global_"
WHERE = r"(?: on (?P<metric>\S+))?(?: where (?P<key>\S+)=(?P<value>\S+))?"
PAIR = re.compile(rf"(?P<arm>.+?) (?P<sign>[>=]) (?P<other>.+?)(?: within (?P<margin>\S+))?{WHERE}")
LEVEL = re.compile(rf"(?P<figure>\w+/\w+) of (?P<arm>.+?) (?P<sign>[<>]) (?P<bound>[\d.]+){WHERE}")


@dataclass(frozen=True)
class Claim:
    """What is said of one arm, alone or beside another.

    Attributes:
        text: as it stands in the file.
        arm: its name, as `regbench compare` gives it.
        sign: > or < or =.
        other: the arm that it is compared with; empty of a level.
        margin: the largest difference that does not matter, for =, in the metric's plain unit.
        metric: what the verdict is on; of a level the figure; None for what decides.
        bound: of a level, in the figure's plain unit.
        where: a key of the conditions and its value, which name one comparison of several; None of one.
    """

    text: str
    arm: str
    sign: str
    other: str = ""
    margin: float | None = None
    metric: str | None = None
    bound: float | None = None
    where: tuple[str, str] | None = None


@dataclass(frozen=True)
class Effect:
    """One published effect, as its file has it.

    Attributes:
        name: of the file.
        title: a line.
        said: the text of each key that stands once, by key.
        runs: the commands.
        claims: in order.
    """

    name: str
    title: str
    said: Mapping[str, str]
    runs: list[str]
    claims: list[Claim]

    @property
    def needs(self) -> str:
        """What two cores lack for it; empty where they do."""
        return self.said.get("needs", "")


def names() -> list[str]:
    """Every effect, found by listing the folder."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def effect(name: str) -> Effect:
    """An effect from its file.

    Raises:
        ValueError: a line above the settings, or a claim, cannot be read.
    """
    package, title, _, *lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    if package != PACKAGE:
        raise ValueError(f"{name}.yaml: must begin with {PACKAGE}, got {package}")
    said: dict[str, str] = {}
    several: dict[str, list[str]] = {"run": [], "claim": [], "verdict": []}
    for line in lines:
        if not line.startswith("#"):
            break
        found = LINE.fullmatch(line)
        if not found:
            raise ValueError(
                f"{name}.yaml: a line must be `# KEY: TEXT`, KEY of {', '.join(KEYS)}, got {line}"
            )
        if found[1] in several:
            several[found[1]].append(found[2])
        else:
            said[found[1]] = found[2]
    return Effect(
        name, title.removeprefix("# "), said, several["run"], [claim(text) for text in several["claim"]]
    )


def claim(text: str) -> Claim:
    """A claim from its text.

    Raises:
        ValueError: it is of none of the three forms.
    """
    level = LEVEL.fullmatch(text)
    found: Any = level or PAIR.fullmatch(text)
    if not found or (not level and (found["sign"] == "=") != (found["margin"] is not None)):
        raise ValueError(
            "a claim must be `A > B`, `A = B within MARGIN` or `METRIC of A > NUMBER`, "
            f"with `on METRIC` and `where KEY=VALUE` behind it, got {text}"
        )
    where = (found["key"], found["value"]) if found["key"] else None
    if level:
        return Claim(
            text,
            found["arm"],
            found["sign"],
            metric=found["figure"],
            bound=float(found["bound"]),
            where=where,
        )
    margin = float(found["margin"]) if found["margin"] else None
    return Claim(text, found["arm"], found["sign"], found["other"], margin, found["metric"], where=where)


def headed(name: str, found: Mapping[str, list[str]]) -> str:
    """The text of an effect's file with what was found, in place of what stood there.

    Args:
        name: of the effect.
        found: lines by key, of those that are written.
    """
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(tuple(f"# {key}: " for key in WRITTEN))]
    end = next(n for n, line in enumerate(kept) if not line.startswith("#"))
    new = [f"# {key}: {text}" for key in WRITTEN for text in found.get(key, [])]
    return "\n".join([*kept[:end], *new, *kept[end:]]) + "\n"
