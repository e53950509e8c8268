"""A scene of the little world: a small frozen record, drawn by seed, rendered at any size and any crop."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inkover.tabletop.shapes import KINDS
from inkover.tabletop.textures import BACKGROUNDS, FINISHES, SURFACES

# Linear RGB of each colour, and of the stripes and spots on it.
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.60, 0.022, 0.02),
    "orange": (0.88, 0.22, 0.01),
    "yellow": (0.86, 0.62, 0.02),
    "green": (0.02, 0.33, 0.04),
    "cyan": (0.02, 0.52, 0.58),
    "blue": (0.015, 0.05, 0.52),
    "purple": (0.2, 0.022, 0.38),
    "pink": (0.88, 0.25, 0.42),
    "white": (0.86, 0.86, 0.84),
    "black": (0.018, 0.018, 0.02),
}
SECOND = (0.85, 0.83, 0.78)
NOTHING, TABLE = -1, 0  # what a pixel shows; objects count from 1
SECOND_ON_WHITE = (0.3, 0.3, 0.32)

# One pair of kind and colour in ten is never shown in training: the test of understanding against memory.
HELD_OUT = frozenset((kind, tuple(COLOURS)[(3 * i + 4) % 10]) for i, kind in enumerate(KINDS))


@dataclass(frozen=True, slots=True)
class Thing:
    """One object on the table. Positions and sizes are in table units; ``turn`` is in radians about the vertical."""

    kind: str
    colour: str
    finish: str
    x: float
    z: float
    size: float
    turn: float


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the photo is taken from: it looks at ``target`` from ``distance`` away; angles in radians."""

    target: tuple[float, float, float]
    azimuth: float
    elevation: float
    distance: float
    roll: float
    tangent: float = 0.42  # of half the view across the unit square


@dataclass(frozen=True, slots=True)
class Light:
    """The lamp: its direction in radians, its strength, how hard its shadows are, and how strong the sky is."""

    azimuth: float
    elevation: float
    strength: float
    hardness: float
    dome: float


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a photo of the little world shows."""

    things: tuple[Thing, ...]
    surface: str
    background: str
    camera: Camera
    light: Light
    seed: int  # of the textures
    wall: float = 3.2  # how far behind the table a wall stands

    def with_thing(self, index: int, thing: Thing | None) -> Scene:
        """Return the same scene with one object replaced, or taken away."""
        kept = self.things[:index] + ((thing,) if thing is not None else ()) + self.things[index + 1 :]
        return replace(self, things=kept)


@dataclass(frozen=True, slots=True)
class View:
    """A rendered photo and what is known of it exactly."""

    pixels: NDArray[np.uint8]  # (H, W, 3) sRGB
    index: NDArray[np.int8]  # (H, W): -1 background, 0 table, 1... the objects in their order
    depth: NDArray[np.float32]  # (H, W), table units along the ray

    def mask(self, thing: int) -> NDArray[np.bool_]:
        """Return where an object is seen, (H, W)."""
        return np.asarray(self.index == thing + 1, bool)

    def edges(self) -> NDArray[np.bool_]:
        """Return where one thing ends and another begins, or depth jumps, (H, W)."""
        found = np.zeros(self.index.shape, bool)
        near = np.minimum(self.depth, 1e3)
        for axis in (0, 1):
            step = np.diff(self.index.astype(np.int16), axis=axis) != 0
            step |= np.abs(np.diff(np.log(near), axis=axis)) > 0.12
            found |= np.pad(step, [(0, 1) if a == axis else (0, 0) for a in (0, 1)])
        return found


WHOLE = (0.0, 0.0, 1.0, 1.0)


def render(
    scene: Scene,
    height: int,
    width: int | None = None,
    window: tuple[float, float, float, float] = WHOLE,
    samples: int = 2,
) -> View:
    """Render a scene.

    ``window`` is the part (y0, x0, y1, x1) of the unit square that fills the picture; ``samples`` the side of the grid
    of rays in each pixel. The same scene gives the same pixels.
    """
    from inkover.tabletop.trace import trace

    width = height if width is None else width
    image = np.zeros((height, width, 3), np.float32)
    index = np.zeros((height, width), np.int8)
    depth = np.zeros((height, width), np.float32)
    objects, stage, camera, light = _arrays(scene)
    trace(objects, stage, camera, light, np.array(window), height, width, samples, image, index, depth)
    return View(_develop(image), index, depth)


def _develop(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn linear light into sRGB bytes, with a soft shoulder for the brightest parts."""
    bent = linear * (1.0 + linear / 2.9) / (1.0 + linear)
    bent = np.clip(bent * 1.55, 0.0, 1.0)
    curve = np.where(bent <= 0.0031308, 12.92 * bent, 1.055 * np.power(np.maximum(bent, 1e-8), 1 / 2.4) - 0.055)
    return np.asarray(np.round(curve * 255.0), np.uint8)


def _arrays(scene: Scene) -> tuple[NDArray[np.float64], ...]:
    rows = [
        (
            KINDS.index(t.kind), FINISHES.index(t.finish), t.x, t.z, t.size, math.cos(t.turn), math.sin(t.turn),
            *COLOURS[t.colour], *(SECOND_ON_WHITE if t.colour == "white" else SECOND),
        )
        for t in scene.things
    ]  # fmt: skip
    objects = np.array(rows, np.float64).reshape(len(rows), 13)
    stage = np.array([SURFACES.index(scene.surface), BACKGROUNDS.index(scene.background), scene.seed, scene.wall])
    return objects, stage.astype(np.float64), _camera(scene.camera), _light(scene)


def _camera(camera: Camera) -> NDArray[np.float64]:
    ca, sa = math.cos(camera.azimuth), math.sin(camera.azimuth)
    ce, se = math.cos(camera.elevation), math.sin(camera.elevation)
    forward = np.array([sa * ce, -se, ca * ce])
    right = np.array([ca, 0.0, -sa])
    up = np.cross(forward, right)
    cr, sr = math.cos(camera.roll), math.sin(camera.roll)
    right, up = cr * right + sr * up, cr * up - sr * right
    position = np.array(camera.target) - camera.distance * forward
    position[1] = max(position[1], 0.12)
    return np.concatenate([position, right, up, forward, [camera.tangent]])


# Colour of the lamp and of the sky's light, by backdrop.
_LAMPS = {
    "wall": ((1.0, 0.97, 0.92), (1.0, 1.0, 1.0)),
    "bricks": ((1.0, 0.97, 0.92), (1.0, 0.99, 0.97)),
    "sky": ((1.0, 0.99, 0.95), (0.93, 0.98, 1.06)),
    "sunset": ((1.05, 0.9, 0.76), (1.0, 0.92, 0.92)),
    "night": ((0.86, 0.86, 0.92), (0.6, 0.64, 0.82)),
}


def _light(scene: Scene) -> NDArray[np.float64]:
    light = scene.light
    ce = math.cos(light.elevation)
    lamp, dome = (np.array(colour) for colour in _LAMPS[scene.background])
    way = [math.sin(light.azimuth) * ce, math.sin(light.elevation), math.cos(light.azimuth) * ce]
    return np.array([*way, *(lamp * light.strength), light.hardness, *(dome * light.dome)])


def draw(seed: int, things: int | None = None, held_out: bool | None = False) -> Scene:
    """Draw a scene by seed.

    ``things`` fixes the number of objects (otherwise 1 to 3). ``held_out`` False keeps to the pairs of kind and colour
    that training may see, True makes the first object one of the others, None asks nothing.
    """
    rng = np.random.default_rng([20260, seed])
    count = things if things is not None else int(rng.choice([1, 2, 3], p=[0.4, 0.42, 0.18]))
    placed = _place(rng, _looks(rng, count, held_out))
    background = str(rng.choice(BACKGROUNDS))
    light = Light(rng.uniform(2.2, 4.1), rng.uniform(0.55, 1.15), rng.uniform(0.6, 0.85), rng.uniform(6, 16),
                  rng.uniform(0.36, 0.5))  # fmt: skip
    return Scene(
        things=placed,
        surface=str(rng.choice(SURFACES)),
        background=background,
        camera=_aim(rng, placed, background),
        light=light,
        seed=int(rng.integers(1, 1 << 20)),
        wall=max(t.z for t in placed) + rng.uniform(0.9, 3.0),
    )


def _looks(rng: np.random.Generator, count: int, held_out: bool | None) -> list[tuple[str, str, str]]:
    """Choose what the objects are: kinds differ, and colours differ, so that words point at one of them."""
    kinds = [str(k) for k in rng.permutation(KINDS)[:count]]
    while True:
        colours = [str(c) for c in rng.permutation(tuple(COLOURS))[:count]]
        unseen = [pair in HELD_OUT for pair in zip(kinds, colours, strict=True)]
        if held_out is None or (unseen[0] == held_out and not any(unseen[1:])):
            break
    finishes = [str(f) for f in rng.choice(FINISHES, count, p=[0.34, 0.26, 0.2, 0.2])]
    return list(zip(kinds, colours, finishes, strict=True))


def _turn(rng: np.random.Generator, kind: str) -> float:
    """Turn an object so that it can be recognised: a mug shows its handle, a duck its side, a star its face."""
    spread = {"mug": 0.45, "star": 0.5, "duck": 0.8}.get(kind, math.pi)
    flip = math.pi if kind in ("mug", "duck") and rng.random() < 0.5 else 0.0
    return float(flip + rng.uniform(-spread, spread))


def _place(rng: np.random.Generator, looks: list[tuple[str, str, str]]) -> tuple[Thing, ...]:
    """Stand the objects on the table side by side, near and far, none inside or wholly behind another."""
    while True:
        things = tuple(
            Thing(kind, colour, finish, rng.uniform(-0.5, 0.5) * len(looks), rng.uniform(-0.5, 0.5),
                  rng.uniform(0.7, 1.05), _turn(rng, kind))
            for kind, colour, finish in looks
        )  # fmt: skip
        pairs = [(a, b) for i, a in enumerate(things) for b in things[:i]]
        if all(abs(a.x - b.x) > 0.44 * (a.size + b.size) for a, b in pairs):
            return things


def _aim(rng: np.random.Generator, things: tuple[Thing, ...], background: str) -> Camera:
    """Point the camera at the group, from close-up to wide, low enough to see the backdrop too."""
    high = 0.46 if background in ("wall", "bricks") else 0.27
    left = min(t.x - 0.5 * t.size for t in things)
    right = max(t.x + 0.5 * t.size for t in things)
    tall = max(t.size for t in things)
    span = max(right - left, tall)
    tangent = 0.42
    fill = rng.uniform(0.34, 0.86) if len(things) == 1 else rng.uniform(0.66, 1.0)
    distance = span / fill / (2 * tangent) + 0.3
    slack = (1.0 - fill) * distance * tangent * 0.7
    target = (
        (left + right) / 2 + rng.uniform(-slack, slack),
        0.36 * tall + rng.uniform(-0.3, 0.5) * slack,
        sum(t.z for t in things) / len(things),
    )
    return Camera(target, rng.uniform(-0.25, 0.25), rng.uniform(0.08, high), distance, rng.normal() * 0.02, tangent)
