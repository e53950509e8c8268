"""What a method is: a name, its knobs, and one or two functions that read like the paper's algorithm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from inkover.attention.words import Span
from inkover.diffusion.noise import gaussian
from inkover.inversions.contract import Inversion, Subject
from inkover.knobs import knob
from inkover.models.contract import Model

__all__ = ["STAGES", "Cut", "Method", "Task", "Watch", "knob"]

TRACK = "track"
STAGES = ("mask", "inversion", "edit")


@dataclass(frozen=True, slots=True)
class Cut:
    """A mask, and what it was cut out of."""

    found: Tensor  # (1, 1, h, w), not negative: how far two texts disagree; with rule ``fixed`` in [0, 1]
    rule: str  # of inkover.masks.rules
    number: float  # the rule's: where the mask begins
    mask: Tensor  # (1, 1, h, w), values 0 and 1


class Watch(Protocol):
    """Who looks on while a method works: counts and shows, never changes anything."""

    def stage(self, name: str, steps: int) -> AbstractContextManager[None]: ...  # name is one of STAGES
    def step(self) -> None: ...
    def acted(self, concept: int, mask: Tensor) -> None: ...  # (1, 1, h, w): where it acted in a step
    def compared(self, concept: int, cut: Cut) -> None: ...  # a mask that was cut out of a map


Tensors = Mapping[str, Tensor]


class Tracks(Protocol):
    """Who remembers inversions, so that a photo is inverted once and edited many times.

    ``part`` names what of an inversion: its track, or what else was found along it. What is recalled is on any device.
    """

    def recall(self, inversion: Inversion, knobs: Any, subject: Subject, part: str = ...) -> Tensors | None: ...
    def keep(self, inversion: Inversion, knobs: Any, subject: Subject, found: Tensors, part: str = ...) -> None: ...


class Forgetful:
    """Remembers nothing."""

    def recall(self, inversion: Inversion, knobs: Any, subject: Subject, part: str = TRACK) -> Tensors | None:
        """Remember nothing."""
        return None

    def keep(self, inversion: Inversion, knobs: Any, subject: Subject, found: Tensors, part: str = TRACK) -> None:
        """Let it go."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One of several things that come into a photo or go, or that turn into others."""

    text: str
    away: bool = False
    source: str = ""  # what it is now, for a method that compares two texts
    knobs: Mapping[str, Any] = field(default_factory=dict[str, Any])  # of its own, in place of the method's
    mask: Tensor | None = None  # (1, 1, h, w) in [0, 1]: it acts nowhere else


@dataclass(frozen=True, slots=True)
class Task:
    """One photo to change, as a method sees it."""

    model: Model
    photo: Tensor  # the photo's clean latent, (1, c, h, w), float32
    source: str  # what the photo shows; may be empty
    target: str  # what it shall show
    seed: int
    watch: Watch
    mask: Tensor | None = None  # (1, 1, h, w) in [0, 1], 1 = edit here; None = everywhere
    tracks: Tracks = Forgetful()
    weights: tuple[tuple[Span, float], ...] = ()  # of words of the target, for a method that weighs them
    concepts: tuple[Concept, ...] = ()  # in place of the target, for a method that takes several

    def noise(self, name: str, index: int = 0) -> Tensor:
        """Draw this photo's noise of that name: the same whatever else is drawn, in whatever batch."""
        return gaussian(self.photo, self.seed, name, index)


def unsteered(settings: Any) -> bool:
    """Leave attention alone."""
    return False


def steered(settings: Any) -> bool:
    """Steer attention, or listen to it, whatever the settings."""
    return True


@dataclass(frozen=True, slots=True)
class Method:
    """A way to change a photo. ``settings`` is a frozen dataclass whose fields are made by ``knob``."""

    name: str
    summary: str  # plain words, one sentence
    paper: str
    settings: type[Any]
    edit: Callable[[Task, Any], Tensor]  # -> clean latent (1, c, h, w)
    cost: Callable[[Any], Mapping[str, int]]  # settings -> network samples of each stage, all of STAGES
    find_mask: Callable[[Task, Any], Tensor] | None = None  # -> hard mask (1, 1, h, w), values 0 and 1
    draws: tuple[str, ...] = ()  # the stages that draw noise; in all others the seed has no part
    weighs: bool = False  # whether it reads the weights of the target's words
    steers: Callable[[Any], bool] = unsteered  # whether it steers, or listens to, the network's attention
    find_masks: Callable[[Task, Any], tuple[Tensor, ...]] | None = None  # -> a hard mask for each of several
    several: tuple[str, ...] = ()  # the knobs that each of several concepts may have of its own; () takes one target
    reading: tuple[str, ...] = ()  # the knobs that have no effect where no text says what the photo shows
    compares: bool = False  # whether each of several has a source text, and nothing just comes or goes

    def seeded(self, masked: bool) -> bool:
        """Tell whether the seed has a part in an edit, with a given mask or without."""
        return any(stage != "mask" or not masked for stage in self.draws)
