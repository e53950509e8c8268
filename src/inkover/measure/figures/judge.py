"""Whether an edit of the little world succeeded: the probe's word, and nearness to the true edited photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkover.tabletop.edits import Edit
from inkover.tabletop.probe import Box, Probe, ask
from inkover.tabletop.scene import View, render

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The three parts of success."""

    each: tuple[bool, ...]  # of each change: the probe finds what was asked for
    rest: bool  # every other object, the surface and the backdrop are as they should be
    nearer: bool  # the result is nearer to the true edited photo than the source is

    @property
    def wanted(self) -> bool:
        """Whether all changes were made."""
        return all(self.each)

    @property
    def success(self) -> bool:
        """All three."""
        return self.wanted and self.rest and self.nearer


@dataclass(frozen=True, slots=True)
class Question:
    """One box to ask the probe about, and the answers that count."""

    box: Box
    answers: dict[str, str]


def judge(probe: Probe, edit: Edit, before: Picture, true: Picture, result: Picture) -> Verdict:
    """Judge a result; the three photos (side, side, 3) are the source, the true edited photo and the result."""
    asked = questions(edit, len(before))
    said = ask(probe, result, [q.box for q in asked])
    right = [all(s[k] == v for k, v in q.answers.items()) for q, s in zip(asked, said, strict=True)]
    count = len(changes(edit))
    return Verdict(tuple(right[:count]), all(right[count:]), _apart(result, true) < _apart(before, true))


def changes(edit: Edit) -> tuple[Edit, ...]:
    """Return the changes that an edit makes, one or two."""
    return edit.parts or (edit,)


def astray(probe: Probe, edit: Edit, result: Picture) -> tuple[bool, ...]:
    """Tell of each of two changes whether the probe finds what it asked for at the object of the other.

    A change of colour at the object that was to become another kind, or that kind at the object of the colour: neither
    was to be there, whether or not it is where it was wanted too.
    """
    view = render(edit.after, len(result), samples=1)
    whole = (0.0, 0.0, float(len(result)), float(len(result)))
    others = [_place(one, view, view, whole) for one in reversed(edit.parts)]
    said = ask(probe, result, others)
    return tuple(s[one.attribute] == one.wanted for s, one in zip(said, edit.parts, strict=True))


def questions(edit: Edit, side: int) -> list[Question]:
    """Return what to ask: first what was wanted of each change, then every other object, and last the scene."""
    before, after = render(edit.before, side, samples=1), render(edit.after, side, samples=1)
    whole = (0.0, 0.0, float(side), float(side))
    wanted = [Question(_place(one, before, after, whole), _wanted(one)) for one in changes(edit)]
    others = [
        Question(box, {"kind": thing.kind, "colour": thing.colour})
        for k, thing in enumerate(edit.after.things)
        if not _is_subject(edit, k) and (box := bounds(after, k)) is not None
    ]
    scene = Question(whole, {"surface": edit.after.surface, "background": edit.after.background})
    return [*wanted, *others, scene]


def bounds(view: View, thing: int) -> Box | None:
    """Return the box of an object in a view, in pixels; None where it is not seen."""
    rows, columns = np.nonzero(view.mask(thing))
    if not rows.size:
        return None
    return float(rows.min()), float(columns.min()), float(rows.max() + 1), float(columns.max() + 1)


def _is_subject(edit: Edit, thing: int) -> bool:
    subjects = [one.thing for one in changes(edit)]
    return thing in subjects and len(edit.after.things) >= len(edit.before.things)


def _wanted(edit: Edit) -> dict[str, str]:
    if edit.attribute == "absence":
        return {"kind": "nothing"}
    return {"kind" if edit.attribute == "presence" else edit.attribute: edit.wanted}


def _place(edit: Edit, before: View, after: View, whole: Box) -> Box:
    """Return where to look for what was wanted: the object's box in the true photo, or where it was."""
    if edit.thing is None:
        return whole
    gone = len(edit.after.things) < len(edit.before.things)
    return bounds(before if gone else after, edit.thing) or whole


def _apart(one: Picture, other: Picture) -> float:
    return float(np.square(one.astype(np.float64) - other).mean())
