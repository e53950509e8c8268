"""``inkover mask``: the automatic mask alone."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from inkover import photo
from inkover.app import asked, config, files, loading, progress, report, request, where
from inkover.app.flow import Wish
from inkover.app.meter import Meter
from inkover.app.request import Ask, Engine, Manner
from inkover.errors import InkoverError
from inkover.masks.files import write_mask


def run(ask: Ask, engine: Engine, manner: Manner, output: Path, force: bool) -> None:
    """Do the whole command."""
    start = time.perf_counter()
    defaults = config.defaults()
    wish = _wish(ask)
    if wish.method.find_mask is None:
        raise InkoverError(f"method {wish.method.name!r} finds no mask: choose one that does, {asked.finders()}")
    # a mask in words is one, whatever it is made from
    targets = _targets(output, 0 if wish.where else len(wish.edits), [ask.photo, *wish.mask_files()], force)
    with progress.shown(manner.quiet) as show:
        meter = Meter(show)
        meter.seconds["photo"] += time.perf_counter() - start
        editor = loading.editor(engine, defaults, None, show)
        loading.say_small_world(editor, manner)
        found = editor.look(wish, meter)
    start = time.perf_counter()
    if found.each:
        _made(output)
    with files.together() as put:
        for path, mask in zip(targets, found.each or (found.mask,), strict=False):
            put(path, partial(write_mask, mask))
        if found.each:
            put(targets[-1], found.save_overlay)
    row = report.mask_row(found, output, targets[:-1])
    row["seconds"]["photo"] = round(row["seconds"]["photo"] + time.perf_counter() - start, 4)
    for text in found.warnings:
        manner.warn(text)
    report.say_mask(row, manner)


def _wish(ask: Ask) -> Wish:
    """Return what is to be looked for: where a method would edit, or a mask in words."""
    place = where.read(ask.mask)
    asked.check_place(ask.mask, place, ask.to is not None or bool(ask.change))
    if place is None or place.finds:
        return request.wish(ask, looking=True)
    asked.check_idle(ask.method, {name: value for name, value in ask.named.items() if value is not None})
    if ask.knobs:
        raise InkoverError("--set has no effect on a mask in words without found: leave it out")
    idle = ["--from"] * bool(ask.source) + ["--seed"] * (ask.seed is not None)
    if idle and not place.asks:
        raise InkoverError(f"{idle[0]} has no effect on a mask of files and boxes: leave it out")
    opened = photo.read(ask.photo, ask.max_pixels)
    return asked.place_wish(opened, ask.source or "", place, ask.seed or 0, ask.grow or 0.0, ask.feather)


def _made(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InkoverError(f"cannot make the folder {folder} ({error.strerror}): give another with -o") from None


def _targets(output: Path, edits: int, taken: list[Path], force: bool) -> list[Path]:
    """Return the file of the mask, or, of several edits, those of all masks and of the overlay, in a folder."""
    if not edits:
        files.check_side_output(output, "-o", ".png", taken, force)
        return [output]
    if output.suffix and not output.is_dir():
        raise InkoverError(f"-o {output} is one file, and there is a mask for each edit: give a folder, -o masks/")
    files.check_folder(output, "-o")
    targets = [output / f"{number}.png" for number in range(1, edits + 1)] + [output / "overlay.png"]
    if output.is_dir():
        for target in targets:
            files.check_side_output(target, "-o", ".png", taken, force)
    return targets
