"""How a method comes by a photo's track: which inversions it takes, their knobs among its own, and the memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inkover import inversions
from inkover.diffusion.level import Levels
from inkover.errors import InkoverError
from inkover.inversions.contract import Inversion, Retrace, Subject
from inkover.inversions.track import NoiseTrack, Track, from_tensors, to_tensors
from inkover.knobs import defaults, knob, knobs, named
from inkover.methods.contract import Task

RETRACED = ("direct", "ddim", "null-text", "negative-prompt")
"""The inversions that give a trajectory, the one that holds the photo best first."""

REPLAYED = ("ddpm", "sde-dpmpp")
"""The inversions that give noise maps."""


def inversion_knob(choices: tuple[str, ...]) -> Any:
    return knob(choices[0], "how the photo is traced into the model", choices=choices)


def knob_of(inversion: str, name: str) -> Any:
    """Declare an inversion's own knob among a method's, under the same name."""
    own = named(f"inversion {inversion!r}", inversions.get(inversion).settings, name)
    return knob(own.default, f"{inversion}: {own.help}", low=own.low, high=own.high, choices=own.choices)


def pinned(settings: Any) -> bool:
    """Tell whether the photo's row is put on its path in each step: it is asked only for what others see of it."""
    use = inversions.get(settings.inversion).use
    return isinstance(use, Retrace) and use.pinned


def chosen(settings: Any) -> tuple[Inversion, Any]:
    """Return the inversion that settings name, and its own knobs, which are among them by the same names."""
    inversion = inversions.get(settings.inversion)
    own = {knob.name: getattr(settings, knob.name) for knob in knobs(inversion.settings)}
    return inversion, inversion.settings(**own)


def check_inversion(settings: Any, allowed: Sequence[str]) -> None:
    """Refuse an inversion that the method cannot walk, and say why; and knobs of another one than was chosen."""
    name = settings.inversion
    if name not in inversions.names():
        return  # a name that is none is refused by the knob
    if name not in allowed:
        given = "a path" if isinstance(inversions.get(name).use, Retrace) else "noise maps"
        walks = "noise maps" if given == "a path" else "a path"
        raise InkoverError(f"inversion {name!r} gives {given}, and this method walks {walks}: {' or '.join(allowed)}")
    mine = {knob.name for knob in knobs(inversions.get(name).settings)}
    own = defaults(type(settings))
    for other in (inversions.get(one) for one in allowed if one != name):
        for idle in knobs(other.settings):
            if idle.name not in mine and idle.name not in SHARED and getattr(settings, idle.name) != own[idle.name]:
                raise InkoverError(
                    f"{idle.name} is a knob of inversion {other.name!r}, and {name!r} is chosen: "
                    f"leave it out, or give inversion={other.name}"
                )


def check_null(settings: Any) -> None:
    """Refuse what an inversion's own null text leaves no room for."""
    inversion, _ = chosen(settings)
    assert isinstance(inversion.use, Retrace)
    if inversion.use.selfless and settings.negative:
        raise InkoverError(
            f"inversion {inversion.name!r} leads away from the source text, so negative has no effect: leave it out, "
            "or choose another inversion"
        )
    if settings.inversion == "negative-prompt" and settings.guidance == 1 and settings.quantile:
        raise InkoverError("quantile has no effect at guidance 1: raise guidance or leave quantile out")
    if settings.inversion == "negative-prompt" and settings.quantile == 0 and settings.threshold != "soft":
        raise InkoverError(f"threshold {settings.threshold} has no effect at quantile 0: give a quantile, such as 0.7")


SHARED = ("guidance",)
"""Knobs of an inversion that are the method's own too."""


def inverted(
    task: Task, inversion: Inversion, knobs: Any, levels: Levels, source: str, negative: str = ""
) -> Track | NoiseTrack:
    """Return the photo's track over the levels: remembered, or found now under the watch of the stage."""
    subject = Subject(task.model, task.photo, source, levels, task.seed, negative, task.watch.step)
    found = task.tracks.recall(inversion, knobs, subject)
    if found is not None:
        # the levels are numbers, and stay on the CPU
        there = {name: one if name == "levels" else one.to(task.photo.device) for name, one in found.items()}
        return from_tensors(there)
    with task.watch.stage("inversion", inversion.cost(knobs, len(levels) - 1).steps):
        track = inversion.run(subject, knobs)
    task.tracks.keep(inversion, knobs, subject, to_tensors(track))
    return track


def path(task: Task, inversion: Inversion, knobs: Any, levels: Levels, source: str, negative: str = "") -> Track:
    """Return the photo's trajectory, of an inversion that gives one."""
    track = inverted(task, inversion, knobs, levels, source, negative)
    assert isinstance(track, Track)
    return track


def maps(task: Task, inversion: Inversion, knobs: Any, levels: Levels, source: str, negative: str = "") -> NoiseTrack:
    """Return the photo's noise maps, of an inversion that gives them."""
    track = inverted(task, inversion, knobs, levels, source, negative)
    assert isinstance(track, NoiseTrack)
    return track
