"""What an edit gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from inkover.app.flow import Drawn, Mask
from inkover.app.meter import Acts
from inkover.app.recipe import Change, Recipe
from inkover.photo import Photo


@dataclass(frozen=True, slots=True)
class Result:
    """An edited photo, where it was edited, what made it, and what that cost."""

    photo: Photo
    original: Photo
    mask: Mask  # as used, feather included; 0: that pixel is the original's
    record: Recipe
    samples: Mapping[str, int]  # network samples by stage
    calls: Mapping[str, int]  # network calls by stage
    seconds: Mapping[str, float]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    found: Mask | None = None  # the automatic mask, hard, before it was grown and softened
    each: tuple[Mask, ...] = ()  # of several edits that have masks: one a mask, in their order, as used
    acted: Mapping[int, Acts] = field(default_factory=dict[int, Acts])  # by edit, of several: where it acted
    drawn: Drawn | None = None  # what the model drew; None where the mask was empty

    def save(self, path: str | Path, *, mark: bool | None = None, force: bool = True) -> Recipe:
        """Write the edited photo with the original's metadata, never over the original; return the recipe of the file.

        ``mark`` adds the machine-readable sign of an edited picture (None: as the record says, which is yes unless a
        recipe without it was repeated), ``force`` writes over a file of that name.
        """
        from inkover import photo as photos
        from inkover.app.files import check_unused

        done = self.record if mark is None else replace(self.record, mark=mark)
        photos.check_output(self.original.path, Path(path), force)
        check_unused(Path(path), "the photo", self.record.inputs())
        photos.write(self.photo, Path(path), self.original, self.mask, mark=done.mark)
        return done

    def save_mask(self, path: str | Path) -> None:
        """Write the mask as used, as 8-bit grey at photo size."""
        _write_mask(self.mask, Path(path), self.record)

    def save_overlay(self, path: str | Path) -> None:
        """Write the photo under its masks, each in a colour of its own with its words, as PNG to look at."""
        _write_overlay(self.original, self.each or (self.mask,), self.record, Path(path))

    @property
    def mask_area(self) -> float:
        """The share of the photo's pixels that the mask touches."""
        return float((self.mask > 0).mean())

    def changes(self, photo: Photo | None = None) -> tuple[float, float]:
        """Return the mean absolute change of the pixels (in [0, 1]) inside the mask and outside it; 0 for no pixels.

        Of the result, or of another photo in its place, such as the file it was written to.
        """
        after, sums, pixels = photo or self.photo, np.zeros(2), np.zeros(2)
        height, width = self.mask.shape
        for top in range(0, height, 256):  # in bands: a large photo costs no more memory than it has to
            box = (top, 0, min(top + 256, height), width)
            inside = self.mask[top : top + 256] > 0
            pixels += inside.sum(), (~inside).sum()
            if np.array_equal(after.pixels[top : top + 256], self.original.pixels[top : top + 256]):
                continue
            apart = np.abs(after.values(box) - self.original.values(box)).mean(2, dtype=np.float64)
            sums += apart[inside].sum(), apart[~inside].sum()
        means = sums / np.maximum(pixels, 1)
        return float(means[0]), float(means[1])


@dataclass(frozen=True, slots=True)
class Found:
    """A mask that a method found, before any grown or softened edge that was not asked for."""

    mask: Mask
    record: Recipe
    samples: Mapping[str, int]
    calls: Mapping[str, int]
    seconds: Mapping[str, float]
    photo: Photo
    warnings: tuple[str, ...] = ()
    each: tuple[Mask, ...] = ()  # of several edits: one a mask, in their order

    def save(self, path: str | Path) -> None:
        """Write the mask as 8-bit grey at photo size, white = edit."""
        _write_mask(self.mask, Path(path), self.record)

    def save_overlay(self, path: str | Path) -> None:
        """Write the photo under its masks, each in a colour of its own with its words, as PNG to look at."""
        _write_overlay(self.photo, self.each or (self.mask,), self.record, Path(path))


def _write_mask(mask: Mask, path: Path, record: Recipe) -> None:
    """Write a mask as .png, never over the photo or over the mask that was given."""
    from inkover.app.files import check_side_output
    from inkover.masks.files import write_mask

    check_side_output(path, "the mask", ".png", record.inputs(), force=True)
    write_mask(mask, path)


def _write_overlay(photo: Photo, masks: Sequence[Mask], record: Recipe, path: Path) -> None:
    """Write a photo under masks as .png, never over the photo or over a mask that was given."""
    from inkover.app.files import check_side_output
    from inkover.masks.overlay import write_overlay

    check_side_output(path, "the overlay", ".png", record.inputs(), force=True)
    words = [_words(edit) for edit in record.edits]
    if len(words) != len(masks):  # one mask for all of it
        words = ["; ".join(words) or f"{record.source} -> {record.target}"]
    write_overlay(photo, masks, words, path)


def _words(edit: Change) -> str:
    """Return what an edit does, in a line."""
    return f"{edit.source} -> {edit.text}" if edit.source else f"{'-' if edit.away else '+'} {edit.text}"
