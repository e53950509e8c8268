"""The shapes of the little world, as signed distances in an object's own frame.

Every shape stands on y = 0, is about one unit tall and fits the sphere of radius ``BOUND`` around (0, 0.5, 0).
Distances are lower bounds of the true distance, so a ray can step by them (Hart 1996).
"""

from __future__ import annotations

import math

from numba import njit

KINDS = ("ball", "cube", "cone", "mug", "bottle", "donut", "mushroom", "pear", "star", "duck")
BOUND = 0.82

BALL, CUBE, CONE, MUG, BOTTLE, DONUT, MUSHROOM, PEAR, STAR, DUCK = range(10)

# What a part of a shape is made of: the object's own colour and finish, or a fixed material.
OWN, PALE, STEM, BEAK, EYE, HOLLOW = range(6)


@njit(cache=True, fastmath=True, inline="always")
def _blend(a: float, b: float, k: float) -> float:
    """Join two distances with a round seam of width k."""
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * k * 0.25


@njit(cache=True, fastmath=True, inline="always")
def _ball(x: float, y: float, z: float, r: float) -> float:
    return math.sqrt(x * x + y * y + z * z) - r


@njit(cache=True, fastmath=True, inline="always")
def _ellipsoid(x: float, y: float, z: float, a: float, b: float, c: float) -> float:
    k0 = math.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
    k1 = math.sqrt((x / (a * a)) ** 2 + (y / (b * b)) ** 2 + (z / (c * c)) ** 2)
    return k0 * (k0 - 1.0) / max(k1, 1e-6)


@njit(cache=True, fastmath=True, inline="always")
def _cylinder(x: float, y: float, z: float, r: float, half: float, round_: float) -> float:
    """Upright, centred at the origin, with rounded rims."""
    dx = math.sqrt(x * x + z * z) - r + round_
    dy = abs(y) - half + round_
    outside = math.sqrt(max(dx, 0.0) ** 2 + max(dy, 0.0) ** 2)
    return min(max(dx, dy), 0.0) + outside - round_


@njit(cache=True, fastmath=True, inline="always")
def _ring(x: float, y: float, z: float, major: float, minor: float) -> float:
    """A torus lying flat."""
    q = math.sqrt(x * x + z * z) - major
    return math.sqrt(q * q + y * y) - minor


@njit(cache=True, fastmath=True, inline="always")
def _cone(x: float, y: float, z: float) -> float:
    radius, height, round_ = 0.42, 0.92, 0.03
    q = math.sqrt(x * x + z * z)
    slope = math.sqrt(height * height + radius * radius)
    side = (q * height + (y - height) * radius) / slope
    return max(side, -y) * 0.98 - round_ * 0.2


@njit(cache=True, fastmath=True, inline="always")
def _mug(x: float, y: float, z: float) -> float:
    body = _cylinder(x, y - 0.41, z, 0.34, 0.41, 0.04)
    hole = _cylinder(x, y - 0.56, z, 0.285, 0.48, 0.03)
    hx = x - 0.36
    q = math.sqrt(hx * hx + (y - 0.42) ** 2) - 0.2
    handle = max(math.sqrt(q * q + z * z) - 0.06, 0.3 - math.sqrt(x * x + z * z))
    return max(min(body, handle), -hole)


@njit(cache=True, fastmath=True, inline="always")
def _bottle(x: float, y: float, z: float) -> float:
    body = _cylinder(x, y - 0.34, z, 0.25, 0.34, 0.08)
    neck = _cylinder(x, y - 0.82, z, 0.085, 0.3, 0.02)
    lip = _cylinder(x, y - 1.09, z, 0.115, 0.045, 0.02)
    return min(_blend(body, neck, 0.16), lip)


@njit(cache=True, fastmath=True, inline="always")
def _mushroom(x: float, y: float, z: float) -> tuple[float, float]:
    """Return the distances of cap and stalk."""
    cap = max(_ellipsoid(x, y - 0.42, z, 0.5, 0.44, 0.5), 0.42 - y - 0.04 * (x * x + z * z))
    stalk = _cylinder(x, y - 0.25, z, 0.15, 0.25, 0.06)
    return cap, stalk


@njit(cache=True, fastmath=True, inline="always")
def _pear(x: float, y: float, z: float) -> tuple[float, float]:
    """Return the distances of flesh and stem."""
    flesh = _blend(_ball(x, y - 0.37, z, 0.37), _ball(x, y - 0.8, z, 0.17), 0.36)
    sx = x - 0.25 * max(y - 0.95, 0.0)
    stem = _cylinder(sx, y - 1.05, z, 0.035, 0.12, 0.015)
    return flesh, stem


@njit(cache=True, fastmath=True, inline="always")
def _star(x: float, y: float, z: float) -> float:
    """Five points, standing upright, facing -z."""
    cy = y - 0.47
    radius = math.sqrt(x * x + cy * cy)
    step = 2.0 * math.pi / 5.0
    angle = math.atan2(x, cy)
    angle = abs(angle - step * math.floor(angle / step + 0.5))
    px, py = radius * math.sin(angle), radius * math.cos(angle)
    ax, ay = 0.0, 0.56  # a point
    bx, by = 0.23 * math.sin(step / 2), 0.23 * math.cos(step / 2)  # an inner corner
    ex, ey = bx - ax, by - ay
    wx, wy = px - ax, py - ay
    t = min(max((wx * ex + wy * ey) / (ex * ex + ey * ey), 0.0), 1.0)
    d = math.sqrt((wx - ex * t) ** 2 + (wy - ey * t) ** 2)
    inside = ex * wy - ey * wx
    flat = -d if inside < 0.0 else d
    dz = abs(z) - 0.14
    outer = math.sqrt(max(flat, 0.0) ** 2 + max(dz, 0.0) ** 2)
    return min(max(flat, dz), 0.0) + outer - 0.02


@njit(cache=True, fastmath=True, inline="always")
def _duck(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Return the distances of body, beak and eyes; it looks along +x."""
    trunk = _ellipsoid(x, y - 0.3, z, 0.46, 0.3, 0.33)
    tail = _ellipsoid(x + 0.42, y - 0.46, z, 0.16, 0.12, 0.14)
    head = _ball(x - 0.24, y - 0.74, z, 0.235)
    body = _blend(_blend(trunk, tail, 0.2), head, 0.12)
    beak = _ellipsoid(x - 0.5, y - 0.7, z, 0.14, 0.055, 0.11)
    eyes = _ball(x - 0.37, y - 0.82, abs(z) - 0.15, 0.045)
    return body, beak, eyes


@njit(cache=True, fastmath=True)
def distance(kind: int, x: float, y: float, z: float) -> float:
    """Return the signed distance from a point of the object's frame to its surface."""
    if kind == BALL:
        return _ball(x, y - 0.45, z, 0.45)
    if kind == CUBE:
        dx, dy, dz = abs(x) - 0.36, abs(y - 0.39) - 0.36, abs(z) - 0.36
        outer = math.sqrt(max(dx, 0.0) ** 2 + max(dy, 0.0) ** 2 + max(dz, 0.0) ** 2)
        return min(max(dx, max(dy, dz)), 0.0) + outer - 0.03
    if kind == CONE:
        return _cone(x, y, z)
    if kind == MUG:
        return _mug(x, y, z)
    if kind == BOTTLE:
        return _bottle(x, y, z)
    if kind == DONUT:
        return _ring(x, y - 0.2, z, 0.34, 0.2)
    if kind == MUSHROOM:
        cap, stalk = _mushroom(x, y, z)
        return min(cap, stalk)
    if kind == PEAR:
        flesh, stem = _pear(x, y, z)
        return min(flesh, stem)
    if kind == STAR:
        return _star(x, y, z)
    body, beak, eyes = _duck(x, y, z)
    return min(body, min(beak, eyes))


@njit(cache=True, fastmath=True)
def part(kind: int, x: float, y: float, z: float) -> int:
    """Return what the surface is made of at a point of it."""
    if kind == MUSHROOM:
        cap, stalk = _mushroom(x, y, z)
        return OWN if cap < stalk else PALE
    if kind == PEAR:
        flesh, stem = _pear(x, y, z)
        return OWN if flesh < stem else STEM
    if kind == DUCK:
        body, beak, eyes = _duck(x, y, z)
        if eyes < body and eyes < beak:
            return EYE
        return BEAK if beak < body else OWN
    if kind == MUG and x * x + z * z < 0.29 * 0.29 and y > 0.1:
        return HOLLOW
    return OWN
