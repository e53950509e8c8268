"""Rays into the little world: sphere tracing, soft shadow, ambient occlusion, one pixel at a time."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from inkover.tabletop import shapes, textures
from inkover.tabletop.shapes import BEAK, BOUND, DONUT, EYE, HOLLOW, PALE, STAR, STEM
from inkover.tabletop.textures import BRICKS, RGB, SHINY, WALL

# Columns of an object's row, and of the stage.
KIND, FINISH, X, Z, SIZE, COS, SIN, RED, GREEN, BLUE, RED2, GREEN2, BLUE2 = range(13)
SURFACE, BACKGROUND, SEED, WALL_Z = range(4)

Array = NDArray[np.float64]
NOTHING, TABLE = -1, 0  # as in scene.py


@njit(cache=True, fastmath=True, inline="always")
def _local(row: Array, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Turn a point of the world into an object's frame."""
    dx, dz, size = x - row[X], z - row[Z], row[SIZE]
    return (row[COS] * dx + row[SIN] * dz) / size, y / size, (row[COS] * dz - row[SIN] * dx) / size


@njit(cache=True, fastmath=True, inline="always")
def _span(row: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> tuple[float, float]:
    """Return where a ray enters and leaves an object's bounding sphere; leaves before it enters if it misses."""
    size = row[SIZE]
    cx, cy, cz = ox - row[X], oy - 0.5 * size, oz - row[Z]
    b = cx * dx + cy * dy + cz * dz
    c = cx * cx + cy * cy + cz * cz - (BOUND * size) ** 2
    h = b * b - c
    if h < 0.0:
        return 1.0, -1.0
    h = math.sqrt(h)
    return max(-b - h, 0.0), -b + h


@njit(cache=True, fastmath=True)
def _march(row: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, far: float) -> float:
    """Return how far along the ray the object is met, or -1."""
    t, end = _span(row, ox, oy, oz, dx, dy, dz)
    end = min(end, far)
    kind, size = int(row[KIND]), row[SIZE]
    for _ in range(72):
        if t > end:
            return -1.0
        x, y, z = _local(row, ox + t * dx, oy + t * dy, oz + t * dz)
        d = shapes.distance(kind, x, y, z) * size
        if d < 4e-4 * (1.0 + t):
            return t
        t += 0.92 * d
    return -1.0


@njit(cache=True, fastmath=True)
def _normal(row: Array, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Return the outward normal in the world at a point of the object's frame."""
    kind, e = int(row[KIND]), 0.004
    a = shapes.distance(kind, x + e, y - e, z - e)
    b = shapes.distance(kind, x - e, y - e, z + e)
    c = shapes.distance(kind, x - e, y + e, z - e)
    d = shapes.distance(kind, x + e, y + e, z + e)
    nx, ny, nz = a - b - c + d, -a - b + c + d, -a + b - c + d
    n = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
    nx, ny, nz = nx * n, ny * n, nz * n
    return row[COS] * nx - row[SIN] * nz, ny, row[SIN] * nx + row[COS] * nz


@njit(cache=True, fastmath=True)
def _lit(objects: Array, x: float, y: float, z: float, light: Array) -> float:
    """Return how much of the lamp reaches a point, in [0, 1]: soft at the rim of a shadow."""
    lit = 1.0
    lx, ly, lz = light[0], light[1], light[2]
    for i in range(objects.shape[0]):
        row = objects[i]
        t, end = _span(row, x, y, z, lx, ly, lz)
        kind, size = int(row[KIND]), row[SIZE]
        for _ in range(40):
            if t > end:
                break
            px, py, pz = _local(row, x + t * lx, y + t * ly, z + t * lz)
            d = shapes.distance(kind, px, py, pz) * size
            lit = min(lit, 0.5 + 0.5 * light[6] * d / (t + 0.05))
            if d < 1e-3 or lit <= 0.0:
                lit = min(lit, max(lit, 0.0))
                if d < 1e-3:
                    lit = 0.0
                break
            t += min(max(d, 0.015), 0.2)
    lit = max(lit, 0.0)
    return lit * lit * (3.0 - 2.0 * lit)


@njit(cache=True, fastmath=True)
def _open(objects: Array, x: float, y: float, z: float, nx: float, ny: float, nz: float) -> float:
    """Return how open a point is to the light from all around, in [0, 1]."""
    closed = 0.0
    for i in range(objects.shape[0]):
        row = objects[i]
        size = row[SIZE]
        dx, dz = x - row[X], z - row[Z]
        if dx * dx + dz * dz > (1.3 * size) ** 2:
            continue
        for k in range(3):
            h = (0.06, 0.16, 0.34)[k] * size
            px, py, pz = _local(row, x + h * nx, y + h * ny, z + h * nz)
            d = shapes.distance(int(row[KIND]), px, py, pz) * size
            closed += max(h - d, 0.0) / h * (0.26, 0.2, 0.14)[k]
    if ny < 0.5:  # the table closes off what stands on it, from below
        closed += max(0.25 - y, 0.0) * 0.5 * (1.0 - max(ny, 0.0))
    return max(1.0 - closed, 0.15)


@njit(cache=True, fastmath=True)
def _far(stage: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, pixel: float) -> RGB:
    """Return what is seen behind the table."""
    which, seed = int(stage[BACKGROUND]), int(stage[SEED])
    if which == WALL or which == BRICKS:
        t = (stage[WALL_Z] - oz) / dz if dz > 1e-3 else 1e3
        x, y = ox + t * dx, oy + t * dy
        r, g, b = textures.wall(which, x, y, t * pixel, seed)
        k = 0.75 + 0.25 * min(max(y, 0.0), 1.0)
        return r * k, g * k, b * k
    return textures.heaven(which, dx, dy, dz, pixel, seed)


@njit(cache=True, fastmath=True)
def _shade(
    own: RGB,
    shine: float,
    lit: float,
    ao: float,
    nx: float,
    ny: float,
    nz: float,
    dx: float,
    dy: float,
    dz: float,
    light: Array,
    mirror: RGB,
) -> RGB:
    """Light a surface: lamp, sky from above, and the highlights of a glossy coat."""
    lambert = max(nx * light[0] + ny * light[1] + nz * light[2], 0.0) * lit
    dome = ao * (0.62 + 0.38 * ny)
    hx, hy, hz = light[0] - dx, light[1] - dy, light[2] - dz
    h = 1.0 / math.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
    toward = max((nx * hx + ny * hy + nz * hz) * h, 0.0)
    spark = lit * (shine * 1.3 * toward**45 + 0.05 * toward**12)
    edge = (1.0 - min(max(-(nx * dx + ny * dy + nz * dz), 0.0), 1.0)) ** 4
    coat = shine * (0.03 + 0.5 * edge) * ao
    r = own[0] * (lambert * light[3] + dome * light[7]) + spark * light[3] + coat * mirror[0]
    g = own[1] * (lambert * light[4] + dome * light[8]) + spark * light[4] + coat * mirror[1]
    b = own[2] * (lambert * light[5] + dome * light[9]) + spark * light[5] + coat * mirror[2]
    return r, g, b


@njit(cache=True, fastmath=True)
def _own_colour(row: Array, x: float, y: float, z: float) -> tuple[RGB, float]:
    """Return an object's colour and gloss at a point of its frame."""
    kind, finish = int(row[KIND]), int(row[FINISH])
    made = shapes.part(kind, x, y, z)
    if made == PALE:
        return (0.72, 0.66, 0.55), 0.0
    if made == STEM:
        return (0.16, 0.09, 0.04), 0.0
    if made == BEAK:
        return (0.85, 0.3, 0.03), 0.2
    if made == EYE:
        return (0.015, 0.015, 0.015), 0.6
    m = textures.pattern(finish, kind == DONUT, x, y, 0.0 if kind == STAR else z)
    k = 0.55 if made == HOLLOW else 1.0
    r = (row[RED] * (1.0 - m) + row[RED2] * m) * k
    g = (row[GREEN] * (1.0 - m) + row[GREEN2] * m) * k
    b = (row[BLUE] * (1.0 - m) + row[BLUE2] * m) * k
    return (r, g, b), (1.0 if finish == SHINY else 0.08)


@njit(cache=True, fastmath=True)
def _ray(
    objects: Array,
    stage: Array,
    light: Array,
    ox: float,
    oy: float,
    oz: float,
    dx: float,
    dy: float,
    dz: float,
    pixel: float,
) -> tuple[RGB, int, float]:
    """Return the colour along a ray, what it met, and how far away that is."""
    far = 60.0
    ground = -oy / dy if dy < -1e-4 else 1e9
    reach = ground if ground < 1e8 else far
    if int(stage[BACKGROUND]) == WALL or int(stage[BACKGROUND]) == BRICKS:
        if dz > 1e-3:
            reach = min(reach, (stage[WALL_Z] - oz) / dz)
    best, hit = min(reach, far), NOTHING
    if ground <= best:
        hit = TABLE
    for i in range(objects.shape[0]):
        t = _march(objects[i], ox, oy, oz, dx, dy, dz, best)
        if t >= 0.0:
            best, hit = t, i + 1
    if hit == NOTHING:
        return _far(stage, ox, oy, oz, dx, dy, dz, pixel), NOTHING, min(best, far)
    x, y, z = ox + best * dx, oy + best * dy, oz + best * dz
    if hit == TABLE:
        seen = best * pixel / math.sqrt(max(-dy, 0.08))
        own = textures.surface(int(stage[SURFACE]), x, z, seen, int(stage[SEED]))
        lit = _lit(objects, x, 0.0, z, light)
        ao = _open(objects, x, 0.0, z, 0.0, 1.0, 0.0)
        r, g, b = _shade(own, 0.0, lit, ao, 0.0, 1.0, 0.0, dx, dy, dz, light, (0.0, 0.0, 0.0))
        haze = min(max((best - 6.0) / 22.0, 0.0), 1.0)
        if haze > 0.0 and int(stage[BACKGROUND]) != WALL and int(stage[BACKGROUND]) != BRICKS:
            sky = textures.horizon(int(stage[BACKGROUND]))
            r, g, b = r + (sky[0] - r) * haze, g + (sky[1] - g) * haze, b + (sky[2] - b) * haze
        return (r, g, b), TABLE, best
    row = objects[hit - 1]
    lx, ly, lz = _local(row, x, y, z)
    nx, ny, nz = _normal(row, lx, ly, lz)
    own, shine = _own_colour(row, lx, ly, lz)
    lit = _lit(objects, x + 0.02 * nx, y + 0.02 * ny, z + 0.02 * nz, light)
    ao = _open(objects, x, y, z, nx, ny, nz)
    mirror = (0.0, 0.0, 0.0)
    if shine > 0.5:
        k = 2.0 * (nx * dx + ny * dy + nz * dz)
        my = dy - k * ny
        mirror = (0.5 + 0.5 * my, 0.52 + 0.5 * my, 0.55 + 0.5 * my)
    return _shade(own, shine, lit, ao, nx, ny, nz, dx, dy, dz, light, mirror), hit, best


@njit(cache=True, fastmath=True, nogil=True)
def trace(
    objects: Array,
    stage: Array,
    camera: Array,
    light: Array,
    window: Array,
    height: int,
    width: int,
    samples: int,
    image: NDArray[np.float32],
    index: NDArray[np.int8],
    depth: NDArray[np.float32],
) -> None:
    """Fill an image (height, width, 3) in linear light, and what each pixel's centre shows and how far it is.

    camera: position, right, up, forward (3 each), the tangent of half the view across the unit square; window: the
    part (y0, x0, y1, x1) of the unit square that is drawn; samples: a side of the grid of rays in a pixel.
    """
    span_y, span_x = window[2] - window[0], window[3] - window[1]
    pixel = 2.0 * camera[12] * span_x / (width * samples)
    for i in range(height):
        for j in range(width):
            for a in range(samples):
                for b in range(samples):
                    v = window[0] + span_y * (i + (a + 0.5) / samples) / height
                    u = window[1] + span_x * (j + (b + 0.5) / samples) / width
                    px, py = (2.0 * u - 1.0) * camera[12], (1.0 - 2.0 * v) * camera[12]
                    dx = camera[9] + px * camera[3] + py * camera[6]
                    dy = camera[10] + px * camera[4] + py * camera[7]
                    dz = camera[11] + px * camera[5] + py * camera[8]
                    n = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz)
                    colour, hit, far = _ray(
                        objects, stage, light, camera[0], camera[1], camera[2], dx * n, dy * n, dz * n, pixel * samples
                    )
                    for c in range(3):
                        image[i, j, c] += min(colour[c], 1.6) / (samples * samples)
                    if a == samples // 2 and b == samples // 2:
                        index[i, j] = hit
                        depth[i, j] = far
