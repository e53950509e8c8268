"""The one training loop: it resumes where it was stopped, keeps a running average of the weights, and never pickles."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)
Batch = TypeVar("Batch")


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


@dataclass(frozen=True)
class State:
    """All that a step changes: weights, their running average, and the optimiser's memory."""

    parameters: dict[str, nn.Parameter]
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer

    @staticmethod
    def of(net: nn.Module, run: Run) -> State:
        """Return the state at the beginning; biases and gains do not decay."""
        parameters = {k: p for k, p in net.named_parameters() if p.requires_grad}
        groups = [
            {"params": [p for p in parameters.values() if p.ndim > 1], "weight_decay": run.decay},
            {"params": [p for p in parameters.values() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        average = {k: p.detach().float().clone() for k, p in parameters.items()}
        return State(parameters, average, torch.optim.AdamW(groups, lr=run.rate, betas=(0.9, 0.99)))

    def step(self, value: Tensor, number: int, run: Run) -> None:
        """Take one step down the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = run.rate_at(number)
        self.optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(list(self.parameters.values()), 1.0)
        self.optimiser.step()
        keep = min(run.average, (number + 1) / (number + 10))
        with torch.no_grad():
            for k, p in self.parameters.items():
                self.average[k].lerp_(p.float(), 1 - keep)

    def save(self, path: Path, step: int) -> None:
        """Write everything that the next step depends on, then rename: a killed run leaves the last whole file."""
        state = {"step": torch.tensor(step)}
        for k, p in self.parameters.items():
            state[f"weight.{k}"] = p.detach()
            state[f"average.{k}"] = self.average[k]
            for field, value in self.optimiser.state.get(p, {}).items():
                state[f"adam.{field}.{k}"] = torch.as_tensor(value)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        save_file({k: v.contiguous().clone() for k, v in state.items()}, part)
        part.rename(path)

    def resume(self, path: Path) -> int:
        """Load what was saved and return the number of the next step; 0 where nothing was."""
        if not path.exists():
            return 0
        state = load_file(path)
        with torch.no_grad():
            for k, p in self.parameters.items():
                p.copy_(state[f"weight.{k}"])
                self.average[k].copy_(state[f"average.{k}"])
                fields = ("step", "exp_avg", "exp_avg_sq")
                known = {f: state[f"adam.{f}.{k}"] for f in fields}
                self.optimiser.state[p] = {f: v if f == "step" else v.to(p.device) for f, v in known.items()}
        return int(state["step"])


def fit(
    name: str, net: Net, draw: Callable[[np.random.Generator], Batch], loss: Callable[[Batch], Tensor], run: Run
) -> Net:
    """Train ``net`` (already on its device) to the end of the run and return its running average.

    ``draw`` gets a generator that belongs to the step, so that a resumed run draws what an unbroken one would have
    drawn; it works one step ahead of the network, in a thread.
    """
    state, path, began = State.of(net, run), run.folder / f"{name}.safetensors", time.monotonic()
    step, seen, saved = state.resume(path), list[Tensor](), began
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(draw, _chance(step))
        while step < run.steps and time.monotonic() - began < 60 * run.minutes:
            batch, coming = coming.result(), ahead.submit(draw, _chance(step + 1))
            value = loss(batch)
            state.step(value, step, run)
            step, seen = step + 1, [*seen, value.detach()]
            if len(seen) == run.every:
                _say(name, step, seen, began)
                seen = []
            if time.monotonic() - saved > 240:
                state.save(path, step)
                saved = time.monotonic()
    state.save(path, step)
    with torch.no_grad():
        for k, p in state.parameters.items():
            p.copy_(state.average[k])
    return net.eval()


def _chance(step: int) -> np.random.Generator:
    return np.random.default_rng([step, 4711])


def _say(name: str, step: int, seen: list[Tensor], began: float) -> None:
    mean, minutes = float(torch.stack(seen).mean()), (time.monotonic() - began) / 60
    print(json.dumps({"stage": name, "step": step, "loss": round(mean, 5), "minutes": round(minutes, 1)}), flush=True)


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
