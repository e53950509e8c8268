"""A model around live networks: a diffusers pipeline, or its components. Nothing of theirs is changed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.models.fingerprint import live_hash
from inkover.models.place import check_half
from inkover.models.supported import CLASSES, SUPPORTED, Config, check_configs

if TYPE_CHECKING:
    from inkover.models.stable_diffusion import Parts, StableDiffusion

NETWORKS = ("unet", "vae", "text_encoder")


def wrap(pipeline: Any, *, device: str = "auto", dtype: str | None = None) -> StableDiffusion:
    """Wrap a diffusers pipeline, or a mapping with its components, as and where it is.

    A device or dtype that differs from theirs is an InkoverError: moving them would change the caller's pipeline.
    """
    from inkover.models.scheduler import scheduler
    from inkover.models.stable_diffusion import Parts, stable_diffusion

    name, components = _components(pipeline)
    _check_kinds(name, components)
    configs = {part: _config(components[part]) for part in (*NETWORKS, "scheduler")}
    check_configs(name, configs["unet"], configs["vae"], configs["text_encoder"])
    _check_state(name, components, device, dtype)
    schedule = scheduler(name, configs["scheduler"])
    parts = Parts(components["unet"], _safe(components["vae"]), components["text_encoder"], components["tokenizer"])
    return stable_diffusion(name, parts, schedule, _fingerprint(parts, configs))


def _components(pipeline: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(pipeline, Mapping):
        return "components", pipeline
    components = getattr(pipeline, "components", None)
    if not isinstance(components, Mapping):
        forms = "a name, a folder, a file, a hub id, a diffusers pipeline or its components"
        raise InkoverError(f"a model is given as {forms}, not as {type(pipeline).__name__}")
    return type(pipeline).__name__, components


def _check_kinds(name: str, components: Mapping[str, Any]) -> None:
    import diffusers
    import transformers

    known = (*CLASSES, "scheduler")
    missing = [part for part in known if components.get(part) is None]
    if missing:
        raise InkoverError(f"{name} has no {missing[0]}: give unet, vae, text_encoder, tokenizer and scheduler")
    if components.get("text_encoder_2") is not None or components.get("transformer") is not None:
        raise InkoverError(f"{name} cannot be used yet, because it has further networks; what can be used: {SUPPORTED}")
    homes = {"unet": diffusers, "vae": diffusers, "text_encoder": transformers, "tokenizer": transformers}
    for part, home in homes.items():
        kinds = tuple(getattr(home, kind) for kind in CLASSES[part] if hasattr(home, kind))
        if not isinstance(components[part], kinds):
            kind = type(components[part]).__name__
            raise InkoverError(f"{name}: its {part} is of class {kind}, expected {CLASSES[part][0]} ({SUPPORTED})")


def _check_state(name: str, components: Mapping[str, Any], device: str, dtype: str | None) -> None:
    networks = {part: components[part] for part in NETWORKS}
    training = [part for part, network in networks.items() if network.training]
    if training:
        raise InkoverError(f"{name}: its {training[0]} is in training mode: call .eval() on it first")
    places = {part: str(network.device) for part, network in networks.items()}
    if len(set(places.values())) > 1 or "meta" in places.values():
        raise InkoverError(
            f"{name} is spread over devices ({places}): move it to one with .to(...), without offloading"
        )
    here, numbers = places["unet"], str(networks["unet"].dtype).removeprefix("torch.")
    if device not in ("auto", here, here.partition(":")[0]):
        raise InkoverError(f"{name} is on {here}, not on {device}: move it there first with .to({device!r})")
    if dtype not in (None, numbers):
        raise InkoverError(f"{name} computes in {numbers}, not in {dtype}: convert it first, or give dtype={numbers!r}")
    check_half(here.partition(":")[0], numbers)


def _safe(vae: Any) -> Any:
    """Return an autoencoder that cannot overflow: itself, or a float32 copy of a float16 one."""
    import torch

    return deepcopy(vae).float() if vae.dtype == torch.float16 else vae


def _fingerprint(parts: Parts, configs: Mapping[str, Config]) -> str:
    networks = {"unet": parts.unet, "vae": parts.vae, "text_encoder": parts.text_encoder}
    words = {f"{part}/config": repr(sorted(_plain(config).items())) for part, config in configs.items()}
    vocabulary = repr(sorted(parts.tokenizer.get_vocab().items()))
    return live_hash(networks, {**words, "tokenizer": vocabulary})


def _config(component: Any) -> Config:
    config = component.config
    return config if isinstance(config, Mapping) else config.to_dict()


def _plain(config: Config) -> dict[str, Any]:
    """Leave out what says where a network came from and not what it is."""
    return {key: value for key, value in config.items() if not key.startswith("_") and "version" not in key}
