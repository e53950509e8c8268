"""Seeded noise: every tensor has its own generator, so no draw depends on another, on the batch or on the device."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def gaussian(like: Tensor, seed: int, name: str, index: int = 0) -> Tensor:
    """Draw standard normal noise of like's shape, dtype and device: the same for the same seed, name and index."""
    generator = torch.Generator("cpu").manual_seed(_stream(seed, name, index))
    # float32 whatever the dtype: a run in float64 sees the same noise
    drawn = torch.randn(like.shape, generator=generator, dtype=torch.float32)
    return drawn.to(device=like.device, dtype=like.dtype)


def _stream(seed: int, name: str, index: int) -> int:
    """Return the generator's seed; a cryptographic hash, because Python's own differs between processes."""
    key = f"{seed}:{index}:{name}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little") >> 1
