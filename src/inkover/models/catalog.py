"""What models there are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inkover.errors import InkoverError
from inkover.models.store import bundled, read_lock, root

BUNDLED = ("tabletop",)


@dataclass(frozen=True, slots=True)
class Entry:
    """One model that can be asked for by name."""

    name: str  # what to give as --model
    kind: Literal["bundled", "hub"]
    folder: Path
    present: bool  # all of it is there


def listing() -> list[Entry]:
    """List the models that come with the package and those got from the hub, by name."""
    own = [Entry(name, "bundled", folder, _is_whole(folder)) for name in BUNDLED if (folder := bundled(name))]
    return own + sorted(_got(), key=lambda entry: entry.name)


def _got() -> list[Entry]:
    folders = [path for path in root().glob("*--*") if path.is_dir()]
    return [_entry(folder) for folder in folders]


def _entry(folder: Path) -> Entry:
    name = folder.name.replace("--", "/", 1)
    try:
        lock = read_lock(folder)
    except InkoverError:
        lock = None
    present = lock is not None and all((folder / file).is_file() for file in lock.files)
    return Entry(lock.hub_id if lock else name, "hub", folder, present)


def _is_whole(folder: Path) -> bool:
    return (folder / "model_index.json").is_file()
