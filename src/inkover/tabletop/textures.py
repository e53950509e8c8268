"""What surfaces, backdrops and finishes look like: procedural colours, linear RGB, faded below a pixel's footprint."""

from __future__ import annotations

import math

from numba import njit

SURFACES = ("wood", "grass", "sand", "marble", "cloth", "snow")
BACKGROUNDS = ("wall", "sky", "sunset", "night", "bricks")
FINISHES = ("plain", "shiny", "striped", "spotted")

WOOD, GRASS, SAND, MARBLE, CLOTH, SNOW = range(6)
WALL, SKY, SUNSET, NIGHT, BRICKS = range(5)
PLAIN, SHINY, STRIPED, SPOTTED = range(4)

RGB = tuple[float, float, float]


@njit(cache=True, fastmath=True, inline="always")
def _hash(i: int, j: int, seed: int) -> float:
    """Return a number in [0, 1) that belongs to a lattice point."""
    h = (i * 374761393 + j * 668265263 + seed * 2147483647) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFFFF) / 16777216.0


@njit(cache=True, fastmath=True)
def _noise(x: float, y: float, seed: int) -> float:
    """Smooth value noise in [0, 1]."""
    i, j = int(math.floor(x)), int(math.floor(y))
    u, v = x - i, y - j
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    low = _hash(i, j, seed) * (1.0 - u) + _hash(i + 1, j, seed) * u
    high = _hash(i, j + 1, seed) * (1.0 - u) + _hash(i + 1, j + 1, seed) * u
    return low * (1.0 - v) + high * v


@njit(cache=True, fastmath=True)
def clouds(x: float, y: float, octaves: int, footprint: float, seed: int) -> float:
    """Return fractal noise around 0, each octave faded out as its cells shrink to the footprint."""
    total, gain, scale = 0.0, 0.5, 1.0
    for k in range(octaves):
        keep = min(max(1.5 - 2.5 * scale * footprint, 0.0), 1.0)
        if keep <= 0.0:
            break
        total += gain * keep * (2.0 * _noise(x * scale, y * scale, seed + 17 * k) - 1.0)
        gain *= 0.55
        scale *= 2.1
    return total


@njit(cache=True, fastmath=True, inline="always")
def _line(x: float, half: float, footprint: float) -> float:
    """Return how much of a pixel at distance x from a line of that half-width is covered, in [0, 1]."""
    soft = max(footprint, 0.004)
    return min(max((half - abs(x)) / soft + 0.5, 0.0), 1.0) * min(1.0, 2.0 * half / soft + 0.15)


@njit(cache=True, fastmath=True, inline="always")
def _square(x: float, footprint: float) -> float:
    """Return a square wave of period 2 in [0, 1], its edges as soft as the footprint."""
    phase = x - 2.0 * math.floor(x * 0.5)
    edge = max(footprint, 0.01)
    wave = min(abs(phase - 1.0), 1.0)
    return min(max((wave - 0.5) / edge + 0.5, 0.0), 1.0)


@njit(cache=True, fastmath=True)
def surface(which: int, x: float, z: float, footprint: float, seed: int) -> RGB:
    """Return the colour of the table top at a point of it."""
    if which == WOOD:
        plank = math.floor(x / 0.55)
        tone = 0.82 + 0.34 * _hash(int(plank), 7, seed)
        grain = clouds(x * 5.0 + 9.0 * plank, z * 0.8, 4, footprint * 5.0, seed)
        gap = _line(x - 0.55 * (plank + 0.5) - math.copysign(0.275, x - 0.55 * (plank + 0.5)), 0.012, footprint)
        k = tone * (1.0 + 0.55 * grain) * (1.0 - 0.65 * gap)
        return 0.36 * k, 0.185 * k, 0.075 * k
    if which == GRASS:
        k = 1.0 + 0.7 * clouds(x * 1.6, z * 1.6, 6, footprint * 1.6, seed)
        y = 0.12 * clouds(x * 0.7, z * 0.7, 2, footprint, seed + 5)
        return (0.09 + 0.5 * y) * k, 0.24 * k, 0.035 * k
    if which == SAND:
        wave = math.sin(5.5 * (z + 0.25 * clouds(x, z, 2, footprint, seed) * 2.0 + 0.2 * x))
        fade = min(max(1.2 - 3.0 * footprint, 0.0), 1.0)
        k = 1.0 + 0.1 * wave * fade + 0.14 * clouds(x * 4.0, z * 4.0, 4, footprint * 4.0, seed)
        return 0.62 * k, 0.44 * k, 0.23 * k
    if which == MARBLE:
        bend = 2.2 * clouds(x * 0.9, z * 0.9, 4, footprint, seed)
        vein = 1.0 - abs(math.sin(1.7 * x + 1.1 * z + 2.0 * bend))
        k = 0.82 - 0.5 * vein**6 - 0.1 * clouds(x * 2.0, z * 2.0, 3, footprint * 2.0, seed + 3)
        return k * 0.98, k, k * 1.02
    if which == CLOTH:
        a, b = _square(x / 0.32, footprint / 0.32), _square(z / 0.32, footprint / 0.32)
        k = 0.5 * (a + b)
        weave = 1.0 + 0.1 * clouds(x * 9.0, z * 9.0, 2, footprint * 9.0, seed)
        return (0.78 - 0.66 * k) * weave, (0.76 - 0.56 * k) * weave, (0.72 - 0.36 * k) * weave
    k = 0.86 + 0.13 * clouds(x * 0.9, z * 0.9, 5, footprint, seed)
    return k * 0.95, k * 0.98, k * 1.04


@njit(cache=True, fastmath=True)
def _bricks(x: float, y: float, footprint: float, seed: int) -> RGB:
    row = math.floor(y / 0.3)
    shift = 0.5 * (row - 2.0 * math.floor(row / 2.0))
    column = math.floor(x / 0.7 + shift)
    u = x / 0.7 + shift - column - 0.5
    v = y / 0.3 - row - 0.5
    joint = max(_line(0.35 - abs(u) * 0.7, 0.022, footprint), _line(0.15 - abs(v) * 0.3, 0.022, footprint))
    k = 0.75 + 0.5 * _hash(int(column), int(row), seed) + 0.3 * clouds(x * 5.0, y * 5.0, 3, footprint * 5.0, seed)
    keep = 1.0 - joint
    return 0.36 * k * keep + 0.5 * joint, 0.115 * k * keep + 0.46 * joint, 0.075 * k * keep + 0.42 * joint


@njit(cache=True, fastmath=True)
def wall(which: int, x: float, y: float, footprint: float, seed: int) -> RGB:
    """Return the colour of an upright wall at a point of it: plaster or bricks."""
    if which == BRICKS:
        return _bricks(x, y, footprint, seed)
    k = 1.0 + 0.06 * clouds(x * 0.6, y * 0.6, 3, footprint, seed) - 0.02 * y
    return 0.55 * k, 0.5 * k, 0.42 * k


@njit(cache=True, fastmath=True)
def heaven(which: int, dx: float, dy: float, dz: float, footprint: float, seed: int) -> RGB:
    """Return the colour that is seen far away along a direction: sky, sunset or night."""
    up = min(max(dy, 0.0), 1.0)
    if which == SKY:
        u = min(up * 3.0, 1.0)
        r, g, b = 0.55 - 0.42 * u, 0.72 - 0.4 * u, 0.92 - 0.22 * u
        at = 1.0 / (dy + 0.25)
        c = clouds(dx * at * 1.3, dz * at * 0.7, 4, footprint * 2.0, seed)
        c = min(max(3.0 * c - 0.2, 0.0), 1.0) * 0.8
        return r + (0.95 - r) * c, g + (0.95 - g) * c, b + (0.97 - b) * c
    if which == SUNSET:
        u = min(up * 3.2, 1.0)
        glow = math.exp(-30.0 * (dx * dx * 0.35 + (dy - 0.06) ** 2))
        return 0.95 - 0.6 * u + 0.3 * glow, 0.36 - 0.24 * u + 0.35 * glow, 0.1 + 0.2 * u + 0.06 * glow
    cell_x, cell_y = dx * 16.0, dy * 16.0
    i, j = int(math.floor(cell_x)), int(math.floor(cell_y))
    star = 0.0
    if _hash(i, j, seed) > 0.72:
        sx, sy = 0.25 + 0.5 * _hash(i, j, seed + 1), 0.25 + 0.5 * _hash(i, j, seed + 2)
        r = math.sqrt((cell_x - i - sx) ** 2 + (cell_y - j - sy) ** 2)
        star = min(max((0.16 - r) / 0.1, 0.0), 1.0) * (0.4 + 0.6 * _hash(i, j, seed + 4))
    return 0.012 + 0.75 * star, 0.018 + 0.75 * star, 0.06 + 0.02 * up + 0.7 * star


@njit(cache=True, fastmath=True)
def horizon(which: int) -> RGB:
    """Return the haze that the far end of the table fades into."""
    if which == SKY:
        return 0.55, 0.72, 0.92
    if which == SUNSET:
        return 0.95, 0.42, 0.14
    return 0.012, 0.018, 0.06


@njit(cache=True, fastmath=True)
def pattern(finish: int, kind_is_ring: bool, x: float, y: float, z: float) -> float:
    """Return how much of the second colour shows at a point of an object's frame, in [0, 1]."""
    if finish == STRIPED:
        along = math.atan2(z, x) * 8.0 / math.pi if kind_is_ring else y / 0.115
        return _square(along + 0.5, 0.12)
    if finish == SPOTTED:
        u, v, w = x / 0.3 + 0.5, y / 0.3 + 0.15, z / 0.3 + 0.5
        u += 0.5 * (math.floor(v) - 2.0 * math.floor(v * 0.5))
        du, dv, dw = u - math.floor(u) - 0.5, v - math.floor(v) - 0.5, w - math.floor(w) - 0.5
        r = math.sqrt(du * du + dv * dv + dw * dw)
        return min(max((0.37 - r) / 0.06 + 0.5, 0.0), 1.0)
    return 0.0
