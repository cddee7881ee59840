"""Files of weights: tensors by name, read without running what is in them, whoever has written them."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.storage import archives, checkpoint
from regbench.storage.reading import machine_memory, opened, sentence, there

if TYPE_CHECKING:
    from torch import Tensor

HEADER = 8  # bytes at the start of a safetensors file: how long its description is, which begins with a brace
ZIP, PICKLE = b"PK\3\4", b"\x80"  # what torch's files begin with, new and old
# what the names of others hold their weights under, beside more: Lightning, timm, training scripts
HELD_UNDER = ("state_dict", "model_state_dict", "model", "weights")
EVALUATED = "evaluated"  # the same in regbench's own checkpoints


def file_of(path: Path) -> Path:
    """The file itself; of the folder of a run, that of its best epoch, or of its last where there is no best.

    Raises:
        ValueError: the folder holds none of these.
    """
    if not path.is_dir():
        return path
    found = [path / name for name in (checkpoint.BEST, checkpoint.LAST) if there(path / name)]
    if not found:
        raise ValueError("is a folder, and not that of a run that has kept weights")
    return found[0]


def digest(path: Path) -> str:
    """SHA-256, in hexadecimal, of a plain file's bytes.

    Raises:
        OSError, ValueError: as `opened`.
    """
    about = os.stat(path)
    return _digest(path, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=8)
def _digest(path: Path, _changed: int, _size: int) -> str:
    with opened(path, machine_memory()) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, on the CPU; it is kept for the next call.

    Raises:
        OSError: it cannot be opened.
        ValueError: it holds no weights, or more than weights; in one sentence without the file's name.
    """
    about = os.stat(path)
    return _read(path, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=1)  # a run is built several times before it begins
def _read(path: Path, _changed: int, _size: int) -> dict[str, Tensor]:
    with opened(path, machine_memory()) as file:
        start = file.read(HEADER + 1)
        file.seek(0)
        if start[HEADER:] == b"{":
            return _safetensors(file.read())
        if start.startswith((ZIP, PICKLE)):
            return _weights_in(_of_torch(file, start.startswith(ZIP)))
    raise ValueError("is neither a safetensors file nor one of torch's" if start else "is empty")


def _safetensors(content: bytes) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(content)
    except (SafetensorError, KeyError) as error:  # a KeyError: a type of numbers that torch lacks
        raise ValueError(f"is no whole safetensors file: {sentence(error)}") from error


def _of_torch(file: io.BufferedReader, zipped: bool) -> Any:
    import torch

    try:
        if zipped:
            archives.require_whole(file)
        with warnings.catch_warnings(action="ignore"):
            return torch.load(file, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        if "nsupported global" in str(error) or "nsupported class" in str(error):
            raise ValueError(
                "holds code or objects beside weights, which are not run; save the model's state_dict() alone"
            ) from error
        raise ValueError("is no whole file of torch's: it cannot be unpickled") from error
    except Exception as error:  # what is made of any bytes at all may fail in any way
        raise ValueError(f"is no whole file of torch's: {sentence(error)}") from error


def _weights_in(found: Any) -> dict[str, Tensor]:
    """The one dictionary of tensors that a file holds, or holds under a usual key.

    Raises:
        ValueError: there is none.
    """
    from torch import Tensor

    def holds_tensors(value: Any) -> bool:
        return isinstance(value, Mapping) and any(isinstance(one, Tensor) for one in value.values())

    if not isinstance(found, Mapping):
        raise ValueError(f"holds no tensors by name, but {type(found).__name__}")
    keys = [key for key in (EVALUATED, *HELD_UNDER) if holds_tensors(found.get(key))]
    inner = found[keys[0]] if keys and not holds_tensors(found) else found
    if not holds_tensors(inner):
        raise ValueError(f"holds no tensors by name, neither by itself nor under {', '.join(HELD_UNDER)}")
    odd = next((name for name, one in inner.items() if not isinstance(name, str)), None)
    if odd is not None:
        raise ValueError(f"has a tensor whose name is no word: {odd!r}")
    return {name: tensor for name, tensor in inner.items() if isinstance(tensor, Tensor)}


def written(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> bytes:
    """A safetensors file of these tensors, each by itself: one that goes by two names is there twice.

    Args:
        tensors: by name, on any device.
        about: words for the file's header.
    """
    from safetensors.torch import save

    return save({n: t.detach().cpu().clone().contiguous() for n, t in tensors.items()}, dict(about))
