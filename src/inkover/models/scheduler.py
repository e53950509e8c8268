"""What a scheduler's configuration says: the noise table, the grid's offset, and how the network's answer is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from inkover.diffusion.level import Level, Prediction
from inkover.diffusion.schedule import Table, cumulative, scaled_linear
from inkover.errors import InkoverError

Answer = Callable[[Level, Tensor, Tensor], Prediction]

ANSWERS: Mapping[str, Answer] = {
    "epsilon": Level.from_eps,
    "v_prediction": Level.from_v,
    "sample": Level.from_x0,
}
"""How a network's raw answer is read, by the name that the configuration gives it."""

PURE_NOISE = 2.0**-24
"""The cumulative alpha that stands for none at all, as in diffusers: at 0 nothing can be divided by it."""


@dataclass(frozen=True, slots=True)
class Scheduler:
    """A noise schedule and the reading of a network trained on it."""

    table: Table  # cumulative alphas, one a training time
    offset: int  # added to every time of a leading grid
    read: Answer


def scheduler(name: str, config: Mapping[str, Any]) -> Scheduler:
    """Read a scheduler's configuration, whichever class wrote it; ``name`` is the model's, for the errors.

    InkoverError when the network's answer or the noise is of a kind that Stable Diffusion never had.
    """
    kind = config.get("prediction_type", "epsilon")
    if kind not in ANSWERS:
        raise InkoverError(f"{name}: its scheduler's prediction_type is {kind!r}, expected one of {', '.join(ANSWERS)}")
    table = cumulative(_betas(name, config))
    if config.get("rescale_betas_zero_snr"):
        table = _until_pure_noise(table)
    return Scheduler(table, int(config.get("steps_offset", 0)), ANSWERS[kind])


def _betas(name: str, config: Mapping[str, Any]) -> Table:
    if config.get("trained_betas") is not None:
        return np.asarray(config["trained_betas"], dtype=np.float64)
    shape, count = config.get("beta_schedule"), int(config.get("num_train_timesteps", 1000))
    start, end = float(config.get("beta_start", 0.0001)), float(config.get("beta_end", 0.02))
    if shape == "scaled_linear":
        return scaled_linear(start, end, count)
    if shape == "linear":
        return np.linspace(start, end, count, dtype=np.float64)
    if shape == "squaredcos_cap_v2":
        return _cosine(count)
    known = "scaled_linear, linear, squaredcos_cap_v2"
    raise InkoverError(f"{name}: its scheduler's beta_schedule is {shape!r}, expected one of {known}")


def _cosine(count: int) -> Table:
    """Return the betas of Nichol and Dhariwal 2021."""
    kept = np.cos((np.arange(count + 1) / count + 0.008) / 1.008 * np.pi / 2) ** 2
    betas: Table = np.minimum(1.0 - kept[1:] / kept[:-1], 0.999)
    return betas


def _until_pure_noise(table: Table) -> Table:
    """Stretch a table so that its last level holds no signal (Lin et al. 2023, algorithm 1)."""
    root = np.sqrt(table)
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    stretched: Table = np.maximum(root**2, PURE_NOISE)
    return stretched
