"""The networks that a measure may need, and what they and the pixels make of a photo and its edited copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from inkover.measure.figures.scores import Mask, Pair, in_bytes, values
from inkover.photo import Photo

if TYPE_CHECKING:
    from inkover.measure.figures.clip import Encoder
    from inkover.measure.figures.drag import Drag, Dragged
    from inkover.measure.figures.faces import Faces
    from inkover.measure.figures.lpips import Lpips
    from inkover.measure.figures.structure import Structure


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks that were given, None for the others, and what each that was given is called in a report."""

    clip: Encoder | None = None
    dino: Structure | None = None
    lpips: Lpips | None = None
    faces: Faces | None = None
    names: dict[str, str] = field(default_factory=dict[str, str])

    def pair(
        self,
        before: Photo,
        after: Photo,
        mask: Mask | None,
        source: str | None,
        target: str | None,
        true_mask: Mask | None = None,
        drags: Sequence[Drag] = (),
    ) -> Pair:
        """Let them look at two photos of one size, and CLIP read the texts; a mask is (H, W) in [0, 1]."""
        views = None
        if self.clip is not None:
            from inkover.measure.figures import clip

            views = clip.views(self.clip, in_bytes(before), in_bytes(after), mask, source, target)
        return Pair(
            values(before),
            values(after),
            mask,
            source,
            target,
            views,
            self.dino,
            self.lpips,
            None if self.faces is None else self.faces.likenesses(in_bytes(before), in_bytes(after)),
            self._dragged(before, after, drags),
            true_mask,
        )

    def _dragged(self, before: Photo, after: Photo, drags: Sequence[Drag]) -> Dragged | None:
        if not drags:
            return None
        from inkover.measure.figures import drag

        if self.dino is None:
            return drag.Dragged(tuple(drags))
        return drag.dragged(self.dino, values(before), values(after), drags)


def load(clip: str | None, dino: Path | None, lpips: Path | None, faces: Path | None = None) -> Networks:
    """Load the networks that are given; InkoverError says what is wrong with a folder or a file."""
    names = dict[str, str]()
    encoder = None if clip is None else _clip(clip, names)
    structure = None if dino is None else _dino(dino, names)
    distance = None if lpips is None else _lpips(lpips, names)
    return Networks(encoder, structure, distance, None if faces is None else _faces(faces, names), names)


def _clip(name: str, names: dict[str, str]) -> Encoder:
    from inkover.measure.figures import clip

    encoder = clip.load(name)
    names["clip"] = clip.named(name)
    return encoder


def _dino(folder: Path, names: dict[str, str]) -> Structure:
    from inkover.measure.figures import networks, structure

    network = structure.load(folder)
    names["dino"] = networks.named(folder)
    return network


def _lpips(file: Path, names: dict[str, str]) -> Lpips:
    from inkover.measure.figures import lpips
    from inkover.models.fingerprint import file_hash

    network = lpips.load(file)
    names["lpips"] = f"{network.kind} {file} sha256:{file_hash(file)}"
    return network


def _faces(folder: Path, names: dict[str, str]) -> Faces:
    from inkover.measure.figures import faces

    networks = faces.load(folder)
    names["faces"] = faces.named(folder)
    return networks
