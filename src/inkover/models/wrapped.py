"""A model around live networks: a diffusers pipeline, or its components. Nothing of theirs is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.models.family import SUPPORTED, Config, Family, adapter
from inkover.models.fingerprint import live_hash
from inkover.models.index import OTHERS, having
from inkover.models.place import check_half
from inkover.models.supported import FAMILIES, STABLE_DIFFUSION, check_configs

if TYPE_CHECKING:
    from inkover.models.contract import Model


def wrap(pipeline: Any, *, device: str = "auto", dtype: str | None = None) -> Model:
    """Wrap a diffusers pipeline, or a mapping with its components, as and where it is.

    A device or dtype that differs from theirs is an InkoverError: moving them would change the caller's pipeline.
    """
    name, components = _components(pipeline)
    family = _check_kinds(name, components)
    configs = {part: _config(components[part]) for part in (*family.networks, "scheduler")}
    check_configs(name, configs, family)
    _check_state(name, components, family, device, dtype)
    found = adapter(family)
    schedule = found.scheduler(name, configs["scheduler"])
    held = {part: components[part] for part in family.parts} | {"vae": _safe(components["vae"])}
    return found.model(name, found.gathered(held), schedule, _fingerprint(held, configs, family))


def _components(pipeline: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(pipeline, Mapping):
        return "components", pipeline
    components = getattr(pipeline, "components", None)
    if not isinstance(components, Mapping):
        forms = "a name, a folder, a file, a hub id, a diffusers pipeline or its components"
        raise InkoverError(f"a model is given as {forms}, not as {type(pipeline).__name__}")
    return type(pipeline).__name__, components


def _check_kinds(name: str, components: Mapping[str, Any]) -> Family:
    """Return the family with the parts that these components have; InkoverError when they are of none."""
    there = {part for part, component in components.items() if component is not None}
    family = _family(components)
    if there & set(OTHERS) - family.parts.keys():
        raise InkoverError(f"{name} cannot be used yet, because it has further networks; what can be used: {SUPPORTED}")
    gone = set(family.optional) - there
    wanted = [part for part in family.parts if not (gone and part in family.optional)]
    missing = [part for part in (*wanted, "scheduler") if part not in there]
    if missing:
        raise InkoverError(f"{name} has no {missing[0]}: give {_listed((*wanted, 'scheduler'))}")
    for part in wanted:
        if not isinstance(components[part], _kinds(family.parts[part])):
            kind = type(components[part]).__name__
            raise InkoverError(f"{name}: its {part} is of class {kind}, expected {family.parts[part][0]} ({SUPPORTED})")
    return having(family, wanted)


def _family(components: Mapping[str, Any]) -> Family:
    """Return the family that has such a denoiser; what the components lack of it is told with the parts."""
    for family in FAMILIES:
        told = not family.told_by or components.get(family.told_by) is not None
        if told and isinstance(components.get(family.denoiser), _kinds(family.networks[family.denoiser])):
            return family
    return STABLE_DIFFUSION


def _kinds(classes: Iterable[str]) -> tuple[type, ...]:
    import diffusers
    import transformers

    homes = (diffusers, transformers)
    return tuple(getattr(home, kind) for home in homes for kind in classes if hasattr(home, kind))


def _listed(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}"


def _check_state(name: str, components: Mapping[str, Any], family: Family, device: str, dtype: str | None) -> None:
    networks = {part: components[part] for part in family.networks}
    training = [part for part, network in networks.items() if network.training]
    if training:
        raise InkoverError(f"{name}: its {training[0]} is in training mode: call .eval() on it first")
    places = {part: str(network.device) for part, network in networks.items()}
    if len(set(places.values())) > 1 or "meta" in places.values():
        raise InkoverError(
            f"{name} is spread over devices ({places}): move it to one with .to(...), without offloading"
        )
    here, numbers = places[family.denoiser], str(networks[family.denoiser].dtype).removeprefix("torch.")
    if device not in ("auto", here, here.partition(":")[0]):
        raise InkoverError(f"{name} is on {here}, not on {device}: move it there first with .to({device!r})")
    if dtype not in (None, numbers):
        raise InkoverError(f"{name} computes in {numbers}, not in {dtype}: convert it first, or give dtype={numbers!r}")
    check_half(here.partition(":")[0], numbers)


def _safe(vae: Any) -> Any:
    """Return an autoencoder that cannot overflow: itself, or a float32 copy of a float16 one."""
    import torch

    return deepcopy(vae).float() if vae.dtype == torch.float16 else vae


def _fingerprint(parts: Mapping[str, Any], configs: Mapping[str, Config], family: Family) -> str:
    networks = {part: parts[part] for part in family.networks}
    words = {f"{part}/config": repr(sorted(_plain(config).items())) for part, config in configs.items()}
    vocabularies = {part: repr(sorted(parts[part].get_vocab().items())) for part in family.tokenizers}
    return live_hash(networks, {**words, **vocabularies})


def _config(component: Any) -> Config:
    config = component.config
    return config if isinstance(config, Mapping) else config.to_dict()


def _plain(config: Config) -> dict[str, Any]:
    """Leave out what says where a network came from and not what it is."""
    return {key: value for key, value in config.items() if not key.startswith("_") and "version" not in key}
