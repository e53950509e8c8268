"""The walk of two rows: the photo's own, beside the one that is changed and that looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from inkover.attention.control import Control
from inkover.diffusion.guide import rescaled
from inkover.diffusion.level import Level, Prediction
from inkover.inversions.contract import Inversion, Retrace
from inkover.inversions.track import Track
from inkover.methods import parts
from inkover.methods.contract import Task
from inkover.models.contract import Text


@dataclass(frozen=True, slots=True)
class Pair:
    """Both rows' texts, and how they are guided. It holds no latents: a step is given them, and gives them back."""

    task: Task
    inversion: Inversion
    knobs: Any  # of the inversion
    guidance: parts.Guidance  # the method's settings
    track: Track
    source: Text
    target: Text
    null: Text

    @property
    def use(self) -> Retrace:
        """How the inversion's trajectory is walked."""
        assert isinstance(self.inversion.use, Retrace)  # checked with the settings
        return self.inversion.use

    def nulls(self, step: int) -> Text:
        """Return what guidance leads away from in a step."""
        return self.use.null(self.track, step, self.source, self.null)

    def guided(self, step: int) -> bool:
        """Tell whether a step is guided."""
        return step in parts.guided_steps(self.guidance)

    def rows(self, step: int, with_source: bool, source_null: bool = False) -> Mapping[str, Text]:
        """Return the rows that a step asks for, each only where its answer is used.

        A source row that is put on the trajectory is asked only for what others see of it; ``source_null`` asks for
        its null row too, where others look at that one.
        """
        null, guided = self.nulls(step), self.guided(step)
        apart = not torch.equal(null.hidden, self.source.hidden)
        led = guided and apart and (source_null or not self.use.pinned)
        source = ({"source/null": null} if led else {}) | {"source": self.source}
        target = ({"target/null": null} if guided else {}) | {"target": self.target}
        return (source if with_source else {}) | target

    def step(
        self,
        step: int,
        source: Tensor,  # (1, c, h, w), at the step's level
        target: Tensor,
        rows: Mapping[str, Text],
        control: Control | None,
    ) -> tuple[Tensor, Tensor]:
        """Return both rows at the next level; the source row stays where it is when it was not asked."""
        here, there = self.track.levels[step : step + 2]
        x = torch.cat([source if name.startswith("source") else target for name in rows])
        answer = self.task.model.predict(x, here, rows, control)
        said = dict(zip(rows, answer.split(len(rows)), strict=True))
        self.task.watch.step()
        if self.use.pinned:
            source = self.track.latents[step + 1]
        elif "source" in said:
            source = _down(self._led(said, "source", here), there)
        return source, _down(self._led(said, "target", here), there)

    def _led(self, said: Mapping[str, Prediction], name: str, here: Level) -> Prediction:
        """Return a row's prediction, guided where it has a null row."""
        towards, away = said[name], said.get(f"{name}/null")
        if away is None:
            return towards
        far = self.use.combine(self.knobs)(away, towards, self.guidance.guidance)
        return rescaled(far, towards, here, self.guidance.rescale)


def _down(prediction: Prediction, there: Level) -> Tensor:
    return there.noised(prediction.x0, prediction.eps)


def source_samples(inversion: Inversion, guidance: parts.Guidance, step: int, source_null: bool = False) -> int:
    """Return how many samples the source row takes in a step in which it is asked."""
    use = inversion.use
    assert isinstance(use, Retrace)
    apart = step in parts.guided_steps(guidance) and not use.selfless
    return 2 if apart and (source_null or not use.pinned) else 1


def opened(task: Task, inversion: Inversion, knobs: Any, guidance: parts.Guidance, track: Track, source: str) -> Pair:
    """Put a pair together; the texts are read before anything is evaluated."""
    texts = map(task.model.text, (source, task.target, guidance.negative))
    return Pair(task, inversion, knobs, guidance, track, *texts)
