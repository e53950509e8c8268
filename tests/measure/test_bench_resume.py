"""A run of the benchmark that is killed and resumed, one that is refused, and one with a case that breaks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import made_up_run as made_up
from inkover.app.cli import run
from inkover.app.editor import Editor
from inkover.measure.report import sheet
from inkover.measure.runs import journal
from inkover.measure.runs.differences import differences
from inkover.measure.runs.journal import Journal
from inkover.measure.runs.run_folder import TRIALS
from inkover.measure.runs.trial import Line

QUICK = ["--methods", "sdedit", "--edits", "recolour", "--cases", "3", "--side", "64", "--steps", "5", "--quiet"]
ASKED = ["bench", "tabletop", *QUICK]
TRIALS_EACH = 3  # a case: the untouched photo, the true edit, the method


COSTS = {"samples": 1, "evaluated": 1, "seconds": 1.0}  # what every trial has


def timeless(folder: Path) -> Any:
    """Return a run's rows without their seconds."""
    rows = json.loads((folder / "report.json").read_text())["rows"]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def lines(folder: Path) -> int:
    """Return how many trials a folder holds, half ones too."""
    file = folder / TRIALS
    return len(file.read_bytes().splitlines()) - 1 if file.exists() else 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert run([*ASKED, "-o", str(folder)]) == 0
    return folder


def killed(folder: Path, count: int, *more: str) -> None:
    """Run the command and kill it as soon as the folder holds so many trials."""
    command = [sys.executable, "-m", "inkover", *ASKED, "-o", str(folder), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    end = time.monotonic() + 300
    while lines(folder) < count:
        assert process.poll() is None, process.communicate()[0].decode()
        assert time.monotonic() < end
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_run_that_is_killed_again_and_again_makes_the_same_table(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    killed(folder, 2)
    there = (folder / TRIALS).read_bytes()
    for count in (5, 7):
        killed(folder, count, "--resume")
        assert (folder / TRIALS).read_bytes().startswith(there[: there.rindex(b"\n") + 1])  # nothing was done again
        there = (folder / TRIALS).read_bytes()
    with (folder / TRIALS).open("ab") as file:
        file.write(b'{"case": "recolour-1", "ki')
    assert run([*ASKED, "-o", str(folder), "--resume"]) == 0
    assert lines(folder) == 3 * TRIALS_EACH
    assert timeless(folder) == timeless(whole)
    for name in ("sdedit-recolour.png", "pictures/recolour-2-sdedit.png"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_a_run_that_is_done_is_not_done_again(
    whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report, trials = (whole / "report.json").read_text(), (whole / TRIALS).read_bytes()
    monkeypatch.setattr(Editor, "edit", None)
    assert run([*ASKED, "-o", str(whole), "--resume"]) == 0
    assert (whole / "report.json").read_text() == report and (whole / TRIALS).read_bytes() == trials


def test_the_report_says_what_decided_it(whole: Path) -> None:
    report = json.loads((whole / "report.json").read_text())
    trials = [json.loads(line) for line in (whole / TRIALS).read_text().splitlines()[1:]]
    for trial in trials:
        without = {name for name, value in trial["figures"].items() if value in (None, "inf", "nan")}
        assert trial["reasons"].keys() == without and all(trial["reasons"].values())
    assert sum(one["cases"] for one in report["reasons"]) == sum(len(trial["reasons"]) for trial in trials) > 0
    header = json.loads((whole / TRIALS).read_text().splitlines()[0])
    assert report["settings"] == header["settings"] and report["versions"] == header["versions"]
    assert report["settings"]["knobs"]["sdedit"]["steps"] == 5 and len(report["settings"]["model"]["hash"]) == 64
    assert report["broken"] == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "--resume"),
        (["--resume", "--force"], "give one of them"),
        (["--resume", "--steps", "6"], "has other settings: knobs sdedit steps: was 5, now 6: give"),
        (["--resume", "--seed", "3"], "has other settings: seed: was 0, now 3: give"),
        (["--resume", "--methods", "ddim"], "has other settings: methods: was sdedit, now ddim: give"),
        (["--resume", "--dtype", "bfloat16"], "has other settings: model dtype: was float32, now bfloat16: give"),
    ],
)
def test_a_folder_that_holds_another_run_is_refused(
    more: list[str], said: str, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (whole / TRIALS).read_bytes()
    asked = ASKED if "--methods" not in more else [word for word in ASKED if word not in ("--methods", "sdedit")]
    assert run([*asked, "-o", str(whole), *more]) == 2
    told = capsys.readouterr()
    assert not told.out and said in told.err and len(told.err.splitlines()) == 1
    assert (whole / TRIALS).read_bytes() == before and (whole / "report.json").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--resume"], "add -o FOLDER"),
        (["--force"], "add -o FOLDER"),
        (["--steps", "0"], "steps"),
        (["--steps", "2000"], "--steps 2000 is not for method 'sdedit'"),
        (["--steps", "1", "--methods", "diffedit"], "--steps 1 is not for method 'sdedit'"),
        (["--things", "1", "--edits", "two"], "of two objects"),
        (["-o", __file__], "cannot make the folder"),
        (["-o", f"{__file__}/in/it"], "cannot make the folder"),
        (["-o", "x" * 300], "cannot be used"),
    ],
)
def test_bad_input_is_one_line(more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "tabletop", "--methods", "sdedit", *more]) == 2
    told = capsys.readouterr()
    assert not told.out and said in told.err and len(told.err.splitlines()) == 1


@pytest.mark.parametrize(
    "name",
    ["trials.jsonl", "report.json", "report.csv", "report.html", "sdedit-recolour.png", "pictures/any.png"],
)
@pytest.mark.parametrize("more", [[], ["--force"]], ids=["new", "force"])
def test_a_folder_where_a_file_is_to_be_is_refused_before_the_run(
    name: str, more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Editor, "load", None)
    (tmp_path / name).mkdir(parents=True)
    assert run([*ASKED, "-o", str(tmp_path), *more]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1 and f"{tmp_path / name} is a folder" in told
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*")} == {Path(name), *Path(name).parents} - {Path()}


@pytest.mark.parametrize("more", [["--model", "/no/such"], ["--dtype", "int3"], ["--device", "nowhere"]], ids=str)
def test_a_run_that_is_refused_leaves_nothing(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*ASKED, "-o", str(tmp_path / "in" / "it"), *more]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1 and not [*tmp_path.iterdir()]


def test_a_file_where_the_pictures_are_to_be_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Editor, "load", None)
    (tmp_path / "pictures").touch()
    assert run([*ASKED, "-o", str(tmp_path)]) == 2
    assert f"{tmp_path / 'pictures'} is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["report.csv", "report.html", "pictures/holiday.png"])
def test_what_is_of_no_run_is_not_taken_away(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / name).write_bytes(b"the user's own")
    assert run([*ASKED, "-o", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert name in told and "another -o" in told and len(told.splitlines()) == 1
    assert (tmp_path / name).read_bytes() == b"the user's own"


def test_there_must_be_a_run_to_resume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*ASKED, "-o", str(tmp_path), "--resume"]) == 2
    assert "there is no run" in capsys.readouterr().err
    (tmp_path / TRIALS).write_text("what is this\n")
    assert run([*ASKED, "-o", str(tmp_path), "--resume"]) == 2
    assert "does not begin as a run" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [TRIALS]


def test_a_case_that_breaks_is_reported_and_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, calls = Editor.edit, list[int]()

    def edit(self: Editor, *given: Any, **more: Any) -> Any:
        calls.append(more["seed"])
        if more["seed"] == 0:
            raise ValueError("no\nluck")
        return whole(self, *given, **more)

    monkeypatch.setattr(Editor, "edit", edit)
    asked = [*ASKED, "--cases", "2", "-o", str(tmp_path)]
    assert run(asked) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "broken: recolour-0 sdedit: ValueError: no luck"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["broken"] == [
        {"case": "recolour-0", "kind": "recolour", "method": "sdedit", "message": "ValueError: no luck"}
    ]
    assert [row["cases"] for row in report["rows"]] == [2, 2, 1]
    assert run([*asked, "--resume"]) == 0 and calls == [0, 1]


def test_ctrl_c_ends_it_and_what_was_done_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*given: Any, **more: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Editor, "edit", stopped)
    assert run([*ASKED, "-o", str(tmp_path)]) == 130
    assert lines(tmp_path) == 2 and not (tmp_path / "report.json").exists()


def test_force_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    journal.begun(tmp_path, {"methods": ["ddim"], "edits": ["add"]}, {}).append(Line("a", "b", "c", {}))
    for name in ("report.json", "ddim-add.png", "mine.png"):
        (tmp_path / name).touch()
    assert run([*ASKED, "--cases", "1", "-o", str(tmp_path), "--force"]) == 0
    assert lines(tmp_path) == TRIALS_EACH and (tmp_path / "report.json").stat().st_size
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["mine.png", "sdedit-recolour.png"]


@pytest.mark.parametrize("named", [["../a.png", "one.png", 3, None], [[]], 5, None, {"one.png": 1}], ids=str)
def test_a_run_that_begins_anew_takes_only_sheets_away_that_the_older_one_names(named: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    journal.begun(folder, {"methods": ["ddim"], "edits": ["add"]}, {})
    header = json.loads((folder / TRIALS).read_text())
    assert header["sheets"] == ["ddim-add.png"]
    (folder / TRIALS).write_text(json.dumps(header | {"sheets": named}) + "\n")
    (folder / "two.png").mkdir()
    for path in (tmp_path / "a.png", folder / "one.png", folder / "ddim-add.png"):
        path.touch()
    journal.begun(folder, {}, {})
    left = {path.name for path in tmp_path.rglob("*.png")}
    assert {"a.png", "two.png", "ddim-add.png"} <= left and ("one.png" in left) == ("one.png" not in str(named))


def test_trials_from_before_there_was_a_measure_have_none_and_are_not_done_again(whole: Path, tmp_path: Path) -> None:
    header, *trials = (whole / TRIALS).read_text().splitlines()
    known = [json.loads(line) for line in trials]
    old = known[: 2 * TRIALS_EACH]
    for line in old:
        del line["figures"]["identity"]
    (tmp_path / TRIALS).write_text("\n".join([header, *map(json.dumps, old)]) + "\n")
    shutil.copytree(whole / "pictures", tmp_path / "pictures")
    assert run([*ASKED, "-o", str(tmp_path), "--resume"]) == 0
    rows = {row["method"]: row for row in json.loads((tmp_path / "report.json").read_text())["rows"]}
    for line in known[2 * TRIALS_EACH :]:
        row = rows[line["method"]]
        assert row["cases"] == 3 and row["identity"] == line["figures"]["identity"]
    assert json.loads((tmp_path / TRIALS).read_text().splitlines()[1]) == old[0]


def test_lines_come_back_as_they_were(tmp_path: Path) -> None:
    figures = COSTS | {"one": 0.1 + 0.2, "none": None, "far": np.inf, "rest": True, "count": 3}
    told = {"none": "there is none", "far": "it is infinite"}
    line = Line("a", "b", "c", figures, "from", "to", warnings=("one", "two"), reasons=told)
    other = Line("a", "b", "d", None, broken="why")
    first = journal.begun(tmp_path, {}, {})
    first.append(line)
    first.append(other)
    assert journal.resumed(tmp_path, {}, {}).lines == [line, other]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_line_that_was_cut_is_as_if_it_were_not_there(cut: int, tmp_path: Path) -> None:
    first = journal.begun(tmp_path, {}, {})
    first.append(Line("a", "b", "c", COSTS))
    there = (tmp_path / TRIALS).read_bytes()
    first.append(Line("a", "b", "d", COSTS))
    file = (tmp_path / TRIALS).read_bytes()
    (tmp_path / TRIALS).write_bytes(file[:-cut])
    assert [line.method for line in journal.resumed(tmp_path, {}, {}).lines] == ["c"]
    assert (tmp_path / TRIALS).read_bytes() == there


PLAIN: dict[str, Any] = {"case": "x", "kind": "b", "method": "c", "figures": COSTS}
DAMAGED: list[Any] = [
    "", "{", 7, [], "text", {"case": 1}, PLAIN | {"case": 1}, PLAIN | {"case": None}, PLAIN | {"words": []},
    PLAIN | {"more": 1}, PLAIN | {"figures": []}, PLAIN | {"figures": {}}, PLAIN | {"case": "a"},
    *(PLAIN | {"figures": {key: value for key, value in COSTS.items() if key != name}} for name in COSTS),
    *(PLAIN | {"figures": COSTS | {name: "inf"}} for name in COSTS),
    *(PLAIN | {"figures": COSTS | {"psnr": value}} for value in ("far", [1], {}, 10**400)),
    PLAIN | {"warnings": "text"}, PLAIN | {"warnings": [1]}, PLAIN | {"reasons": []}, PLAIN | {"reasons": {"psnr": 1}},
    PLAIN | {"figures": COSTS | {"success": 0.5}}, PLAIN | {"figures": COSTS | {"psnr": True}},
    "[" * 100_000, "\ud800",
]  # fmt: skip
"""What may stand in a line beside a trial of the case ``a``."""


@pytest.mark.parametrize("damaged", DAMAGED, ids=lambda value: str(value)[:60])
def test_a_line_that_is_no_trial_is_taken_out_and_told_by_its_number(damaged: Any, tmp_path: Path) -> None:
    journal.begun(tmp_path, {}, {}).append(Line("a", "b", "c", COSTS))
    first = (tmp_path / TRIALS).read_bytes()
    raw = damaged.encode("utf-8", "surrogatepass") if isinstance(damaged, str) else json.dumps(damaged).encode()
    after = json.dumps(PLAIN | {"case": "z"}).encode() + b"\n"
    (tmp_path / TRIALS).write_bytes(first + raw + b"\n" + after)
    found = journal.resumed(tmp_path, {}, {})
    (said,) = found.damage
    assert [line.case for line in found.lines] == ["a", "z"] and "line 3: no trial" in said
    assert (tmp_path / TRIALS).read_bytes() == first + after
    assert not journal.resumed(tmp_path, {}, {}).damage


def test_what_was_damaged_is_done_again_and_the_report_is_the_same(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    header, *trials = (folder / TRIALS).read_text().splitlines()
    known = [json.loads(line) for line in trials]
    del known[0]["figures"]["samples"]
    known[5]["case"] = 7
    trials = [json.dumps(line) for line in known]
    trials[4] = trials[4][:40] + "\r" + trials[4][60:]
    (folder / TRIALS).write_text("\n".join([header, *trials]) + "\n", newline="")
    assert run([*ASKED, "-o", str(folder), "--resume"]) == 0
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1 and "lines 2, 6, 7: no trial" in told
    assert lines(folder) == 3 * TRIALS_EACH and timeless(folder) == timeless(whole)
    one, other = (json.loads((path / "report.json").read_text())["intervals"] for path in (folder, whole))
    for group in (*one, *other):
        del group["means"]["seconds"], group["medians"]["seconds"]
    assert one == other  # bounds too, which are drawn by the order of the cases


def test_a_trial_of_no_case_of_the_run_is_not_reported(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    last = json.loads((folder / TRIALS).read_text().splitlines()[-1])
    with (folder / TRIALS).open("a") as file:
        file.write(json.dumps(last | {"case": "recolour-9"}) + "\n")
    shutil.copy(folder / "pictures" / "recolour-2-sdedit.png", folder / "pictures" / "recolour-9-sdedit.png")
    assert run([*ASKED, "-o", str(folder), "--resume"]) == 0
    assert ": 1 of no case" in (told := capsys.readouterr().err) and len(told.splitlines()) == 1
    assert timeless(folder) == timeless(whole)


def test_a_picture_that_is_gone_or_damaged_is_made_again(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    names = [folder / "pictures" / f"recolour-{k}-sdedit.png" for k in range(3)]
    names[0].unlink()
    names[1].write_bytes(b"what is this")
    names[2].write_bytes(names[2].read_bytes()[:-50])
    trials = (folder / TRIALS).read_bytes()
    assert run([*ASKED, "-o", str(folder), "--resume"]) == 0
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1 and "3 pictures" in told and "done again" in told
    for name in names:
        assert name.read_bytes() == (whole / "pictures" / name.name).read_bytes()
    assert timeless(folder) == timeless(whole) and lines(folder) == 3 * TRIALS_EACH
    assert (folder / TRIALS).read_bytes() != trials  # other seconds
    names[0].unlink()
    assert run([*ASKED, "-o", str(folder), "--resume"]) == 0
    assert f"the picture {names[0]} is missing" in capsys.readouterr().err
    (folder / "pictures" / "recolour-0-true_edit.png").write_bytes(b"nobody's")
    assert run([*ASKED, "-o", str(folder), "--resume"]) == 0 and not capsys.readouterr().err


def test_only_a_whole_row_of_the_right_size_is_a_picture_of_a_trial(tmp_path: Path) -> None:
    path = made_up.pictures(tmp_path / "drawn", 1)[0]
    whole, other = path.read_bytes(), tmp_path / "other.png"
    assert sheet.is_row(path) and not sheet.is_row(tmp_path) and not sheet.is_row(other)
    for length in (0, 7, 20, 40, len(whole) // 2, len(whole) - 60):
        other.write_bytes(whole[:length])
        assert not sheet.is_row(other)
    Image.new("RGB", (10, 10)).save(other)
    assert not sheet.is_row(other)


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ({"a": {}}, {"a": {"b": "c"}}, ["a b: was none, now c"]),
        ({"a": {"b": "c"}}, {"a": {}}, ["a b: was c, now none"]),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 1, "d": 3}}}, ["a b d: was 2, now 3"]),
        ({"a": ["x"], "b": {"x": {"k": 1}}}, {"a": ["y"], "b": {"y": {"k": 1}}}, ["a: was x, now y"]),
        ({}, {"b": {"k": 1, "l": 2}}, ["b: was none, now 2 settings"]),
        ({"a": False, "b": None, "c": 1}, {"a": True, "b": 2}, ["a: was no, now yes", "b: was none, now 2"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["a: was 1,2, now 2,1"]),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
    ],
)
def test_only_what_differs_is_said_and_no_group_is_dumped(
    then: dict[str, Any], now: dict[str, Any], said: list[str]
) -> None:
    assert [*differences(then, now)] == said


def test_a_journal_without_a_folder_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Journal().append(Line("a", "b", "c", {}))
    assert not [*tmp_path.iterdir()]
