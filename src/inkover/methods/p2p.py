"""Prompt-to-Prompt: the change walks beside the photo and looks where the photo looks (Hertz et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from inkover.attention import alignment, emphasis
from inkover.attention.alignment import Alignment
from inkover.attention.blend import Looks, blended, looking
from inkover.attention.control import Control, chain
from inkover.attention.maps import Seen, Tokenwise, local_blend
from inkover.attention.memory import recalled
from inkover.attention.prompt_to_prompt import cross_replaced, reweighted, self_replaced
from inkover.attention.schedule import Part, active, within
from inkover.attention.words import Tokens, find, words
from inkover.errors import InkoverError
from inkover.inversions.parts import rounds_knob
from inkover.methods import pair, parts, photo_rows, tracks, wording
from inkover.methods.contract import Method, Task, knob, steered
from inkover.methods.settings import check

ALIGNED = {"replace": alignment.replaced_words, "refine": alignment.refined}


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of Prompt-to-Prompt."""

    steps: int = parts.steps_knob()
    strength: float = parts.strength_knob(1.0)
    guidance: float = parts.guidance_knob(4.0)
    sampler: str = parts.sampler_knob(parts.TRACEABLE)
    negative: str = parts.negative_knob()
    inversion: str = tracks.inversion_knob(tracks.RETRACED)
    align: str = knob(
        "auto",
        "how the texts' words correspond: replace word by word, refine by what they share; auto looks at their number",
        choices=("auto", *ALIGNED),
    )
    cross: float = knob(0.8, "part of the steps in which the change looks where the photo's words look", low=0, high=1)
    cross_words: str = knob("", "the same for single words of the target: ball:0.4, grass:0.2..0.8")
    layout: float = knob(0.4, "part of the steps in which the change keeps the photo's layout", low=0, high=1)
    layout_side: int = knob(16, "side of the largest grid of features whose layout is kept", low=1, high=1024)
    blend: str = knob(
        wording.AUTO,
        "change only where these words are looked at: ball, or ball -> cube, a side for each text; auto is those in "
        "which the texts differ, nothing is everywhere",
    )
    blend_threshold: float = knob(0.3, "part of the strongest look at which the blend begins", low=0.01, high=0.99)
    blend_from: float = knob(0.2, "part of the steps after which the blend begins", low=0, high=0.99)
    keep: bool = knob(
        False,
        "keep also what each step sees of the photo, so that its next edit asks about the change alone; takes up to "
        "4 MB of the cache a step at 128 px, and 90 at 512",
    )
    rounds: int = rounds_knob()
    iterations: int = tracks.knob_of("null-text", "iterations")
    tolerance: float = tracks.knob_of("null-text", "tolerance")
    quantile: float = tracks.knob_of("negative-prompt", "quantile")
    threshold: str = tracks.knob_of("negative-prompt", "threshold")
    spacing: str = parts.spacing_knob()
    guidance_from: float = parts.guidance_from_knob()
    guidance_to: float = parts.guidance_to_knob()
    rescale: float = parts.rescale_knob(0.7)

    def __post_init__(self) -> None:
        parts.check_traceable(self.sampler)
        tracks.check_inversion(self, tracks.RETRACED)
        check(self)
        parts.check_guidance(self)
        tracks.check_null(self)
        wording.parts_of(self.cross_words)
        wording.both_of(self.blend)
        if not self.blend and (self.blend_threshold, self.blend_from) != (0.3, 0.2):
            raise InkoverError("blend_threshold and blend_from shape the blend: name its words too, blend=ball")
        if not self.layout and self.layout_side != 16:
            raise InkoverError("layout_side has no effect at layout 0: raise layout or leave layout_side out")
        if self.keep and not tracks.pinned(self):
            raise InkoverError(f"keep needs the photo's row on its path, and inversion {self.inversion!r} lets it find "
                               "its own: give inversion=direct, or leave keep out")  # fmt: skip
        if self.keep and not any(beside(self, step) for step in range(_steps(self))):
            raise InkoverError("keep has no effect where no step looks at the photo: raise cross or layout, or leave "
                               "keep out")  # fmt: skip
        if not self.cross and not self.cross_words and self.align != "auto":
            raise InkoverError("align has no effect at cross 0: raise cross or leave align out")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the two texts say of the controls."""

    aligned: Alignment
    target: Tokens
    words: Mapping[str, Part]
    scales: Tensor  # (tokens,)
    blend: Tokenwise  # by row; empty where there is none


def edit(task: Task, knobs: Settings) -> Tensor:
    """Return the clean latent of the changed photo; outside the mask it is the photo's, to the bit."""
    inversion, own = tracks.chosen(knobs)
    levels = parts.tail(parts.laid(task.model, knobs), knobs.strength)
    plan = planned(task, knobs)
    track = tracks.path(task, inversion, own, levels, task.source, knobs.negative)
    walk = pair.opened(task, inversion, own, knobs, track, task.source)
    x = y = track.latents[0]
    looks, memory = Looks(), photo_rows.kept(task, inversion, own, track, knobs.layout_side**2) if knobs.keep else {}
    with task.watch.stage("edit", len(levels) - 1):
        for step, kept in enumerate(track.latents[1:]):
            seen = list[Seen]()
            rows = walk.rows(step, beside(knobs, step, bool(plan.blend)) and not memory)
            noting = looking(seen, tuple(plan.blend)) if plan.blend else None
            # where guidance leads away from the photo's own text, that row must stay equal to the photo's, to the bit
            alike = ("target/null",) if walk.use.selfless and "target/null" in rows else ()
            control = chain(noting, steering(plan, knobs, step, alike))
            if memory and control:
                control = chain(recalled(photo_rows.seen(memory, step, y.device)), control)
            x, y = walk.step(step, x, y, rows, control)
            looks = looks.added(seen)
            if looks and step >= parts.walked(len(levels) - 1, knobs.blend_from):
                mask = local_blend(looks.maps, plan.blend, parts.size(kept), knobs.blend_threshold)
                task.watch.acted(0, mask)
                y = blended(mask, y, x)
            y = parts.inside(task.mask, y, kept)
    return y


def planned(task: Task, knobs: Settings) -> Plan:
    """Read both texts; InkoverError for words that are not in them, or that cannot be aligned as asked."""
    source, target = task.model.text(task.source).tokens, task.model.text(task.target).tokens
    task.model.text(knobs.negative)  # a text that is too long is refused before anything is evaluated
    if not words(source.prompt):
        raise InkoverError('p2p compares two texts, and the photo has none: say what it shows now, --from "..."')
    schedule = wording.parts_of(knobs.cross_words)
    for phrase in schedule:
        find(target, phrase)
    return Plan(
        ALIGNED[_align(source, target, knobs.align)](source, target),
        target,
        schedule,
        emphasis.token_scales(target, task.weights),
        wording.tokenwise(knobs.blend, source, target),
    )


def _align(source: Tokens, target: Tokens, asked: str) -> str:
    if asked != "auto":
        return asked
    return "replace" if len(words(source.prompt)) == len(words(target.prompt)) else "refine"


def steering(plan: Plan, knobs: Settings, step: int, alike: tuple[str, ...] = ()) -> Control | None:
    """Return what steers a step: cross-attention from the photo's row, its layout, and the words' weights."""
    steps = _steps(knobs)
    chosen = active(plan.target, step, steps, (0.0, knobs.cross), plan.words)
    return chain(
        cross_replaced(plan.aligned, chosen, alike=alike),
        self_replaced(knobs.layout_side**2) if within(step, steps, (0.0, knobs.layout)) else None,
        reweighted(plan.scales),
    )


def beside(knobs: Settings, step: int, blends: bool = True) -> bool:
    """Tell whether the photo's row is asked in a step: where the change looks at it, now or (of a row that has to find
    its own way) later."""
    ahead = [step] if tracks.pinned(knobs) else range(step, _steps(knobs))
    spans = [(0.0, knobs.cross), (0.0, knobs.layout), *wording.parts_of(knobs.cross_words).values()]
    return (bool(knobs.blend) and blends) or any(within(k, _steps(knobs), span) for k in ahead for span in spans)


def _steps(knobs: Settings) -> int:
    return parts.walked(knobs.steps, knobs.strength)


def cost(knobs: Settings) -> Mapping[str, int]:
    """Return the network samples of each stage; of the inversion null-text, and of equal texts, the most."""
    inversion, own = tracks.chosen(knobs)
    steps = _steps(knobs)
    aside = [pair.source_samples(inversion, knobs, k) for k in range(steps) if beside(knobs, k) and not knobs.keep]
    return {
        "mask": 0,
        "inversion": inversion.cost(own, steps).samples + (steps if knobs.keep else 0),
        "edit": parts.guided_samples(knobs) + sum(aside),
    }


METHOD = Method(
    name="p2p",
    summary="Repaints the photo beside itself, and lets the change look where the photo's own words look.",
    paper="Hertz et al. 2023, Prompt-to-Prompt Image Editing with Cross Attention Control, arXiv:2208.01626",
    settings=Settings,
    edit=edit,
    cost=cost,
    steers=steered,
    weighs=True,
)
