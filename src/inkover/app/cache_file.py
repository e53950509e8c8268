"""An entry of the cache as bytes: a safetensors file that says what it is, sealed by a checksum over all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from torch import Tensor

LONGEST = 100_000_000  # bytes of a header: safetensors takes no longer one
ABOUT = ("inversion", "text", "size", "date")  # words that describe an entry to people
OPEN = "0" * 64  # stands in the checksum's place while the checksum is taken


def packed(tensors: Mapping[str, Tensor], words: Mapping[str, str]) -> bytes:
    """Return tensors and words about them as a sealed file, wherever the tensors are and however they lie there."""
    import torch
    from safetensors.torch import save

    # clones, since safetensors refuses views that share their memory
    whole = {name: t.detach().cpu().clone(memory_format=torch.contiguous_format) for name, t in tensors.items()}
    data = save(whole, {**words, "sha256": OPEN})
    return data.replace(_seal(OPEN), _seal(hashlib.sha256(data).hexdigest()), 1)


def unpacked(data: bytes, key: str) -> dict[str, Tensor]:
    """Return a sealed file's tensors, on the CPU; ValueError says what is wrong with it or that its key is another."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    words = header(BytesIO(data))
    seal = words.get("sha256", "")
    if hashlib.sha256(data.replace(_seal(seal), _seal(OPEN), 1)).hexdigest() != seal:
        raise ValueError("its checksum is another")
    if words.get("key") != key:
        raise ValueError("it is of another inversion")
    try:
        return load(data)
    except SafetensorError as problem:
        raise ValueError(f"its tensors cannot be read, {problem}") from problem


def header(file: BinaryIO) -> dict[str, str]:
    """Return the words in a safetensors file's header, unchecked; ValueError when there are none to read."""
    length = int.from_bytes(file.read(8), "little")
    if length > LONGEST:
        raise ValueError("it is no safetensors file")
    try:
        words = json.loads(file.read(length))["__metadata__"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("its header cannot be read") from None
    if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
        raise ValueError("its header says nothing of it")
    return words


def _seal(checksum: str) -> bytes:
    """Return the checksum as the header has it; no word holds the same bytes, its quotes would be escaped."""
    return f'"sha256":"{checksum}"'.encode("utf-8", "replace")
