"""The cache as a method sees it: what was found of a photo, recalled by everything that its numbers depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from torch import Tensor

from inkover.app.cache_key import Key, libraries
from inkover.inversions.contract import Inversion, Replay, Subject
from inkover.methods.contract import TRACK, Tensors
from inkover.photo import Canvas


class Keeper(Protocol):
    """Who keeps tensors by everything that they depend on."""

    def read(self, key: Key) -> Tensors | None: ...
    def write(self, key: Key, tensors: Mapping[str, Tensor]) -> None: ...


class Memory:
    """Keeps inversions as long as it is held, and nothing on the disk."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensors] = {}

    def read(self, key: Key) -> Tensors | None:
        """Return copies of the tensors kept for a key, on the CPU and to the bit, or None."""
        kept = self._kept.get(key.digest())
        return None if kept is None else _copied(kept)

    def write(self, key: Key, tensors: Mapping[str, Tensor]) -> None:
        """Keep copies of the tensors for a key: who found them goes on with their own."""
        self._kept[key.digest()] = _copied(tensors)


def _copied(tensors: Mapping[str, Tensor]) -> Tensors:
    return {name: one.detach().cpu().clone() for name, one in tensors.items()}


@dataclass(frozen=True, slots=True)
class Remembered:
    """The inversions of one view of a photo, kept by their keys."""

    cache: Keeper
    canvas: Canvas
    dtype: str

    def recall(self, inversion: Inversion, knobs: Any, subject: Subject, part: str = TRACK) -> Tensors | None:
        """Return what was found by an inversion that was done before, in this process or another: on the CPU."""
        subject.model.text(subject.source)  # what is recalled was found with this text: it has been read
        return self.cache.read(self.key(inversion, knobs, subject, part))

    def keep(self, inversion: Inversion, knobs: Any, subject: Subject, found: Tensors, part: str = TRACK) -> None:
        """Keep what was found for the next edit."""
        self.cache.write(self.key(inversion, knobs, subject, part), found)

    def key(self, inversion: Inversion, knobs: Any, subject: Subject, part: str = TRACK) -> Key:
        """Return what an inversion's numbers depend on; the photo is taken as the model sees it, as a latent."""
        photo, model = subject.photo, subject.model
        name, settings, negative = inversion.name, asdict(knobs), subject.negative
        if inversion.plain:
            name, settings, negative = "trajectory", {"rounds": knobs.rounds}, ""
        return Key(
            photo=_hash(photo),
            geometry=(self.canvas.box, self.canvas.working),
            model=model.fingerprint,
            adapters=(),
            text=str(subject.source),
            negative=negative,
            inversion=name if part == TRACK else f"{name}, {part}",
            settings=settings,
            levels=tuple((level.time, level.alpha, level.sigma) for level in subject.levels),
            seed=subject.seed if isinstance(inversion.use, Replay) else None,
            dtype=self.dtype,
            device=photo.device.type,
            batch=model.batch,
            versions=libraries(),
        )


def _hash(latent: Tensor) -> str:
    head = f"{tuple(latent.shape)} {latent.dtype} ".encode()
    return hashlib.sha256(head + latent.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
