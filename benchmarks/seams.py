"""A photo larger than the model's, edited whole by windows: does the change show where windows end?

``python benchmarks/seams.py [--size 1200x900] [--steps 10]`` lays another surface in a scene of the little world with
``--windows``, takes the change (the picture drawn less the photo, before anything is laid over), and compares the mean
step of the change from pixel to pixel across the lines where a window begins or ends with that everywhere else.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

import inkover
from inkover.models.windowed import windowed
from inkover.photo import Photo
from inkover.tabletop.edits import case
from inkover.tabletop.scene import render


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1200x900", metavar="WIDTHxHEIGHT")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--edit", default="surface")
    parser.add_argument("--method", default="sdedit")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    width, height = (int(part) for part in given.size.split("x"))
    editor, edit = inkover.Editor.load("tabletop", remember=False), case(given.edit, 0, 0)
    photo = Photo.from_array(render(edit.before, height, width).pixels)
    asked = {"source": edit.source, "target": edit.target, "method": given.method, "steps": given.steps}
    drawn = editor.edit(photo, windows=True, **asked).drawn
    assert drawn is not None
    change = (drawn.after - drawn.before).mean(2)
    cell = editor.model.stride
    seen = windowed(editor.model, cell)
    tall, wide = (side // cell for side in change.shape)
    tops, lefts = (sorted({corner[axis] for corner in seen.corners(tall, wide)}) for axis in (0, 1))
    print(f"{given.size} px, {len(tops) * len(lefts)} windows of {seen.side * cell} px, {given.method}, {edit.target}")
    for name, axis, starts in (("columns", 1, lefts), ("rows", 0, tops)):
        step = np.abs(np.diff(change, axis=axis)).mean(1 - axis)
        ends = {cell * at for start in starts for at in (start, start + seen.side)}
        across = np.array([at - 1 for at in sorted(ends) if 0 < at < change.shape[axis]])
        inside = np.setdiff1d(np.arange(len(step)), across)
        # borders lie on cells, so they are held against other borders of cells too
        cells = np.setdiff1d(np.arange(cell - 1, len(step), cell), across)
        borders, rest, others = (step[places].mean() for places in (across, inside, cells))
        print(f"{name}: across window borders {borders:.5f}, elsewhere {rest:.5f} (ratio {borders / rest:.3f}), "
              f"across other cells {others:.5f}")  # fmt: skip


if __name__ == "__main__":
    main()
