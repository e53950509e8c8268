"""``inkover mask``: the automatic mask alone."""

from __future__ import annotations

import time
from pathlib import Path

from inkover.app import asked, config, files, loading, progress, report, request
from inkover.app.meter import Meter
from inkover.app.request import Ask, Engine, Manner
from inkover.errors import InkoverError
from inkover.masks.files import write_mask


def run(ask: Ask, engine: Engine, manner: Manner, output: Path, force: bool) -> None:
    """Do the whole command."""
    start = time.perf_counter()
    defaults = config.defaults()
    wish = request.wish(ask, looking=True)
    if wish.method.find_mask is None:
        raise InkoverError(f"method {wish.method.name!r} finds no mask: choose one that does, {asked.finders()}")
    files.check_side_output(output, "-o", ".png", [ask.photo], force)
    with progress.shown(manner.quiet) as show:
        meter = Meter(show)
        meter.seconds["photo"] += time.perf_counter() - start
        editor = loading.editor(engine, defaults, None, show)
        loading.say_small_world(editor, manner)
        found = editor.look(wish, meter)
    start = time.perf_counter()
    write_mask(found.mask, output)
    row = report.mask_row(found, output)
    row["seconds"]["photo"] = round(row["seconds"]["photo"] + time.perf_counter() - start, 4)
    for text in found.warnings:
        manner.warn(text)
    report.say_mask(row, manner)
