"""What is said of one object says nothing of the others: the same photo, told with one word wrong.

A network of few photos reads a caption as a whole, and another colour for one object moves its answer at all of them.
Told so, it answers alike wherever the object is not, and the place where two texts disagree is the object.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inkover.tabletop.captions import told
from inkover.tabletop.edits import another
from inkover.tabletop.scene import COLOURS, Scene
from inkover.tabletop.shapes import KINDS
from inkover.tabletop.textures import FINISHES


def misnamed(scene: Scene, thing: int, rng: np.random.Generator) -> Scene:
    """Return a scene of which one object has another colour, kind or finish."""
    was, choice = scene.things[thing], rng.random()
    if choice < 0.5:
        now = replace(was, colour=another(rng, tuple(COLOURS), *(t.colour for t in scene.things)))
    elif choice < 0.85:
        now = replace(was, kind=another(rng, KINDS, *(t.kind for t in scene.things)))
    else:
        now = replace(was, finish=another(rng, FINISHES, was.finish))
    return scene.with_thing(thing, now)


def retold(
    scene: Scene,
    seed: int,  # of how the caption is told
    named: dict[int, tuple[int, int]],  # the objects that it names
    rng: np.random.Generator,
) -> tuple[str, int] | None:
    """Return the caption told with one word wrong, and of which object; None where it would be the same."""
    if not named:
        return None
    thing = int(rng.choice(sorted(named)))
    wrong = misnamed(scene, thing, rng)
    text = told(wrong, np.random.default_rng(seed))[0]
    return None if text == told(scene, np.random.default_rng(seed))[0] else (text, thing)


def elsewhere(shown: NDArray[np.bool_], reach: float = 0.2) -> NDArray[np.bool_]:
    """Return the cells (h, w) that an object of another kind would not reach: outside its box, grown on each side.

    ``reach`` is the growth as a part of the box's longer side, a cell at least.
    """
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    free = np.ones(shown.shape, bool)
    if not rows.size:
        return free
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    grow = max(round(reach * longer), 1)
    free[max(rows[0] - grow, 0) : rows[-1] + grow + 1, max(columns[0] - grow, 0) : columns[-1] + grow + 1] = False
    return free
