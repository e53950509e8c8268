"""Exact edits: the same scene with one thing changed, rendered again, so that the right answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inkover.tabletop.captions import caption, name
from inkover.tabletop.scene import COLOURS, HELD_OUT, NOTHING, TABLE, Scene, Thing, View, draw, render
from inkover.tabletop.shapes import KINDS
from inkover.tabletop.textures import BACKGROUNDS, FINISHES, SURFACES


@dataclass(frozen=True, slots=True)
class Edit:
    """A change and its truth. ``thing`` is the index of the object that changes, None where the scene does."""

    kind: str
    before: Scene
    after: Scene
    source: str
    target: str
    words: str  # the change itself: "a red ball -> a blue ball"
    thing: int | None
    attribute: str  # what the probe must find: kind, colour, finish, surface, background, presence, absence, place
    wanted: str
    parts: tuple[Edit, ...] = ()  # of two changes in one photo: each made alone in the photo as it was

    def truth(self, side: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
        """Render the photo, the true edited photo and the true mask of change, (side, side[, 3])."""
        before, after = render(self.before, side), render(self.after, side)
        seen = np.abs(before.pixels.astype(np.int16) - after.pixels).max(-1) > VISIBLE
        for scene, view in ((self.before, before), (self.after, after)):
            seen |= self._subject(scene, view)
        return before.pixels, after.pixels, seen

    def _subject(self, scene: Scene, view: View) -> NDArray[np.bool_]:
        """Return where a photo shows what the edit is about, also where the change happens to be invisible."""
        shown = np.zeros(view.index.shape, bool)
        if self.thing is not None and len(scene.things) == max(len(self.before.things), len(self.after.things)):
            shown |= view.mask(self.thing)
        if self.before.surface != self.after.surface:
            shown |= view.index == TABLE
        if self.before.background != self.after.background:
            shown |= view.index == NOTHING
        return shown


VISIBLE = 12  # of 255, in any channel: a smaller difference is not seen


def another(rng: np.random.Generator, choices: tuple[str, ...], *taken: str) -> str:
    """Return one of the choices that is not taken."""
    return str(rng.choice([c for c in choices if c not in taken]))


def _seen(things: tuple[Thing, ...]) -> bool:
    return not any((t.kind, t.colour) in HELD_OUT for t in things)


def _swap(kind: str, scene: Scene, after: Thing, attribute: str, wanted: str) -> Edit:
    changed_scene = scene.with_thing(0, after)
    words = f"{name(scene.things[0])} -> {name(after)}"
    return Edit(kind, scene, changed_scene, caption(scene), caption(changed_scene), words, 0, attribute, wanted)


def recolour(scene: Scene, rng: np.random.Generator) -> Edit:
    """Give the first object another colour."""
    thing = scene.things[0]
    colour = another(rng, tuple(COLOURS), *(t.colour for t in scene.things))
    return _swap("recolour", scene, replace(thing, colour=colour), "colour", colour)


def refinish(scene: Scene, rng: np.random.Generator) -> Edit:
    """Give the first object stripes, spots, a gloss, or take them away."""
    finish = another(rng, FINISHES, scene.things[0].finish)
    return _swap("refinish", scene, replace(scene.things[0], finish=finish), "finish", finish)


def substitute(scene: Scene, rng: np.random.Generator) -> Edit:
    """Put another kind of object in the first one's place, colour and finish kept."""
    kind = another(rng, KINDS, *(t.kind for t in scene.things))
    return _swap("replace", scene, replace(scene.things[0], kind=kind), "kind", kind)


def remove(scene: Scene, rng: np.random.Generator) -> Edit:
    """Take the first object away."""
    after = scene.with_thing(0, None)
    words = f"{name(scene.things[0])} -> "
    return Edit("remove", scene, after, caption(scene), caption(after), words, 0, "absence", scene.things[0].kind)


def add(scene: Scene, rng: np.random.Generator) -> Edit:
    """Put the first object where there was none: the removal told backwards."""
    back = remove(scene, rng)
    words = f" -> {name(scene.things[0])}"
    return Edit("add", back.after, scene, back.target, back.source, words, 0, "presence", scene.things[0].kind)


def resurface(scene: Scene, rng: np.random.Generator) -> Edit:
    """Lay another surface under everything."""
    surface = another(rng, SURFACES, scene.surface)
    after = replace(scene, surface=surface)
    words = f"{scene.surface} -> {surface}"
    return Edit("surface", scene, after, caption(scene), caption(after), words, None, "surface", surface)


def backdrop(scene: Scene, rng: np.random.Generator) -> Edit:
    """Hang another backdrop behind everything."""
    background = another(rng, BACKGROUNDS, scene.background)
    after = replace(scene, background=background)
    words = f"{scene.background} -> {background}"
    return Edit("background", scene, after, caption(scene), caption(after), words, None, "background", background)


def several(scene: Scene, rng: np.random.Generator) -> Edit:
    """Recolour the first object and lay another surface, in one go."""
    first = recolour(scene, rng)
    both = replace(first.after, surface=another(rng, SURFACES, scene.surface))
    words = f"{first.words}; {scene.surface} -> {both.surface}"
    return Edit("several", scene, both, caption(scene), caption(both), words, 0, "colour", first.wanted)


def two(scene: Scene, rng: np.random.Generator) -> Edit:
    """Recolour the first object, and put another kind in the place of the second."""
    first = recolour(scene, rng)
    moved = scene.with_thing(1, replace(scene.things[1], kind=another(rng, KINDS, *(t.kind for t in scene.things))))
    words = f"{name(scene.things[1])} -> {name(moved.things[1])}"
    second = Edit("replace", scene, moved, caption(scene), caption(moved), words, 1, "kind", moved.things[1].kind)
    both = first.after.with_thing(1, moved.things[1])
    words = f"{first.words}; {words}"
    return Edit("two", scene, both, caption(scene), caption(both), words, 0, "colour", first.wanted, (first, second))


def touching(scene: Scene, rng: np.random.Generator) -> Edit:
    """Do the same where the photo shows the two objects side by side without a gap, or one before the other."""
    return replace(two(scene, rng), kind="touching")


def _touch(scene: Scene) -> bool:
    """Tell whether the first two objects meet in the photo."""
    view = render(scene, NEAR, samples=1)
    one, other = (np.pad(view.mask(k), 1) for k in (0, 1))
    grown = one[1:-1, 1:-1] | one[:-2, 1:-1] | one[2:, 1:-1] | one[1:-1, :-2] | one[1:-1, 2:]
    return bool((grown & other[1:-1, 1:-1]).any())


def _moved(kind: str, scene: Scene, after: Thing) -> Edit:
    changed_scene = scene.with_thing(0, after)
    text = caption(scene)
    return Edit(kind, scene, changed_scene, text, caption(changed_scene), kind, 0, "place", after.kind)


def move(scene: Scene, rng: np.random.Generator) -> Edit:
    """Shift the first object along the table."""
    thing = scene.things[0]
    away = float(rng.uniform(0.25, 0.5)) * (1 if rng.random() < 0.5 else -1)
    return _moved("move", scene, replace(thing, x=thing.x + away, z=thing.z + float(rng.uniform(-0.2, 0.2))))


def resize(scene: Scene, rng: np.random.Generator) -> Edit:
    """Make the first object larger or smaller."""
    thing = scene.things[0]
    return _moved("resize", scene, replace(thing, size=thing.size * float(rng.choice([0.65, 0.75, 1.25, 1.35]))))


def rotate(scene: Scene, rng: np.random.Generator) -> Edit:
    """Turn the first object about the vertical."""
    thing = scene.things[0]
    if thing.kind not in TURNING:
        thing = replace(thing, kind=another(rng, TURNING, *(t.kind for t in scene.things)))
        scene = scene.with_thing(0, thing)
    return _moved("rotate", scene, replace(thing, turn=thing.turn + float(rng.uniform(0.5, 1.2))))


EDITS: dict[str, Callable[[Scene, np.random.Generator], Edit]] = {
    "recolour": recolour,
    "refinish": refinish,
    "replace": substitute,
    "remove": remove,
    "add": add,
    "surface": resurface,
    "background": backdrop,
    "several": several,
    "move": move,
    "resize": resize,
    "rotate": rotate,
    "touching": touching,
    "two": two,
}
"""What can be done to a scene. A kind's place in the alphabet is part of its seed: another may only come after all."""

PAIRED = ("touching", "two")
NEAR = 64  # pixels: where two objects meet is looked for at this size

TURNING = ("cube", "mug", "star", "duck")  # the others look the same from all sides

# Seeds of scenes that nothing is ever trained on begin here.
HELD_OUT_SEEDS = 9_000_000


def case(kind: str, seed: int, index: int, things: int | None = None, unseen: bool = False) -> Edit:
    """Return held-out case ``index`` of an edit.

    ``unseen`` asks that the result has a pair of kind and colour that training never showed; otherwise neither photo
    has one. ``things`` fixes the number of objects.
    """
    make = EDITS[kind]
    number = sorted(EDITS).index(kind)
    if kind in PAIRED and things is None:
        things = 2
    for attempt in range(10_000):
        rng = np.random.default_rng([seed, number, index, attempt])
        scene = draw(HELD_OUT_SEEDS + int(rng.integers(1 << 40)), things, held_out=None)
        if not _seen(scene.things if not unseen else scene.things[1:]):
            continue
        if unseen and (scene.things[0].kind, scene.things[0].colour) in HELD_OUT:
            continue
        if kind in PAIRED and len(scene.things) < 2:
            raise ValueError(f"{kind!r} wants two objects or three, things={things}")
        if kind == "touching" and not _touch(scene):
            continue
        edit = make(scene, rng)
        if _seen(edit.after.things) != unseen:
            return edit
    raise RuntimeError(f"no scene found for {kind!r} with things={things}, unseen={unseen}")
