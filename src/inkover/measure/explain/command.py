"""``inkover explain``: an edit is made and looked at, and a page is written that shows what happened in it."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from inkover import photo as photos
from inkover.app import config, edit_command, files, loading, progress, report
from inkover.app.editor import Editor
from inkover.app.flow import Mask, Wish
from inkover.app.meter import Counted, Meter
from inkover.app.onlooker import Onlooker, watched
from inkover.app.recipe import File
from inkover.app.request import Ask, Engine, Manner
from inkover.app.result import Result
from inkover.errors import InkoverError
from inkover.measure.explain import change, mask, walk, words
from inkover.measure.explain.contents import Aside, Page, Section
from inkover.measure.explain.page import page

SAVED = "--save-result"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is written, and how the command was typed."""

    page: Path
    result: Path | None  # the edited photo too
    force: bool
    mark: bool
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """An edit, and what is told of it."""

    result: Result
    page: Page
    aside: Aside


def run(ask: Ask, engine: Engine, wanted: Wanted, manner: Manner) -> None:
    """Do the whole command."""
    start = time.perf_counter()
    _check_mark(wanted)
    defaults = config.defaults()
    wish, given, file = edit_command.from_options(ask)
    _check(ask, wish, wanted)
    spent = time.perf_counter() - start
    with progress.shown(manner.quiet) as show:
        editor = loading.editor(engine, defaults, None, show)
        loading.say_small_world(editor, manner)
        typed = shlex.join(["inkover", *wanted.command])
        done = explained(editor, wish, given, file, Meter(show), typed, spent)
    _write(done, wanted)
    _say(done, wanted, manner)


def _check_mark(wanted: Wanted) -> None:
    """Refuse to leave a mark out of a photo that is not written."""
    if not wanted.mark and wanted.result is None:
        raise InkoverError(f"--no-mark has no effect without {SAVED}: leave it out, or add {SAVED} FILE")


def _check(ask: Ask, wish: Wish, wanted: Wanted) -> None:
    """Refuse files that cannot be written, before any work."""
    own = [Path(ask.mask)] if ask.mask is not None and wish.where is None else []
    used = [ask.photo, *own, *wish.mask_files()]
    if wanted.result is not None:
        edit_command.check_photo(used, wanted.result, wanted.force, SAVED)
        edit_command.check_alpha(wish, wanted.result, SAVED)
        used.append(wanted.result)
    files.check_side_output(wanted.page, "-o", ".html", used, wanted.force)


def explained(
    editor: Editor, wish: Wish, given: Mask | None, file: File | None, meter: Meter, command: str, spent: float = 0.0
) -> Explained:
    """Make an edit as ``Editor.fulfil`` does, and tell what happened in it."""
    onlooker = Onlooker(listening=editor.model.heard and not wish.windows)
    result = editor.fulfil(replace(wish, method=watched(wish.method, onlooker)), given, file, meter, spent)
    start, beside = time.perf_counter(), Counted(editor.model, Meter())
    with torch.no_grad():
        walked, decodes = walk.section(beside, wish, onlooker, result)
        looked = words.section(beside, wish, onlooker, result)
    changed, masked = change.changed(wish, result), mask.section(wish, onlooker, result)
    aside = Aside(sum(beside.meter.samples.values()), decodes, time.perf_counter() - start)
    cost = change.cost(result, aside, onlooker.listening)
    sections = (changed, walked, looked, masked, cost, change.settings(wish, result))
    return Explained(result, _page(wish, result, sections, command), aside)


def _page(wish: Wish, result: Result, sections: tuple[Section, ...], command: str) -> Page:
    record = result.record
    name = Path(record.photo.file).name if record.photo.file else "a photo"
    about = f"{name}, changed by the method {record.method} with the model {record.model.name}, seed {record.seed}. "
    return Page("; ".join(mask.names(wish)), about + wish.method.summary, sections, command)


def _write(done: Explained, wanted: Wanted) -> None:
    """Write the page, and the edited photo where it is wanted, as one."""
    result, content = done.result, page(done.page)
    with files.together() as put:
        if wanted.result is not None:
            put(wanted.result, lambda path: photos.write(result.photo, path, result.original, result.mask, wanted.mark))
        put(wanted.page, lambda path: photos.write_whole(path, content))


def _say(done: Explained, wanted: Wanted, manner: Manner) -> None:
    result = done.result
    for text in result.warnings:
        manner.warn(text)
    for text in result.notes:
        manner.note(text)
    row = report.row(result, wanted.page, None, None, result.seconds, None)
    if manner.json:
        aside = {"samples": done.aside.samples, "decodes": done.aside.decodes, "seconds": round(done.aside.seconds, 4)}
        saved = None if wanted.result is None else str(wanted.result)
        print(json.dumps(row | {"result": saved, "page": aside}))
        return
    report.say([row], manner)
