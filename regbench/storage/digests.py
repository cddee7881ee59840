"""A digest of tensors: what the same rows are known by."""

from __future__ import annotations

import hashlib

from torch import Tensor


def digest_of(*tensors: Tensor) -> str:
    """SHA-256, in hexadecimal, of the shapes, types and values of tensors, wherever they are."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(repr((tuple(tensor.shape), tensor.dtype)).encode())
        digest.update(tensor.cpu().contiguous().numpy().data)  # no copy: it may be larger than the memory
    return digest.hexdigest()
