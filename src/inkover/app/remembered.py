"""The cache as a method sees it: a photo's track, recalled by everything that its numbers depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from inkover.app.cache import Cache
from inkover.app.cache_key import Key, libraries
from inkover.inversions.contract import Inversion, Replay, Subject
from inkover.inversions.track import NoiseTrack, Track, from_tensors, to_tensors
from inkover.photo import Canvas


@dataclass(frozen=True, slots=True)
class Remembered:
    """The inversions of one view of a photo, kept on disk."""

    cache: Cache
    canvas: Canvas
    dtype: str

    def recall(self, inversion: Inversion, knobs: Any, subject: Subject) -> Track | NoiseTrack | None:
        """Return the track of an inversion that was done before, in this process or another."""
        subject.model.text(subject.source)  # a recalled track was found with this text: it has been read
        tensors = self.cache.read(self.key(inversion, knobs, subject))
        return None if tensors is None else from_tensors(_there(tensors, subject.photo))

    def keep(self, inversion: Inversion, knobs: Any, subject: Subject, track: Track | NoiseTrack) -> None:
        """Keep a track for the next edit."""
        self.cache.write(self.key(inversion, knobs, subject), to_tensors(track))

    def key(self, inversion: Inversion, knobs: Any, subject: Subject) -> Key:
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
            inversion=name,
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


def _there(tensors: Mapping[str, Tensor], photo: Tensor) -> dict[str, Tensor]:
    """Return tensors on the photo's device; the levels are numbers, and stay."""
    return {name: tensor if name == "levels" else tensor.to(photo.device) for name, tensor in tensors.items()}
