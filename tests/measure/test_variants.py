"""``inkover bench --knob``: which variants are made, what they are called, where their files go, what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import small_datasets as small
from inkover import methods
from inkover.app.cli import run
from inkover.app.editor import Editor
from inkover.errors import InkoverError
from inkover.measure.runs import journal, run_folder, variants
from inkover.measure.runs.journal import Journal
from inkover.measure.runs.trial import Line
from inkover.methods.settings import build

ASKED = ["bench", "tabletop", "--edits", "recolour", "--cases", "1", "--side", "64", "--steps", "4"]


def labels(names: list[str], *turned: str) -> list[str]:
    return [one.label for one in variants.grid(names, turned)]


def test_the_grid_is_every_combination_in_the_order_given() -> None:
    assert labels(["diffedit"], "strength=0.6:0.8:0.2", "sampler=ddim,euler") == [
        f"diffedit strength={strength} sampler={sampler}" for strength in (0.6, 0.8) for sampler in ("ddim", "euler")
    ]
    assert labels(["diffedit"], "sampler=euler,ddim", "strength=0.6,0.8")[1] == "diffedit sampler=euler strength=0.8"


def test_a_knob_of_one_value_is_set_and_names_nothing() -> None:
    one, two = (variants.grid(["ddim", "p2p"], *more) for more in (((), 7), (("steps=7",),)))
    assert [each.label for each in one] == ["ddim", "p2p"] and one == two
    assert labels(["ddim"], "steps=7", "guidance=2,3") == ["ddim guidance=2", "ddim guidance=3"]


def test_a_method_is_run_once_without_the_knobs_it_lacks() -> None:
    found = variants.grid(["sdedit", "p2p"], ["inversion=ddim,null-text", "guidance=3,4"])
    assert [one.label for one in found if one.method == "sdedit"] == ["sdedit guidance=3", "sdedit guidance=4"]
    assert len(found) == 6 and found[0].left_out == ("inversion",) and not found[-1].left_out
    assert [*variants.notes(found)] == ["sdedit has no knob inversion, and is run without"]
    assert labels(["sdedit", "ddpm-inversion"], "inversion=ddpm,sde-dpmpp")[0] == "sdedit"


def test_what_comes_to_the_same_settings_is_run_once() -> None:
    assert labels(["ddim", "ddim"], "guidance=2,3") == ["ddim guidance=2", "ddim guidance=3"]


def test_every_knob_of_every_method_can_be_turned() -> None:
    for name in methods.names():
        for knob in variants.knobs(methods.get(name).settings):
            (one,) = variants.grid([name], [f"{knob.name}={knob.default}"] if knob.default != "" else [])
            assert one.label == name and one.settings == build(methods.get(name), {})


@given(st.lists(st.text("ab= '", min_size=1).map(str.strip).filter(bool), min_size=2, max_size=3, unique=True))
def test_no_two_variants_have_one_label(texts: list[str]) -> None:
    found = variants.grid(["diffedit"], [f"negative={','.join(texts)}", "guidance=2,3"])
    assert len({one.label for one in found}) == len(found) == 2 * len(texts)


@pytest.mark.parametrize(
    ("turned", "said"),
    [
        (["strenght=0.5"], "none of diffedit, p2p has it: did you mean 'strength'"),
        (["strength"], "has no values"),
        (["strength=0.5,2"], "--knob strength=2 is not for method 'diffedit' (strength 2.0 is out of range"),
        (["strength=a"], "strength=a is not a number"),
        (["inversion=ddmi"], "no inversion 'ddmi'"),
        (["inversion=ddpm"], "gives noise maps, and this method walks a path"),
        (["sampler=dpmpp-2m"], "looks a step back"),
        (["strength=0.5,0.5"], "0.5 twice"),
        (["strength=0.5", "strength=0.6"], "strength is given twice"),
        (["guidance_to=0.5", "guidance-to=0.6"], "guidance_to is given twice"),
        (["strength=0:1:0.00001"], "more than 1000 values"),
        (["strength=0.01:0.9:0.01", "guidance=2:50:1"], "1000 are the most"),
        (["steps=5"], "--steps and --knob steps are both given"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_before_a_model_is_loaded(
    turned: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Editor, "load", None)
    asked = [*ASKED, "--methods", "diffedit,p2p", *(word for one in turned for word in ("--knob", one))]
    assert run([*asked, "-o", str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    assert not told.out and said in told.err and len(told.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_knob_of_the_mask_that_is_looked_for_is_refused_where_masks_are_handed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["bench", "cases", str(small.cases(tmp_path, {})), "--methods", "diffedit", "--knob", "threshold=0.2,0.3"]
    assert run([*asked, "--use-mask"]) == 2
    assert "a mask is given" in capsys.readouterr().err


NO_STEP = [
    ("sdedit", 1, [], "--steps 1 is not for method 'sdedit' (strength 0.8 of 1 steps is no step, so that every photo "),
    ("sdedit", 1, [], "would stay as it is: 2 steps are the fewest): give others"),
    ("ledits++", None, ["steps=1,2"], "--knob steps=1 is not for method 'ledits++' (strength 0.86 of 1 steps is no"),
    (
        "ddim",
        5,
        ["strength=0.1,0.5"],
        "(strength 0.1 of 5 steps is no step, so that every photo would stay as it is: 10",
    ),
    ("sdedit", 5, ["strength=1e-320"], "of 5 steps is no step, so that every photo would stay as it is)"),
    ("flowedit", 5, ["strength=0"], "strength 0 of 5 steps is no step"),
    ("diffedit", 1, [], "--steps 1 is not for method 'diffedit' (mask_strength 0.5 of 1 steps is no step"),
]


@pytest.mark.parametrize(("method", "steps", "turned", "said"), NO_STEP, ids=str)
def test_a_variant_that_does_no_step_is_refused(method: str, steps: int | None, turned: list[str], said: str) -> None:
    with pytest.raises(InkoverError) as told:
        variants.grid([method], turned, steps)
    assert said in str(told.value)


@pytest.mark.parametrize("method", methods.names())
@pytest.mark.parametrize("strength", [0.01, 0.29, 0.34, 0.5, 0.8, 1])
def test_the_fewest_steps_that_are_named_are_the_fewest_that_are_taken(method: str, strength: float) -> None:
    def fewest(steps: int) -> int:
        """Return what is named where so many steps are too few, 0 where they are enough, or refused for more."""
        try:
            (one,) = variants.grid([method], [f"strength={strength}"], steps)
        except InkoverError as error:
            named = re.search(r"(\d+) steps are the fewest", str(error))
            return 0 if named is None else int(named[1])
        assert methods.get(method).cost(one.settings)["edit"]
        return 0

    for steps in (1, 2, 3):
        named = fewest(steps)
        assert not named or (named > steps and fewest(named) == 0 and fewest(named - 1) == named)


def test_a_knob_has_no_part_in_the_model_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "tabletop-model", "--knob", "steps=3"]) == 2
    assert "leave --knob out" in capsys.readouterr().err


def test_variants_are_reported_and_resumed_only_as_the_same_grid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [*ASKED, "--methods", "sdedit", "-o", str(tmp_path), "--knob"]
    assert run([*asked, "strength=0.5,0.75", "--knob", "inversion=ddim", "--methods", "p2p"]) == 0
    told = capsys.readouterr()
    assert told.err == "inkover: note: sdedit has no knob inversion, and is run without\n"
    assert len({len(line) for line in told.out.splitlines() if "recolour" in line or "cases" in line}) == 1
    report = json.loads((tmp_path / "report.json").read_text())
    names = [f"{method} strength={number}" for method in ("sdedit", "p2p") for number in (0.5, 0.75)]
    assert report["settings"]["methods"] == names == [row["method"] for row in report["rows"][2:]]
    assert [report["settings"]["knobs"][name]["strength"] for name in names] == [0.5, 0.75] * 2
    assert report["settings"]["knobs"][names[0]]["steps"] == 4
    assert report["settings"]["left_out"] == {name: ["inversion"] for name in names[:2]}
    assert len([*tmp_path.glob("*.png")]) == len([*(tmp_path / "pictures").iterdir()]) == 4
    assert run([*asked, "strength=0.5,0.8", "--resume"]) == 2
    assert "strength=0.75, now sdedit strength=0.8" in (said := capsys.readouterr().err) and "{" not in said
    assert run([*asked, "strength=0.5,0.75", "--force"]) == 0
    assert len([*tmp_path.glob("*.png")]) == 2  # those of p2p are gone


PARTS = st.text("aB-_.~ /\\0é", min_size=1, max_size=6) | st.sampled_from(["multi-diffedit", "diffedit", "x-multi"])


@given(st.tuples(PARTS, PARTS), st.tuples(PARTS, PARTS))
def test_a_file_is_named_by_any_label_and_no_two_by_one_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    def files(parts: tuple[str, str]) -> list[Path]:
        method, rest = parts
        return [Journal(Path("f")).picture(Line(rest, "", method, None)), run_folder.sheet(Path("f"), method, rest)]

    for here, there, folder in zip(files(one), files(other), (Path("f/pictures"), Path("f")), strict=True):
        assert here.parent == folder and here.suffix == ".png" and not set(here.name) & set('/\\:*?"<>| ')
        assert len(here.name) < 200 and here.name.isascii()
        assert (str(here).lower() == str(there).lower()) == (one == other)


def test_files_of_plain_names_are_named_plainly(tmp_path: Path) -> None:
    line = Line("recolour-2", "recolour", "multi-diffedit", None)
    assert Journal(tmp_path).picture(line).name == "recolour-2-multi_diffedit.png"
    assert run_folder.sheet(tmp_path, "sdedit", "recolour").name == "sdedit-recolour.png"
    label = f"diffedit negative={'x' * 500}"
    assert len(run_folder.sheet(tmp_path, label, "recolour").name) < 200


def test_lists_that_differ_are_told_by_what_differs(tmp_path: Path) -> None:
    many: list[Any] = [f"diffedit strength={number}" for number in range(100)]
    journal.begun(tmp_path, {"methods": many}, {})
    with pytest.raises(InkoverError, match=r"methods: was nothing else, now ddim: give"):
        journal.check_same(tmp_path, {"methods": [*many, "ddim"]})
    with pytest.raises(InkoverError, match=r"methods: was diffedit strength=7, now nothing else: give"):
        journal.check_same(tmp_path, {"methods": [one for one in many if not one.endswith("=7")]})
    with pytest.raises(InkoverError, match=r"methods: was diffedit strength=0"):
        journal.check_same(tmp_path, {"methods": many[::-1]})
