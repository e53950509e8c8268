"""What an inversion is: a name, its knobs, a function from a photo to its track, and how an edit uses that track."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from inkover.diffusion.level import Levels, Prediction
from inkover.diffusion.samplers import Sampler
from inkover.inversions.track import NoiseTrack, Track
from inkover.models.contract import Model, Text


def unheard() -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One photo to invert, as an inversion sees it."""

    model: Model
    photo: Tensor  # the photo's clean latent, (1, c, h, w), float32
    source: str  # what the photo shows; may be empty
    levels: Levels  # the levels that the edit will walk, noisiest first: one grid for both ways
    seed: int = 0
    negative: str = ""  # what the edit's guidance will lead away from
    tell: Callable[[], None] = unheard  # is called after each of ``Cost.steps``


@dataclass(frozen=True, slots=True)
class Cost:
    """What an inversion costs. What it came to is in the track."""

    samples: int  # network samples, at most
    steps: int  # how often ``Subject.tell`` is called, exactly


Null = Callable[[Track, int, Text, Text], Text]
"""(track, step, source, the edit's own null text) -> the text that guidance leads away from in that step."""

Combine = Callable[[Prediction, Prediction, float], Prediction]
"""(away, towards, scale) -> the guided prediction."""


def own_null(track: Track, step: int, source: Text, null: Text) -> Text:
    """Return the edit's own null text."""
    return null


def plain(settings: Any) -> Combine:
    """Return guidance as Ho and Salimans wrote it in 2022."""
    return Prediction.toward


@dataclass(frozen=True, slots=True)
class Retrace:
    """How an edit comes down again along a trajectory, by the deterministic first-order step."""

    guidance: Callable[[Any], float]  # settings -> the scale at which the source text gives the photo again
    null: Null = own_null
    combine: Callable[[Any], Combine] = plain
    pinned: bool = False  # the source row is the trajectory itself, whatever the network says of it
    selfless: bool = False  # guidance leads from the source text to itself: the source row has no null row


@dataclass(frozen=True, slots=True)
class Replay:
    """How an edit comes down again with noise maps."""

    guidance: Callable[[Any], float]  # settings -> the scale that the source text was followed with
    sampler: Callable[[Any], Sampler]  # settings -> the stochastic step that the maps were solved for


@dataclass(frozen=True, slots=True)
class Inversion:
    """A way to find a photo's track. ``settings`` is a frozen dataclass whose fields are made by ``knob``.

    A method that walks trajectories takes every inversion whose ``use`` is a ``Retrace``, which run to a ``Track``; one
    that replays noise takes those whose ``use`` is a ``Replay``, which run to a ``NoiseTrack``.
    """

    name: str
    summary: str  # plain words, one sentence
    paper: str
    settings: type[Any]
    run: Callable[[Subject, Any], Track | NoiseTrack]
    cost: Callable[[Any, int], Cost]  # settings, steps of the grid -> what it costs
    use: Retrace | Replay
    plain: bool = False  # the track is DDIM's trajectory with ``rounds``, whatever its other knobs and the negative
