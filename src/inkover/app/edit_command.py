"""``inkover edit``: everything is checked, then the model is loaded, then photos are changed and written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from inkover import photo as photos
from inkover.app import asked, config, files, inputs, loading, plan, progress, report, request
from inkover.app.editor import Editor
from inkover.app.flow import Mask, Wish
from inkover.app.meter import Meter
from inkover.app.recipe import File, Recipe
from inkover.app.request import Ask, Engine, Files, Manner
from inkover.app.result import Result
from inkover.errors import InkoverError
from inkover.masks.files import write_mask

LARGEST = photos.LONGEST**2  # what was written was read before, whatever the limit was


@dataclass(frozen=True, slots=True)
class Targets:
    """The files of one variation."""

    output: Path
    mask: Path | None
    overlay: Path | None
    record: Path | None


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that needs no model, checked."""

    wish: Wish
    mask: Mask | None
    mask_file: File | None
    recipe: Recipe | None
    targets: tuple[Targets, ...]  # one a variation
    mark: bool
    defaults: config.Defaults
    seconds: float  # spent on the photo so far


def run(ask: Ask, engine: Engine, wanted: Files, manner: Manner, recipe: Path | None) -> None:
    """Do the whole command."""
    job = _checked(ask, wanted, recipe)
    _say_misnamed(job, manner)
    rows: list[report.Row] = []
    try:
        with progress.shown(manner.quiet) as show:
            editor = loading.editor(engine, job.defaults, job.recipe, show)
            loading.say_small_world(editor, manner)
            for targets, result in _results(editor, job, show):
                rows.append(_written(job, targets, result, manner))
    except BaseException:
        if rows:
            manner.note(f"finished before that: {', '.join(row['output'] for row in rows)}")
        raise
    report.say(rows, manner)


def _checked(ask: Ask, wanted: Files, recipe_file: Path | None) -> Job:
    """Check all that can be checked without a model."""
    start = time.perf_counter()
    defaults = config.defaults()
    if recipe_file is not None:
        _nothing_beside(ask)
    written = None if recipe_file is None else plan.read(recipe_file, ask)
    recipe = None if recipe_file is None or written is not None else Recipe.read(recipe_file)
    if recipe is None:
        ask = written or ask
        wish, mask, file = from_options(ask)
    else:
        _once(wanted)
        wish = asked.from_recipe(recipe, photos.read(ask.photo, ask.max_pixels))
        mask, file = asked.recipe_mask(recipe, ask.mask, wish.photo.size)
    _check_count(wish, wanted.count, wish.has_masks(mask is not None or wish.where is not None))
    targets = tuple(_targets(ask.photo, wanted))
    given_mask = None if ask.mask is None or wish.where is not None else Path(ask.mask)
    own_mask = Path(recipe.mask.file) if recipe and recipe.mask and recipe.mask.file else None
    used = [path for path in (ask.photo, given_mask, recipe_file, own_mask, *wish.mask_files()) if path is not None]
    for one in targets:
        _check_targets(one, used, wanted.force)
        check_alpha(wish, one.output)
    mark = wanted.mark and (recipe is None or recipe.mark)
    return Job(wish, mask, file, recipe, targets, mark, defaults, time.perf_counter() - start)


def from_options(ask: Ask) -> tuple[Wish, Mask | None, File | None]:
    """Return what the options ask for, checked, and the mask where a file gives one."""
    wish = request.wish(ask)
    if ask.mask is None or wish.where is not None:
        return wish, None, None
    return wish, inputs.mask(ask.mask, wish.photo.size), inputs.mask_file(ask.mask)


def _check_count(wish: Wish, count: int, masked: bool) -> None:
    """Refuse variations that would all be the same."""
    if count > 1 and not wish.method.seeded(masked):
        where = " where the mask is given" if wish.method.draws else ""
        raise InkoverError(
            f"--count {count} would make one picture {count} times: method {wish.method.name!r} draws no noise{where}, "
            "so its seed has no part; leave --count out, or turn another option"
        )


def _nothing_beside(ask: Ask) -> None:
    """Refuse options that a recipe has its own answer to."""
    given = ask.given()
    if given:
        raise InkoverError(f"{given[0]} and --recipe are both given: the recipe says it already, leave one out")


def _once(wanted: Files) -> None:
    """Refuse variations of a recorded picture: its seed is recorded too."""
    if wanted.count > 1:
        raise InkoverError("--count and --recipe are both given: the recipe says it already, leave one out")


def _targets(photo: Path, wanted: Files) -> Iterator[Targets]:
    """Yield the files of each variation: NAME-1.EXT, NAME-2.EXT ... where there are several."""
    output = wanted.output or photos.default_output(photo)
    for number in range(1, wanted.count + 1) if wanted.count > 1 else (None,):
        mask = wanted.save_mask and files.numbered(wanted.save_mask, number)
        record = wanted.record and files.numbered(wanted.record, number)
        overlay = wanted.save_overlay and files.numbered(wanted.save_overlay, number)
        yield Targets(files.numbered(output, number), mask, overlay, record)


def _check_targets(targets: Targets, inputs: list[Path], force: bool) -> None:
    """Refuse files that cannot be written, or that are the photo or another file of the command."""
    check_photo(inputs, targets.output, force)
    taken = [*inputs, targets.output]
    sides = ((targets.mask, "--save-mask", ".png"), (targets.overlay, "--save-overlay", ".png"))
    for side, option, ending in (*sides, (targets.record, "--record", ".json")):
        if side is not None:
            files.check_side_output(side, option, ending, taken, force)
            taken.append(side)


def check_photo(inputs: list[Path], output: Path, force: bool, option: str = "-o") -> None:
    """Refuse an edited photo that cannot be written, or that is the photo (the first input) or another input."""
    photos.check_output(inputs[0], output, force, option)
    for path in inputs[1:]:
        if files.same(path, output):
            raise InkoverError(f"{output} is an input of this command: choose another name with {option}")


def check_alpha(wish: Wish, output: Path, option: str = "-o") -> None:
    """Refuse, before any work, a format that would lose the photo's transparency."""
    if wish.photo.alpha is not None and photos.format_of(output) == "JPEG":
        other = output.with_suffix(".png")
        raise InkoverError(f"{output}: JPEG cannot hold the photo's transparency: write {option} {other}")


def _say_misnamed(job: Job, manner: Manner) -> None:
    """Say so where the photo's name promises another format than its file holds, and what the result will be."""
    photo, output = job.wish.photo, job.targets[0].output
    if promised := photos.misnamed(photo):
        manner.note(
            f"{photo.path} is named as {promised} but holds {photo.format}: {output} is written as "
            f"{photos.format_of(output)}"
        )


def _landed(result: Result, output: Path) -> photos.Photo | None:
    """Return what a file holds where that is not what the result holds: a lossy format, or one of fewer bits."""
    format, original = photos.format_of(output), result.original
    kept = format in ("PNG", "TIFF") or (format == "WEBP" and original.lossless and original.top == 255)
    return None if kept else photos.read(output, max_pixels=LARGEST)


def _results(editor: Editor, job: Job, show: progress.Show) -> Iterator[tuple[Targets, Result]]:
    """Yield each variation as it is done, with the seeds that follow the first."""
    warnings: tuple[str, ...] = ()
    if job.recipe is not None:
        asked.check_weights(job.recipe, editor.weights)
        warnings = asked.differences(job.recipe, editor.weights, inputs.photo_file(job.wish.photo))
    for index, targets in enumerate(job.targets):
        wish = replace(job.wish, seed=job.wish.seed + index)
        result = editor.fulfil(wish, job.mask, job.mask_file, Meter(show), job.seconds)
        record = replace(result.record, mark=job.mark)
        yield targets, replace(result, record=record, warnings=(*warnings, *result.warnings))


def _written(job: Job, targets: Targets, result: Result, manner: Manner) -> report.Row:
    """Write one variation's files as one, and return its row of the report."""
    start = time.perf_counter()
    with files.together() as put:
        put(targets.output, lambda path: photos.write(result.photo, path, result.original, result.mask, job.mark))
        if targets.mask is not None:
            put(targets.mask, lambda path: write_mask(result.mask, path))
        if targets.overlay is not None:
            put(targets.overlay, result.save_overlay)
        if targets.record is not None:
            put(targets.record, result.record.save)
    seconds = dict(result.seconds)
    seconds["photo"] += time.perf_counter() - start
    for text in result.warnings:
        manner.warn(text)
    for text in result.notes:
        manner.note(text)
    landed = _landed(result, targets.output) if manner.json else None
    return report.row(result, targets.output, targets.mask, targets.overlay, seconds, landed)
