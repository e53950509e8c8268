"""Load a model: by name, from a folder, from a single file, from what was got from the hub, or around live networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError, nearest
from inkover.models.catalog import listing
from inkover.models.family import adapter
from inkover.models.fingerprint import hash_of_hashes
from inkover.models.folder import PICKLES, Layout, file_hashes, read_layout
from inkover.models.place import place
from inkover.models.quiet import quiet
from inkover.models.reading import read_parts
from inkover.models.single_file import load_file
from inkover.models.store import HUB_ID, LOCK, bundled, hub_folder, read_lock
from inkover.models.wrapped import wrap

if TYPE_CHECKING:
    import torch

    from inkover.models.contract import Model


def load(
    spec: Any,
    *,
    device: str = "auto",
    dtype: str | None = None,
    config: Path | str | None = None,
) -> Model:
    """Load a model, ready to be asked.

    ``spec`` is a name ("tabletop"), a folder in the diffusers layout, a .safetensors file, a hub id that was got
    before, a diffusers pipeline, or a mapping with its components. ``dtype`` is that of the network that is asked at
    every level: float32 unless said otherwise; the others stay in float32, all but a T5 beside half precision. Live
    networks are taken as and where they are. ``config`` is a folder in the diffusers layout that describes a single
    file; its weights are not needed.
    """
    if not isinstance(spec, (str, Path)):
        return wrap(spec, device=device, dtype=dtype)
    where, numbers = place(device, dtype or "float32")
    name, path = find(spec)
    if path.is_file():
        return load_file(name, path, Path(config).expanduser() if config else None, where, numbers)
    if config is not None:
        raise InkoverError(f"{name} is a folder, which describes itself: leave --config out")
    return load_folder(name, path, where, numbers)


def find(spec: str | Path) -> tuple[str, Path]:
    """Return a model's name and the file or folder that holds it; InkoverError when there is none."""
    name = str(spec)
    own = bundled(name) if isinstance(spec, str) else None
    if own is not None:
        if not own.is_dir():
            raise InkoverError(f"{name}: its weights are not in this installation ({own}); install Inkover again")
        return name, own
    path = Path(spec).expanduser()
    if path.exists():
        return name, path
    if isinstance(spec, Path) or looks_like_path(name):
        raise InkoverError(f"no such model file or folder: {name}")
    if not HUB_ID.fullmatch(name):
        raise InkoverError(f"unknown model {name!r}: {nearest(name, [entry.name for entry in listing()])}")
    folder = hub_folder(name)
    if not (folder / LOCK).is_file():
        raise InkoverError(f"{name} is not on this machine: type `inkover models get {name}`, or give a model folder")
    return name, folder


def is_path(spec: str) -> bool:
    """Tell whether a spec names a file or a folder, not a model that has a name of its own."""
    return bundled(spec) is None and (looks_like_path(spec) or Path(spec).expanduser().exists())


def looks_like_path(name: str) -> bool:
    """Tell whether a spec is written as a path, whether or not there is anything."""
    return name.startswith((".", "/", "~", "\\")) or name.endswith((".safetensors", *PICKLES)) or name.count("/") > 1


def load_folder(name: str, folder: Path, device: torch.device, dtype: torch.dtype) -> Model:
    """Load a model from a folder in the diffusers layout, safetensors only."""
    layout = read_layout(name, folder)
    family = adapter(layout.family)
    schedule = family.scheduler(name, layout.configs["scheduler"])
    hashes = file_hashes(layout)
    _check_lock(layout, hashes)
    with quiet():
        parts = family.placed(family.gathered(read_parts(layout, dtype)), device, dtype)
    return family.model(name, parts, schedule, hash_of_hashes(hashes))


def _check_lock(layout: Layout, hashes: Mapping[str, str]) -> None:
    """Raise an InkoverError when files that the hub gave are no longer what they were."""
    lock = read_lock(layout.folder)
    if lock is None:
        return
    changed = [file for file, digest in hashes.items() if lock.files.get(file) != digest]
    if changed:
        again = f"type `inkover models get {lock.hub_id}` to mend it"
        raise InkoverError(f"{layout.name}: {changed[0]} is not the file that was got from the hub: {again}")
