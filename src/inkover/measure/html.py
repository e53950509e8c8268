"""What the pages of HTML have in common: their look, and pictures that they hold themselves."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITY = 92

BASE = """
:root { color-scheme: light dark; --back: #fff; --card: #f4f4f2; --ink: #1b1b1b; --soft: #5c5c5c; --line: #d8d8d4; }
@media (prefers-color-scheme: dark) {
  :root { --back: #161616; --card: #222; --ink: #ececec; --soft: #a8a8a8; --line: #3a3a3a; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: clamp(.75rem, 3vw, 2.5rem); background: var(--back); color: var(--ink);
  font: 1rem/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: clamp(1.15rem, 3vw, 1.7rem); overflow-wrap: anywhere; }
h2 { margin: 0 0 .4rem; font-size: 1rem; }
p { margin: .3rem 0; }
header, footer { max-width: 70rem; overflow-wrap: anywhere; }
.about, footer, .remarks, details { color: var(--soft); font-size: .85rem; }
code { font-family: ui-monospace, monospace; white-space: pre-wrap; }
"""


def address(picture: NDArray[np.uint8], quality: int = QUALITY) -> str:
    """Return a picture, (h, w, 3) or a mask (h, w), as an address that holds it: a JPEG of that quality, or a PNG."""
    file, kind = BytesIO(), "jpeg" if picture.ndim == 3 else "png"
    Image.fromarray(picture).save(file, kind, **({"quality": quality, "subsampling": 0} if kind == "jpeg" else {}))
    return held(kind, file.getvalue())


def held(kind: str, file: bytes) -> str:
    """Return a picture's file, of a kind that browsers know, as an address that holds it."""
    return f"data:image/{kind};base64,{b64encode(file).decode()}"
