"""The bundled photos: ``python -m inkover.tabletop.examples FOLDER`` renders them and writes their captions."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

from inkover.tabletop.captions import caption
from inkover.tabletop.edits import HELD_OUT_SEEDS
from inkover.tabletop.scene import WHOLE, Scene, draw, render

FIRST = HELD_OUT_SEEDS + 900_000
SIDE = 1024
WIDE = (1 / 6, 0.0, 5 / 6, 1.0)  # of the unit square: 3 to 2
TALL = (0.0, 1 / 8, 1.0, 7 / 8)  # 3 to 4

# name -> (number of the held-out scene, objects in it, window, suffix)
PHOTOS = {
    "mug": (4, 1, WHOLE, "jpg"),
    "cube": (13, 1, WHOLE, "jpg"),
    "duck": (15, 1, WHOLE, "jpg"),
    "mushroom": (14, 1, WHOLE, "png"),
    "pear": (29, 1, TALL, "jpg"),
    "cone": (5, 1, WHOLE, "jpg"),
    "stripes": (8, 1, WHOLE, "jpg"),
    "spots": (23, 1, WHOLE, "jpg"),
    "duck-and-cone": (38, 2, WIDE, "jpg"),
    "ball-and-cube": (31, 2, WHOLE, "jpg"),
    "bottle-and-ball": (41, 2, WIDE, "jpg"),
    "mushroom-and-mug": (45, 2, WHOLE, "jpg"),
}


def scene(name: str) -> Scene:
    """Return the scene of a bundled photo."""
    number, things, _, _ = PHOTOS[name]
    return draw(FIRST + number, things)


def write(folder: Path) -> None:
    """Render every bundled photo, at least 1,024 px on its shorter side, and write captions.json."""
    folder.mkdir(parents=True, exist_ok=True)
    captions = {}
    for name, (_, _, window, suffix) in PHOTOS.items():
        height, width = window[2] - window[0], window[3] - window[1]
        short = min(height, width)
        view = render(scene(name), round(SIDE * height / short), round(SIDE * width / short), window, samples=3)
        Image.fromarray(view.pixels).save(folder / f"{name}.{suffix}", quality=92)
        captions[f"{name}.{suffix}"] = caption(scene(name))
    (folder / "captions.json").write_text(json.dumps(captions, indent=2) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
