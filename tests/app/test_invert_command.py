"""``inkover invert``: how truly a photo comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inkover import Editor, InkoverError
from small_photo import Outcome


@pytest.fixture
def invert(inkover: Callable[..., Outcome], photo: Path, tiny_folder: Path) -> Callable[..., Outcome]:
    def call(*arguments: Any) -> Outcome:
        words = ("--from", "a red ball", "--model", tiny_folder, "--device", "cpu")
        return inkover("invert", photo, *words, *(() if "--steps" in arguments else ("--steps", 5)), *arguments)

    return call


@pytest.mark.parametrize(
    "inversion, samples",
    [("ddim", 5), ("direct", 5), ("negative-prompt", 5), ("null-text", None), ("ddpm", 10), ("sde-dpmpp", 10)],
)
def test_it_reports_what_came_back_and_remembers(
    invert: Callable[..., Outcome], inversion: str, samples: int | None
) -> None:
    few = ("--set", "iterations=1") if inversion == "null-text" else ()
    first, again = (json.loads(invert("--inversion", inversion, "--json", *few).out) for _ in range(2))
    assert first["samples"]["inversion"] == samples or samples is None
    assert not first["cached"] and again["cached"] and again["samples"]["inversion"] == 0
    assert {key: first[key] for key in ("latent_max_error", "psnr", "psnr_autoencoder")} == {
        key: again[key] for key in ("latent_max_error", "psnr", "psnr_autoencoder")
    }
    if inversion in ("direct", "ddpm", "sde-dpmpp"):
        assert first["latent_max_error"] <= 1e-4 and first["psnr"] == pytest.approx(first["psnr_autoencoder"], abs=0.01)
    else:
        assert first["latent_max_error"] > 1e-4


@pytest.mark.parametrize("inversion", ["ddpm", "sde-dpmpp"])
@pytest.mark.parametrize("strength", ["1", "0.64", "0.2"])
def test_noise_maps_lead_back_from_any_depth(invert: Callable[..., Outcome], inversion: str, strength: str) -> None:
    found = json.loads(invert("--inversion", inversion, "--steps", 10, "--strength", strength, "--json").out)
    assert found["latent_max_error"] <= 1e-4


def test_people_get_two_lines(invert: Callable[..., Outcome]) -> None:
    said = invert("--guidance", 3).out.splitlines()
    assert "5 network samples" in said[0] and "at guidance 3" in said[1]
    assert "remembered" in invert("--guidance", 3).out


@pytest.mark.parametrize(
    "given, says",
    [
        (("--inversion", "ddmi"), "did you mean 'ddpm'"),
        (("--steps", 0), "steps 0 is out of range"),
        (("--steps", 10, "--strength", 0.05), "0.05 of 10 steps is no step: give 0.1"),
        (("--guidance", 0), "guidance 0.0 is out of range"),
        (("--inversion", "direct", "--guidance", 3), "the same at any guidance"),
        (("--inversion", "null-text", "--guidance", 1), "nothing to mend at guidance 1"),
        (("--inversion", "null-text", "--guidance", 3, "--set", "guidance=4"), "both given"),
        (("--inversion", "negative-prompt", "--set", "quantile=0.5"), "shapes the edit"),
        (("--seed", 3), "draws no noise"),
        (("--set", "iterations=3"), "no setting 'iterations'"),
        (("--from", "a (red:2) ball"), "cannot be weighed"),
        (("--max-pixels", 10), "are 11,520 pixels, the most is 10: pass --max-pixels 11520"),
    ],
)
def test_what_is_wrong_is_one_line(invert: Callable[..., Outcome], given: tuple[Any, ...], says: str) -> None:
    end = invert(*given)
    assert end.code == 2 and says in end.err and not end.out
    assert len([line for line in end.err.splitlines() if "note" not in line]) == 1


def test_the_same_in_python(tiny_folder: Path, photo: Path, invert: Callable[..., Outcome]) -> None:
    editor = Editor.load(tiny_folder, device="cpu", remember=False)
    found = editor.invert(photo, source="a red ball", inversion="ddpm", steps=5, source_guidance=2)
    said = json.loads(invert("--inversion", "ddpm", "--set", "source_guidance=2", "--no-cache", "--json").out)
    assert found.latent_max_error == said["latent_max_error"] and found.psnr == said["psnr"]
    assert dict(found.samples) == said["samples"] == {"mask": 0, "inversion": 10, "edit": 10} and not found.cached
    for wrong, says in (({"steps": "five"}, "steps is 'five'"), ({"eta": 2}, "eta 2 is out of range"),
                        ({"seed": -1}, "whole number from 0"), ({"source": 3}, "words in quotes"),
                        ({"rounds": 2}, "no setting 'rounds'")):  # fmt: skip
        with pytest.raises(InkoverError, match=says):
            editor.invert(photo, **{"inversion": "ddpm", **wrong})
