"""The one training loop: it resumes where it was stopped, keeps a running average of the weights, and never pickles."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)
Loss = Callable[[int, np.random.Generator], Tensor]


@dataclass(frozen=True)
class Run:
    """How long and how fast to train. ``minutes`` ends this run early; a later run goes on to ``steps``."""

    folder: Path
    steps: int
    rate: float
    minutes: float = 1e9
    device: str = "cpu"
    warmup: int = 100
    average: float = 0.999  # of the running average of the weights
    decay: float = 0.01
    every: int = 50  # steps between lines of the log
    floor: float = 0.03  # of the rate, at the end

    def rate_at(self, step: int) -> float:
        """Return the learning rate: a linear rise, then half a cosine down."""
        rise = min((step + 1) / self.warmup, 1.0)
        fall = 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1.0)))
        return self.rate * rise * max(fall, self.floor)


def fit(name: str, net: Net, loss: Loss, run: Run, rates: dict[str, float] | None = None) -> Net:
    """Train ``net`` (already on its device) to the end of the run and return its running average.

    ``loss(step, rng)`` gets a generator that belongs to the step, so that a resumed run draws what an unbroken one
    would have drawn. ``rates`` scales the rate of the parameters whose name starts with a key.
    """
    parameters = {k: p for k, p in net.named_parameters() if p.requires_grad}
    optimiser = torch.optim.AdamW(_groups(parameters, run, rates or {}), lr=run.rate, betas=(0.9, 0.99))
    average = {k: p.detach().float().clone() for k, p in parameters.items()}
    step = _resume(run.folder / f"{name}.safetensors", parameters, average, optimiser)
    began, seen, said = time.monotonic(), [], step
    saved = began
    while step < run.steps and time.monotonic() - began < 60 * run.minutes:
        for group in optimiser.param_groups:
            group["lr"] = run.rate_at(step) * group["scale"]
        value = loss(step, np.random.default_rng([step, 4711]))
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(list(parameters.values()), 1.0)
        optimiser.step()
        keep = min(run.average, (step + 1) / (step + 10))
        for k, p in parameters.items():
            average[k].lerp_(p.detach().float(), 1 - keep)
        seen.append(value.detach())
        step += 1
        if step - said >= run.every:
            mean, minutes = float(torch.stack(seen).mean()), (time.monotonic() - began) / 60
            line = {"stage": name, "step": step, "loss": round(mean, 5), "minutes": round(minutes, 1)}
            print(json.dumps(line), flush=True)
            seen, said = [], step
        if time.monotonic() - saved > 240:
            _save(run.folder / f"{name}.safetensors", parameters, average, optimiser, step)
            saved = time.monotonic()
    _save(run.folder / f"{name}.safetensors", parameters, average, optimiser, step)
    with torch.no_grad():
        for k, p in parameters.items():
            p.copy_(average[k])
    return net.eval()


def restore(name: str, net: nn.Module, folder: Path) -> int:
    """Load the running average of a stage into a net and return its step; 0 where there is none."""
    path = folder / f"{name}.safetensors"
    if not path.exists():
        return 0
    state = load_file(path)
    with torch.no_grad():
        for k, p in net.named_parameters():
            if f"average.{k}" in state:
                p.copy_(state[f"average.{k}"])
    return int(state["step"])


def _groups(parameters: dict[str, nn.Parameter], run: Run, rates: dict[str, float]) -> list[dict[str, object]]:
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, p in parameters.items():
        scale = next((r for prefix, r in rates.items() if name.startswith(prefix)), 1.0)
        groups.setdefault((scale, run.decay if p.ndim > 1 else 0.0), []).append(p)
    return [{"params": ps, "scale": scale, "weight_decay": decay} for (scale, decay), ps in groups.items()]


def _save(
    path: Path,
    parameters: dict[str, nn.Parameter],
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    step: int,
) -> None:
    """Write everything that the next step depends on, then rename: a killed run leaves the last whole file."""
    state = {"step": torch.tensor(step)}
    for k, p in parameters.items():
        state[f"weight.{k}"] = p.detach().contiguous()
        state[f"average.{k}"] = average[k].contiguous()
        for field, value in optimiser.state.get(p, {}).items():
            state[f"adam.{field}.{k}"] = torch.as_tensor(value).contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file({k: v.clone() for k, v in state.items()}, part)
    part.rename(path)


def _resume(
    path: Path, parameters: dict[str, nn.Parameter], average: dict[str, Tensor], optimiser: torch.optim.Optimizer
) -> int:
    if not path.exists():
        return 0
    state = load_file(path)
    with torch.no_grad():
        for k, p in parameters.items():
            p.copy_(state[f"weight.{k}"])
            average[k].copy_(state[f"average.{k}"])
            fields = ("step", "exp_avg", "exp_avg_sq")
            optimiser.state[p] = {f: state[f"adam.{f}.{k}"].to(p.device if f != "step" else "cpu") for f in fields}
    return int(state["step"])
