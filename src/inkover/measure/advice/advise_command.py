"""``inkover advise``: what went wrong with an edit, and the command that mends it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inkover.app import asked, config, files, inputs, loading, progress
from inkover.app.options import PIXELS
from inkover.app.recipe import Recipe
from inkover.app.request import Engine, Manner
from inkover.errors import InkoverError
from inkover.measure.advice import advised
from inkover.measure.advice.advised import Advice, Edited, Piece
from inkover.measure.figures import score_command
from inkover.photo import Photo

if TYPE_CHECKING:
    from inkover.measure.figures.clip import Encoder


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be looked at; None where the command line says nothing."""

    photo: Path
    edited: Path
    recipe: Path | None
    mask: Path | None
    clip: str | None
    max_pixels: int


def run(ask: Ask, engine: Engine, manner: Manner) -> None:
    """Do the whole command."""
    file = _recipe_file(ask)
    recipe = _recipe(file, ask)
    before, after, mask = score_command.read_pair(ask.photo, ask.edited, ask.mask, ask.max_pixels)
    _check_photo(recipe, before, ask)
    _check_recipe(recipe, before, ask)
    limit = ("--max-pixels", str(ask.max_pixels)) if ask.max_pixels != PIXELS else ()
    targets = advised.beside(ask.photo, ask.edited, file, before.alpha is not None, limit)
    encoder = None if ask.clip is None else _clip(ask.clip, recipe, manner)
    with progress.shown(manner.quiet) as show:
        editor = loading.editor(engine, config.defaults(), recipe, show)
        asked.check_weights(recipe, editor.weights)
        recipe = replace(recipe, model=editor.weights)  # where they lie here, which may be elsewhere than then
        encoder = encoder or _usual_clip(editor.model.name, recipe, manner)
        given = None if ask.mask is None else inputs.mask_file(ask.mask)
        found = advised.advise(editor, Edited(recipe, before, after, mask, given), targets, encoder)
    if manner.json:
        print(json.dumps(_document(found), allow_nan=False))
    else:
        print("\n\n".join(_paragraphs(found, ask)))


def _recipe_file(ask: Ask) -> Path:
    if ask.recipe is None:
        raise InkoverError(
            "what to turn is read in the recipe: add --recipe edit.json, which edit --record writes "
            "(inkover score measures an edit without one)"
        )
    return ask.recipe


def _recipe(file: Path, ask: Ask) -> Recipe:
    """Read the recipe; InkoverError for one that advice cannot be given on."""
    if files.same(ask.photo, ask.edited):
        raise InkoverError(f"{ask.photo} and {ask.edited} are one file: give the photo, and then what edit made of it")
    recipe = Recipe.read(file)
    if recipe.edits:
        raise InkoverError(
            f"{file} makes several changes at once: ask about one of them, made alone with --from and --to"
        )
    return recipe


def _check_photo(recipe: Recipe, photo: Photo, ask: Ask) -> None:
    """Refuse a photo that is not the recipe's: its measures would say nothing of that edit."""
    here = photo if recipe.photo.file is not None else replace(photo, path=None)
    if inputs.photo_file(here).sha256 != recipe.photo.sha256:
        made = recipe.photo.file or "pixels that were no file"
        raise InkoverError(
            f"{ask.recipe} is of another photo ({made}), not of {ask.photo}: hand over its own photo, as it was then"
        )


def _check_recipe(recipe: Recipe, photo: Photo, ask: Ask) -> None:
    """Refuse a recipe that could not be made again, its mask included: no command would mend it."""
    try:
        asked.from_recipe(recipe, photo)
        if recipe.mask is not None:
            asked.recipe_mask(recipe, None, photo.size)
    except InkoverError as error:
        raise InkoverError(f"{ask.recipe} cannot be made again, and so not be mended: {error}") from error


def _usual_clip(model: str, recipe: Recipe, manner: Manner) -> Encoder | None:
    """Load what is used where no CLIP is named: the embedded one for the embedded model."""
    from inkover.measure.figures import clip

    if model == config.EMBEDDED:
        return _clip(clip.EMBEDDED, recipe, manner)
    manner.note("without --clip FOLDER nothing but the model itself says whether the edit fits the words")
    return None


def _clip(name: str, recipe: Recipe, manner: Manner) -> Encoder:
    return score_command.read_clip(name, recipe.source or None, recipe.target, manner)


def _paragraphs(found: Advice, ask: Ask) -> list[str]:
    """Return a short paragraph for each fault, with its command."""
    cost = f"the model was asked for {found.signs.samples} network samples"
    if not found.pieces:
        return [f"{ask.edited}: nothing to mend ({cost})"]
    return [*(_paragraph(piece, found) for piece in found.pieces), f"({cost})"]


def _paragraph(piece: Piece, found: Advice) -> str:
    rule = piece.found.rule
    because = ", ".join(
        f"{limit.measure} {_number(found.measures[limit.measure])} is {limit.side} {limit.value:g}"
        for limit in piece.found.because
    )
    lines = [f"{rule.fault}: {rule.says} ({because}; confidence {piece.found.confidence:.2f})", piece.cure]
    return "\n".join([*lines, *([f"  {advised.typed(piece.command)}"] if piece.command else [])])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _document(found: Advice) -> dict[str, object]:
    figures = found.measures
    rows = [advised.row(piece, figures) for piece in found.pieces]
    return {"faults": rows, "measures": figures, "text": asdict(found.phrasing), "samples": found.signs.samples}
