import json
from pathlib import Path

import pytest
from PIL import Image

from inkover.app.cli import run
from inkover.measure.figures import embedded
from small_photo import ended

KEYS = {"method", "edit", "cases", "success", "psnr_changed", "ssim_changed", "psnr_outside", "mask_iou", "identity",
        "samples", "seconds", "left_out"}  # fmt: skip


def test_it_reports_each_method_beside_the_untouched_photo_and_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    asked = ["--methods", "diffedit,diffedit", "--edits", "recolour", "--cases", "1"]
    assert run(["bench", "tabletop", *asked, "--json", "-o", str(out)]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = {row["method"]: row for row in report["rows"]}
    assert list(rows) == ["untouched photo", "true edit", "diffedit"]
    assert all(row.keys() == KEYS and row["edit"] == "recolour" and row["cases"] == 1 for row in rows.values())
    assert rows["untouched photo"]["success"] == 0
    assert rows["untouched photo"]["psnr_outside"] is None
    assert rows["true edit"]["psnr_changed"] is None
    assert rows["diffedit"]["samples"] == 140
    trials = [json.loads(line) for line in (out / "trials.jsonl").read_text().splitlines()[1:]]
    assert [trial["figures"]["identity"] for trial in trials] == [row["identity"] for row in rows.values()]
    assert 0 <= rows["diffedit"]["mask_iou"] <= 1
    assert json.loads((out / "report.json").read_text()) == report
    with Image.open(out / "diffedit-recolour.png") as sheet:
        assert sheet.width > 500


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["tabletopp"], "tabletop"),
        (["tabletop", "--methods", "difedit"], "diffedit"),
        (["tabletop", "--edits", "recolor"], "recolour"),
        (["tabletop", "--edits", "move"], "cannot be asked for in words"),
        (["tabletop", "--cases", "0"], "cases"),
        (["tabletop", "--cases", "99999999999999999999999"], "less than or equal to 1000000"),
        (["tabletop", "--seed", "-1"], "seed"),
        (["tabletop-model", "--methods", "ddim"], "--methods"),
    ],
)
def test_bad_input_is_one_line(asked: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", *asked]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert said in told.err and len(told.err.splitlines()) == 1


def test_a_list_that_names_nothing_is_no_list_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--methods", "--edits"):
        done = ended(capsys, "bench", "tabletop", option, ",")
        assert (done.code, done.out) == (2, "") and done.err.startswith(f"inkover: {option} names none: ")


def test_the_models_own_figures_are_kept_as_every_run_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "in" / "it"
    asked = ["bench", "tabletop-model", "--cases", "1", "--dtype", "bfloat16", "-o", out]
    done = ended(capsys, *asked, "--json")
    assert (done.code, done.err) == (0, "")  # no bar of any library either
    report = json.loads(done.out)
    assert json.loads((out / "report.json").read_text()) == report
    assert report["settings"]["dataset"] == "tabletop-model" and report["settings"]["model"]["dtype"] == "bfloat16"
    assert report["figures"][0]["name"] == "autoencoder round trip" and "inkover" in report["versions"]
    refused = ended(capsys, *asked)
    assert refused.code == 2 and f"{out} holds a run (report.json): --force to begin anew" in refused.err
    for name in ("trials.jsonl", "report.html"):
        (out / name).write_text("of an older run")
    monkeypatch.setattr(embedded, "figures", lambda *_, **__: ())  # once was enough
    assert ended(capsys, *asked, "--force").code == 0
    assert [path.name for path in out.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--force"], "--force speaks of a folder"),
        (["--resume", "-o", "FOLDER"], "leave --resume out"),
        (["--side", "64"], "leave --side out"),
        (["--clip", "tabletop"], "leave --clip out"),
        (["-o", "FOLDER"], "report.json is a folder"),
        (["-o", "FOLDER/new", "--model", "/no/such"], "/no/such"),
    ],
)
def test_the_models_own_figures_are_refused_before_it_is_loaded(
    more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.json").mkdir()
    done = ended(capsys, "bench", "tabletop-model", *(word.replace("FOLDER", str(tmp_path)) for word in more))
    assert done.code == 2 and said in done.err and len(done.err.splitlines()) == 1
    assert [*tmp_path.rglob("*")] == [tmp_path / "report.json"]
