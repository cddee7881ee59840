"""What a member has learned is kept, and learned again where it is not as it was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from regbench import artefacts
from regbench.storage import checkpoint
from regbench.streams import Clock, Stream
from regbench.types import Split

TRAIN = Split(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64), 2)


@dataclass(frozen=True)
class Member:
    size: int = 3


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [flipped, lambda p: p.write_bytes(b"half"), lambda p: checkpoint.save(p, {"weights": 5}), Path.unlink,
     lambda p: torch.save([1], p),
     lambda p: checkpoint.save(p, {"weights": torch.zeros(3)}, "of another member")],
)  # fmt: skip
def test_what_is_damaged_is_learned_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], object]
) -> None:
    monkeypatch.setenv(artefacts.CACHE, str(tmp_path))
    times = []

    def learn() -> dict[str, Tensor]:
        times.append(1)
        return {"weights": torch.arange(3.0)}

    def learned() -> list[float]:
        artefacts._recalled.cache_clear()
        state = artefacts.learned(Member(), Stream(0, "member", Clock()), TRAIN, learn)
        return state["weights"].tolist()

    assert learned() == learned() == [0, 1, 2]
    assert len(times) == 1, "the second is read"
    (file,) = tmp_path.iterdir()
    damage(file)
    assert learned() == learned() == [0, 1, 2]
    assert len(times) == 2
