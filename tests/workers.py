"""What a test runs in processes of its own, which must find it by a name that they can import."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed, nn

from inkover.tabletop.training.loop import Run, fit


def together(worker: int, meeting: str, folder: Path) -> None:
    """Train one of two workers and leave its weights behind."""
    distributed.init_process_group("gloo", f"file://{meeting}", rank=worker, world_size=2)
    torch.manual_seed(0)
    net = nn.Linear(4, 2)

    def draw(rng: np.random.Generator) -> Tensor:
        return torch.from_numpy(rng.standard_normal((8, 4), np.float32))

    run = Run(folder, 20, 0.05, warmup=2, worker=worker, workers=2, meet=5, average=0.0)
    fit("line", net, draw, lambda x: (net(x) - x[:, :2]).square().mean(), run)
    np.save(folder / f"{worker}.npy", net.weight.detach().numpy())
    distributed.destroy_process_group()
