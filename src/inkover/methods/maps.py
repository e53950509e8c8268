"""DiffEdit's step 1 as its methods share it: how the map is asked for, and the knobs of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from inkover.diffusion.level import Level
from inkover.errors import InkoverError
from inkover.masks.difference import differences, filled, rescaled
from inkover.masks.rules import rule, tidied
from inkover.methods import parts
from inkover.methods.contract import Cut, Task, knob
from inkover.models.contract import Text

NOISES, CLAMP, THRESHOLD, CLOSING = 10, 0.99, 0.3, 2
"""How DiffEdit's mask is made where nothing else is said: noises, and what is done to the map's values and cells."""


class Looking(parts.Grid, Protocol):
    """The knobs that say at which level the texts are compared."""

    @property
    def mask_strength(self) -> float: ...


def noises_knob(mask: str) -> Any:
    return knob(NOISES, f"how many noises the {mask} averaged over", low=1, high=1000, stage="mask")


def mask_strength_knob(mask: str) -> Any:
    return knob(0.5, f"how noisy the photo is when the {mask} found", low=0, high=1, stage="mask")


def closing_knob(mask: str) -> Any:
    return knob(CLOSING, f"cells of a gap in {mask} that is closed; 0 closes none", low=0, high=64, stage="mask")


def check_mask_strength(knobs: Looking) -> None:
    """Refuse a strength at which the photo would not be noisy at all."""
    if parts.walked(knobs.steps, knobs.mask_strength) == 0:
        given, least = f"{knobs.mask_strength:g} of {knobs.steps} steps", f"{1 / knobs.steps:g}"
        raise InkoverError(f"mask_strength {given} is no step: give {least} or more")


def level(task: Task, knobs: Looking) -> Level:
    """Return the level at which the texts are compared."""
    return parts.tail(parts.laid(task.model, knobs), knobs.mask_strength)[0]


def noises(task: Task, count: int) -> list[Tensor]:
    """Draw the noises that a map is averaged over."""
    return [task.noise("mask", index) for index in range(count)]


def averaged(task: Task, at: Level, source: Text, target: Text, noises: Sequence[Tensor]) -> Tensor:
    """Return the map (1, 1, h, w) of where two texts disagree about the photo, telling the watch of each noise."""
    total = torch.zeros_like(task.photo[:, :1])
    for one in differences(task.model, task.photo, at, source, target, noises):
        total = total + one
        task.watch.step()
    return total / len(noises)


def cut(
    found: Tensor, clamp: float, number: float, closing: int, *, name: str = "fixed", smallest: int = 0
) -> Cut:  # found: (1, 1, h, w), not negative
    """Cut a mask out of a map by a rule, the paper's where none is named: hard, its gaps closed, and filled."""
    shown = rescaled(found, clamp) if name == "fixed" else found
    return Cut(shown, name, number, filled(tidied(rule(name, number)(shown), closing, smallest)))
