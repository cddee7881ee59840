"""Files of weights: what is read of them, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from regbench.storage import weight_files

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([1.0, -1.0])}


def same(found: dict[str, torch.Tensor]) -> bool:
    return found.keys() == TENSORS.keys() and all(torch.equal(found[n], TENSORS[n]) for n in found)


@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict", "model", "weights"])
@pytest.mark.parametrize("zipped", [True, False])
def test_reads_what_torch_has_saved(key: str | None, zipped: bool, tmp_path: Path) -> None:
    held: Any = TENSORS if key is None else {"epoch": 3, key: TENSORS, "optimizer": {"lr": 0.1}}
    torch.save(held, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    assert same(weight_files.read(tmp_path / "w.pt"))


def test_reads_a_safetensors_file_whatever_it_is_called(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "weights.bin")
    assert same(weight_files.read(tmp_path / "weights.bin"))


def test_what_is_written_is_read_again_and_tied_tensors_are_there_twice(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3)
    tied = {"a.weight": weight, "b.weight": weight, "c": weight.T}
    (tmp_path / "w").write_bytes(weight_files.written(tied, {"by": "me"}))
    found = weight_files.read(tmp_path / "w")
    assert {name: one.tolist() for name, one in found.items()} == {n: t.tolist() for n, t in tied.items()}


def test_a_file_that_is_written_anew_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, file)
    before = weight_files.digest(file)
    assert weight_files.read(file)["a"].tolist() == [0, 0]
    save_file({"a": torch.ones(2)}, file)
    os.utime(file, ns=(1, 1))
    assert weight_files.read(file)["a"].tolist() == [1, 1]
    assert weight_files.digest(file) != before


class Dangerous:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1), "b": Dangerous(tmp_path / "mark")}, tmp_path / "w.pt")
    with pytest.raises(
        ValueError, match=r"^holds code or objects beside weights, which are not run; save the"
    ):
        weight_files.read(tmp_path / "w.pt")
    assert not (tmp_path / "mark").exists()


def test_a_whole_module_is_not_read(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"^holds code or objects"):
        weight_files.read(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "^is empty$"),
        (b"weights", "^is neither a safetensors file nor one of torch's$"),
        (b"\x10" + bytes(7) + b"{" + b"x" * 15, "^is no whole safetensors file: "),
        (b"PK\3\4" + bytes(50), "^is no whole file of torch's: "),
        (b"\x80\x02garbage", "^is no whole file of torch's: "),
    ],
)
def test_what_is_no_file_of_weights_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        weight_files.read(tmp_path / "w")


@pytest.mark.parametrize("kind", ["torch", "safetensors"])
def test_a_file_that_ends_too_early_is_refused(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "w"
    torch.save(TENSORS, file) if kind == "torch" else save_file(TENSORS, file)
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(ValueError, match=r"^is no whole "):
        weight_files.read(file)


def test_one_bit_of_a_tensor_that_has_changed_is_seen(tmp_path: Path) -> None:
    torch.save({"a": torch.full((1000,), 1.5)}, tmp_path / "w")
    content = bytearray((tmp_path / "w").read_bytes())
    content[content.index(torch.full((2,), 1.5).numpy().tobytes()) + 6] ^= 1
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(ValueError, match="is not that of its checksum"):
        weight_files.read(tmp_path / "w")


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (torch.zeros(2), "holds no tensors by name, but Tensor"),
        ([torch.zeros(2)], "holds no tensors by name, but list"),
        ({"lr": 0.1}, "holds no tensors by name, neither by itself nor under state_dict, "),
        ({3: torch.zeros(2)}, "has a tensor whose name is no word: 3"),
    ],
)
def test_what_holds_no_weights_is_refused(held: Any, said: str, tmp_path: Path) -> None:
    torch.save(held, tmp_path / "w")
    with pytest.raises(ValueError, match=f"^{said}"):
        weight_files.read(tmp_path / "w")


def test_a_pipe_is_refused_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w")
    with pytest.raises(ValueError, match="must be a plain file"):
        weight_files.read(tmp_path / "w")


def test_a_file_larger_than_the_memory_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "w").open("wb") as file:
        file.truncate(2**43)  # sparse: it takes no room
    for look in (weight_files.read, weight_files.digest):
        with pytest.raises(ValueError, match="must have at most"):
            look(tmp_path / "w")


def test_of_a_run_the_best_weights_are_taken_and_else_the_last(tmp_path: Path) -> None:
    (tmp_path / "last.pt").touch()
    assert weight_files.file_of(tmp_path) == tmp_path / "last.pt"
    (tmp_path / "best.pt").touch()
    assert weight_files.file_of(tmp_path) == tmp_path / "best.pt"
    assert weight_files.file_of(tmp_path / "last.pt") == tmp_path / "last.pt"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"^is a folder, and not that of a run that has kept weights$"):
        weight_files.file_of(tmp_path / "empty")
