"""``inkover models get HUB_ID``: with progress, and time left."""

from __future__ import annotations

import json as js

from inkover.app.progress import downloading
from inkover.models.hub import get
from inkover.models.store import read_lock


def run(hub_id: str, revision: str | None, variant: str, json: bool, quiet: bool) -> None:
    """Get a model, and say where it is, which commit it is pinned to, and how to use it."""
    with downloading(quiet) as told:
        folder = get(hub_id, revision=revision or "main", variant=variant, progress=told)
    lock = read_lock(folder)
    commit = lock.revision if lock else ""
    if json:
        print(js.dumps({"name": hub_id, "folder": str(folder), "revision": commit}))
    elif not quiet:
        print(f"{hub_id} at {commit[:12]} is in {folder}\nuse it: inkover edit PHOTO --to TEXT --model {hub_id}")
