"""Hashes of what a model is: of its files where it came from files, of its live weights where it did not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hex. Always read anew: a size and a date do not tell two files apart."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_of_hashes(hashes: Mapping[str, str]) -> str:
    """Return one SHA-256, hex, of named hashes, whatever their order."""
    return hashlib.sha256(json.dumps(dict(hashes), sort_keys=True).encode()).hexdigest()


def live_hash(networks: Mapping[str, nn.Module], words: Mapping[str, str]) -> str:
    """Return one SHA-256, hex, of the weights of live networks and of some texts (their configurations)."""
    hashes = {part: _weights_hash(network) for part, network in networks.items()}
    return hash_of_hashes({**hashes, **words})


def _weights_hash(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    import torch

    raw = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return memoryview(raw)  # type: ignore[arg-type]  # an array is a buffer
