"""Weights & Biases for real: offline, quiet, several runs in one process, and nothing leaves the machine."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.sinks.wandb import WandB, run_id
from regbench.types import Record
from tests.sinks.starts import start

pytest.importorskip("wandb", reason="wandb is not installed: pip install 'regbench[wandb]'")

BLOCK, FULL, LAST = 1 << 15, 1, 4
FIRST = Record(1, {"train/loss": 2.5, "val/loss": 2.75})
SECOND = Record(2, {"train/loss": 1.5, "val/loss": 2.0})
ENDED = {"status": "finished", "reason": "", "seconds": 2.5, "last": {"epoch": 2}, "per_class": [1, 2]}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Of this process; and what is logged in on this machine is left alone."""

    class Local(socket.socket):
        def connect(self, address: Any) -> None:
            host = address[0] if isinstance(address, tuple) else "localhost"
            assert host in ("localhost", "127.0.0.1", "::1"), f"goes to {host}"
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Local)
    monkeypatch.setenv("WANDB_MODE", "online")  # the option counts
    yield
    import wandb

    wandb.teardown()


def messages(path: Path) -> Iterator[bytes]:
    """Those in a file of wandb's: a head of 7 bytes, then the log format of LevelDB, in blocks of 32 KiB."""
    data, place, parts = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if BLOCK - place % BLOCK < 7:
            place += BLOCK - place % BLOCK  # no room for a head at the end of a block
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (FULL, LAST):
            yield parts
            parts = b""


def recorded(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The history and the summary in the file that a session has left."""
    import wandb
    from wandb.proto import wandb_internal_pb2

    wandb.teardown()  # its own process writes on for a moment
    history, summary = [], {}
    for message in messages(next(folder.glob("*.wandb"))):
        one = wandb_internal_pb2.Record()
        one.ParseFromString(message)
        if one.HasField("history"):
            history.append({_name(item): json.loads(item.value_json) for item in one.history.item})
        summary |= {_name(item): json.loads(item.value_json) for item in one.summary.update}
    return history, summary


def _name(item: Any) -> str:
    return item.key or ".".join(item.nested_key)


def figures(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name[0] != "_"}


def test_a_session_leaves_its_records_pictures_and_end_in_the_run_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sink = WandB(project="mine")
    sink.start(start(tmp_path))
    sink.show({"gan/samples": torch.rand(4, 1, 8, 8)})
    sink.write(FIRST)
    sink.write(SECOND)
    sink.show({"val/confusion/best": torch.rand(1, 3, 8, 8)}, 1)
    sink.tell({"val/classes/best": "| a | b |"}, 1)
    sink.end(ENDED)
    command = sink.command()
    sink.close()
    assert capfd.readouterr() == ("", "")
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert command == f"wandb sync {folder}"
    assert folder.name.endswith(run_id(start(tmp_path)))
    history, summary = recorded(folder)
    rows = {row["_step"]: figures(row) for row in history}
    assert rows[0]["gan/samples.width"] == 16
    assert rows[1] == {"epoch": 1, **FIRST.metrics}
    assert rows[2].items() >= {"epoch": 2, **SECOND.metrics}.items()  # steps never go back
    assert {"val/confusion/best.path", "val/classes/best.path"} < rows[2].keys()
    assert (summary["status"], summary["seconds"], summary["last"]) == ("finished", 2.5, {"epoch": 2})
    assert "per_class" not in summary
    assert {path.name for path in tmp_path.iterdir()} == {"wandb"}


def test_a_resumed_run_goes_by_the_same_id_and_each_session_has_all_of_it(tmp_path: Path) -> None:
    first = WandB()
    first.start(start(tmp_path))
    first.write(FIRST)
    first.close()
    (one,) = (tmp_path / "wandb").glob("offline-run-*")
    again = WandB()
    again.start(start(tmp_path, FIRST))
    again.write(SECOND)
    again.close()
    assert all(run_id(start(tmp_path)) in path.name for path in (tmp_path / "wandb").glob("offline-run-*"))
    (newest,) = {*(tmp_path / "wandb").glob("offline-run-*")} - {one}
    assert [row["epoch"] for row in recorded(newest)[0]] == [1, 2]


def test_several_runs_of_one_process_are_open_at_once(tmp_path: Path) -> None:
    sinks = {name: WandB() for name in ("a", "b")}
    for name, sink in sinks.items():
        (tmp_path / name).mkdir()
        sink.start(start(tmp_path / name))
    for epoch in (1, 2):
        for place, sink in enumerate(sinks.values()):
            sink.write(Record(epoch, {"val/loss": epoch + place / 4}))
    for sink in sinks.values():
        sink.close()
    for place, name in enumerate(sinks):
        (folder,) = (tmp_path / name / "wandb").glob("offline-run-*")
        assert [row["val/loss"] for row in recorded(folder)[0]] == [1 + place / 4, 2 + place / 4]


def test_the_id_is_the_runs_and_its_folders(tmp_path: Path) -> None:
    one, other = start(tmp_path / "a"), start(tmp_path / "b")
    assert run_id(one) == run_id(start(tmp_path / "elsewhere" / "a"))
    assert run_id(one) != run_id(other)
    assert run_id(one).startswith(one.identity[:10])
    assert len(run_id(one)) == 20
