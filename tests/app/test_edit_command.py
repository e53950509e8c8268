"""``inkover edit`` from the command line to the files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from small_photo import QUICK, SIZE, WORDS, Outcome, array, pixels

Edit = Callable[..., Outcome]
KEYS = {
    "output", "mask", "method", "model", "model_hash", "seed", "settings", "samples", "calls", "seconds",
    "mask_area", "change_inside", "change_outside",
}  # fmt: skip


def test_the_result_lands_beside_the_photo_and_only_the_mask_changes(edit: Edit, photo: Path, mask: Path) -> None:
    before = photo.read_bytes()
    done = edit("--mask", mask, "--save-mask", photo.with_name("used.png"), quick=QUICK[:2])
    assert done.code == 0, done.err
    result, used = array(photo.with_name("photo.edited.png")), array(photo.with_name("used.png"))
    assert photo.read_bytes() == before
    changed = (result != array(photo)).any(-1)
    assert changed.any() and not changed[used == 0].any()
    assert (used[array(mask) > 0] == 255).all() and 0 < ((used > 0) & (used < 255)).sum()
    assert done.out.startswith(str(photo.with_name("photo.edited.png")))


def test_json_is_one_object_with_all_keys(edit: Edit, photo: Path) -> None:
    done = edit("--json", "--save-mask", photo.with_name("used.png"))
    said = json.loads(done.out)
    assert set(said) == KEYS
    assert said["method"] == "diffedit" and said["seed"] == 0
    assert said["settings"]["steps"] == 4 and said["settings"]["noises"] == 2 and "feather" in said["settings"]
    assert said["samples"] == {"mask": 4, "inversion": 4, "edit": 8}
    assert said["calls"] == {"mask": 1, "inversion": 4, "edit": 4}
    assert set(said["seconds"]) == {"mask", "inversion", "edit", "load", "encode", "decode", "photo"}
    assert all(seconds > 0 for seconds in said["seconds"].values())
    used = array(Path(said["mask"]))
    assert said["mask_area"] == pytest.approx((used > 0).mean()) and used.shape == SIZE
    assert said["change_inside"] > 0 and said["change_outside"] == 0


def test_change_outside_is_of_the_written_file(edit: Edit, photo: Path, mask: Path) -> None:
    done = edit("--mask", mask, "--json", "-o", photo.with_name("lossy.jpg"), quick=QUICK[:2])
    assert json.loads(done.out)["change_outside"] > 0  # a new JPEG of a PNG is not the PNG, and this says so


def test_the_mask_command_and_the_edit_agree(edit: Edit, inkover: Edit, photo: Path, tiny_folder: Path) -> None:
    found, one, two = (photo.with_name(name) for name in ("found.png", "one.png", "two.png"))
    flags = ("--model", tiny_folder, "--device", "cpu", *QUICK)
    done = inkover("mask", photo, *WORDS, *flags, "-o", found, "--json")
    assert done.code == 0, done.err
    assert set(np.unique(array(found))) == {0, 255} and array(found).shape == SIZE
    assert json.loads(done.out)["samples"] == {"mask": 4, "inversion": 0, "edit": 0}
    edit("-o", one)
    inkover("edit", photo, *WORDS, *flags[:4], "--steps", "4", "--mask", found, "-o", two)
    assert np.array_equal(array(one), array(two)) and not np.array_equal(array(one), array(photo))


def variations(inkover: Edit, photo: Path, tiny_folder: Path, *more: object) -> Outcome:
    flags = ("--model", tiny_folder, "--device", "cpu", "--steps", "4", "--method", "sdedit", "--to", "a ball")
    return inkover("edit", photo, *flags, *more)


def test_count_makes_files_with_following_seeds(inkover: Edit, photo: Path, tiny_folder: Path) -> None:
    record = photo.with_name("r.json")
    done = variations(inkover, photo, tiny_folder, "--count", 2, "--seed", 7, "--json", "--record", record)
    said = json.loads(done.out)
    assert [one["seed"] for one in said["variations"]] == [7, 8] and said["seed"] == 7
    first, second = (photo.with_name(f"photo.edited-{number}.png") for number in (1, 2))
    assert [one["output"] for one in said["variations"]] == [str(first), str(second)]
    assert not np.array_equal(array(first), array(second))
    alone = photo.with_name("alone.png")
    variations(inkover, photo, tiny_folder, "--seed", 8, "-o", alone)
    assert alone.read_bytes() == second.read_bytes()
    assert json.loads(record.with_name("r-2.json").read_text())["seed"] == 8


def test_without_a_mask_sdedit_changes_the_whole_photo(inkover: Edit, photo: Path, tiny_folder: Path) -> None:
    said = json.loads(variations(inkover, photo, tiny_folder, "--json").out)
    assert said["mask_area"] == 1 and said["mask"] is None and said["samples"] == {"mask": 0, "inversion": 0, "edit": 6}


def test_a_recipe_makes_the_same_bytes_again(edit: Edit, inkover: Edit, photo: Path, mask: Path) -> None:
    record, again = photo.with_name("r.json"), photo.with_name("again.png")
    first = edit("--record", record, "--seed", 3, "--cleanup", "color,sharpen=0.5", "--grow", 2, "--no-mark")
    assert first.code == 0, first.err
    done = inkover("edit", photo, "--recipe", record, "-o", again)
    assert (done.code, done.err) == (0, "")
    assert again.read_bytes() == photo.with_name("photo.edited.png").read_bytes()
    assert b"TrainedAlgorithmicMedia" not in again.read_bytes()
    third = photo.with_name("third.json")
    inkover("edit", photo, "--recipe", record, "-o", again, "--force", "--record", third)
    assert json.loads(third.read_text()) == json.loads(record.read_text())


def test_a_recipe_with_a_mask_file_checks_it(inkover: Edit, photo: Path, mask: Path, tiny_folder: Path) -> None:
    record, again = photo.with_name("r.json"), photo.with_name("again.png")
    variations(inkover, photo, tiny_folder, "--mask", mask, "--record", record)
    assert inkover("edit", photo, "--recipe", record, "-o", again).code == 0
    assert again.read_bytes() == photo.with_name("photo.edited.png").read_bytes()
    Image.fromarray(255 - array(mask)).save(mask)
    done = inkover("edit", photo, "--recipe", record, "-o", again, "--force")
    assert done.code == 2 and "is not the recipe's" in done.err


def test_another_photo_under_a_recipe_is_a_warning(edit: Edit, inkover: Edit, photo: Path) -> None:
    record, other = photo.with_name("r.json"), photo.with_name("other.png")
    edit("--record", record)
    Image.fromarray(pixels(seed=1)).save(other)
    done = inkover("edit", other, "--recipe", record)
    assert done.code == 0 and "another photo than the recipe's" in done.err


def test_a_recipe_of_a_device_that_is_not_here_is_a_warning(
    edit: Edit, inkover: Edit, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inkover.models import place

    record = photo.with_name("r.json")
    edit("--record", record)
    monkeypatch.setattr(place, "is_present", lambda device: device == "cpu")
    for made in ({"device": "cuda"}, {"device": "mps", "dtype": "float16"}):
        values = json.loads(record.read_text())
        record.write_text(json.dumps(values | {"model": values["model"] | made}))
        done = inkover("edit", photo, "--recipe", record, "--force")
        ran = f"{made['device']} in {made.get('dtype', 'float32')}"
        assert done.code == 0 and f"the recipe ran on {ran}, this on cpu in float32" in done.err
    done = inkover("edit", photo, "--recipe", record, "--force", "--device", "cuda")
    assert done.code == 2 and "device 'cuda' is not there" in done.err


def test_other_weights_under_a_recipe_are_an_error(edit: Edit, inkover: Edit, photo: Path, tmp_path: Path) -> None:
    import tiny

    record = photo.with_name("r.json")
    edit("--record", record)
    done = inkover("edit", photo, "--recipe", record, "--force", "--model", tiny.tiny_folder(tmp_path, seed=1))
    assert done.code == 2 and "not with these weights" in done.err


def test_an_empty_automatic_mask_is_a_warning_and_a_copy(edit: Edit, photo: Path) -> None:
    done = edit("--grow", "-500", "--json", "--save-mask", photo.with_name("used.png"))
    said = json.loads(done.out)
    assert done.code == 0 and "the mask is empty" in done.err and "threshold" in done.err
    assert np.array_equal(array(photo.with_name("photo.edited.png")), array(photo))
    assert said["mask_area"] == 0 and said["change_inside"] == said["change_outside"] == 0
    assert not array(photo.with_name("used.png")).any()
    assert said["samples"] == {"mask": 4, "inversion": 0, "edit": 0}


def test_a_source_text_that_is_not_read_is_a_note(inkover: Edit, edit: Edit, photo: Path, tiny_folder: Path) -> None:
    done = variations(inkover, photo, tiny_folder, "--from", "a red ball")
    assert done.code == 0 and "did not read the source text" in done.err
    assert "did not read" not in edit("--force").err
    quiet = variations(inkover, photo, tiny_folder, "--from", "a red ball", "--force", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_the_mark_is_in_the_file_unless_it_is_not_wanted(edit: Edit, photo: Path) -> None:
    edit()
    assert b"compositeWithTrainedAlgorithmicMedia" in photo.with_name("photo.edited.png").read_bytes()
    edit("--no-mark", "--force")
    assert b"compositeWithTrainedAlgorithmicMedia" not in photo.with_name("photo.edited.png").read_bytes()


def test_every_option_reaches_the_edit(inkover: Edit, photo: Path, tiny_folder: Path) -> None:
    record = photo.with_name("r.json")
    knobs = ("--steps", 5, "--strength", 0.6, "--guidance", 3, "--sampler", "euler", "--negative", "grass")
    edges = ("--grow", 1.5, "--feather", 1, "--cleanup", "color,denoise=0.1", "--set", "clamp=0.9", "--set", "noises=2")
    where = ("--model", tiny_folder, "--device", "cpu", "--dtype", "bfloat16", "--method", "diffedit", "--seed", 5)
    done = inkover("edit", photo, *WORDS, *knobs, *edges, *where, "--no-mark", "--record", record)
    assert done.code == 0, done.err
    made = json.loads(record.read_text())
    turned = {"steps": 5, "strength": 0.6, "guidance": 3.0, "sampler": "euler", "negative": "grass", "clamp": 0.9}
    assert made["settings"].items() >= (turned | {"noises": 2}).items()
    assert (made["seed"], made["grow"], made["feather"], made["mark"]) == (5, 1.5, 1.0, False)
    assert made["cleanup"] == {"color": True, "sharpen": 0.0, "denoise": 0.1}
    assert (made["model"]["device"], made["model"]["dtype"]) == ("cpu", "bfloat16")
    assert (made["source"], made["target"]) == ("a red ball", "a blue ball")


def test_the_default_model_comes_from_the_environment(
    inkover: Edit, photo: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKOVER_MODEL", str(tiny_folder))
    done = inkover("edit", photo, *WORDS, *QUICK, "--json", "--device", "cpu")
    assert json.loads(done.out)["model"] == str(tiny_folder)


def test_a_seed_that_has_no_part_is_a_note(edit: Edit, photo: Path, mask: Path) -> None:
    done = edit("--mask", mask, "--seed", 5, quick=QUICK[:2])
    assert done.code == 0 and "draws no noise here" in done.err
    assert "draws no noise" not in edit("--seed", 5, "--force").err


def test_a_strength_of_no_step_is_a_warning_and_a_copy(edit: Edit, photo: Path) -> None:
    done = edit("--strength", "0.1")
    assert done.code == 0 and "strength 0.1 of 4 steps is no step" in done.err
    assert np.array_equal(array(photo.with_name("photo.edited.png")), array(photo))


def test_a_soft_edge_narrower_than_asked_is_a_note(edit: Edit, mask: Path) -> None:
    done = edit("--mask", mask, "--feather", 40, quick=QUICK[:2])
    assert done.code == 0 and "the soft edge is 3.75 px and not 40" in done.err


def test_a_mask_that_shrank_to_nothing_is_not_blamed_on_the_threshold(edit: Edit, mask: Path) -> None:
    done = edit("--mask", mask, "--grow", -500, quick=QUICK[:2])
    assert done.code == 0 and "the mask is empty" in done.err and "threshold" not in done.err


def test_a_recipe_s_own_mask_is_an_input_too(inkover: Edit, photo: Path, mask: Path, tiny_folder: Path) -> None:
    record, before = photo.with_name("r.json"), mask.read_bytes()
    assert variations(inkover, photo, tiny_folder, "--mask", mask, "--record", record).code == 0
    for flags in (("--save-mask", mask), ("-o", mask)):
        done = inkover("edit", photo, "--recipe", record, "--force", *flags)
        assert done.code == 2 and mask.read_bytes() == before


def test_a_file_name_of_any_bytes(edit: Edit, inkover: Edit, photo: Path, tiny_folder: Path) -> None:
    strange = photo.with_name(os.fsdecode(b"n\xff.png"))
    strange.write_bytes(photo.read_bytes())
    record = photo.with_name("r.json")
    done = variations(inkover, strange, tiny_folder, "--json", "--record", record)
    assert done.code == 0 and json.loads(done.out)["output"] == str(strange.with_name(os.fsdecode(b"n\xff.edited.png")))
    assert json.loads(record.read_text())["photo"]["file"] == strange.name
    assert inkover("edit", strange, "--recipe", record, "-o", photo.with_name("again.png"), "--json").code == 0
