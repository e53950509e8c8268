"""What a report of a run shows of each trial: its measures in plain words, and which two tell most of an edit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from inkover.measure.figures.scores import MEASURES, NEEDS, Better

COSTS = ("samples", "seconds")
TERMS = {word: word.upper() for word in ("clip", "lpips", "mse", "psnr", "ssim")} | {"pie": "PIE-Bench's", "iou": "IoU"}
TRUTH = "psnr_truth"


@dataclass(frozen=True, slots=True)
class Column:
    """One measure of a trial: what it is called, which way is better, what it is in plain words, and its unit."""

    name: str
    better: Better
    says: str
    unit: str = ""  # "%": a proportion from 0 to 1, shown times 100

    @property
    def label(self) -> str:
        """Return its name to read."""
        return " ".join(TERMS.get(word, word) for word in self.name.split("_"))


@dataclass(frozen=True, slots=True)
class View:
    """The measures of a run, and which of them make its picture of faithfulness against preservation."""

    columns: tuple[Column, ...]
    faithful: str  # the measure of whether the words were followed
    preserving: tuple[str, ...]  # those of whether the rest stayed
    lacking: Mapping[str, str] = field(default_factory=dict[str, str])  # what gives a measure that is not there

    def among(self, names: Collection[str]) -> list[Column]:
        """Return the measures of those names, in the order in which they are shown."""
        return [column for column in self.columns if column.name in names]

    def column(self, name: str) -> Column:
        """Return the measure of that name."""
        return next(column for column in self.columns if column.name == name)


EXACT = View(
    (
        Column("success", "higher", "What was asked for is there, the rest is as it was, it is nearer the truth.", "%"),
        Column("wanted", "higher", "The judge finds what was asked for.", "%"),
        Column("rest", "higher", "The judge finds everything else as it was.", "%"),
        Column("psnr_changed", "higher", "How near the true edit it is inside the true change.", "dB"),
        Column("ssim_changed", "higher", "How alike the true edit it is inside the true change."),
        Column("psnr_outside", "higher", "How near the photo it is outside the true change, before the change is laid "
               "over the photo.", "dB"),
        Column("mask_iou", "higher", "How well the mask that was found fits the true change."),
        Column("identity", "higher", "How alike the objects that the edit does not touch are to an image encoder."),
    ),
    "success",
    ("psnr_outside",),
)  # fmt: skip
"""Of exact edits, whose right answer is known."""

GIVEN = View(
    (
        *(Column(one.name, one.better, one.says, "dB" if "psnr" in one.name else "") for one in MEASURES),
        Column(
            TRUTH, "higher", "How near the result is to the photo as it shall be, in the mask where there is one.", "dB"
        ),
    ),
    "clip",
    ("pie_psnr", "structure", "lpips"),
    {
        "clip": NEEDS["clip"],
        "pie_psnr": "a dataset with masks",
        "structure": NEEDS["dino"],
        "lpips": NEEDS["lpips"],
    },
)
"""Of given photos, where edits are only measured."""
