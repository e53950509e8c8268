"""Tracks: what an inversion finds of a photo, as plain tensors that can be written to a file and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from inkover.diffusion.level import Level, Levels
from inkover.diffusion.trajectory import Trajectory
from inkover.errors import InkoverError


@dataclass(frozen=True, slots=True)
class Track:
    """A photo's latent at every level, each on the way to the next."""

    levels: Levels
    latents: Trajectory  # one a level, the noisiest first, the photo itself last
    samples: int  # what it took: network samples
    nulls: tuple[Tensor, ...] = ()  # none, or the null text's hidden states of each step, (1, words, width)


@dataclass(frozen=True, slots=True)
class NoiseTrack:
    """A photo's latent at every level under independent noises, and the noise that leads from each to the next."""

    levels: Levels
    latents: Trajectory  # one a level, the noisiest first, the photo itself last
    noises: tuple[Tensor, ...]  # one a step, in standard deviations of that step; zero where a step draws none
    residuals: tuple[Tensor, ...]  # one a step, what it leaves of the latent it leads to: added, the step is exact
    samples: int  # what it took: network samples


_KEYS = {
    Track: {"levels", "latents", "samples", "nulls"},
    NoiseTrack: {"levels", "latents", "samples", "noises", "residuals"},
}


def to_tensors(track: Track | NoiseTrack) -> dict[str, Tensor]:
    """Return a track as named tensors, losslessly."""
    rows = [(level.time, level.alpha, level.sigma) for level in track.levels]
    tensors = {
        "levels": torch.tensor(rows, dtype=torch.float64),  # (steps + 1, 3)
        "latents": torch.cat(track.latents),  # (steps + 1, c, h, w)
        "samples": torch.tensor(track.samples),
    }
    if isinstance(track, Track):
        return tensors | {"nulls": _joined(track.nulls)}
    return tensors | {"noises": _joined(track.noises), "residuals": _joined(track.residuals)}


def from_tensors(tensors: Mapping[str, Tensor]) -> Track | NoiseTrack:
    """Return the track that some tensors are; InkoverError when they are none, or not a whole one."""
    if tensors.keys() not in _KEYS.values():
        raise _broken(f"it has {', '.join(sorted(tensors)) or 'nothing'}")
    if tensors["latents"].ndim != 4 or not len(tensors["latents"]):
        raise _broken(f"its latents are {tuple(tensors['latents'].shape)} and not (levels, c, h, w)")
    for name, shape in _shapes(tensors).items():
        if tensors[name].shape != shape:
            raise _broken(f"its {name} are {tuple(tensors[name].shape)} and not {shape}")
    if tensors["levels"].dtype != torch.float64:
        raise _broken(f"its levels are {tensors['levels'].dtype} and not torch.float64")
    levels = tuple(Level(*row) for row in tensors["levels"].tolist())
    latents, samples = _rows(tensors["latents"]), int(tensors["samples"])
    if tensors.keys() == _KEYS[Track]:
        return Track(levels, latents, samples, _rows(tensors["nulls"]))
    return NoiseTrack(levels, latents, _rows(tensors["noises"]), _rows(tensors["residuals"]), samples)


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape that each other tensor of a whole track has, by the number and size of its latents."""
    count, *size = tensors["latents"].shape
    rest: dict[str, tuple[int, ...]] = {"levels": (count, 3), "samples": ()}
    if "nulls" not in tensors:
        steps = (count - 1, *size) if count > 1 else (0,)
        return rest | {"noises": steps, "residuals": steps}
    found = tuple(tensors["nulls"].shape)
    return rest | {"nulls": (0,) if found == (0,) else (count - 1, *found[-2:])}


def _joined(rows: tuple[Tensor, ...]) -> Tensor:
    return torch.cat(rows) if rows else torch.zeros(0)


def _rows(joined: Tensor) -> tuple[Tensor, ...]:
    return joined.chunk(len(joined)) if len(joined) else ()


def _broken(what: str) -> InkoverError:
    return InkoverError(f"these tensors are no photo's track, {what}: expected what to_tensors gives; invert it again")
