"""``inkover bench`` on folders of photos: what is measured, what a mask is for, means, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import small_datasets as small
import small_networks
import small_onnx
from inkover.app.cli import run
from inkover.app.editor import Editor
from inkover.measure.figures.scores import MEASURES
from inkover.measure.figures.seeing import Networks
from inkover.measure.runs import summary
from inkover.measure.runs.columns import GIVEN
from inkover.measure.runs.given import Given
from inkover.measure.runs.trial import Line
from inkover.measure.runs.variants import Variant
from tiny import tiny_folder

SEEING = {"clip", "dino", "lpips", "faces", "drag", "true_mask"}
PIXELS = [measure.name for measure in MEASURES if not SEEING & {*measure.needs}]


def named(*labels: str) -> list[Variant]:
    """Return variants that are called so."""
    return [Variant(label, label, {}, None) for label in labels]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_folder(tmp_path_factory.mktemp("model")))


@pytest.fixture
def report(model: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what runs the command with few steps and gives its report."""

    def made(*arguments: Any) -> dict[str, Any]:
        more = ["--model", model, "--steps", "2", "--json"]
        assert run(["bench", *map(str, arguments), *more]) == 0, capsys.readouterr().err
        said = capsys.readouterr()
        assert said.err == ""
        found: dict[str, Any] = json.loads(said.out, parse_constant=lambda word: pytest.fail(word))
        return found

    return made


def test_cases_are_measured_by_pixels_and_by_their_truth(report: Any, tmp_path: Path) -> None:
    folder = small.cases(tmp_path / "in")
    out = tmp_path / "out"
    found = report("cases", folder, "--methods", "sdedit,ddim", "-o", out)
    assert json.loads((out / "report.json").read_text()) == found
    rows = {(row["method"], row["kind"]): row for row in found["rows"]}
    assert list(rows) == [(m, k) for k in ("edit", "other", "all") for m in ("sdedit", "ddim")]
    own, other, both = (rows["sdedit", kind] for kind in ("edit", "other", "all"))
    assert [*own["means"]] == [*PIXELS, "psnr_truth"] and own["means"]["psnr_truth"] > 0
    assert own["means"]["mse_outside"] > 0  # the mask is not handed over
    assert other["means"]["mse_outside"] is None and other["left_out"]["mse_outside"] == 1
    assert both["cases"] == 2 and both["left_out"]["mse"] == 0 and both["left_out"]["psnr_truth"] == 1
    assert both["means"]["mse"] == pytest.approx((own["means"]["mse"] + other["means"]["mse"]) / 2)
    assert own["samples"] > 0 and found["broken"] == [] and found["settings"]["cases"] == 2
    assert (out / "sdedit-edit.png").exists() and (out / "ddim-other.png").exists()


def test_what_has_no_number_says_why_and_what_warned_is_told(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, edit = (
        small.cases(tmp_path / "in", {}, {"mask": None, "truth": None, "from": ""}),
        tmp_path / "out",
        Editor.edit,
    )

    def warning(self: Editor, *given: Any, **more: Any) -> Any:
        return replace(edit(self, *given, **more), warnings=("<the mask> is empty",) * (more["source"] == ""))

    monkeypatch.setattr(Editor, "edit", warning)
    asked = ["cases", str(folder), "--methods", "sdedit", "--clip", "tabletop", "--steps", "2", "-o", str(out)]
    assert run(["bench", *asked, "--model", model]) == 0
    told, report = capsys.readouterr().out, json.loads((out / "report.json").read_text())
    trials = [json.loads(line) for line in (out / "trials.jsonl").read_text().splitlines()[1:]]
    for trial in trials:
        without = {name for name, value in trial["figures"].items() if value is None}
        assert trial["reasons"].keys() - {"mask_iou", "psnr_truth"} == without - {"mask_iou", "psnr_truth"}
    assert "the case a mask" in trials[1]["reasons"]["psnr_outside"] and "--mask" not in str(trials[1]["reasons"])
    assert "the case has no truth" in trials[1]["reasons"]["psnr_truth"] and not trials[0]["warnings"]
    assert "psnr_outside, ssim_outside" in told and "of 1 edit: give the case a mask" in told
    assert report["warnings"] == [{"case": "c1", "kind": "edit", "method": "sdedit", "message": "<the mask> is empty"}]
    assert "warning: sdedit, 1 edit: <the mask> is empty" in told.splitlines()
    page = (out / "report.html").read_text()
    assert "<b>sdedit</b>: &lt;the mask&gt; is empty" in page and "give the case a mask" in page
    assert {one["measure"] for one in report["reasons"]} <= report["intervals"][0]["means"].keys()


def test_a_mask_is_handed_over_where_that_is_asked_for(report: Any, tmp_path: Path) -> None:
    folder = small.cases(tmp_path, {})
    asked = ("cases", folder, "--methods", "sdedit")
    (free,), (held,) = report(*asked)["rows"], report(*asked, "--use-mask")["rows"]
    assert held["means"]["psnr_outside"] > free["means"]["psnr_outside"] + 10  # a soft edge is left
    assert held["means"]["change_inside"] > 10 * held["means"]["change_outside"]


def test_networks_that_measure(report: Any, tmp_path: Path) -> None:
    folder, dino = small.cases(tmp_path / "in", {}), small_networks.vit_folder(tmp_path / "dino")
    found = report("cases", folder, "--methods", "sdedit", "--clip", "tabletop", "--dino", dino)
    (row,) = found["rows"]
    assert row["means"]["clip"] is not None and row["means"]["structure"] > 0 and "lpips" not in row["means"]
    assert found["settings"]["networks"]["clip"] == "tabletop" and "sha256:" in found["settings"]["networks"]["dino"]


def test_faces_and_found_masks_are_measured_where_there_are_some(report: Any, tmp_path: Path) -> None:
    folder, faces = small.cases(tmp_path / "in", {}, {"mask": None}), small_onnx.faces_folder(tmp_path / "faces")
    asked = ("cases", folder, "--methods", "sdedit,diffedit", "--faces", faces)
    found = report(*asked)
    none, masked = found["rows"]
    assert none["means"]["identity"] is None and none["left_out"]["identity"] == 2  # the photo shows nobody
    assert none["means"]["mask_iou"] is None and masked["left_out"]["mask_iou"] == 1
    assert 0 <= masked["means"]["mask_iou"] <= 1 and "drag_distance" not in masked["means"]
    assert "sha256:" in found["settings"]["networks"]["faces"]
    with Image.open(folder / "one.png") as photo:
        face = np.array(photo)
    face[40:48, 56:64] = (255, 0, 0)  # outside the mask
    Image.fromarray(face).save(folder / "one.png")
    (row,) = report("cases", folder, "--methods", "sdedit", "--faces", faces, "--cases", "1", "--use-mask")["rows"]
    assert row["means"]["faces_kept"] == 1 and 0.5 < row["means"]["identity"] <= 1.001


@pytest.mark.parametrize(
    ("name", "make"),
    [("pie-bench", small.pie_bench), ("tedbench", small.tedbench), ("tedbench++", small.tedbench_plus)],
)
def test_each_layout_runs(name: str, make: Any, report: Any, tmp_path: Path) -> None:
    found = report(name, make(tmp_path), "--methods", "sdedit", "--cases", "1")
    assert found["broken"] == [] and found["rows"][0]["means"]["mse"] > 0
    assert (found["rows"][0]["means"]["pie_mse"] is not None) == (name == "pie-bench")


def test_texts_that_a_method_cannot_take_are_one_broken_case(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small.cases(
        tmp_path / "in", {"to": small.TEXTS[0]}, {"to": "a (blue:2) ball"}, {"to": "(blue:x) ball"}, {}
    )
    asked = ["cases", str(folder), "--methods", "sdedit", "--model", model, "--steps", "2", "-o", str(tmp_path / "out")]
    assert run(["bench", *asked]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in told[-3:]] == [["broken:", f"c{k}", "sdedit:"] for k in range(3)]
    assert "nothing to do" in told[-3] and "cannot weigh words" in told[-2]
    assert any(line.split() == ["cases", "1"] for line in told)
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [one["case"] for one in found["broken"]] == ["c0", "c1", "c2"] and found["rows"][0]["cases"] == 1


def test_a_run_whose_every_edit_breaks_has_an_exit_code_of_its_own(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = small.cases(tmp_path / "in", {"to": small.TEXTS[0]}, {"to": "a (blue:2) ball"}), tmp_path / "out"
    asked = ["bench", "cases", str(folder), "--methods", "sdedit,ddim", "--model", model, "--steps", "2"]
    for more in (["-o", str(out)], ["-o", str(out), "--resume", "--quiet", "--json"], ["--json"]):
        assert run([*asked, *more]) == 3
        told = capsys.readouterr()
        assert told.err.startswith("inkover: warning: every edit broke (4 of 4), the first with: source and target")
        assert len(told.err.splitlines()) == 1 and "c0" in told.out  # the report is there nevertheless
    assert len(json.loads((out / "report.json").read_text())["broken"]) == 4 and (out / "report.html").exists()


def test_a_run_is_resumed_where_its_photos_are_the_same(
    report: Any, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, edit = small.cases(tmp_path / "in"), tmp_path / "out", Editor.edit
    asked = ["cases", str(folder), "--methods", "sdedit", "-o", str(out)]
    calls = list[int]()

    def stopped(self: Editor, *given: Any, **more: Any) -> Any:
        calls.append(0)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return edit(self, *given, **more)

    monkeypatch.setattr(Editor, "edit", stopped)
    assert run(["bench", *asked, "--model", model, "--steps", "2"]) == 130
    monkeypatch.setattr(Editor, "edit", edit)
    capsys.readouterr()
    rows, whole = report(*asked, "--resume")["rows"], report(*asked[:-2])["rows"]
    assert [{**row, "seconds": 0} for row in rows] == [{**row, "seconds": 0} for row in whole]
    small.picture(folder / "one.png", seed=5)
    assert run(["bench", *asked, "--resume", "--model", model, "--steps", "2"]) == 2
    assert "content: " in capsys.readouterr().err


def test_means_leave_out_what_is_no_number_and_count_it() -> None:
    plan = Given("cases", named("m", "n"), (), 0, False, Networks())
    figures = ({"mse": 1.0, "psnr": None}, {"mse": 2.0, "psnr": 30.0}, {"mse": 6.0, "psnr": None})
    lines = [Line(f"c{k}", "k", "m", one | {"samples": 4, "seconds": 1.0}) for k, one in enumerate(figures)]
    (row,) = plan.rows(summary.groups(lines, GIVEN))
    assert row["means"] == {"mse": 3.0, "psnr": 30.0} and row["left_out"] == {"mse": 0, "psnr": 2}
    table = plan.table([row])
    assert any(line.split() == ["psnr", "30", "(2)"] for line in table) and table[-1].startswith("(n)")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["pie-bench"], "inkover bench pie-bench FOLDER"),
        (["tabletop", "FOLDER"], "renders its photos itself"),
        (["pie-bench", "FOLDER"], "it has no mapping_file.json"),
        (["cases", "FOLDER", "--side", "64"], "--side has no effect"),
        (["cases", "FOLDER", "--things", "2"], "--things has no effect"),
        (["tabletop", "--use-mask"], "--use-mask has no effect"),
        (["tabletop", "--clip", "tabletop"], "--clip has no effect"),
        (["tabletop-model", "--resume"], "leave --resume out"),
        (["cases", "FOLDER", "--edits", "oter"], "did you mean 'other'"),
        (["cases", "FOLDER", "--edits", "other", "--use-mask"], "no case has a mask"),
        (["cases", "FOLDER", "--methods", "ddmi"], "ddim"),
        (["cases", "FOLDER", "--dino", "FOLDER"], "config.json"),
        (["case", "FOLDER"], "no dataset 'case'"),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line_before_a_model_is_loaded(
    asked: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Editor, "load", None)
    folder = small.cases(tmp_path / "in")
    out = tmp_path / "out"
    assert run(["bench", *(str(folder) if word == "FOLDER" else word for word in asked), "-o", str(out)]) == 2
    told = capsys.readouterr()
    assert not told.out and said in told.err and len(told.err.splitlines()) == 1
    assert not out.exists()


def test_the_truth_is_compared_inside_the_mask(tmp_path: Path) -> None:
    from inkover.measure.datasets import layouts
    from inkover.photo import Photo, read

    (case,) = layouts.load("cases", small.cases(tmp_path, {}))
    before, true = read(case.photo), read(tmp_path / "true.png")
    mask = case.read_mask(before.size)
    assert mask is not None
    mixed = np.where(mask[..., None] > 0, true.pixels, before.pixels)
    plan = Given("cases", named("m"), (case,), 0, False, Networks())
    found = plan._scores(case, before, Photo.from_array(mixed), mask)
    assert found.values["psnr_truth"] is None and "infinite" in found.reasons["psnr_truth"]
    found = plan._scores(case, before, before, mask)
    assert found.values["psnr_truth"] is not None and "psnr_truth" not in found.reasons
