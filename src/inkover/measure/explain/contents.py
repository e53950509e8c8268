"""What a page that explains an edit is made of, before it is HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (h, w, 3), as it is shown
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, and what it is in words."""

    picture: Picture
    alt: str


@dataclass(frozen=True, slots=True)
class Figure:
    """Pictures, one above the other, and what stands under them."""

    pictures: tuple[Shown, ...]
    title: str
    says: tuple[str, ...] = ()
    colour: tuple[int, int, int] | None = None  # that marks it, each from 0 to 255


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head, all of one length; what is written small stands in the last column."""

    head: Row
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Figures side by side under a few sentences, or a table."""

    title: str = ""
    says: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    size: Literal["large", "middle", "small"] = "middle"
    table: Table | None = None
    folded: bool = False  # it opens when it is asked for
    slider: tuple[Shown, Shown] | None = None  # two pictures laid over one another


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page."""

    title: str
    says: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page shows."""

    title: str
    about: str
    sections: tuple[Section, ...]
    command: str


@dataclass(frozen=True, slots=True)
class Aside:
    """What the page itself took, beside the edit."""

    samples: int  # of the network
    decodes: int  # pictures made of latents
    seconds: float
