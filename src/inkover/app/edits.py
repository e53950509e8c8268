"""Several changes of one photo: from what was typed or handed over to checked concepts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inkover.app import inputs
from inkover.app.flow import Mask, Wanted
from inkover.app.recipe import Change, File
from inkover.attention import emphasis
from inkover.errors import InkoverError, nearest
from inkover.knobs import named, parse
from inkover.masks import algebra
from inkover.methods.contract import Method

MASK = "mask"
SHORT = {"scale": "guidance"}  # what the paper calls it
_OPTION = re.compile(r"\s*[A-Za-z_-]+\s*=")


@dataclass(frozen=True, slots=True)
class Edit:
    """Something that comes into a photo, or goes, or turns into something else: one of several at once."""

    text: str
    away: bool = False  # it goes
    source: str = ""  # what it is now, where it turns into something else
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])  # knobs of its own: guidance, threshold ...
    mask: str | Path | Mask | None = None  # it acts nowhere else: a file, or an array (H, W), 1 = here


def turned(typed: str, method: Method) -> Edit:
    """Read ``words -> words:threshold=0.4``: what something is, and what it shall be."""
    return arrowed(parsed(typed, False, method), typed)


def arrowed(edit: Edit, typed: str) -> Edit:
    """Take an edit's text apart at its arrow: what something is, and what it shall be."""
    before, arrow, after = edit.text.partition("->")
    if not arrow or "->" in after or not before.strip() or not after.strip():
        raise InkoverError(f'{typed!r} does not say what turns into what: write "red ball -> blue ball"')
    return replace(edit, source=before.strip(), text=after.strip())


def parsed(typed: str, away: bool, method: Method) -> Edit:
    """Read ``words:guidance=8,mask=FILE``: the options follow the last colon outside parentheses.

    A colon inside an option, as in a file's name, is none of these.
    """
    at = next((colon for colon in _colons(typed) if _OPTION.match(typed[colon + 1 :])), None)
    if at is None:
        return Edit(typed.strip(), away)
    options = [option for option in typed[at + 1 :].split(",") if option.strip()]
    files = [option.partition("=")[2].strip() for option in options if option.partition("=")[0].strip() == MASK]
    if len(files) > 1:
        raise InkoverError(f"mask is given twice in {typed!r}: give it once")
    rest = [_long(option) for option in options if option.partition("=")[0].strip() != MASK]
    values = parse(f"an edit of method {method.name!r}", method.settings, rest)
    return Edit(typed[:at].strip(), away, "", values, files[0] if files else None)


def _colons(typed: str) -> list[int]:
    """Return where the colons outside parentheses are."""
    depth, found = 0, list[int]()
    for index, letter in enumerate(typed):
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            raise InkoverError(f"{typed!r} closes a parenthesis at {typed[index:][:12]!r} that it never opened")
        if letter == ":" and depth == 0:
            found.append(index)
    if depth:
        raise InkoverError(f"{typed!r} opens a parenthesis that it never closes")
    return found


def _long(option: str) -> str:
    name, equals, value = option.strip().partition("=")
    return f"{SHORT.get(name.strip(), name)}{equals}{value}"


def check_list(edits: object) -> None:
    """Refuse what is no list of edits."""
    if isinstance(edits, str) or not isinstance(edits, Sequence):
        raise InkoverError(f"edits are {edits!r}: hand over a list of inkover.Edit(TEXT)")


def checked(edits: Sequence[Edit], method: Method, settings: Any, size: tuple[int, int]) -> tuple[Wanted, ...]:
    """Check edits of one photo; InkoverError names the one that is wrong."""
    if not edits:
        return ()
    if not method.several:
        raise InkoverError(f"method {method.name!r} makes one change at a time: say it in --to, or give another method")
    found = [_checked(edit, method, settings, size) for edit in edits]
    seen: dict[str, Change] = {}
    for change in (wanted.change for wanted in found):
        before = seen.setdefault(_read(change), change)
        if before is not change and before.away != change.away:
            raise InkoverError(f"{change.text!r} is to come and to go: leave one of the two out")
        if before is not change and before.mask == change.mask:
            raise InkoverError(f"{change.text!r} is asked for twice: leave one out, or give each a mask of its own")
    return tuple(found)


def _read(change: Change) -> str:
    """Return what is changed, as it reads whatever its spaces and capitals."""
    return f"{_plain(change.source)} -> {_plain(change.text)}"


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _checked(edit: Edit, method: Method, settings: Any, size: tuple[int, int]) -> Wanted:
    if not isinstance(edit, Edit):
        raise InkoverError(f"the edit {edit!r} is none: hand over inkover.Edit(TEXT)")
    if not isinstance(edit.away, bool) or not isinstance(edit.settings, Mapping):
        raise InkoverError(f"{edit!r} is none: away is true or false, and settings are names with values")
    text = _unweighed(inputs.text("edit's", edit.text))
    if not text:
        raise InkoverError('an edit has no words: say what comes or goes, --add "a mushroom"')
    source = _unweighed(inputs.text("edit's source", edit.source))
    _check_kind(edit, method)
    owner, given = f"an edit of method {method.name!r}", dict[str, Any]()
    for name, value in edit.settings.items():
        knob = named(owner, method.settings, SHORT.get(name, name)).name
        if knob not in method.several:
            raise InkoverError(f"{knob} is one for all edits, not for {text!r} alone: {nearest(name, method.several)}")
        if knob in given:
            raise InkoverError(f"{knob} of {text!r} is given twice: give it once")
        if edit.mask is not None and named(owner, method.settings, knob).stage == "mask":
            raise InkoverError(f"{knob} shapes the mask that is looked for, and {text!r} has its own: leave one out")
        given[knob] = value
    replace(settings, **given)  # refuses what is out of range, and what has no effect
    if isinstance(edit.mask, str) and algebra.is_expression(edit.mask):
        raise InkoverError(
            f"the mask of {text!r} is in words, {edit.mask!r}: one edit's mask is a file, so write it first, "
            "inkover mask PHOTO --mask WORDS -o mask.png"
        )
    mask = None if edit.mask is None else inputs.mask(edit.mask, size)
    return Wanted(Change(text, edit.away, source, given, inputs.mask_file(edit.mask)), mask)


def _unweighed(text: str) -> str:
    read = emphasis.parse(text)
    if read.weights:
        raise InkoverError(f"the words of {text!r} cannot be weighed: leave the weights out")
    return read.text


def all_masked(edits: Sequence[Edit]) -> bool:
    """Tell whether each edit has a mask, so that none is looked for."""
    return all(isinstance(edit, Edit) and edit.mask is not None for edit in edits)


def _check_kind(edit: Edit, method: Method) -> None:
    """Refuse an edit of a kind that the method does not make."""
    if method.compares and (edit.away or not edit.source.strip()):
        raise InkoverError(
            f"method {method.name!r} turns things into others: say what {edit.text!r} is now, "
            f'--change "red ball -> {edit.text}", or give --method ledits++'
        )
    if not method.compares and edit.source.strip():
        raise InkoverError(
            f"method {method.name!r} lets things come and go: write --add {edit.text!r}, or take multi-diffedit"
        )
    if _plain(edit.source) == _plain(edit.text):
        raise InkoverError(f"{edit.source!r} and {edit.text!r} read the same: nothing to do")


def again(change: Change) -> Edit:
    """Return the edit that a recipe tells of."""
    if change.mask is not None and change.mask.file is None:
        raise InkoverError(f"the mask of {change.text!r} was no file: make the edit anew with it")
    return Edit(
        change.text, change.away, change.source, change.settings, None if change.mask is None else change.mask.file
    )


def check_same(change: Change, file: File | None) -> None:
    """Refuse a mask that is not the recipe's any more."""
    if change.mask is not None and (file is None or file.sha256 != change.mask.sha256):
        raise InkoverError(f"the mask {change.mask.file} of {change.text!r} is not the recipe's: hand over that one")
