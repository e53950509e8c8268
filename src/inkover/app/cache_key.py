"""What an inversion's numbers depend on: all of it, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inkover.photo.photo import Box

FORMAT = 1  # of the key and of the tensors; one more makes every older entry a miss
BEFORE = ("pillow",)  # libraries whose work is done when the photo's pixels are hashed


@dataclass(frozen=True, slots=True)
class Key:
    """Everything that changes an inversion's numbers; two inversions with equal keys are equal to the bit."""

    photo: str  # hash of the photo's pixels, hex
    geometry: tuple[Box, tuple[int, int]]  # the box of the photo that is worked on, and its working size: h, w
    model: str  # hash of the weights, hex
    adapters: tuple[tuple[str, float], ...]  # each adapter's hash, hex, and its scale, in the order of their use
    text: str  # what the photo is traced with
    negative: str
    inversion: str  # its name
    settings: Mapping[str, Any]  # the value of every knob of the inversion
    levels: tuple[tuple[float, float, float], ...]  # the grid: time, alpha, sigma
    seed: int | None  # None: the inversion draws nothing
    dtype: str
    device: str  # its kind: cpu, cuda, mps
    batch: int  # rows that the network sees at once
    versions: Mapping[str, str]  # of the libraries that numbers depend on

    def to_json(self) -> str:
        """Return the key as ASCII JSON, the same for equal keys and another for any others."""
        parts = {field.name: _exact(getattr(self, field.name)) for field in fields(self)}
        return json.dumps({"format": FORMAT} | parts, sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """Return the SHA-256 of the key, hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that an inversion's numbers depend on, given the photo's pixels."""
    from inkover.app.recipe import versions

    return {name: version for name, version in versions().items() if name not in BEFORE}


def _exact(value: Any) -> Any:
    """Return a value for JSON from which it could be had back: floats to the last bit, mappings in one order."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return {"float": value.hex()}
        case Mapping():
            return {"mapping": sorted([name, _exact(inner)] for name, inner in value.items())}
        case tuple() | list():
            return [_exact(inner) for inner in value]
    raise TypeError(f"a key holds {value!r}, expected text, numbers, None, and tuples and mappings of these")
