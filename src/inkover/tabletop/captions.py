"""What a photo of the little world shows, in words: the full caption, and the many shorter ways to say it."""

from __future__ import annotations

import numpy as np

from inkover.tabletop.scene import COLOURS, Scene, Thing
from inkover.tabletop.shapes import KINDS
from inkover.tabletop.textures import BACKGROUNDS, FINISHES, SURFACES

# The first way of each list is the one that full captions use.
ON = {
    "wood": ("on wood", "on a wooden table"),
    "grass": ("on grass",),
    "sand": ("on sand",),
    "marble": ("on marble",),
    "cloth": ("on cloth", "on a checked cloth"),
    "snow": ("on snow",),
}
BEHIND = {
    "wall": ("in front of a wall",),
    "sky": ("under the sky",),
    "sunset": ("at sunset",),
    "night": ("at night",),
    "bricks": ("in front of bricks", "in front of a brick wall"),
}
LEADS = ("", "", "", "a photo of ")
WORDS = tuple(
    sorted(
        {w for ways in (*ON.values(), *BEHIND.values()) for way in ways for w in way.split()}
        | {*KINDS, *COLOURS, *FINISHES, *SURFACES, *BACKGROUNDS}
        | {"a", "an", "and", "photo", "of", "the", "with", ",", "empty", "table", "scene"}
    )
)


def _article(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def name(thing: Thing, finish: bool = True, colour: bool = True) -> str:
    """Return an object in words: ``a shiny red ball``; a plain finish goes without saying."""
    words = [thing.finish] if finish and thing.finish != "plain" else []
    words += [thing.colour] if colour else []
    return _article(" ".join([*words, thing.kind]))


def _together(names: list[str]) -> str:
    if not names:
        return "an empty table"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def caption(scene: Scene) -> str:
    """Return the full caption: every object, the surface and the backdrop, from left to right."""
    things = sorted(scene.things, key=lambda t: t.x)
    return f"{_together([name(t) for t in things])} {ON[scene.surface][0]} {BEHIND[scene.background][0]}"


def vary(scene: Scene, rng: np.random.Generator) -> str:
    """Return one of the many ways to say the same: other order, details left out, never anything untrue."""
    return told(scene, rng)[0]


def told(scene: Scene, rng: np.random.Generator) -> tuple[str, dict[int, tuple[int, int]]]:
    """Return a caption as ``vary`` does, and for each object that it names where: its words' first and last + 1."""
    order = [int(i) for i in rng.permutation(len(scene.things))]
    if len(order) > 1 and rng.random() < 0.08:
        order = order[:-1]
    finish, colour = rng.random() < 0.75, rng.random() < 0.94
    names = [name(scene.things[i], finish, colour) for i in order]
    text = _placed(scene, str(rng.choice(LEADS)) + _together(names), rng)
    spans, end = dict[int, tuple[int, int]](), 0
    for i, words in zip(order, names, strict=True):
        start = text.index(words, end)
        end = start + len(words)
        spans[i] = (start, end)
    return text, spans


def _placed(scene: Scene, what: str, rng: np.random.Generator) -> str:
    where = [str(rng.choice(ON[scene.surface]))] if rng.random() < 0.85 else []
    where += [str(rng.choice(BEHIND[scene.background]))] if rng.random() < 0.65 else []
    if rng.random() < 0.2:
        where.reverse()
    if where and rng.random() < 0.1:
        return f"{' '.join(where)}, {what}"
    return " ".join([what, *where])
