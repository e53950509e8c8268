"""What an edit is measured by: one table of measures, and the figures of a photo and its edited copy."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from inkover.measure.figures import quality

if TYPE_CHECKING:  # what looks with networks is imported where it is given
    from torch import Tensor

    from inkover.measure.figures.clip import Views
    from inkover.measure.figures.drag import Dragged
    from inkover.measure.figures.faces import Likenesses
    from inkover.measure.figures.lpips import Lpips
    from inkover.measure.figures.structure import Structure
    from inkover.photo import Photo

Values = NDArray[np.float64]  # (H, W, 3) in [0, 1]
Mask = NDArray[np.float32]  # (H, W) in [0, 1]
Figure = Callable[["Pair"], float]
Better = Literal["higher", "lower", "neither"]

NEEDS = {
    "mask": "--mask FILE, white where the edit is",
    "true_mask": "--true-mask FILE, white where the edit was to be",
    "source": "--from TEXT, what the photo shows",
    "target": "--to TEXT, what the edited photo shall show",
    "clip": "--clip FOLDER, a CLIP of transformers, or --clip tabletop",
    "dino": "--dino FOLDER, a DINO ViT of transformers",
    "lpips": "--lpips FILE, torchvision's alexnet, vgg16 or squeezenet1_1 as safetensors",
    "faces": "--faces FOLDER, OpenCV Zoo's YuNet and SFace",
    "drag": '--drag "X,Y -> X,Y", from where to where, in pixels of the photo',
}
"""How each thing that a measure may need is given."""

EQUAL = "the pictures are equal there: infinite"
NOTHING_OUTSIDE = "the mask leaves nothing outside: give one with a black part"
UNFOUND = "the method found no mask itself"
_REACH = 5
"""How far SSIM's window of 11 px reaches."""


class Unknown(Exception):
    """Why a measure has no number for these pictures."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo, its edited copy, and what is known beside them; None for what was not given."""

    before: Values
    after: Values
    mask: Mask | None = None
    source: str | None = None
    target: str | None = None
    clip: Views | None = None
    dino: Structure | None = None
    lpips: Lpips | None = None
    faces: Likenesses | None = None
    drag: Dragged | None = None
    true_mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: what it needs beside the pictures, which way is better, and what it is in plain words."""

    name: str
    better: Better
    says: str
    value: Figure = field(repr=False)
    needs: tuple[str, ...] = ()  # of NEEDS


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of one edit; None where there is none, and then why."""

    values: Mapping[str, float | None]
    reasons: Mapping[str, str]


def score(pair: Pair, names: Collection[str] | None = None, needs: Mapping[str, str] = NEEDS) -> Scores:
    """Measure an edit by the measures of those names; by every one there is where none are given.

    ``needs`` say how each thing that a measure may need is given.
    """
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for measure in (one for one in MEASURES if names is None or one.name in names):
        try:
            values[measure.name] = _finite(measure, pair, needs)
        except Unknown as reason:
            values[measure.name], reasons[measure.name] = None, str(reason)
    return Scores(values, reasons)


def _finite(measure: Measure, pair: Pair, needs: Mapping[str, str]) -> float:
    """Return a measure's number; Unknown where something is not given, or where it has no finite one."""
    lacking = [needs[need] for need in measure.needs if getattr(pair, need) is None]
    if lacking:
        raise Unknown(f"give {'; and '.join(lacking)}")
    value = measure.value(pair)
    if math.isinf(value):
        raise Unknown(EQUAL)
    if math.isnan(value):
        raise Unknown("no number came of it: the weights may be damaged, get the model again")
    return value


def values(photo: Photo) -> Values:
    """Return a photo's values, exact enough that 8 and 16 bits of one picture are equal."""
    return photo.pixels.astype(np.float64) / photo.top


def in_bytes(photo: Photo) -> NDArray[np.uint8]:
    """Return a photo's values as 8 bits."""
    return np.rint(values(photo) * 255).astype(np.uint8)


def outside(pair: Pair) -> quality.Region:
    """Return where the mask is 0; Unknown where it is that nowhere."""
    assert pair.mask is not None
    region: quality.Region = pair.mask == 0
    if not region.any():
        raise Unknown(NOTHING_OUTSIDE)
    return region


def clear_of_mask(pair: Pair) -> quality.Region:
    """Return where SSIM's whole window is outside the mask: what is changed inside is no difference outside."""
    import cv2

    reached = cv2.dilate((~outside(pair)).astype(np.uint8), np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8))
    region: quality.Region = reached == 0
    if not region.any():
        raise Unknown(f"no pixel is more than {_REACH} px from the mask: give a smaller one")
    return region


def without_mask(pair: Pair) -> tuple[Values, Values]:
    """Return both pictures times 1 - m, as PIE-Bench compares them; Unknown where that is black all over."""
    assert pair.mask is not None
    kept = 1 - pair.mask[..., None].astype(np.float64)
    if not kept.any():
        raise Unknown(NOTHING_OUTSIDE)
    return pair.before * kept, pair.after * kept


def _change(pair: Pair, inside: bool) -> float:
    assert pair.mask is not None
    region = pair.mask > 0 if inside else outside(pair)
    if not region.any():
        raise Unknown("the mask is black all over: give one with a white part")
    return float(np.abs(pair.after - pair.before)[region].mean())


def _pie_ssim(pair: Pair) -> float:
    """Return SSIM as torchmetrics has it: the edge is mirrored without being repeated, all pixels count."""
    around = ((_REACH, _REACH), (_REACH, _REACH), (0, 0))
    one, other = (np.pad(picture, around, mode="reflect") for picture in without_mask(pair))
    inner = np.zeros(one.shape[:2], bool)
    inner[_REACH:-_REACH, _REACH:-_REACH] = True
    return quality.ssim(one, other, inner, top=1)


def _points(picture: Callable[[Views], Tensor | None], text: Callable[[Views], Tensor | None]) -> Figure:
    """Return the measure of how well a picture fits a text."""

    def value(pair: Pair) -> float:
        from inkover.measure.figures import clip

        assert pair.clip is not None
        seen, said = picture(pair.clip), text(pair.clip)
        assert seen is not None and said is not None
        return clip.points(seen, said)

    return value


def _clip_image(pair: Pair) -> float:
    from inkover.measure.figures import clip

    assert pair.clip is not None
    return clip.cosine(pair.clip.before, pair.clip.after)


def _clip_direction(pair: Pair) -> float:
    from inkover.measure.figures import clip

    assert pair.clip is not None and pair.clip.source is not None and pair.clip.target is not None
    value = clip.cosine(pair.clip.after - pair.clip.before, pair.clip.target - pair.clip.source)
    if math.isnan(value):
        raise Unknown("the two pictures, or the two texts, are one to CLIP: there is no direction")
    return value


def _structure(pair: Pair, pie: bool) -> float:
    assert pair.dino is not None
    return pair.dino.distance(pair.before, pair.after, pie=pie)


def _lpips(pair: Pair, before: Values, after: Values) -> float:
    assert pair.lpips is not None
    return pair.lpips.distance(before, after)


def _mask_iou(pair: Pair) -> float:
    assert pair.mask is not None and pair.true_mask is not None
    return quality.iou(pair.mask > 0, pair.true_mask > 0)


def _faces(pair: Pair) -> Likenesses:
    """Return what became of the photo's faces; Unknown where it has none."""
    assert pair.faces is not None
    if not pair.faces.found:
        raise Unknown("no face is found in the photo")
    return pair.faces


def _identity(pair: Pair) -> float:
    faces = _faces(pair)
    if not faces.cosines:
        raise Unknown("the face is lost: the edited picture shows none at its place")
    return float(np.mean(faces.cosines))


def _faces_kept(pair: Pair) -> float:
    faces = _faces(pair)
    return len(faces.cosines) / faces.found


def _drag_distance(pair: Pair) -> float:
    assert pair.drag is not None
    return pair.drag.distance


MEASURES = (
    Measure(
        "mse",
        "lower",
        "Mean squared difference of the whole pictures, of values from 0 to 1.",
        lambda pair: quality.mse(pair.after, pair.before),
    ),
    Measure(
        "psnr",
        "higher",
        "How near the whole pictures are, in dB: 10 log10 of 1 / mse.",
        lambda pair: quality.psnr(pair.after, pair.before, top=1),
    ),
    Measure(
        "ssim",
        "higher",
        "How alike the whole pictures are in light, contrast and structure, 1 for equal (Wang et al. 2004).",
        lambda pair: quality.ssim(pair.after, pair.before, top=1),
    ),
    Measure(
        "mse_outside",
        "lower",
        "Mean squared difference of the pixels outside the mask.",
        lambda pair: quality.mse(pair.after, pair.before, outside(pair)),
        ("mask",),
    ),
    Measure(
        "psnr_outside",
        "higher",
        "How near the pixels outside the mask are, in dB.",
        lambda pair: quality.psnr(pair.after, pair.before, outside(pair), top=1),
        ("mask",),
    ),
    Measure(
        "ssim_outside",
        "higher",
        "The mean of SSIM's map over the pixels whose whole window is outside the mask.",
        lambda pair: quality.ssim(pair.after, pair.before, clear_of_mask(pair), top=1),
        ("mask",),
    ),
    Measure(
        "pie_mse",
        "lower",
        "PIE-Bench's background MSE: the mask made black in both, the mean over the full frame.",
        lambda pair: quality.mse(*without_mask(pair)),
        ("mask",),
    ),
    Measure(
        "pie_psnr",
        "higher",
        "PIE-Bench's background PSNR, in dB: the mask made black in both, over the full frame.",
        lambda pair: quality.psnr(*without_mask(pair), top=1),
        ("mask",),
    ),
    Measure(
        "pie_ssim",
        "higher",
        "PIE-Bench's background SSIM: the mask made black in both, over the full frame.",
        _pie_ssim,
        ("mask",),
    ),
    Measure(
        "change_inside",
        "neither",
        "Mean absolute change of the pixels in the mask, of values from 0 to 1.",
        lambda pair: _change(pair, inside=True),
        ("mask",),
    ),
    Measure(
        "change_outside",
        "lower",
        "Mean absolute change of the pixels outside the mask, of values from 0 to 1.",
        lambda pair: _change(pair, inside=False),
        ("mask",),
    ),
    Measure(
        "mask_iou",
        "higher",
        "How well a mask fits the true one: the pixels over 0 in both over those over 0 in either.",
        _mask_iou,
        ("mask", "true_mask"),
    ),
    Measure(
        "clip",
        "higher",
        "How well the edited picture fits --to: 100 times CLIP's cosine, at least 0.",
        _points(lambda views: views.after, lambda views: views.target),
        ("target", "clip"),
    ),
    Measure(
        "clip_edited",
        "higher",
        "How well what is in the mask, on black, fits all of --to: 100 times CLIP's cosine, at least 0.",
        _points(lambda views: views.edited, lambda views: views.target),
        ("mask", "target", "clip"),
    ),
    Measure(
        "clip_source",
        "neither",
        "How well the photo fits --from, to compare with: 100 times CLIP's cosine, at least 0.",
        _points(lambda views: views.before, lambda views: views.source),
        ("source", "clip"),
    ),
    Measure(
        "clip_direction",
        "higher",
        "Whether the picture changed as the words did: the cosine of both changes in CLIP's space.",
        _clip_direction,
        ("source", "target", "clip"),
    ),
    Measure(
        "clip_image",
        "higher",
        "How alike both pictures are to CLIP: the cosine of the two.",
        _clip_image,
        ("clip",),
    ),
    Measure(
        "structure",
        "lower",
        "How far the layout moved: the mean squared difference of what DINO finds alike within each picture.",
        lambda pair: _structure(pair, pie=False),
        ("dino",),
    ),
    Measure(
        "pie_structure",
        "lower",
        "The same as PIE-Bench feeds it: values up to 255 where the network expects up to 1.",
        lambda pair: _structure(pair, pie=True),
        ("dino",),
    ),
    Measure(
        "lpips",
        "lower",
        "How different the whole pictures look to a network that was fitted to people's judgement.",
        lambda pair: _lpips(pair, pair.before, pair.after),
        ("lpips",),
    ),
    Measure(
        "pie_lpips",
        "lower",
        "PIE-Bench's background LPIPS, there with squeezenet1_1: the mask made black in both.",
        lambda pair: _lpips(pair, *without_mask(pair)),
        ("mask", "lpips"),
    ),
    Measure(
        "identity",
        "higher",
        "Whether faces stayed who they were: the mean of SFace's cosines, of one person from 0.363 on.",
        _identity,
        ("faces",),
    ),
    Measure(
        "faces_kept",
        "higher",
        "Which share of the photo's faces the edited picture shows at their places, 1 for all.",
        _faces_kept,
        ("faces",),
    ),
    Measure(
        "drag_distance",
        "lower",
        "How far what was dragged came to lie from where it was to be: the mean of the drags, in pixels.",
        _drag_distance,
        ("drag", "dino"),
    ),
    Measure(
        "drag_distance_relative",
        "lower",
        "The same over the photo's diagonal.",
        lambda pair: _drag_distance(pair) / math.hypot(*pair.before.shape[:2]),
        ("drag", "dino"),
    ),
)
"""All measures, in the order in which they are shown."""
