"""Where each word looked: the network's attention to the words of each text, laid over the photo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inkover.app.onlooker import Looked, Onlooker
from inkover.attention.maps import of_words
from inkover.attention.words import at, words
from inkover.errors import InkoverError
from inkover.measure.explain.contents import Block, Figure, Section, Shown
from inkover.measure.explain.pictures import SMALL, heat, in_view, stretched, view
from inkover.methods import places
from inkover.photo import Canvas

if TYPE_CHECKING:
    from inkover.app.flow import Wish
    from inkover.app.meter import Counted
    from inkover.app.result import Result

STAGES = {"edit": "on the way back", "inversion": "on the way into noise", "mask": "while the mask was found"}
"""Where words were heard, the stage that says most first."""
ASIDE = "aside"
TITLE = "Where each word looked"
ABOUT = (
    "Inside the network, every place of the picture looks at the words and takes from some more than from others. A "
    "bright place looked at that word more than the dark ones did. Each map goes from its own least to its own most, "
    "so compare places, not words; the figure under it is the word's part of all attention. A map says where the "
    "network looked, not what it changed.",
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the words of a text looked at, and where on the photo."""

    stage: str  # of STAGES, or ASIDE
    looked: Looked
    canvas: Canvas


def section(model: Counted, wish: Wish, onlooker: Onlooker, result: Result) -> Section:
    """Return the section; ``model`` is asked about texts of the edit that nothing was heard of."""
    if reason := _silent(model, wish):
        return Section(TITLE, (*ABOUT, reason), ())
    heard = _heard(onlooker, result)
    missing = [text for text in dict.fromkeys((str(wish.source), wish.target)) if text and text not in heard]
    more = {text: _asked(model, onlooker, result, text) for text in missing if onlooker.task is not None}
    found = heard | {text: one for text, one in more.items() if one is not None}
    if not found:
        return Section(TITLE, (*ABOUT, "There is nothing to show: the network was asked about no words."), ())
    ordered = sorted(found, key=lambda text: (text != wish.source, text == wish.target))
    return Section(TITLE, ABOUT, tuple(_block(text, found[text], result) for text in ordered))


def _silent(model: Counted, wish: Wish) -> str:
    """Say why there are no maps, where there are none."""
    if not model.heard:
        return (
            f"There are no maps here: in {model.name} words and picture attend in one call, together, so that the "
            "attention to single words cannot be told apart."
        )
    if wish.windows:
        return (
            "There are no maps here: with --windows the network sees the photo piece by piece, and each piece looks at "
            "all words by itself."
        )
    return ""


def _heard(onlooker: Onlooker, result: Result) -> dict[str, Heard]:
    """Return what the edit's own evaluations give, by text: of the stage that says most."""
    whole = Canvas.whole(result.original.size, 1, 1)
    close = whole if result.drawn is None else result.drawn.canvas
    found = dict[str, Heard]()
    for stage in STAGES:
        for (where, text), looked in onlooker.looked.items():
            if where == stage and text not in found and looked.looks:
                found[text] = Heard(stage, looked, whole if stage == "mask" else close)
    return found


def _asked(model: Counted, onlooker: Onlooker, result: Result, text: str) -> Heard | None:
    """Ask about a text that nothing was heard of, beside the edit."""
    assert onlooker.task is not None
    task, read = replace(onlooker.task, model=model, watch=model.meter), model.text(text)
    looks = places.looks_of(task, read)
    canvas = Canvas.whole(result.original.size, 1, 1) if result.drawn is None else result.drawn.canvas
    maps = {"text": looks.maps[places.LOOKS]} if looks else {}
    return Heard(ASIDE, Looked(read.tokens, type(looks)(maps), places.NOISES), canvas) if maps else None


def _block(text: str, heard: Heard, result: Result) -> Block:
    count = heard.looked.samples
    if heard.stage == ASIDE:
        says = (
            f"The edit never asked the network about this text. For these maps it was asked about {count} samples "
            "more, of the photo half under noise; that is counted apart, below."
        )
    else:
        says = (
            f"Heard {STAGES[heard.stage]}, on the mean over {count} samples of the network that the edit made anyway."
        )
    try:
        return Block(f"\u201c{text}\u201d", (says,), tuple(_figures(text, heard, result)), "small")
    except InkoverError as problem:  # a tokenizer that does not say which words its tokens are
        return Block(f"\u201c{text}\u201d", (f"There are no maps of single words: {problem}.",))


def _figures(text: str, heard: Heard, result: Result) -> Iterator[Figure]:
    picture, looked = view(result.original, heard.canvas, SMALL), heard.looked
    for start, end in words(text):
        found = of_words(looked.looks.maps["text"], at(looked.tokens, (start, end))) / looked.samples
        share, word = float(found.mean()), text[start:end]
        shown = Shown(heat(picture, stretched(in_view(found, picture))), f"where the network looked at {word!r}")
        yield Figure((shown,), word, (f"{share:.1%} of all attention",))
