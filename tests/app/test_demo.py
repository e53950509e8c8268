"""The embedded model, as a newcomer meets it: the demo, and an edit without any option."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from small_photo import Outcome, array

EXAMPLES = Path(__file__).parents[2] / "examples"
CAPTIONS: dict[str, str] = json.loads((EXAMPLES / "captions.json").read_text(encoding="utf-8"))


def test_the_bundled_photos_are_all_there_and_small() -> None:
    assert len(CAPTIONS) >= 12
    assert {path.name for path in EXAMPLES.iterdir() if path.suffix in (".jpg", ".png")} == set(CAPTIONS)
    assert all(max(array(EXAMPLES / name).shape) >= 1024 for name in CAPTIONS)
    assert sum((EXAMPLES / name).stat().st_size for name in CAPTIONS) <= 5_000_000


def test_the_demo_says_what_to_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = runpy.run_path(str(EXAMPLES / "demo.py"))
    demo["main"].__globals__["OUT"] = tmp_path / "demo"
    demo["main"]()
    said = capsys.readouterr().out
    for name in ("before-after.png", "edited.jpg", "mask.png"):
        assert str(tmp_path / "demo" / name) in said and (tmp_path / "demo" / name).is_file()
    assert not np.array_equal(array(tmp_path / "demo" / "edited.jpg"), array(EXAMPLES / demo["PHOTO"]))
    assert demo["WAS"] in CAPTIONS[demo["PHOTO"]].split()


def test_an_edit_needs_no_more_than_words(inkover: Callable[..., Outcome], tmp_path: Path) -> None:
    source = EXAMPLES / "cube.jpg"
    photo = tmp_path / source.name
    photo.write_bytes(source.read_bytes())
    target = CAPTIONS[source.name].replace("cyan", "red")
    done = inkover("edit", photo, "--from", CAPTIONS[source.name], "--to", target, "--json", "--steps", 10)
    said = json.loads(done.out)
    assert said["model"] == "tabletop" and said["change_inside"] > 0
    assert done.err.count("\n") == 1 and "inkover models get HUB_ID" in done.err
