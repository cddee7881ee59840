"""regbench test: read the sealed test split of finished runs, and count it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.arguments import Arguments, path
from regbench.columns import Table
from regbench.config import read_settings
from regbench.errors import ConfigError, printable
from regbench.foreign import refusing
from regbench.holding import held
from regbench.placement import refuse_unwritable
from regbench.records import FINISHED, RECORD_VERSION, SUMMARY, read_summary, undamaged, write_json
from regbench.runs import distrust_of, read_run
from regbench.terminal import Terminal, print_table
from regbench.trust import HELP, Trust, require_trusted

if TYPE_CHECKING:
    from torch import nn


def main(argv: list[str]) -> int:
    """Measure the last and the best weights of each run on its test split.

    Raises:
        ConfigError: a folder holds no finished run, or its data have changed; then none is read.
    """
    parser = Arguments(prog="regbench test", description=__doc__)
    parser.add_argument("folders", type=path, metavar="RUN_FOLDER", nargs="+")
    parser.add_argument("--trust", action="store_true", help=HELP)
    asked = parser.parse_args(argv)
    trust = Trust(asked.trust, f"type {shlex.join(['regbench', 'test', *map(str, argv), '--trust'])}")
    summaries = {folder: _finished(folder, trust) for folder in asked.folders}
    for folder in summaries:
        _require_readable(folder, trust)
    rows = []
    for folder in summaries:
        with held(folder, wait=True):  # of several at once each counts
            summary = _finished(folder, trust)
            summary["test"] = _read(folder, (summary.get("test") or {}).get("reads", 0), trust)
            write_json(folder / SUMMARY, summary)
        cells = (f"{figures['accuracy']:.4f} ({figures['loss']:.4f})" for figures in _both(summary["test"]))
        rows.append([printable(folder), *cells, str(summary["test"]["reads"])])
    headings = ["run", "last weights", "best weights", "times read"]
    print_table(Terminal(), Table("test split: accuracy (loss)", headings, rows))
    return 0


def require_same_data(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a person's data that are no longer those that a run was trained on.

    Raises:
        ConfigError: they are others: what is cut from them as test might have been train.
    """
    from regbench.build import content_of

    before = undamaged(folder).get("content")  # empty, or not there, where checksums pin them
    if before and content_of(config) != before:
        raise ConfigError(
            f"{folder}: its data have changed since it was trained, so that rows of test may have been rows "
            "of train; put them back, or train into a new folder"
        )


def _require_readable(folder: Path, trust: Trust) -> None:
    """Refuse what would be found out after the test split has been read.

    Raises:
        ConfigError: the weights are damaged, or data or configuration are others than those of the run.
    """
    from regbench.loading import load_model, require_same_run

    refuse_unwritable(folder, str(folder))  # the reading is counted there
    config = read_run(folder, trust=trust)[0]
    require_trusted(config, distrust_of(folder, trust))
    require_same_data(folder, config)
    require_same_run(folder, config, undamaged(folder))
    for weights in ("last", "best"):
        model = load_model(folder, weights, trust)
        if any(one.isfinite().logical_not().any() for one in (*model.parameters(), *model.buffers())):
            raise ConfigError(f"{folder}: its {weights} weights must be finite numbers, and are not")


def _both(test: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    return test["last"], test["best"]


def _finished(folder: Path, trust: Trust) -> dict[str, Any]:
    read_run(folder, trust=trust)
    summary = read_summary(folder)
    if summary is None or summary["status"] not in FINISHED:
        status = summary["status"] if summary else "unfinished"
        raise ConfigError(f"{folder}: must be a finished run, and is {status}")
    if summary["version"] != RECORD_VERSION:
        raise ConfigError(
            f"{folder}: must hold a record of version {RECORD_VERSION}, and is of {summary['version']}"
        )
    return summary


def _read(folder: Path, reads: int, trust: Trust) -> dict[str, Any]:
    # Not at the top: torch takes seconds, and a wrong folder is answered at once.
    from regbench.build import find_device, load_data
    from regbench.loading import load_model
    from regbench.measurement import evaluate
    from regbench.training import autocast_for

    config, _ = read_run(folder, trust=trust)
    settings, _ = read_settings(config)
    device = find_device(settings.device)
    read_test = load_data(config["dataset"]).to(device).read_test
    if read_test is None:
        raise ConfigError(f"{folder}: must have a test split to read, and its dataset has none")
    test = read_test()

    def figures(model: nn.Module) -> dict[str, float]:
        bf16 = settings.precision == "bf16"
        with refusing(f"{folder}: "):
            return evaluate(model.to(device), test, lambda: autocast_for(device, bf16), settings.evaluate)

    last, best = (figures(load_model(folder, weights, trust)) for weights in ("last", "best"))
    return {"last": last, "best": best, "reads": reads + 1}
