"""What a kind of model is: its parts by diffusers' names for them, what they must say of themselves, its adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError

if TYPE_CHECKING:
    import torch

    from inkover.models.contract import Model

Config = Mapping[str, Any]

SUPPORTED = "Stable Diffusion 1.x, 2.x, XL and 3, and Flux"

Classes = Mapping[str, tuple[str, ...]]
"""Parts, and the classes of diffusers or transformers that each may have, the usual one first."""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model, or one model of it: then without the parts that this one comes without."""

    name: str
    denoiser: str  # the part that is asked at every level
    networks: Classes
    tokenizers: Classes
    check: Callable[
        [str, Mapping[str, Config]], None
    ]  # the model's name, its configurations -> InkoverError or nothing
    module: str  # whose ADAPTER makes a model of the parts
    optional: tuple[str, ...] = ()  # the parts that a model may come without
    told_by: str = ""  # the part by which it differs from a family with the same denoiser, and before which it is asked

    @property
    def parts(self) -> Classes:
        """Return the networks and the tokenizers; the scheduler may have any class."""
        return {**self.networks, **self.tokenizers}


@dataclass(frozen=True, slots=True)
class Adapter:
    """How loaded parts become a model."""

    scheduler: Callable[[str, Config], Any]  # the model's name, the scheduler's configuration -> what it says
    gathered: Callable[[Mapping[str, Any]], Any]  # the parts by name -> as the adapter holds them
    placed: Callable[[Any, torch.device, torch.dtype], Any]  # gathered parts -> the same, moved and still
    model: Callable[[str, Any, Any, str], Model]  # name, gathered parts, what the scheduler says, fingerprint


def adapter(family: Family) -> Adapter:
    """Load a family's adapter, and torch with it."""
    found: Adapter = import_module(family.module).ADAPTER
    return found


def stem_of(part: str) -> str:
    """Return the stem of the file names that a network's weights have."""
    return "model" if part.startswith("text_encoder") else "diffusion_pytorch_model"


def check_plain(name: str, part: str, config: Config) -> None:
    """Raise an InkoverError when a configuration asks for code of its own or for quantised weights."""
    if "auto_map" in config:
        raise InkoverError(
            f"{name}: its {part} asks for code of its own (auto_map), which is never run: use a plain model"
        )
    if config.get("quantization_config") is not None:
        raise InkoverError(f"{name}: its {part} is quantised: use the model's float16 or float32 weights")


def foreign(name: str, reason: str) -> InkoverError:
    """Return the error for a model that is none of ours."""
    return InkoverError(f"{name} cannot be used yet, because {reason}; what can be used: {SUPPORTED}")
