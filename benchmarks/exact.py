"""LEDITS++ on the embedded model where nothing is to change: how far from the photo's latent does it end?

``python benchmarks/exact.py [--cases N]`` walks there and back on held-out scenes with no guidance, with a warm-up past
the end, and with an empty mask, at 5 to 50 steps, and prints the largest error of the latent and how many samples the
network was asked; then with one noise map turned round, which must show.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import torch

import inkover
from inkover.app.meter import Counted, Meter
from inkover.inversions.track import NoiseTrack, from_tensors, to_tensors
from inkover.measure.figures.embedded import scenes
from inkover.methods import leditspp
from inkover.methods.contract import Concept, Task
from inkover.tabletop.scene import render


class Disturbing:
    """Remembers a track, and gives it back with one noise map turned round."""

    def __init__(self) -> None:
        self.found: Any = None
        self.step: int | None = None

    def recall(self, inversion: Any, knobs: Any, subject: Any, part: str = "track") -> Any:
        """Give it back."""
        if self.found is None or self.step is None:
            return self.found
        track = from_tensors(self.found)
        assert isinstance(track, NoiseTrack)
        noises = tuple(-noise if k == self.step else noise for k, noise in enumerate(track.noises))
        return to_tensors(replace(track, noises=noises))

    def keep(self, inversion: Any, knobs: Any, subject: Any, found: Any, part: str = "track") -> None:
        """Remember it."""
        self.found = found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    network = inkover.Editor.load("tabletop", remember=False).model
    size = network.resolution // network.stride
    nothing = {
        "no guidance": Concept("a blue ball", knobs={"guidance": 0.0}),
        "warm-up past the end": Concept("a blue ball", knobs={"warmup": 900, "cooldown": 999}),
        "an empty mask": Concept("a blue ball", mask=torch.zeros(1, 1, size, size)),
    }
    for steps in (5, 10, 20, 35, 50):
        worst, moved, samples, memory = 0.0, float("inf"), 0, Disturbing()
        for scene in scenes(given.cases, 0):
            pixels = torch.from_numpy(render(scene, network.resolution).pixels).permute(2, 0, 1)[None] / 127.5 - 1
            photo, settings = network.encode(pixels), leditspp.Settings(steps=steps)
            for concept in nothing.values():
                model = Counted(network, Meter())
                task = Task(model, photo, "", "", 0, model.meter, concepts=(concept,))
                worst = max(worst, float((leditspp.edit(task, settings) - photo).abs().max()))
                samples = sum(model.meter.samples.values())
            task = replace(task, tracks=memory)
            memory.found, memory.step = None, None
            leditspp.edit(task, settings)
            memory.step = 1
            moved = min(moved, float((leditspp.edit(task, settings) - photo).abs().max()))
        print(f"{steps:3} steps, {samples} samples: off by at most {worst:.2g} of {', '.join(nothing)}; "
              f"one noise map turned round: at least {moved:.2g}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
