"""Counts what an edit costs, by stage: network samples and calls, and seconds; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from torch import Tensor

from inkover.app.progress import Show, Silent
from inkover.attention.control import Control
from inkover.diffusion.level import At, Prediction
from inkover.methods.contract import STAGES, Cut
from inkover.models.around import Around
from inkover.models.contract import Text

TIMED = (*STAGES, "load", "encode", "decode", "photo")


@dataclass(frozen=True, slots=True)
class Acts:
    """What one of several concepts came to: its own network samples, and the sum of its mask's area over them."""

    samples: int = 0
    area: float = 0.0


class SourceText(str):
    """The source text as a task carries it, told apart from another text of the same words."""

    __slots__ = ()


class Meter:
    """The ledger of one edit, and the ``Watch`` that a method works under."""

    def __init__(self, show: Show | None = None) -> None:
        self.samples = dict.fromkeys(STAGES, 0)
        self.calls = dict.fromkeys(STAGES, 0)
        self.seconds = dict.fromkeys(TIMED, 0.0)
        self.source_read = False
        self.acts: dict[int, Acts] = {}
        self._show: Show = show or Silent()
        self._stage = "edit"

    @contextmanager
    def stage(self, name: str, steps: int) -> Iterator[None]:
        """Book what happens inside under the stage of that name, one of mask, inversion and edit."""
        before, self._stage = self._stage, name
        self._show.begin(name, steps)
        try:
            with self.timed(name):
                yield
        finally:
            self._show.end()
            self._stage = before

    def step(self) -> None:
        """Show that one step of the stage is done."""
        self._show.advance()

    def acted(self, concept: int, mask: Tensor) -> None:
        """Book where one of several concepts acted in a step."""
        before = self.acts.get(concept, Acts())
        self.acts[concept] = Acts(before.samples + 1, before.area + float((mask > 0).float().mean()))

    def compared(self, concept: int, cut: Cut) -> None:
        """Pass over what a mask was cut out of."""

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds spent inside to that name."""
        start = perf_counter()
        try:
            yield
            _wait_for_device()
        finally:
            self.seconds[name] += perf_counter() - start

    def evaluation(self, rows: int) -> None:
        """Book one call of the network with that many samples."""
        self.samples[self._stage] += rows
        self.calls[self._stage] += 1


def _wait_for_device() -> None:
    """Let work that an accelerator still has in its queue finish, so that it is booked where it belongs."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


@dataclass(frozen=True, slots=True)
class Counted(Around):
    """A model whose use is booked; each answer is the model's own."""

    meter: Meter

    def text(self, prompt: str) -> Text:
        """Read a prompt, and remember it where it is the task's source text."""
        self.meter.source_read |= isinstance(prompt, SourceText)
        return self.model.text(str(prompt))

    def encode(self, pixels: Tensor) -> Tensor:
        """Encode, timed."""
        with self.meter.timed("encode"):
            return self.model.encode(pixels)

    def decode(self, latent: Tensor) -> Tensor:
        """Decode, timed."""
        with self.meter.timed("decode"):
            return self.model.decode(latent)

    def predict(self, x: Tensor, at: At, rows: Mapping[str, Text], control: Control | None = None) -> Prediction:
        """Ask the network, counted."""
        self.meter.evaluation(len(x))
        return self.model.predict(x, at, rows, control)
