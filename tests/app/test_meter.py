"""What an edit costs is counted, and the counting changes nothing."""

from __future__ import annotations

import pytest
import torch

import analytic
from inkover.app.meter import TIMED, Counted, Meter, SourceText
from inkover.diffusion.level import Level
from inkover.models.contract import Spacing

LEVEL = Level(500, 0.6, 0.8)


class Told:
    def __init__(self) -> None:
        self.events: list[object] = []

    def begin(self, stage: str, steps: int) -> None:
        self.events.append((stage, steps))

    def advance(self) -> None:
        self.events.append("step")

    def end(self) -> None:
        self.events.append("end")


def test_samples_and_calls_are_booked_by_stage() -> None:
    meter, model = Meter(), analytic.Analytic()
    counted = Counted(model, meter)
    x, text = torch.zeros(4, analytic.CHANNELS, 8, 8), model.text("a ball")
    with meter.stage("mask", 1):
        counted.predict(x, LEVEL, {"source": text, "target": text})
        counted.predict(x[:2], LEVEL, {"source": text, "target": text})
    with meter.stage("edit", 1):
        counted.predict(x[:1], LEVEL, {"target": text})
    assert meter.samples == {"mask": 6, "inversion": 0, "edit": 1}
    assert meter.calls == {"mask": 2, "inversion": 0, "edit": 1}


def test_a_counted_model_answers_as_the_model_does() -> None:
    model = analytic.Analytic()
    counted = Counted(model, Meter())
    x, text = torch.randn(2, analytic.CHANNELS, 8, 8), model.text("a ball")
    assert torch.equal(counted.predict(x, LEVEL, {"a": text}).eps, model.predict(x, LEVEL, {"a": text}).eps)
    assert torch.equal(counted.encode(x), model.encode(x)) and torch.equal(counted.decode(x), model.decode(x))
    assert torch.equal(counted.text("a ball").hidden, text.hidden)
    assert counted.levels(5) == model.levels(5)
    assert counted.levels(5, Spacing("linspace", "one")) == model.levels(5, Spacing("linspace", "one"))
    for fact in ("name", "fingerprint", "resolution", "stride", "batch"):
        assert getattr(counted, fact) == getattr(model, fact)


def test_the_source_text_is_known_from_another_of_the_same_words() -> None:
    counted = Counted(analytic.Analytic(), Meter())
    counted.text("a ball")
    assert not counted.meter.source_read
    read = counted.text(SourceText("a ball"))
    assert counted.meter.source_read and torch.equal(read.hidden, counted.text("a ball").hidden)


def test_the_show_hears_of_stages_and_steps_also_when_one_breaks() -> None:
    told = Told()
    meter = Meter(told)
    with pytest.raises(KeyboardInterrupt), meter.stage("inversion", 3):
        meter.step()
        raise KeyboardInterrupt
    assert told.events == [("inversion", 3), "step", "end"]
    assert set(meter.seconds) == set(TIMED)
