"""Direct inversion: the DDIM trajectory, to which the edit's source row is pinned (Ju et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass

from inkover.inversions import parts
from inkover.inversions.contract import Cost, Inversion, Retrace, Subject
from inkover.inversions.track import Track
from inkover.knobs import check


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of direct inversion."""

    rounds: int = parts.rounds_knob()

    def __post_init__(self) -> None:
        check(self)


def run(subject: Subject, knobs: Settings) -> Track:
    """Return the trajectory.

    The paper adds to the source row, after each step, what it is off the trajectory: that is the trajectory. So the row
    is put there, and neither its guidance nor the paper's second pass is evaluated.
    """
    return parts.traced(subject, knobs.rounds)


def cost(knobs: Settings, steps: int) -> Cost:
    """Return one sample a round and step."""
    return Cost(samples=knobs.rounds * steps, steps=knobs.rounds * steps)


INVERSION = Inversion(
    name="direct",
    summary="Holds the photo's side of an edit to the traced path, so that it ends as the photo at any guidance.",
    paper="Ju et al. 2024, PnP Inversion: Boosting Diffusion-based Editing with 3 Lines of Code, arXiv:2310.01506",
    settings=Settings,
    run=run,
    cost=cost,
    use=Retrace(guidance=parts.unguided, pinned=True),
    plain=True,
)
