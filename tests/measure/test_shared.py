"""Tracings are shared within a case: nothing that is reported changes but seconds, which count a tracing whole."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import small_datasets as small
from inkover import methods
from inkover.app import cache
from inkover.app.cache_key import Key
from inkover.app.cli import run
from inkover.app.editor import Editor
from inkover.measure.runs import variants
from inkover.measure.runs.shared import Cost, Tracings, edited
from inkover.measure.runs.variants import Variant
from inkover.photo import Photo
from small_photo import pixels
from tiny import tiny_folder

TEXTS = {"source": small.TEXTS[0], "target": small.TEXTS[1], "seed": 3}
TURNED = ("guidance=3,5", "inversion=direct,null-text")
VARIANTS = (
    *variants.grid(methods.names(), steps=3),
    *variants.grid(["p2p", "masactrl"], TURNED, 3),
    *variants.grid(["p2p"], ["keep=true", "guidance=3,5"], 3),
)


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    return Editor.load(tiny_folder(tmp_path_factory.mktemp("model")), remember=False)


@pytest.fixture(scope="module")
def photo() -> Photo:
    return Photo.from_array(pixels((64, 64)))


def made(editor: Editor, tracings: Tracings, photo: Photo, one: Variant) -> tuple[bytes, bytes, Cost]:
    """Return the bytes of a picture and of its mask, and what they cost."""
    result, cost = edited(editor, tracings, photo, method=one.method, **TEXTS, **one.given)
    return result.photo.pixels.tobytes(), result.mask.tobytes(), cost


@pytest.fixture(scope="module")
def alone(editor: Editor, photo: Photo) -> list[tuple[bytes, bytes, int]]:
    """Return of each variant what the editor makes of it by itself, and the network samples of that."""
    found = []
    for one in VARIANTS:
        result = editor.edit(photo, method=one.method, **TEXTS, **one.given)
        found.append((result.photo.pixels.tobytes(), result.mask.tobytes(), sum(result.samples.values())))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_sharing_changes_no_byte_and_no_figure_whatever_comes_first(
    editor: Editor, photo: Photo, alone: list[tuple[bytes, bytes, int]], seed: int
) -> None:
    tracings, spared = Tracings(), 0
    for index in np.random.default_rng(seed).permutation(len(VARIANTS)):
        picture, mask, cost = made(editor, tracings, photo, VARIANTS[index])
        assert (picture, mask, cost.samples) == alone[index]
        assert 0 < cost.evaluated <= cost.samples
        spared += cost.samples - cost.evaluated
    assert spared


def test_what_was_traced_is_not_evaluated_again(editor: Editor, photo: Photo) -> None:
    first, second = (one for one in VARIANTS if one.method == "p2p" and one.settings.keep)
    tracings = Tracings()
    costs = [made(editor, tracings, photo, one)[2] for one in (first, second, second)]
    assert costs[0].evaluated == costs[0].samples
    traced = methods.get("p2p").cost(first.settings)["inversion"]
    assert [cost.samples - cost.evaluated for cost in costs] == [0, traced, traced] and traced == 6  # rows too


def test_another_photo_shares_nothing(editor: Editor) -> None:
    tracings, one = Tracings(), VARIANTS[0]
    for seed in (1, 2):
        cost = made(editor, tracings, Photo.from_array(pixels((64, 64), seed)), one)[2]
        assert cost.evaluated == cost.samples


@dataclass(frozen=True)
class Slow:
    """A network that takes its time."""

    model: Any
    each: float  # seconds a sample

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def predict(self, x: Any, *given: Any, **more: Any) -> Any:
        time.sleep(self.each * len(x))
        return self.model.predict(x, *given, **more)


def test_a_tracing_that_was_there_counts_with_its_seconds(editor: Editor, photo: Photo) -> None:
    (one,), each = variants.grid(["p2p"], steps=3), 0.02
    tracings, slow = Tracings(), replace(editor, model=Slow(editor.model, each))
    costs = [made(slow, tracings, photo, one)[2] for _ in range(2)]
    assert costs[1].evaluated < costs[0].evaluated
    assert all(cost.seconds >= each * cost.samples for cost in costs)


def test_what_finds_no_room_is_traced_again(editor: Editor, photo: Photo) -> None:
    one, tracings = variants.grid(["p2p"], steps=3)[0], Tracings(limit=1000)
    first, second = (made(editor, tracings, photo, one) for _ in range(2))
    assert first[:2] == second[:2] and second[2].evaluated == first[2].samples


def test_room_is_taken_by_what_is_kept() -> None:
    tensors = {"latents": torch.zeros(10)}
    tracings, took = Tracings(limit=100), Cost(4, 4, 1.0)
    grid, size = ((1.0, 0.5, 0.5),), ((0, 0, 8, 8), (8, 8))
    keys = [Key("", size, "", (), text, "", "ddim", {}, grid, None, "float32", "cpu", 1, {}) for text in "abc"]
    for key in keys:
        tracings.write(key, tensors, took)
    found = [tracings.read(key) for key in keys]
    assert [one is None for one in found] == [False, False, True]
    assert found[0] is not None and found[0][1] == took and torch.equal(found[0][0]["latents"], tensors["latents"])


def bench(*more: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run(["bench", *more, "--json", "--quiet"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("dataset", ["tabletop", "cases"])
def test_a_run_reports_both_and_its_table_is_as_if_nothing_was_shared(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = [str(small.cases(tmp_path / "in", {}))] if dataset == "cases" else ["--edits", "recolour", "--side", "64"]
    asked = [dataset, *photos, "--methods", "p2p", "--steps", "4", "--knob", "guidance=3,5", "--cases", "1"]
    together = bench(*asked, "-o", str(tmp_path / "a"), capsys=capsys)
    monkeypatch.setattr(Tracings.__init__, "__defaults__", (0,))
    apart = bench(*asked, "-o", str(tmp_path / "b"), capsys=capsys)
    timeless = [[{**row, "seconds": 0} for row in one["rows"]] for one in (together, apart)]
    assert timeless[0] == timeless[1] and together["settings"] == apart["settings"]
    assert together["samples"]["alone"] == apart["samples"]["alone"] == apart["samples"]["evaluated"]
    assert together["samples"]["evaluated"] == together["samples"]["alone"] - 4  # steps of one tracing
    pictures = [{path.name: path.read_bytes() for path in (tmp_path / one).rglob("*.png")} for one in "ab"]
    assert pictures[0] == pictures[1] and len(pictures[0]) == 4
    assert not cache.folder().exists()  # nothing of it is the user's


def test_pictures_of_variants_differ(editor: Editor, photo: Photo) -> None:
    found = [made(editor, Tracings(), photo, one)[0] for one in variants.grid(["p2p"], ["guidance=3,5"], 3)]
    assert not np.array_equal(*found)
