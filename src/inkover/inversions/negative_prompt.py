"""Negative-prompt inversion: guidance leads away from the photo's own words (Miyake et al. 2023, Han et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass

from inkover.diffusion.level import Prediction
from inkover.inversions import parts, proximal
from inkover.inversions.contract import Combine, Cost, Inversion, Retrace, Subject, plain
from inkover.inversions.track import Track
from inkover.knobs import check, knob
from inkover.models.contract import Text

_KEEP = {"soft": proximal.soft, "hard": proximal.hard}


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of negative-prompt inversion."""

    rounds: int = parts.rounds_knob()
    quantile: float = knob(0.0, "the part of the change that is left out as too small; 0 leaves in all", low=0, high=1)
    threshold: str = knob(
        "soft",
        "whether what stays is drawn in by as much (soft) or kept whole; needs a quantile",
        choices=tuple(_KEEP),
    )

    def __post_init__(self) -> None:
        check(self)


def run(subject: Subject, knobs: Settings) -> Track:
    """Return the trajectory."""
    return parts.traced(subject, knobs.rounds)


def null(track: Track, step: int, source: Text, null: Text) -> Text:
    """Return the source text: then the source row's guidance is nothing, at any scale."""
    return source


def combine(knobs: Settings) -> Combine:
    """Return the guidance of the edit: proximal where a part of the change is to be left out."""
    if knobs.quantile == 0:
        return plain(knobs)
    keep = _KEEP[knobs.threshold](knobs.quantile)

    def guidance(away: Prediction, towards: Prediction, scale: float) -> Prediction:
        return proximal.proximal(away, towards, scale, keep)

    return guidance


def cost(knobs: Settings, steps: int) -> Cost:
    """Return one sample a round and step."""
    return Cost(samples=knobs.rounds * steps, steps=knobs.rounds * steps)


INVERSION = Inversion(
    name="negative-prompt",
    summary="Leads the edit away from the photo's own words, so that what they share stays: as quick as ddim.",
    paper="Miyake et al. 2023, arXiv:2305.16807; proximal guidance: Han et al. 2024, ProxEdit, arXiv:2306.05414",
    settings=Settings,
    run=run,
    cost=cost,
    use=Retrace(guidance=parts.unguided, null=null, combine=combine, selfless=True),
    plain=True,
)
