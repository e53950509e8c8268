"""Advice on one edit: its measures, the faults that they tell of, and for each the command that mends it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover import photo as photos
from inkover.app import command_line, files
from inkover.app.config import EMBEDDED
from inkover.app.recipe import File, Recipe
from inkover.attention import emphasis
from inkover.measure.advice import cures, faults, phrasing, signs
from inkover.measure.advice.cures import Case
from inkover.measure.advice.faults import Found, Measures
from inkover.measure.advice.phrasing import Phrasing
from inkover.measure.advice.signs import Signs
from inkover.photo.atomic import writable

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.measure.figures.clip import Encoder
    from inkover.measure.figures.scores import Mask
    from inkover.photo import Photo


@dataclass(frozen=True, slots=True)
class Targets:
    """The files that an advised command reads and writes."""

    photo: Path
    output: Path
    record: Path
    options: tuple[str, ...] = ()  # what else it takes to read the photo


@dataclass(frozen=True, slots=True)
class Edited:
    """An edit that advice is asked about."""

    recipe: Recipe  # by which the editor's model made it
    before: Photo
    after: Photo
    mask: Mask | None = None  # (H, W) in [0, 1]: where it was to be, if that is known better than by the texts
    mask_file: File | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One fault with its cure."""

    found: Found
    cure: str
    command: tuple[str, ...] | None  # None where only the user can say what is wanted


@dataclass(frozen=True, slots=True)
class Advice:
    """What went wrong, what is to be mended first before the others; nothing where it is empty."""

    pieces: tuple[Piece, ...]
    signs: Signs
    phrasing: Phrasing

    @property
    def measures(self) -> Measures:
        """All that the rules may look at."""
        return measures(self.signs, self.phrasing)


def measures(seen: Signs, said: Phrasing) -> dict[str, float | None]:
    """Return the figures by the names that the rules know them by."""
    figures: dict[str, float | None] = {
        name: None if value is None else float(value) for name, value in asdict(seen).items()
    }
    return figures | {
        "orders": float(bool(said.order)),
        "telling": said.telling,
        "fullness": said.tokens / max(1, said.window),
        "unknown": float(len(said.unknown)),
    }


def advise(editor: Editor, edit: Edited, targets: Iterator[Targets], encoder: Encoder | None = None) -> Advice:
    """Say what went wrong with an edit and what to do about it; every command takes the next of the targets."""
    recipe, before = edit.recipe, edit.before
    said = phrasing.read(editor.model.text(emphasis.parse(recipe.target).text).tokens)
    seen = signs.observed(editor, recipe, before, edit.after, edit.mask, encoder)

    def tokens(text: str) -> int:
        return phrasing.read(editor.model.text(text).tokens).tokens

    known = vocabulary(editor.model.name)
    case = Case(recipe, seen, said, min(before.size), edit.mask_file, tokens, known)
    return Advice(tuple(pieces(case, targets)), seen, said)


def vocabulary(model: str) -> tuple[str, ...]:
    """Return the words that the embedded model was taught; of others nobody has a list."""
    if model != EMBEDDED:
        return ()
    from inkover.tabletop.captions import WORDS

    return WORDS


def pieces(case: Case, targets: Iterator[Targets]) -> Iterator[Piece]:
    """Yield each fault with its cure and the command of it, which takes the next of the targets."""
    for one in faults.found(measures(case.signs, case.phrasing)):
        cure = cures.CURES[one.rule.fault](case)
        command = cure.arguments or None
        if cure.recipe is not None:
            here = next(targets)
            command = (*command_line.command(cure.recipe, here.photo, here.output, here.record), *here.options)
        yield Piece(one, cure.text, command)


def typed(command: tuple[str, ...]) -> str:
    """Return a command as it is typed."""
    return shlex.join(command)


def beside(
    photo: Path, edited: Path, recipe: Path, transparent: bool = False, options: tuple[str, ...] = ()
) -> Iterator[Targets]:
    """Yield files that advised commands can write: NAME-2.EXT, NAME-3.EXT ... beside the edited photo and its recipe,
    where neither is there yet, with suffixes that ``inkover edit`` writes; of a ``transparent`` photo no JPEG."""
    suffix = photos.default_output(edited).suffix
    if transparent and photos.format_of(Path(f"edited{suffix}")) == "JPEG":
        suffix = ".png"
    output, record = _there(edited.with_suffix(suffix)), _there(recipe.with_suffix(".json"))
    for free_output, free_record in files.unused(output, record):
        yield Targets(photo, free_output, free_record, options)


def _there(path: Path) -> Path:
    """Return a path, or one in the working folder where nothing can be written into its own."""
    return path if writable(path.parent) else Path(path.name)


def row(piece: Piece, figures: Measures) -> dict[str, Any]:
    """Return a fault as plain data."""
    because = [
        {"measure": limit.measure, "value": figures[limit.measure], "limit": limit.value, "side": limit.side}
        for limit in piece.found.because
    ]
    measure, side = piece.found.aim
    return {
        "fault": piece.found.rule.fault,
        "confidence": piece.found.confidence,
        "says": piece.found.rule.says,
        "because": because,
        "cure": piece.cure,
        "command": None if piece.command is None else typed(piece.command),
        "arguments": None if piece.command is None else list(piece.command),
        "aim": {"measure": measure, "to_be": "higher" if side == "above" else "lower"},
    }
