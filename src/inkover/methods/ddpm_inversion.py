"""Edit-friendly DDPM inversion: walk down again with the photo's own noise maps (Huberman-Spiegelglas et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from inkover.errors import InkoverError
from inkover.inversions.contract import Replay
from inkover.methods import parts, tracks
from inkover.methods.contract import Method, Task, knob
from inkover.methods.settings import check

SOURCE_GUIDANCE = 3.5


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of edit-friendly DDPM inversion."""

    steps: int = parts.steps_knob()
    strength: float = parts.strength_knob(0.64)
    guidance: float = parts.guidance_knob(15.0)
    sampler: str = parts.sampler_knob(parts.TRACEABLE)
    negative: str = parts.negative_knob()
    inversion: str = tracks.inversion_knob(tracks.REPLAYED)
    source_guidance: float = knob(
        SOURCE_GUIDANCE, "how strongly the words for the photo are followed in tracing", low=1, high=50
    )
    eta: float = knob(1.0, "ddpm: how much of each step is noise; less holds less of the photo in it", low=0.1, high=1)
    spacing: str = parts.spacing_knob()
    guidance_from: float = parts.guidance_from_knob()
    guidance_to: float = parts.guidance_to_knob()
    rescale: float = parts.rescale_knob()

    def __post_init__(self) -> None:
        if self.sampler not in parts.TRACEABLE:
            raise InkoverError(
                f"sampler {self.sampler!r}: the steps are the inversion's own, and the sampler only lays the grid: "
                f"give {' or '.join(parts.TRACEABLE)}"
            )
        tracks.check_inversion(self, tracks.REPLAYED)
        check(self)
        parts.check_guidance(self)


def edit(task: Task, knobs: Settings) -> Tensor:
    """Return the clean latent of the changed photo; outside the mask it is the photo's, to the bit."""
    inversion, own = tracks.chosen(knobs)
    assert isinstance(inversion.use, Replay)  # checked with the settings
    levels = parts.tail(parts.laid(task.model, knobs), knobs.strength)
    target, null = task.model.text(task.target), task.model.text(knobs.negative)
    if not task.source and not knobs.negative and knobs.source_guidance != SOURCE_GUIDANCE:
        raise InkoverError("source_guidance has no effect without a source text: leave it out, or give --from")
    track = tracks.maps(task, inversion, own, levels, task.source, knobs.negative)
    sampler = inversion.use.sampler(own)
    x, memory = track.latents[0], None
    with task.watch.stage("edit", len(levels) - 1):
        denoise = parts.towards(task, target, null, knobs, levels)
        for k, (noise, residual) in enumerate(zip(track.noises, track.residuals, strict=True)):
            x, memory = sampler.step(denoise(x, levels[k]), levels[k], levels[k + 1], memory, noise)
            x = parts.inside(task.mask, x + residual, track.latents[k + 1])
    return x


def cost(knobs: Settings) -> Mapping[str, int]:
    """Return the network samples of each stage; a photo without words, or with the negative's, takes half to trace."""
    inversion, own = tracks.chosen(knobs)
    steps = parts.walked(knobs.steps, knobs.strength)
    return {"mask": 0, "inversion": inversion.cost(own, steps).samples, "edit": parts.guided_samples(knobs)}


METHOD = Method(
    name="ddpm-inversion",
    summary="Finds the noise of each step that leads to the photo, and follows your words with the same noise.",
    paper="Huberman-Spiegelglas et al. 2024, An Edit Friendly DDPM Noise Space, arXiv:2304.06140",
    settings=Settings,
    edit=edit,
    cost=cost,
    draws=("inversion",),
)
