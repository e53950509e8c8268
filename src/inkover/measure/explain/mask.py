"""Where the photo was changed: the map, the threshold, and the mask that came of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from inkover.app.onlooker import Onlooker
from inkover.masks.overlay import colour, veiled
from inkover.masks.rules import RULES
from inkover.measure.explain.contents import Block, Figure, Section, Shown
from inkover.measure.explain.pictures import MIDDLE, heat, in_view, view
from inkover.measure.grid.cells import shown
from inkover.photo import Canvas

if TYPE_CHECKING:
    from inkover.app.flow import Mask, Wish
    from inkover.app.result import Result
    from inkover.methods.contract import Cut

TITLE = "The mask: where it was changed"


def section(wish: Wish, onlooker: Onlooker, result: Result) -> Section:
    """Return the section, of what the method found, what was given, or why there is no mask."""
    named = names(wish)
    blocks = [_found(onlooker.cuts[k], k, _name(named, k), result) for k in sorted(onlooker.cuts)]
    masked = _masked(wish, result)
    if masked:
        blocks.append(_used(result, named))
    if onlooker.acts and not masked:
        blocks.append(_acted(onlooker, named, result))
    return Section(TITLE, tuple(_about(wish, result, masked)), tuple(blocks))


def _masked(wish: Wish, result: Result) -> bool:
    """Tell whether there is a mask, found, handed over or said in words."""
    return result.found is not None or result.record.mask is not None or wish.where is not None


def names(wish: Wish) -> tuple[str, ...]:
    """Return what each of several edits does, in a line; of a source and a target alone, both."""
    if not wish.edits:
        return (f"{wish.source} \u2192 {wish.target}" if wish.source else wish.target,)
    changes = [one.change for one in wish.edits]
    signs = ["\u2212" if one.away else "+" for one in changes]
    return tuple(
        f"{one.source} \u2192 {one.text}" if one.source else f"{sign} {one.text}"
        for one, sign in zip(changes, signs, strict=True)
    )


def _name(named: tuple[str, ...], number: int) -> str:
    return named[number] if number < len(named) else named[0]


def _about(wish: Wish, result: Result, masked: bool) -> Iterator[str]:
    yield "A mask says which pixels may change: outside it every pixel stays as it was."
    if wish.where is not None:
        yield f"This one was asked for in words: {wish.where.text}."
    elif result.record.mask is not None:
        yield f"This one was handed over: {result.record.mask.file or 'an array'}."
    elif result.found is not None and wish.edits:
        yield "Each change has its own, found by the method or handed over."
    elif result.found is not None:
        yield "The method found this one by itself."
    if not masked:
        yield "There is none here: this method looks for none, and none was given, so any pixel may change."


def _found(cut: Cut, number: int, name: str, result: Result) -> Block:
    """Show what the network said, and what was cut out of it."""
    canvas = Canvas.whole(result.original.size, 1, 1)
    picture = view(result.original, canvas, MIDDLE)
    soft = in_view(cut.found, picture)
    top = 1.0 if cut.rule == "fixed" else float(cut.found.max()) or 1.0
    hard = (in_view(cut.mask, picture) >= 0.5).astype(np.float32)
    says = (
        "The photo was put under noise, and the network was asked twice what it sees: once told the old words, once "
        "the new. Where its answers are far apart, the words disagree about the photo. That is the map; bright is far "
        "apart.",
    )
    figures = (
        Figure(
            (Shown(heat(picture, soft / top), f"how far the two texts disagree, {name}"),), "the map", (_scale(cut),)
        ),
        Figure(
            (Shown(veiled(picture, [hard], number), f"the hard mask, {name}"),),
            "the hard mask",
            (f"{_threshold(cut)}: {float(cut.mask.mean()):.1%} of the cells.",),
            colour(number),
        ),
    )
    return Block(f"Found: {name}", says, figures)


def _scale(cut: Cut) -> str:
    low, high = float(cut.found.min()), float(cut.found.max())
    part = " (1 is where its extremes were cut)" if cut.rule == "fixed" else ""
    return f"From {low:.3g} to {high:.3g}{part}, on a grid of {cut.found.shape[-1]} x {cut.found.shape[-2]} cells."


def _threshold(cut: Cut) -> str:
    return f"Threshold {cut.number:g} by the rule {cut.rule}, {RULES[cut.rule][0]}"


def _used(result: Result, named: tuple[str, ...]) -> Block:
    """Show the mask as it was used, each of several in its colour."""
    picture = shown(result.original, MIDDLE)
    masks = result.each if len(result.each) == len(named) > 1 else (result.mask,)
    record = result.record
    edge = f"a soft edge of {record.feather:g} px" if record.feather else "no soft edge"
    grown = f", grown by {record.grow:g} px" if record.grow else ""
    figures = [_one(picture, [result.mask] if len(masks) == 1 else list(masks), "the mask as used", result.mask)]
    if len(masks) > 1:
        figures += [_one(picture, [mask], _name(named, k), mask, k) for k, mask in enumerate(masks)]
    says = f"The mask with {edge}{grown}. The further out in a soft edge, the more weakly the change is laid over."
    return Block("As used", (says,), tuple(figures))


def _one(picture: np.ndarray, masks: list[Mask], title: str, area: Mask, number: int = 0) -> Figure:
    several = len(masks) > 1
    says = f"{float((area > 0).mean()):.1%} of the photo"
    over = Shown(veiled(picture, masks, number), f"{title}, laid over the photo: {says}")
    return Figure((over,), title, (says,), None if several else colour(number))


def _acted(onlooker: Onlooker, named: tuple[str, ...], result: Result) -> Block:
    """Show where the method let something act, step by step."""
    canvas = Canvas.whole(result.original.size, 1, 1) if result.drawn is None else result.drawn.canvas
    picture, figures = view(result.original, canvas, MIDDLE), list[Figure]()
    for k, acted in sorted(onlooker.acts.items()):
        mean, name = acted.total / acted.steps, _name(named, k)
        says = f"in {acted.steps} steps, on the mean {float(mean.mean()):.1%} of what was worked on"
        over = Shown(heat(picture, in_view(mean, picture)), f"where {name} acted")
        figures.append(Figure((over,), name, (says,), colour(k)))
    says = (
        "In each step the method itself says where the change may act. Bright is where it acted in all of these steps, "
        "dark where in none. These places are made anew in each step, and are no mask over the photo's pixels."
    )
    return Block("Where it acted", (says,), tuple(figures))
