"""A photo is traced once and edited many times, in this process and in others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from inkover import Editor
from inkover.app import cache
from inkover.app.remembered import Memory
from inkover.photo import Photo
from small_photo import Outcome
from tiny import tiny_components

PHOTO = Photo.from_array(np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8))
ASKED: dict[str, Any] = {"source": "a red ball", "target": "a blue ball", "steps": 4}


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor.load(tiny_components(), device="cpu")


@pytest.mark.parametrize("method", ["diffedit", "ddim", "p2p", "masactrl", "ddpm-inversion"])
def test_a_second_edit_traces_nothing_and_is_the_same(editor: Editor, method: str) -> None:
    given = ASKED | ({"threshold": 0.3} if method == "diffedit" else {})
    first = editor.edit(PHOTO, method=method, **given)
    second = editor.edit(PHOTO, method=method, **given)
    assert first.samples["inversion"] > 0 and second.samples["inversion"] == 0
    assert first.samples["edit"] == second.samples["edit"]
    np.testing.assert_array_equal(first.photo.pixels, second.photo.pixels)
    assert first.notes == second.notes  # whether the source text was read too


def test_another_target_uses_the_same_track_and_another_source_does_not(editor: Editor) -> None:
    editor.edit(PHOTO, method="p2p", **ASKED)
    assert editor.edit(PHOTO, method="p2p", **ASKED | {"target": "a red cube"}).samples["inversion"] == 0
    assert editor.edit(PHOTO, method="p2p", **ASKED | {"source": "a ball of grass"}).samples["inversion"] == 4


def test_what_each_step_sees_of_the_photo_is_kept_too_where_that_is_asked(editor: Editor) -> None:
    first, second = (editor.edit(PHOTO, method="p2p", keep=True, **ASKED | {"source": "one ball"}) for _ in range(2))
    assert (first.samples["inversion"], second.samples["inversion"]) == (8, 0)
    assert first.samples["edit"] == second.samples["edit"] == 8
    np.testing.assert_array_equal(first.photo.pixels, second.photo.pixels)
    plain = editor.edit(PHOTO, method="p2p", **ASKED | {"source": "one ball"})
    assert (plain.samples["inversion"], plain.samples["edit"]) == (0, 12)
    assert np.abs(plain.photo.pixels.astype(int) - first.photo.pixels).max() <= 1


def test_who_is_not_to_remember_does_not() -> None:
    forgetful = Editor.load(tiny_components(), device="cpu", remember=False)
    for _ in range(2):
        assert forgetful.edit(PHOTO, method="ddim", **ASKED).samples["inversion"] > 0


def test_a_memory_stands_in_place_of_the_disk_and_is_no_ones_to_write_to() -> None:
    memory = Memory()
    editor = replace(Editor.load(tiny_components(), device="cpu", remember=False), memory=memory)
    first, second = (editor.edit(PHOTO, method="ddim", **ASKED | {"source": "a cube"}) for _ in range(2))
    assert first.samples["inversion"] > 0 and second.samples["inversion"] == 0
    np.testing.assert_array_equal(first.photo.pixels, second.photo.pixels)
    assert not list(cache.folder().glob("*"))


def test_a_memory_hands_out_copies() -> None:
    memory, key = Memory(), SimpleNamespace(digest=lambda: "one")
    kept = {"latents": torch.zeros(2)}
    memory.write(key, kept)  # type: ignore[arg-type]
    kept["latents"] += 1
    found = memory.read(key)  # type: ignore[arg-type]
    assert found is not None and not found["latents"].any()
    found["latents"].add_(1)
    again = memory.read(key)  # type: ignore[arg-type]
    assert again is not None and not again["latents"].any()


def test_a_cache_that_cannot_be_written_is_a_warning(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("INKOVER_CACHE", str(tmp_path / "file" / "cache"))
    result = editor.edit(PHOTO, method="ddim", **ASKED)
    assert any("cache" in text or "kept" in text for text in result.warnings)


def test_another_process_traces_nothing(
    photo: Path, tiny_folder: Path, tmp_path: Path, inkover: Callable[..., Outcome]
) -> None:
    words = ["--from", "a ball", "--to", "a cube", "--method", "ddim", "--steps", "3", "--json"]
    words += ["--model", str(tiny_folder), "--device", "cpu"]
    one = inkover("edit", photo, *words, "-o", tmp_path / "1.png")
    run = [sys.executable, "-m", "inkover", "edit", str(photo), *words, "-o", str(tmp_path / "2.png")]
    other = subprocess.run(run, capture_output=True, text=True, check=True)
    assert json.loads(one.out)["samples"]["inversion"] == 2
    assert json.loads(other.stdout)["samples"]["inversion"] == 0
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    anew = inkover("edit", photo, *words, "-o", tmp_path / "3.png", "--no-cache")
    assert json.loads(anew.out)["samples"]["inversion"] == 2
