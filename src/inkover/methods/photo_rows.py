"""The photo's own rows of a pinned walk, asked beforehand: with them an edit asks the network only about the change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor

from inkover.attention.call import Row, Site
from inkover.attention.memory import Memory, remembered
from inkover.diffusion.level import At, Prediction
from inkover.inversions import noise_maps
from inkover.inversions.contract import Inversion, Subject
from inkover.inversions.track import Track
from inkover.methods.contract import Task, Tensors

ROW = "source"
WORDS = "words"  # the keys of a text, which are the same in each step


def kept(task: Task, inversion: Inversion, knobs: object, track: Track, largest: int) -> Tensors:
    """Return what each step sees of the photo: queries and keys of all cross-attention, and of self-attention on grids
    of up to ``largest`` positions; by name, (steps, heads, tokens, width), and (1, heads, tokens, width) of a text.

    All latents of a track are known, so that the network is asked about several at a time. They are remembered beside
    the track, for the photo's next edit.
    """
    subject = Subject(task.model, task.photo, task.source, track.levels, task.seed, tell=task.watch.step)
    part = f"rows up to {largest}"
    found = task.tracks.recall(inversion, knobs, subject, part)
    if found is None:
        with task.watch.stage("inversion", len(track.levels) - 1):
            found = asked(subject, track, largest)
        task.tracks.keep(inversion, knobs, subject, found, part)
    return found


def asked(subject: Subject, track: Track, largest: int) -> dict[str, Tensor]:
    """Ask about the photo at every level; the tensors, which may be gigabytes, are on the CPU."""
    model, most = subject.model, noise_maps.together(subject.model, 1)
    text = model.text(subject.source)
    noted = defaultdict[str, list[Tensor]](list)

    def note(site: Site, rows: Mapping[str, Row]) -> None:
        row, words = rows[ROW], site.kind == "cross"
        noted[f"{site.name}.q"].append(row.q.cpu())
        if not words or f"{site.name}.{WORDS}" not in noted:
            noted[f"{site.name}.{WORDS if words else 'k'}"].append((row.k[:1] if words else row.k).cpu())

    def wants(site: Site) -> bool:
        return site.kind == "cross" or site.grid[0] * site.grid[1] <= largest

    def network(x: Tensor, at: At) -> Prediction:
        return model.predict(x, at, {ROW: text}, remembered(note, (ROW,), wants))

    for answers in noise_maps.asked(network, track.latents[:-1], track.levels[:-1], most):
        for _ in answers:
            subject.tell()
    return {name: torch.cat(parts) for name, parts in noted.items()}


def seen(found: Tensors, step: int, device: torch.device) -> Memory:
    """Return what one step sees of the photo."""
    sites = dict.fromkeys(name.rpartition(".")[0] for name in found)
    queries = {site: found[f"{site}.q"][step : step + 1] for site in sites}
    keys = {site: found.get(f"{site}.{WORDS}") for site in sites}
    own = {site: found[f"{site}.k"][step : step + 1] if key is None else key for site, key in keys.items()}
    return {site: {ROW: Row(queries[site].to(device), own[site].to(device))} for site in sites}
