"""Weights & Biases."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch import Tensor

from regbench.errors import as_typed
from regbench.folders.ownership import WANDB
from regbench.records.status import Status
from regbench.sinks.base import Sink, Start
from regbench.sinks.pictures import grid
from regbench.types import Record

TOLD = ("status", "reason", "seconds", "peak_memory_mb", "last", "best", "kept", "test")  # of a summary
DIGITS = 10  # of the identity, and as many of the folder's name, in a run's id
# What regbench records itself, and what would stand in between its own lines. Names that begin with x_ are
# of some versions only.
QUIET: Mapping[str, Any] = {
    **{"silent": True, "console": "off", "disable_git": True, "save_code": False},
    **{"x_disable_stats": True, "x_disable_meta": True, "x_save_requirements": False},
}


@dataclass
class WandB(Sink):
    """Curves, pictures, tables and the end of a run in Weights & Biases, offline unless told otherwise.

    A run goes by an id that is made of its identity and its folder's name, so that it is one run there
    however often it is resumed. Offline each session writes all of it anew, below `wandb/` of the run folder.

    Attributes:
        project: in which it is put.
        entity: user or team; null: the one that is logged in.
        mode: offline, nothing leaves the machine until `wandb sync`; online, which needs `wandb login`.
    """

    needs: ClassVar[Mapping[str, str]] = {"wandb": "regbench[wandb]"}

    project: str = "regbench"
    entity: str | None = None
    mode: Literal["offline", "online"] = "offline"

    def start(self, run: Start) -> None:
        import wandb  # a second that a run without it must not pay

        settings = {name: value for name, value in QUIET.items() if name in wandb.Settings.model_fields}
        self._status = Status.INTERRUPTED  # until more is known
        self._run: Any = wandb.init(
            project=self.project,
            entity=self.entity,
            mode=self.mode,
            id=run_id(run),
            name=f"{run.stack}_seed{run.seed}",
            group=run.stack,
            config={"stack": run.stack, "identity": run.identity, **run.config},
            dir=str(run.folder.absolute()),
            resume="allow" if self.mode == "online" else None,  # offline there is nothing to ask
            reinit="create_new",  # several runs of one process may be open
            settings=wandb.Settings(**settings),
        )
        self._place = run.folder / WANDB / Path(self._run.dir).parent.name
        there = self._run.starting_step  # what comes before it has been taken in an earlier session
        for record in run.history:
            if record.epoch >= there:
                self.write(record)

    def write(self, record: Record) -> None:
        self._run.log({"epoch": record.epoch, **record.metrics}, step=record.epoch)
        self._step = record.epoch

    def show(self, pictures: Mapping[str, Tensor], epoch: int = 0) -> None:
        import wandb

        for name, images in pictures.items():
            picture = grid(images).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
            self._log(name, wandb.Image(picture[:, :, 0] if picture.shape[2] == 1 else picture), epoch)

    def tell(self, texts: Mapping[str, str], epoch: int) -> None:
        import wandb

        for name, text in texts.items():
            self._log(name, wandb.Html(f"<pre>{html.escape(text)}</pre>", inject=False), epoch)

    def _log(self, name: str, what: Any, epoch: int) -> None:
        """Put up what belongs to an epoch, be it one before the last: steps never go back."""
        self._run.log({name: what}, step=max(epoch, self._step))

    def end(self, summary: Mapping[str, Any]) -> None:
        self._status = Status(summary["status"])
        self._run.summary.update({name: summary[name] for name in TOLD if summary.get(name) is not None})

    def close(self) -> None:
        if self._run is not None:
            self._run.finish(exit_code=int(self._status.exit_code != 0))
            self._run = None

    def command(self) -> str:
        return f"wandb sync {as_typed(str(self._place))}" if self.mode == "offline" else ""

    def __post_init__(self) -> None:
        self._run, self._step = None, 0


def run_id(run: Start) -> str:
    """What a run goes by: the same after a stop, another one in another folder."""
    name = hashlib.sha256(run.name.encode(errors="surrogateescape")).hexdigest()
    return f"{run.identity[:DIGITS]}{name[:DIGITS]}"
