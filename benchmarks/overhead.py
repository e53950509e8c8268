"""Wall time of an edit over the time of its own bare networks, side by side in one run.

``python benchmarks/overhead.py [PHOTO]``: the same forwards, encodes and decodes are run again without anything of
Inkover around them, edit and bare run by turns, and the ratio of the fastest of each is printed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import inkover
from inkover.photo import read, write

EXAMPLES = Path(__file__).parent.parent / "examples"


@dataclass(frozen=True)
class Recorded:
    """A model that remembers what its networks were asked, so that the same can be asked again."""

    model: Any
    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def predict(self, x: Tensor, level: Any, rows: Any, control: Any = None) -> Any:
        """Remember a question to the U-Net, and answer it."""
        words = torch.cat([t.hidden.expand(len(x) // len(rows), -1, -1) for t in rows.values()])
        self.asked.append(("unet", (x, level.time, words)))
        return self.model.predict(x, level, rows, control)

    def encode(self, pixels: Tensor) -> Tensor:
        """Remember an encode, and do it."""
        self.asked.append(("encode", (pixels,)))
        return self.model.encode(pixels)

    def decode(self, latent: Tensor) -> Tensor:
        """Remember a decode, and do it."""
        self.asked.append(("decode", (latent,)))
        return self.model.decode(latent)


@torch.no_grad()
def bare(parts: Any, asked: list[tuple[str, tuple[Any, ...]]]) -> None:
    """Run the networks alone."""
    scale, dtype = parts.vae.config.scaling_factor, parts.unet.dtype
    run: dict[str, Callable[..., Any]] = {
        "unet": lambda x, t, words: parts.unet(x.to(dtype), t, words.to(dtype)).sample,
        "encode": lambda pixels: parts.vae.encode(pixels).latent_dist.mode(),
        "decode": lambda latent: parts.vae.decode(latent / scale).sample,
    }
    for name, inputs in asked:
        run[name](*inputs)


def seconds(work: Callable[[], Any]) -> float:
    """Time a piece of work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", nargs="?", type=Path, default=EXAMPLES / "mug.jpg")
    parser.add_argument("--source", default="a shiny red mug on grass under the sky")
    parser.add_argument("--target", default="a shiny blue mug on grass under the sky")
    parser.add_argument("--method", default="diffedit")
    parser.add_argument("--model", default="tabletop")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    editor = inkover.Editor.load(given.model, remember=False)
    recorder = Recorded(editor.model)

    def edit(with_: inkover.Editor) -> None:
        with tempfile.TemporaryDirectory() as folder:
            photo = read(given.photo)
            result = with_.edit(photo, source=given.source, target=given.target, method=given.method)
            write(result.photo, Path(folder) / f"edited{given.photo.suffix}", result.original, result.mask)

    edit(replace(editor, model=recorder))  # also the warm-up
    bare(editor.model.parts, recorder.asked)
    pairs = [
        (seconds(lambda: edit(editor)), seconds(lambda: bare(editor.model.parts, recorder.asked)))
        for _ in range(given.rounds)
    ]
    whole, alone = (min(times) for times in zip(*pairs, strict=True))
    print(f"edit {whole:.3f} s, bare networks {alone:.3f} s, ratio {whole / alone:.3f}, {given.threads} threads")


if __name__ == "__main__":
    main()
