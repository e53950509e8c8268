"""A scatter of methods as inline SVG: points with their intervals as whiskers, and names that overlap nothing."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from inkover.measure.figures.scores import Better
from inkover.measure.runs.intervals import Interval

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 20, 60
FONT, DOT, TICKS, LONGEST = 13, 5, 6, 36
ARROWS = {"higher": "\u2192 better", "lower": "\u2190 better", "neither": ""}
STEPS = [(math.cos(k * math.pi / 4), -math.sin(k * math.pi / 4)) for k in (0, 4, 2, 6, 1, 7, 3, 5)]
REACHES = (10, 20, 32, 46, 62)
"""Where a name may stand: right, left, above, below, then between these; near its point, then farther."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows, with its unit, and which way is better."""

    label: str
    better: Better


@dataclass(frozen=True, slots=True)
class Point:
    """A method's place."""

    label: str
    x: Interval
    y: Interval


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture, in px."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Say whether two rectangles have anything in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: Box) -> bool:
        """Say whether another rectangle is inside this one."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


@dataclass(frozen=True, slots=True)
class Scale:
    """Takes a value between two bounds to a place between two others."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where a value is, in px."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Drawing:
    """The picture, and the points that have no room for their name."""

    svg: str
    unnamed: tuple[str, ...]


FRAME = Box(LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)


def scatter(points: Sequence[Point], x: Axis, y: Axis) -> Drawing | None:
    """Return the picture of all points that have both values; None where none has."""
    known = [point for point in points if point.x.value is not None and point.y.value is not None]
    if not known:
        return None
    across = _scale([point.x for point in known], FRAME.left, FRAME.right)
    up = _scale([point.y for point in known], FRAME.bottom, FRAME.top)
    centres = [(across.at(point.x.value or 0.0), up.at(point.y.value or 0.0)) for point in known]
    whiskers = [one for point in known for one in _whiskers(point, across, up)]
    names = _named(known, centres, whiskers)
    lines = _lines(known, x, y, list(_axes(x, y, across, up)), centres, whiskers, names)
    nameless = (point.label for point, box in zip(known, names, strict=True) if box is None)
    return Drawing("\n".join(lines), tuple(nameless))


def ticks(low: float, high: float) -> list[float]:
    """Return round values between two bounds, 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _scale(values: Sequence[Interval], start: float, end: float) -> Scale:
    """Return a scale on which every interval fits, with some room around."""
    ends = [end for one in values for end in (one.value, one.lower, one.upper) if end is not None]
    low, high = min(ends), max(ends)
    room = 0.08 * (high - low) or 0.05 * abs(high) or 0.5
    return Scale(low - room, high + room, start, end)


def _lines(
    points: Sequence[Point],
    x: Axis,
    y: Axis,
    axes: Sequence[str],
    centres: Sequence[tuple[float, float]],
    whiskers: Sequence[Box],
    names: Sequence[Box | None],
) -> Iterator[str]:
    about = f"{y.label} against {x.label}: {len(points)} points; the numbers are in the table"
    yield f'<svg class="scatter" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(about)}">'
    yield from axes
    yield from (_line("whisker", one.left, one.top, one.right, one.bottom) for one in whiskers)
    for point, centre, box in zip(points, centres, names, strict=True):
        yield from _point(point, *centre, box)
    yield "</svg>"


def _axes(x: Axis, y: Axis, across: Scale, up: Scale) -> Iterator[str]:
    for value in ticks(across.low, across.high):
        place = across.at(value)
        yield _line("rule", place, FRAME.top, place, FRAME.bottom)
        yield _text("tick", place, FRAME.bottom + 18, f"{value:.6g}", "middle")
    for value in ticks(up.low, up.high):
        place = up.at(value)
        yield _line("rule", FRAME.left, place, FRAME.right, place)
        yield _text("tick", FRAME.left - 8, place + 4, f"{value:.6g}", "end")
    yield _text("axis", (FRAME.left + FRAME.right) / 2, HEIGHT - 14, f"{x.label}  {ARROWS[x.better]}", "middle")
    middle = (FRAME.top + FRAME.bottom) / 2
    said = escape(f"{y.label}  {ARROWS[y.better]}")  # turned, so that right is up
    yield f'<text class="axis" transform="translate(18 {middle:.1f}) rotate(-90)" text-anchor="middle">{said}</text>'


def _whiskers(point: Point, across: Scale, up: Scale) -> list[Box]:
    """Return the intervals of a point as rectangles without an area."""
    assert point.x.value is not None and point.y.value is not None
    left, top, found = across.at(point.x.value), up.at(point.y.value), list[Box]()
    if point.x.lower is not None and point.x.upper is not None:
        found.append(Box(across.at(point.x.lower), top, across.at(point.x.upper), top))
    if point.y.lower is not None and point.y.upper is not None:
        found.append(Box(left, up.at(point.y.upper), left, up.at(point.y.lower)))
    return found


def _named(
    points: Sequence[Point], centres: Sequence[tuple[float, float]], whiskers: Sequence[Box]
) -> list[Box | None]:
    """Return where each name stands, off all points and names and if that can be off the whiskers; None: no room."""
    taken = [Box(left - DOT - 1, top - DOT - 1, left + DOT + 1, top + DOT + 1) for left, top in centres]
    found = list[Box | None]()
    for point, (left, top) in zip(points, centres, strict=True):
        places = [box for box in _places(_width(_short(point.label)), left, top) if FRAME.holds(box)]
        free = [box for box in places if not any(box.meets(one) for one in taken)]
        clear = [box for box in free if not any(box.meets(one) for one in whiskers)]
        found.append(next(iter((*clear, *free)), None))
        taken += [box for box in found[-1:] if box is not None]
    return found


def _places(wide: float, left: float, top: float) -> Iterator[Box]:
    """Yield where the name of a point may stand, the nearest first."""
    tall = FONT + 3.0
    for reach in REACHES:
        for along, down in STEPS:
            middle = left + along * (reach + wide / 2), top + down * (reach + tall / 2)
            yield Box(middle[0] - wide / 2, middle[1] - tall / 2, middle[0] + wide / 2, middle[1] + tall / 2)


def _point(point: Point, left: float, top: float, box: Box | None) -> Iterator[str]:
    """Yield a point, and its name with a line to it where it stands far from it."""
    yield f'<circle class="dot" cx="{left:.1f}" cy="{top:.1f}" r="{DOT}"><title>{escape(point.label)}</title></circle>'
    if box is None:
        return
    near = min(max(left, box.left), box.right), min(max(top, box.top), box.bottom)
    if math.dist(near, (left, top)) > REACHES[1]:
        yield _line("leader", left, top, *near)
    yield _text("name", (box.left + box.right) / 2, box.bottom - 4.5, _short(point.label), "middle")


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}\u2026"


def _width(text: str) -> float:
    """Return more than a text is wide, in px: fonts differ, and nothing here can measure them."""
    return sum(FONT * (1.05 if unicodedata.east_asian_width(letter) in "WF" else 0.62) for letter in text) + 4


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(kind: str, x: float, y: float, said: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'
