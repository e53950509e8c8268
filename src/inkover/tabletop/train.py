"""Train the embedded model from nothing: ``python -m inkover.tabletop.train STAGE --folder FOLDER``.

The stages, in order: render, autoencoder, latents, clip, unet, align, probe, export. Each resumes where it was stopped;
take makes checkpoints of a model folder, to train further where the others are lost.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

STAGES = ("render", "autoencoder", "latents", "clip", "unet", "align", "probe", "export", "take")
TRAINED = ("autoencoder", "clip", "unet", "align", "probe")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m inkover.tabletop.train", description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--folder", type=Path, default=Path("tabletop-training"), help="photos, latents, checkpoints")
    parser.add_argument("--count", type=int, default=20_000, help="photos to render or to use")
    parser.add_argument("--first", type=int, default=0, help="first photo to render (render only)")
    parser.add_argument("--steps", type=int, help="length of the whole schedule, over all runs")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop this run after so long; run again to go on")
    parser.add_argument("--batch", type=int, help="examples a step")
    parser.add_argument("--rate", type=float, help="highest learning rate")
    parser.add_argument("--window", type=int, default=32, help="latent cells a side that the unet sees (16: quarters)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="cores to use")
    parser.add_argument("--workers", type=int, default=1, help="processes that train together, each with its threads")
    parser.add_argument("--to", type=Path, help="the model folder that export writes and take reads")
    return parser.parse_args()


def main() -> None:
    """Run one stage."""
    asked = _arguments()
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    if asked.workers > 1:
        if asked.stage not in TRAINED or asked.device != "cpu":
            raise SystemExit(f"--workers is for training on cpu: {', '.join(TRAINED)}; leave it out for {asked.stage}")
        _together(asked)
    else:
        _stage(asked)


def _stage(asked: argparse.Namespace) -> None:
    import torch

    from inkover.tabletop.training import stages

    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    getattr(stages, asked.stage)(asked)


def _together(asked: argparse.Namespace) -> None:
    """Start the workers, which meet through a file."""
    from torch.multiprocessing.spawn import spawn

    with tempfile.TemporaryDirectory() as folder:
        spawn(_worker, (asked, Path(folder) / "meeting"), asked.workers)  # type: ignore[no-untyped-call]


def _worker(number: int, asked: argparse.Namespace, meeting: Path) -> None:
    from torch import distributed

    distributed.init_process_group("gloo", f"file://{meeting}", rank=number, world_size=asked.workers)
    _stage(asked)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
