"""Where models live on this machine, and the lock file that says what a model got from the hub is made of."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inkover.errors import InkoverError

LOCK = "inkover.lock.json"
HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Lock:
    """What was got: the hub id, the commit that it is pinned to, and the SHA-256 of each file."""

    hub_id: str
    revision: str
    files: Mapping[str, str]  # path inside the folder -> SHA-256, hex


def root() -> Path:
    """Return the folder that models are kept in: ``INKOVER_MODELS``, or one below the platform's user data folder."""
    import platformdirs

    asked = os.environ.get("INKOVER_MODELS")
    return Path(asked).expanduser() if asked else platformdirs.user_data_path("inkover", appauthor=False) / "models"


def bundled(name: str) -> Path | None:
    """Return the folder of a model that comes with the package, or None for any other name."""
    return Path(__file__).parent.parent / "tabletop" / "weights" if name == "tabletop" else None


def hub_folder(hub_id: str) -> Path:
    """Return where a model of the hub is, or will be."""
    if not HUB_ID.fullmatch(hub_id) or ".." in hub_id or "--" in hub_id:
        raise InkoverError(f"{hub_id!r} is not a hub id: it is written OWNER/NAME")
    return root() / hub_id.replace("/", "--")


def read_lock(folder: Path) -> Lock | None:
    """Read a folder's lock file; None where there is none; InkoverError when it is damaged."""
    try:
        table = json.loads((folder / LOCK).read_text(encoding="utf-8"))
        return Lock(table["hub_id"], table["revision"], dict(table["files"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as problem:
        raise InkoverError(f"{folder / LOCK} is damaged: delete {folder} and get the model again") from problem


def write_lock(folder: Path, lock: Lock) -> None:
    """Write a folder's lock file."""
    table = {"hub_id": lock.hub_id, "revision": lock.revision, "files": dict(sorted(lock.files.items()))}
    (folder / LOCK).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
