"""MasaCtrl: the change asks, and the photo's own content answers, so that poses may change (Cao et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from inkover.attention.blend import Looks, looking
from inkover.attention.control import Control, chain, self_from
from inkover.attention.maps import Seen, Tokenwise, foreground
from inkover.attention.mutual import mutual, mutual_masked
from inkover.errors import InkoverError
from inkover.inversions.parts import rounds_knob
from inkover.methods import pair, parts, tracks, wording
from inkover.methods.contract import Method, Task, knob, steered
from inkover.methods.settings import check


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of MasaCtrl."""

    steps: int = parts.steps_knob()
    strength: float = parts.strength_knob(1.0)
    guidance: float = parts.guidance_knob()
    sampler: str = parts.sampler_knob(parts.TRACEABLE)
    negative: str = parts.negative_knob()
    inversion: str = tracks.inversion_knob(tracks.RETRACED)
    inversion_prompt: str = parts.inversion_prompt_knob(parts.EMPTY)
    start: float = knob(0.08, "part of the steps that leave the change to itself", low=0, high=1)
    depth: float = knob(0.625, "part of the network, from its beginning, that is left free", low=0, high=1)
    foreground: str = knob("", "keep thing and surroundings apart by these words: ball, or ball -> cube")
    foreground_threshold: float = knob(0.1, "part of the strongest look at which the thing begins", low=0.01, high=0.99)
    rounds: int = rounds_knob()
    iterations: int = tracks.knob_of("null-text", "iterations")
    tolerance: float = tracks.knob_of("null-text", "tolerance")
    quantile: float = tracks.knob_of("negative-prompt", "quantile")
    threshold: str = tracks.knob_of("negative-prompt", "threshold")
    spacing: str = parts.spacing_knob()
    guidance_from: float = parts.guidance_from_knob()
    guidance_to: float = parts.guidance_to_knob()
    rescale: float = parts.rescale_knob()

    def __post_init__(self) -> None:
        parts.check_traceable(self.sampler)
        tracks.check_inversion(self, tracks.RETRACED)
        check(self)
        parts.check_guidance(self)
        tracks.check_null(self)
        wording.both_of(self.foreground)
        if self.foreground and self.inversion_prompt == parts.EMPTY:
            raise InkoverError("foreground looks for words in the photo's text: give inversion_prompt=source with it")
        if self.inversion == "negative-prompt" and self.inversion_prompt == parts.EMPTY:
            raise InkoverError(
                "inversion negative-prompt leads away from the photo's words, and inversion_prompt empty has none: "
                "give inversion_prompt=source, or another inversion"
            )
        if self.foreground and all(_free(self, step) for step in range(_steps(self))):
            raise InkoverError("foreground has no effect where the photo never answers: lower depth or start")
        if not self.foreground and self.foreground_threshold != 0.1:
            raise InkoverError("foreground_threshold shapes the foreground: name its words too, foreground=ball")


def edit(task: Task, knobs: Settings) -> Tensor:
    """Return the clean latent of the changed photo; outside the mask it is the photo's, to the bit."""
    inversion, own = tracks.chosen(knobs)
    levels = parts.tail(parts.laid(task.model, knobs), knobs.strength)
    source, thing = parts.traced_with(task.source, knobs), named(task, knobs)
    track = tracks.path(task, inversion, own, levels, source, knobs.negative)
    walk = pair.opened(task, inversion, own, knobs, track, source)
    x = y = track.latents[0]
    looks = Looks()
    with task.watch.stage("edit", len(levels) - 1):
        for step, kept in enumerate(track.latents[1:]):
            rows = walk.rows(step, beside(knobs, step), source_null=True)
            seen = list[Seen]()
            answering = None if _free(knobs, step) else control(knobs, thing, looks, rows)
            x, y = walk.step(step, x, y, rows, chain(looking(seen, tuple(thing)) if thing else None, answering))
            looks = looks.added(seen)
            y = parts.inside(task.mask, y, kept)
    return y


def named(task: Task, knobs: Settings) -> Tokenwise:
    """Return the foreground's tokens by row; all texts are read, so that one that is too long is refused now."""
    source, target = (task.model.text(text).tokens for text in (parts.traced_with(task.source, knobs), task.target))
    task.model.text(knobs.negative)
    return wording.tokenwise(knobs.foreground, source, target)


def control(knobs: Settings, thing: Tokenwise, looks: Looks, rows: Mapping[str, object]) -> Control:
    """Return the control by which the photo's rows answer the change's, thing to thing once there are looks to tell."""
    null = "source/null" if "source/null" in rows else "source"
    pairs = {"target": "source"} | ({"target/null": null} if "target/null" in rows else {})
    wants = self_from(knobs.depth)
    if not looks:
        return mutual(pairs, wants)
    masks = [
        foreground(looks.maps[row], thing[row], parts.size(looks.maps[row]), knobs.foreground_threshold)
        for row in ("source", "target")
    ]
    return mutual_masked(pairs, masks[0], masks[1], wants)


def _free(knobs: Settings, step: int) -> bool:
    """Tell whether a step leaves the change to itself."""
    return knobs.depth == 1 or step < parts.walked(_steps(knobs), knobs.start)


def beside(knobs: Settings, step: int) -> bool:
    """Tell whether the photo's row is asked in a step: where it answers or shows the thing, now or later."""
    later = range(step, _steps(knobs)) if not tracks.pinned(knobs) or knobs.foreground else [step]
    return any(not _free(knobs, k) for k in later)


def _steps(knobs: Settings) -> int:
    return parts.walked(knobs.steps, knobs.strength)


def cost(knobs: Settings) -> Mapping[str, int]:
    """Return the network samples of each stage; of the inversion null-text, and of equal texts, the most."""
    inversion, own = tracks.chosen(knobs)
    steps = _steps(knobs)
    alone = knobs.inversion_prompt == parts.EMPTY and not knobs.negative and knobs.inversion != "null-text"
    aside = [
        1 if alone else pair.source_samples(inversion, knobs, k, source_null=True)
        for k in range(steps)
        if beside(knobs, k)
    ]
    return {
        "mask": 0,
        "inversion": inversion.cost(own, steps).samples,
        "edit": parts.guided_samples(knobs) + sum(aside),
    }


METHOD = Method(
    name="masactrl",
    summary="Lets the photo's own content answer while the words change a pose or a shape: things keep their look.",
    paper="Cao et al. 2023, MasaCtrl: Tuning-Free Mutual Self-Attention Control, arXiv:2304.08465",
    settings=Settings,
    edit=edit,
    cost=cost,
    steers=steered,
    reading=("inversion_prompt",),
)
