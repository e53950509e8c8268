"""How truly a photo comes back: every inversion, on held-out scenes of the embedded model.

``python benchmarks/inversions.py [--cases N] [--steps 50] [--guidance 7.5] [--only NAMES]`` traces each scene with its
caption and comes back with the same caption, at guidance 1 and at the one given. It prints PSNR and SSIM of what comes
back to the autoencoder's own round trip, and what the network was asked. Each inversion has its own defaults; null-text
is found for the guidance it comes back with.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

import inkover
from inkover import inversions
from inkover.app.meter import Counted, Meter
from inkover.inversions.again import again
from inkover.inversions.contract import Subject
from inkover.knobs import knobs
from inkover.measure.figures.embedded import scenes
from inkover.measure.figures.quality import psnr, ssim
from inkover.tabletop.captions import caption
from inkover.tabletop.scene import render


def picture(pixels: torch.Tensor) -> np.ndarray:
    """Return a picture (h, w, 3) of 8 bits."""
    return ((pixels[0].clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=4)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--guidance", type=float, default=7.5)
    parser.add_argument("--only", default="", metavar="A,B")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    network = inkover.Editor.load("tabletop", remember=False).model
    names = [name for name in given.only.split(",") if name] or list(inversions.names())
    print("| inversion | guidance back | PSNR to the round trip | SSIM | samples | s |\n|---|---|---|---|---|---|")
    for name in names:
        inversion = inversions.get(name)
        takes = {knob.name for knob in knobs(inversion.settings)}
        for scale in (1.0, given.guidance):
            if scale == 1 and "guidance" in takes:
                continue  # it is found for a guidance
            own = inversion.settings(
                **({"guidance": scale} if "guidance" in takes else {}),
                **({"source_guidance": scale} if "source_guidance" in takes else {}),
            )
            found, alike, samples, seconds = list[float](), list[float](), 0, list[float]()
            for scene in scenes(given.skip + given.cases, 0)[given.skip :]:
                meter = Meter()
                model = Counted(network, meter)
                pixels = torch.from_numpy(render(scene, network.resolution).pixels).permute(2, 0, 1)[None] / 127.5 - 1
                photo, start = network.encode(pixels), time.perf_counter()
                subject = Subject(model, photo, caption(scene), network.levels(given.steps), 0)
                with meter.stage("inversion", 1):
                    track = inversion.run(subject, own)
                with torch.no_grad():
                    back = again(inversion, own, subject, track, scale)
                seconds.append(time.perf_counter() - start)
                samples = meter.samples["inversion"]
                one, other = picture(network.decode(back)), picture(network.decode(photo))
                found.append(psnr(one, other))
                alike.append(ssim(one, other))
            apart = [one for one in found if np.isfinite(one)]
            equal = f" ({len(found) - len(apart)} equal)" if 0 < len(apart) < len(found) else ""
            mean = f"{np.mean(apart):.1f} dB{equal}" if apart else "equal"
            print(
                f"| {name} | {scale:g} | {mean} | {np.mean(alike):.3f} | {samples} | {np.median(seconds):.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
