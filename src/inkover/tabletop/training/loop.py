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
from torch import Tensor, distributed, nn

from inkover.tabletop.training.muon import Muon

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
    worker: int = 0  # which of the processes that train together this is
    workers: int = 1
    meet: int = 10  # steps between the averages that the workers take of their weights

    def rate_at(self, step: int) -> float:
        """Return the learning rate: a linear rise, then half a cosine down."""
        rise = min((step + 1) / self.warmup, 1.0)
        fall = 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1.0)))
        return self.rate * rise * max(fall, self.floor)


@dataclass(frozen=True)
class State:
    """All that a step changes: weights, their running average, and the optimisers' memory."""

    parameters: dict[str, nn.Parameter]
    average: dict[str, Tensor]
    optimisers: list[torch.optim.Optimizer]

    @staticmethod
    def of(net: nn.Module, run: Run, matrices: Callable[[str], bool]) -> State:
        """Return the state at the beginning; weights named as matrices go by Muon, biases and gains do not decay."""
        parameters = {k: p for k, p in net.named_parameters() if p.requires_grad}
        whole = [p for k, p in parameters.items() if p.ndim > 1 and matrices(k)]
        known = {id(p) for p in whole}
        rest = [p for p in parameters.values() if id(p) not in known]
        groups = [
            {"params": [p for p in rest if p.ndim > 1], "weight_decay": run.decay},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
        ]
        average = {k: p.detach().float().clone() for k, p in parameters.items()}
        optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=run.rate, betas=(0.9, 0.99))]
        if whole:
            optimisers.append(Muon(whole, lr=run.rate, decay=run.decay))
        return State(parameters, average, optimisers)

    def step(self, value: Tensor, number: int, run: Run) -> None:
        """Take one step down the loss."""
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = run.rate_at(number)
            optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(list(self.parameters.values()), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        if run.workers > 1 and (number + 1) % run.meet == 0:
            self._meet(run)
        keep = min(run.average, (number + 1) / (number + 10))
        with torch.no_grad():
            for k, p in self.parameters.items():
                self.average[k].lerp_(p.float(), 1 - keep)

    @torch.no_grad()
    def _meet(self, run: Run) -> None:
        """Give every worker the mean of the workers' weights (local steps, Stich 2019)."""
        weights = list(self.parameters.values())
        flat = torch.cat([p.reshape(-1) for p in weights])
        distributed.all_reduce(flat)
        for p, mean in zip(weights, torch.split(flat / run.workers, [p.numel() for p in weights]), strict=True):
            p.copy_(mean.view(p.shape))

    def _memory(self, p: nn.Parameter) -> dict[str, Tensor]:
        """Return what the optimiser of a weight remembers of it."""
        return next((dict(o.state[p]) for o in self.optimisers if p in o.state), {})

    def save(self, path: Path, step: int) -> None:
        """Write everything that the next step depends on, then rename: a killed run leaves the last whole file."""
        state = {"step": torch.tensor(step)}
        for k, p in self.parameters.items():
            state[f"weight.{k}"] = p.detach()
            state[f"average.{k}"] = self.average[k]
            for field, value in self._memory(p).items():
                state[f"memory.{field}.{k}"] = torch.as_tensor(value)
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
        for optimiser in self.optimisers:
            fields = ("momentum",) if isinstance(optimiser, Muon) else ("step", "exp_avg", "exp_avg_sq")
            here = {id(p) for group in optimiser.param_groups for p in group["params"]}
            for k, p in self.parameters.items():
                if id(p) in here and f"memory.{fields[0]}.{k}" in state:
                    known = {f: state[f"memory.{f}.{k}"] for f in fields}
                    optimiser.state[p] = {f: v if f == "step" else v.to(p.device) for f, v in known.items()}
        return int(state["step"])


def fit(
    name: str,
    net: Net,
    draw: Callable[[np.random.Generator], Batch],
    loss: Callable[[Batch], Tensor],
    run: Run,
    matrices: Callable[[str], bool] = lambda name: False,
) -> Net:
    """Train ``net`` (already on its device) to the end of the run and return its running average.

    ``draw`` gets a generator that belongs to the step and the worker, so that a resumed run draws what an unbroken one
    would have drawn; it works one step ahead of the network, in a thread. ``matrices`` names the weights that Muon
    steps; AdamW steps the others.
    """
    state, path, began = State.of(net, run, matrices), run.folder / f"{name}.safetensors", time.monotonic()
    step, seen, saved = state.resume(path), list[Tensor](), began
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(draw, _chance(step, run.worker))
        while step < run.steps and not _over(step, began, run):
            batch, coming = coming.result(), ahead.submit(draw, _chance(step + 1, run.worker))
            value = loss(batch)
            state.step(value, step, run)
            step, seen = step + 1, [*seen, value.detach()]
            if run.worker == 0 and len(seen) == run.every:
                _say(name, step, seen, began)
                seen = []
            if run.worker == 0 and time.monotonic() - saved > 240:
                state.save(path, step)
                saved = time.monotonic()
    if run.worker == 0:
        state.save(path, step)
    with torch.no_grad():
        for k, p in state.parameters.items():
            p.copy_(state.average[k])
    return net.eval()


def _over(step: int, began: float, run: Run) -> bool:
    """Return whether this run's minutes are spent; workers ask when they meet, and agree."""
    spent = time.monotonic() - began >= 60 * run.minutes
    if run.workers == 1:
        return spent
    if step % run.meet:
        return False
    agreed = torch.tensor(float(spent))
    distributed.all_reduce(agreed)
    return bool(agreed > 0)


def _chance(step: int, worker: int) -> np.random.Generator:
    return np.random.default_rng([step, 4711 + worker])


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
