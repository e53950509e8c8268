"""Numbers from papers, and when they may stand beside a run's: same dataset, same model, same measure.

What a run records does not always tell whether they are the same, and then nothing is shown:

- The model is the same where its files were got from the hub, were found to be those that its lock names, and the lock
  has the paper's hub id. A folder or a file of that name may be any model, and no published hash of a whole model is
  known here.
- The dataset is the same as far as its layout and its number of cases of each kind tell: the bytes of the published
  photos are not known here. A run of a part of it, or one in which anything broke, is of another set of cases.
- CLIP, structure and LPIPS depend on networks of which a run knows folder and hash, and no published hash is known to
  compare with. So only measures of pixels are here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inkover.measure.runs.trial import Line

PNP = "Ju et al., PnP Inversion, arXiv:2310.01506: the table of results in its repository, 50 steps"
SD14 = ("CompVis/stable-diffusion-v1-4",)
SD15 = ("runwayml/stable-diffusion-v1-5", "stable-diffusion-v1-5/stable-diffusion-v1-5")
PIE_BENCH = {
    "0_random": 140, "1_change_object": 80, "2_add_object": 80, "3_delete_object": 80, "4_change_attribute_content": 40,
    "5_change_attribute_pose": 40, "6_change_attribute_color": 40, "7_change_attribute_material": 40,
    "8_change_background": 80, "9_change_style": 80,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Published:
    """One row of a paper's table."""

    method: str
    dataset: str
    kinds: Mapping[str, int]  # cases of each kind
    models: tuple[str, ...]  # hub ids of the weights
    figures: Mapping[str, float]  # by the names of our measures, in their units
    source: str


def _pie(method: str, models: tuple[str, ...], psnr: float, mse: float, ssim: float) -> Published:
    """Return a row of PIE-Bench, where the MSE is given times 10,000 and the SSIM times 100."""
    figures = {"pie_mse": mse / 1e4, "pie_psnr": psnr, "pie_ssim": ssim / 1e2}
    return Published(method, "pie-bench", PIE_BENCH, models, figures, PNP)


PUBLISHED = (
    _pie("DDIM + P2P", SD14, 17.87, 219.88, 71.14),
    _pie("null-text + P2P", SD14, 27.03, 35.86, 84.11),
    _pie("negative-prompt + P2P", SD14, 26.21, 39.73, 83.40),
    _pie("StyleDiffusion + P2P", SD14, 26.05, 38.63, 83.42),
    _pie("direct + P2P", SD14, 27.22, 32.86, 84.76),
    _pie("DDIM + MasaCtrl", SD14, 22.17, 86.97, 79.67),
    _pie("direct + MasaCtrl", SD14, 22.64, 81.09, 81.33),
    _pie("DDIM + pix2pix-zero", SD14, 20.44, 144.12, 74.67),
    _pie("direct + pix2pix-zero", SD14, 21.53, 127.32, 77.05),
    _pie("DDIM + PnP", SD15, 22.28, 83.64, 79.05),
    _pie("direct + PnP", SD15, 22.46, 80.45, 79.68),
)


def comparable(settings: Mapping[str, Any], lines: Sequence[Line], hub_id: str | None) -> list[Published]:
    """Return the rows that may stand beside a run: ``hub_id`` is what its model was got as, None where it was not."""
    if hub_id is None or settings.get("use_mask") or any(line.figures is None for line in lines):
        return []
    kinds = Counter(dict({line.case: line.kind for line in lines}).values())
    return [
        row for row in PUBLISHED if row.dataset == settings["dataset"] and row.kinds == kinds and hub_id in row.models
    ]


def got_as(name: str) -> str | None:
    """Return the hub id that a model's lock names, where a model of that name comes from the hub; None elsewhere.

    Loading such a model has already checked each of its files against the lock.
    """
    from inkover.errors import InkoverError
    from inkover.models.loading import find
    from inkover.models.store import hub_folder, read_lock

    try:
        _, path = find(name)
        if path != hub_folder(name):
            return None
        lock = read_lock(path)
    except InkoverError:
        return None
    return None if lock is None or lock.hub_id != name else lock.hub_id
