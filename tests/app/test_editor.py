"""The editor in Python: what goes in, what comes out, and what stays to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

import analytic
import inkover
from inkover import Editor, InkoverError, Recipe, Result, methods
from inkover.app import asked
from inkover.app.recipe import Weights
from inkover.methods.contract import Method
from inkover.methods.settings import build
from inkover.photo import Canvas
from small_photo import SIZE, pixels

ANALYTIC = Editor(analytic.Analytic(), Weights(None, "analytic", "0" * 64, None, "cpu", ""))
SOURCE, TARGET = "a red ball on grass", "a blue ball on grass"
FEW: dict[str, Any] = {"steps": 4}


def box(size: tuple[int, int] = SIZE, value: float = 1.0) -> Any:
    mask = np.zeros(size, np.float32)
    mask[size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] * 2 // 3] = value
    return mask


def edited(photo: Any = None, **changes: Any) -> Result:
    wish = {"source": SOURCE, "target": TARGET, "mask": box()} | FEW | changes
    return ANALYTIC.edit(pixels() if photo is None else photo, **wish)


def test_three_lines(tmp_path: Path, photo: Path, tiny_folder: Path) -> None:
    editor = inkover.Editor.load(tiny_folder, device="cpu")
    result = editor.edit(photo, source="a red ball", target="a blue ball", seed=0, steps=3, noises=2)
    result.save(tmp_path / "edited.jpg")
    assert inkover.read(tmp_path / "edited.jpg").size == SIZE
    assert result.mask.shape == SIZE and result.mask.dtype == np.float32
    assert isinstance(result.record, Recipe) and result.record.model.hash == editor.model.fingerprint
    assert editor.replay(result.record).photo.pixels.tobytes() == result.photo.pixels.tobytes()
    with pytest.raises(InkoverError, match="is the photo itself"):
        result.save(photo)


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(st.integers(64, 200), st.integers(64, 200)),
    st.sampled_from(["diffedit", "sdedit", "ddim"]),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(0, 2**63),
)
def test_outside_the_mask_every_pixel_is_the_same_to_the_bit(
    size: tuple[int, int], method: str, depth: Any, seed: int
) -> None:
    photo = pixels(size).astype(depth) * (257 if depth is np.uint16 else 1)
    result = edited(photo, mask=box(size), method=method, seed=seed, strength=1.0)
    outside = result.mask == 0
    assert outside.any() and np.array_equal(result.photo.pixels[outside], photo[outside])
    assert result.photo.pixels.dtype == depth and (result.photo.pixels != photo).any()
    assert result.changes()[1] == 0 < result.changes()[0]


@pytest.mark.parametrize("method", ["diffedit", "sdedit", "ddim"])
def test_ten_edits_in_a_row_leave_the_outside_alone(method: str) -> None:
    first = photo = edited(method=method).original
    for seed in range(10):
        result = edited(photo, method=method, seed=seed)
        photo = result.photo
    assert np.array_equal(photo.pixels[result.mask == 0], first.pixels[result.mask == 0])


def test_an_edit_of_an_edited_jpeg_keeps_the_first_edit(tmp_path: Path) -> None:
    Image.fromarray(pixels()).save(tmp_path / "photo.jpg", quality=95)
    first = edited(tmp_path / "photo.jpg")
    other = box()[::-1].copy()
    both = edited(first.photo, mask=other, feather=0)
    both.save(tmp_path / "both.jpg")
    landed = inkover.read(tmp_path / "both.jpg").values()
    inside = (first.mask == 1) & (both.mask == 0)
    assert np.abs(landed - first.photo.values())[inside].mean() < 0.03
    assert np.abs(landed - first.original.values())[inside].mean() > 0.1
    assert both.record.photo.sha256 != first.record.photo.sha256 and both.record.photo.file is None


@pytest.mark.parametrize("sampling", [0, 2])
def test_two_edits_of_a_jpeg_in_memory_are_as_good_as_through_files(tmp_path: Path, sampling: int) -> None:
    """Both promise blocks that no mask touches to the coefficient, and the old tables and sampling."""
    import jpeglib

    Image.fromarray(pixels((192, 240))).save(tmp_path / "photo.jpg", quality=85, subsampling=sampling)
    high, low = np.zeros((2, 192, 240), np.float32)
    high[20:50, 30:90], low[120:150, 100:180] = 1, 1
    first = edited(tmp_path / "photo.jpg", mask=high)
    both = edited(first.photo, mask=low)
    both.save(tmp_path / "both.jpg")
    old, new = (jpeglib.read_dct(str(tmp_path / name)) for name in ("photo.jpg", "both.jpg"))
    assert np.array_equal(old.qt, new.qt) and np.array_equal(old.samp_factor, new.samp_factor)
    kept = ((first.mask > 0) | (both.mask > 0)).reshape(12, 16, 15, 16).any(axis=(1, 3))
    for before, after in ((old.Y, new.Y), (old.Cb, new.Cb), (old.Cr, new.Cr)):
        ratio = len(before) // 12
        apart = (before != after).any(axis=(2, 3)).reshape(12, ratio, 15, ratio).any(axis=(1, 3))
        assert apart.any() and not apart[~kept].any()
    landed = inkover.read(tmp_path / "both.jpg").pixels.astype(int)
    for result in (first, both):
        moved = (result.mask == 1)[..., None] & (result.photo.pixels != result.original.pixels)
        assert np.abs(landed - both.photo.pixels)[moved].mean() < np.abs(landed - first.original.pixels)[moved].mean()


def test_two_edits_in_memory_keep_what_the_file_says(tmp_path: Path) -> None:
    words = PngImagePlugin.PngInfo()
    words.add_text("Title", "a ball")
    Image.fromarray(pixels()).save(tmp_path / "photo.png", pnginfo=words)
    Image.fromarray(pixels()).save(tmp_path / "photo.tif", tiffinfo={315: "A. Person"}, compression="raw")
    for name in ("photo.png", "photo.tif"):
        both = edited(edited(tmp_path / name).photo, mask=box()[::-1].copy())
        both.save(tmp_path / f"both-{name}")
        assert np.array_equal(inkover.read(tmp_path / f"both-{name}").pixels, both.photo.pixels)
    with Image.open(tmp_path / "both-photo.png") as image:
        assert image.text["Title"] == "a ball"  # type: ignore[attr-defined]
    with Image.open(tmp_path / "both-photo.tif") as image:
        assert image.getexif()[315] == "A. Person"


def test_a_saved_file_has_the_mark_that_its_record_says(tmp_path: Path) -> None:
    result = edited()
    plain = result.save(tmp_path / "plain.png", mark=False)
    assert (result.save(tmp_path / "marked.png").mark, plain.mark) == (True, False)
    again = ANALYTIC.replay(plain, pixels(), box())
    assert again.save(tmp_path / "again.png").mark is False
    files = [(tmp_path / f"{name}.png").read_bytes() for name in ("plain", "marked", "again")]
    assert [b"TrainedAlgorithmicMedia" in content for content in files] == [False, True, False]
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_a_method_without_strength_may_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Nothing:
        """No knobs."""

    idle = Method("idle", "Does nothing.", "", Nothing, lambda task, knobs: task.photo, lambda knobs: {})
    monkeypatch.setattr(methods, "get", lambda name: idle)
    result = ANALYTIC.edit(pixels(), target=TARGET, mask=box(), method="idle")
    assert "method 'idle' changed nothing" in result.warnings[0]


def test_changes_are_means_over_the_pixels_inside_and_outside() -> None:
    result = edited(np.tile(pixels(), (7, 1, 1)), mask=np.tile(box(), (7, 1)))
    apart = np.abs(result.photo.pixels / 255.0 - result.original.pixels / 255.0).mean(2)
    assert result.changes()[0] == pytest.approx(apart[result.mask > 0].mean(), rel=1e-5)
    assert result.changes(result.original) == (0, 0)


@pytest.mark.parametrize("method", ["diffedit", "sdedit", "ddim"])
def test_strength_0_gives_the_photo_back_to_the_bit(method: str) -> None:
    result = edited(method=method, strength=0.0)
    assert np.array_equal(result.photo.pixels, pixels())
    assert sum(result.samples.values()) == 0


def test_the_same_seed_gives_the_same_picture_and_another_another() -> None:
    plain = {"method": "sdedit", "strength": 0.5, "guidance": 1.0}
    one, two, three = (edited(seed=seed, **plain).photo.pixels for seed in (1, 1, 2))
    assert np.array_equal(one, two) and not np.array_equal(one, three)


@pytest.mark.parametrize("given", [{"grow": 4}, {"feather": 0}, {"cleanup": "sharpen=1"}, {"cleanup": "denoise=1"}])
def test_what_is_done_around_the_edit_changes_it(given: dict[str, Any]) -> None:
    assert not np.array_equal(edited(**given).photo.pixels, edited().photo.pixels)


def test_a_soft_mask_lays_over_a_part_of_the_change() -> None:
    faint, full = (edited(mask=box(value=value), feather=0).changes()[0] for value in (0.25, 1.0))
    assert 0 < faint < 0.6 * full


@pytest.mark.parametrize("corner", [(0, 0), (SIZE[0] - 1, SIZE[1] - 1)])
def test_a_mask_of_one_pixel_changes_that_pixel(corner: tuple[int, int]) -> None:
    mask = np.zeros(SIZE, np.float32)
    mask[corner] = 1
    result = edited(mask=mask, method="sdedit", strength=1.0)
    changed = (result.photo.pixels != pixels()).any(-1)
    assert changed[corner] and changed.sum() == 1


def test_a_view_that_was_seen_is_not_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Any] = []
    whole = Canvas.whole(SIZE, 32, 8)
    monkeypatch.setattr(analytic.Analytic, "encode", watched(analytic.Analytic.encode, encoded))
    edited(mask=None, threshold=0.01)  # the mask is everywhere, so the close-up is the whole photo
    assert len(encoded) == 1 and encoded[0].shape[-2:] == whole.working
    encoded.clear()
    edited(mask=box())
    assert len(encoded) == 1 and Canvas.around(box(), 32, 8) != whole


def watched(function: Any, seen: list[Any]) -> Any:
    def call(self: Any, pixels: Any) -> Any:
        seen.append(pixels)
        return function(self, pixels)

    return call


def test_the_mask_that_is_found_is_the_mask_that_is_used() -> None:
    found = ANALYTIC.mask(pixels(), source=SOURCE, target=TARGET, **FEW)
    result = edited(mask=None, feather=0)
    assert np.array_equal(found.mask, result.mask) and set(np.unique(found.mask)) == {0, 1}
    assert found.samples["mask"] == 20 and found.samples["edit"] == 0


def test_a_source_that_was_read_makes_no_note_and_one_that_was_not_does() -> None:
    assert edited(mask=None).notes == ()
    assert "did not read" in edited(inversion_prompt="empty").notes[0]
    assert edited(source="", mask=box()).notes == ()
    assert edited(method="ddim").notes == ()
    assert "did not read" in edited(method="ddim", inversion_prompt="empty").notes[0]
    for method, more in (("sdedit", {}), ("diffedit", {"inversion_prompt": "empty"})):
        # neither reads the source here, whatever else says the same
        assert "did not read" in edited(method=method, negative=SOURCE, **more).notes[0]


def test_the_photo_may_be_a_file_an_array_or_a_picture(photo: Path) -> None:
    results = [edited(source_) for source_ in (photo, str(photo), pixels(), Image.open(photo), inkover.read(photo))]
    for result in results[1:]:
        assert np.array_equal(result.photo.pixels, results[0].photo.pixels)


def test_a_recipe_without_files_wants_them_handed_over() -> None:
    result = edited()
    with pytest.raises(InkoverError, match="hand over the photo"):
        ANALYTIC.replay(result.record)
    with pytest.raises(InkoverError, match="hand over the mask"):
        ANALYTIC.replay(result.record, pixels())
    again = ANALYTIC.replay(result.record, pixels(), box())
    assert np.array_equal(again.photo.pixels, result.photo.pixels) and again.warnings == ()
    with pytest.raises(InkoverError, match="is not the recipe's"):
        ANALYTIC.replay(result.record, pixels(), box(value=0.5))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"target": " "}, "the target text is empty"),
        ({"target": SOURCE}, "nothing to do"),
        ({"target": f" {SOURCE} "}, "nothing to do"),
        ({"target": "a\nball"}, "one line of plain text"),
        ({"method": "difedit"}, "did you mean 'diffedit'"),
        ({"sampler": "eular"}, "did you mean 'euler'"),
        ({"stepz": 3}, "did you mean 'steps'"),
        ({"steps": 0}, "steps 0 is out of range"),
        ({"noises": 3}, "a mask is given"),
        ({"seed": -1}, "the seed is -1"),
        ({"seed": 1.5}, "the seed is 1.5"),
        ({"feather": -1}, "feather is -1 pixels, expected 0 to"),
        ({"grow": float("nan")}, "grow is nan"),
        ({"mask": box((64, 64))}, "make them one size"),
        ({"mask": box() * 0}, "the mask is empty"),
        ({"mask": box() * 255}, "divide an 8-bit mask by 255"),
        ({"mask": box() * np.nan}, "outside 0 to 1"),
        ({"mask": None, "method": "sdedit", "grow": 3}, "grow needs a mask, and method 'sdedit' finds none"),
        ({"mask": None, "method": "ddim", "feather": 3}, "feather needs a mask"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InkoverError) as problem:
        edited(**given)
    assert said in str(problem.value) and "\n" not in str(problem.value)


def test_texts_that_the_model_reads_as_one_are_refused(tiny_folder: Path) -> None:
    editor = Editor.load(tiny_folder, device="cpu")
    with pytest.raises(InkoverError, match="read the same: nothing to do"):
        editor.edit(pixels(), source="A red BALL", target="a red ball", mask=box())


def test_a_method_without_a_mask_of_its_own_finds_none() -> None:
    with pytest.raises(InkoverError, match="'sdedit' finds no mask: diffedit, multi-diffedit do"):
        ANALYTIC.mask(pixels(), source=SOURCE, target=TARGET, method="sdedit")


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": None},
        {"source": 3},
        {"method": 3},
        {"seed": 1.0},
        {"grow": "3"},
        {"grow": None},
        {"feather": "wide"},
        {"cleanup": {"color": True}},
        {"mask": {"a": 1}},
        {"mask": [[1], [1, 2]]},
    ],
    ids=str,
)
def test_values_of_other_types_are_refused_in_one_line(wrong: dict[str, Any]) -> None:
    with pytest.raises(InkoverError) as problem:
        edited(**wrong)
    assert "\n" not in str(problem.value)


def test_numpy_s_numbers_are_numbers() -> None:
    result = edited(seed=np.int64(3), grow=np.float32(2), feather=np.int64(1))
    assert Recipe.from_json(result.record.to_json()) == result.record


def test_what_is_no_recipe_is_said() -> None:
    with pytest.raises(InkoverError, match="is no recipe"):
        ANALYTIC.replay("edit.json")  # type: ignore[arg-type]


def test_a_mask_is_never_written_over_the_photo(photo: Path) -> None:
    before = photo.read_bytes()
    found = ANALYTIC.mask(photo, source=SOURCE, target=TARGET, **FEW)
    for save in (edited(photo).save_mask, found.save):
        with pytest.raises(InkoverError, match="in use"):
            save(photo)
        with pytest.raises(InkoverError, match="would be a .png file"):
            save(photo.with_name("mask.jpg"))
    assert photo.read_bytes() == before


def test_devices_and_dtypes_of_torch_are_taken(tiny_folder: Path) -> None:
    import torch

    editor = Editor.load(tiny_folder, device=torch.device("cpu"), dtype=torch.bfloat16)
    assert (editor.weights.device, editor.weights.dtype) == ("cpu", "bfloat16")


@pytest.mark.parametrize("method", ["diffedit", "sdedit", "ddim", "flowedit", "ddpm-inversion", "multi-diffedit"])
def test_a_large_photo_is_edited_whole_through_windows(method: str) -> None:
    photo = np.kron(pixels(), np.ones((2, 2, 1), np.uint8))  # larger than the model's 32 px
    given = {"source": SOURCE, "target": TARGET, "method": method, "steps": 4}
    plain, seen = (ANALYTIC.edit(photo, **given, windows=windows) for windows in (False, True))
    assert seen.drawn is not None and seen.drawn.canvas.working[0] > 32 and plain.drawn is not None
    assert sum(seen.samples.values()) > sum(plain.samples.values())
    assert seen.record.windows and Recipe.from_json(seen.record.to_json()) == seen.record
    assert not np.array_equal(seen.photo.pixels, photo)
    outside = seen.mask == 0
    assert np.array_equal(seen.photo.pixels[outside], photo[outside])


def test_one_window_is_said() -> None:
    large = Editor(analytic.Analytic(resolution=128), ANALYTIC.weights)
    small = large.edit(pixels(), source=SOURCE, target=TARGET, steps=4, windows=True)
    assert any("there is one window" in note for note in small.notes)


@pytest.mark.parametrize(
    ("method", "knob"),
    [(name, knob) for name in methods.names() for knob in methods.get(name).reading],
)
def test_how_the_photos_text_is_read_is_refused_where_there_is_none_before_any_model(method: str, knob: str) -> None:
    other = {"diffedit": "empty", "multi-diffedit": "empty", "ddim": "empty", "masactrl": "source", "flowedit": 2.0}
    asked_for = pixels(), "", TARGET, method, {knob: other[method]}, 0, 0.0, None, "", False
    with pytest.raises(InkoverError, match=f"{knob} has no effect without a source text"):
        asked.wish(*asked_for)
    assert asked.wish(asked_for[0], SOURCE, *asked_for[2:]).settings == build(
        methods.get(method), {knob: other[method]}
    )
