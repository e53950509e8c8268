"""Change one bundled photo with words on the embedded model, and lay before and after side by side.

Run by ``make demo``; writes into ``demo/`` beside this folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

import inkover
from inkover.app.progress import shown

HERE = Path(__file__).parent
OUT = HERE.parent / "demo"
PHOTO, WAS, BECOMES = "duck-and-cone.jpg", "pink", "blue"


def side_by_side(before: Path, after: Path, out: Path, height: int = 512) -> None:
    """Write two pictures as one, 8 pixels of white between them."""
    pictures = [Image.open(path).convert("RGB") for path in (before, after)]
    pictures = [picture.resize((round(picture.width * height / picture.height), height)) for picture in pictures]
    both = Image.new("RGB", (sum(picture.width for picture in pictures) + 8, height), "white")
    both.paste(pictures[0], (0, 0))
    both.paste(pictures[1], (pictures[0].width + 8, 0))
    both.save(out)


def main() -> None:
    """Edit one bundled photo."""
    captions: dict[str, str] = json.loads((HERE / "captions.json").read_text(encoding="utf-8"))
    photo, source = HERE / PHOTO, captions[PHOTO]
    target = source.replace(WAS, BECOMES)
    OUT.mkdir(exist_ok=True)
    edited, mask, both = OUT / f"edited{photo.suffix}", OUT / "mask.png", OUT / "before-after.png"
    print(f"photo  {photo.name}\nfrom   {source}\nto     {target}", flush=True)
    with shown(quiet=False) as show:
        result = inkover.Editor.load("tabletop").edit(photo, source=source, target=target, seed=0, show=show)
    result.save(edited)
    result.save_mask(mask)
    side_by_side(photo, edited, both)
    spent = sum(result.seconds.values())
    print(f"done   {spent:.1f} s, {sum(result.samples.values())} network samples\n\nOpen:")
    for path, what in ((both, "before and after"), (edited, "the result"), (mask, "where it was changed")):
        print(f"  {path}  {what}")
    for warning in result.warnings:
        print(warning, file=sys.stderr)


if __name__ == "__main__":
    main()
