"""``inkover advise`` from end to end: edits of the embedded model, what is said of them, and what is refused."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkover import methods
from inkover.app.cli import run
from inkover.knobs import defaults
from inkover.masks.files import write_mask
from inkover.measure.advice import advised as advice
from inkover.tabletop.edits import case

EDIT = case("recolour", 1, 0, 1)
READING = defaults(methods.get("diffedit").settings) | {"inversion_prompt": "empty"}
BLENDING = defaults(methods.get("p2p").settings)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Put a photo of the little world and the true mask of its edit into a folder."""
    folder = tmp_path_factory.mktemp("advice")
    before, after, change = EDIT.truth(128)
    Image.fromarray(before).save(folder / "photo.png")
    Image.fromarray(after).save(folder / "true.png")
    write_mask(change.astype(np.float32), folder / "mask.png")
    return folder


def edited(folder: Path, name: str, *options: str) -> tuple[str, ...]:
    """Make an edit, and return what advice is asked about."""
    photo, picture, record = (str(folder / one) for one in ("photo.png", f"{name}.png", f"{name}.json"))
    texts = () if "--to" in options else ("--to", EDIT.target)
    files = ("-o", picture, "--record", record, "--force", "--quiet", "--no-cache")
    assert run(["edit", photo, "--from", EDIT.source, *texts, *options, *files]) == 0
    return photo, picture, "--recipe", record


def advised(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["advise", *arguments, "--json", "--quiet", "--no-cache"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    found: dict[str, Any] = json.loads(said.out)
    return found


def test_a_weak_edit_is_told_and_its_command_makes_it_stronger(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask = ("--mask", str(files / "mask.png"))
    asked = edited(files, "weak", "--method", "sdedit", "--strength", "0.1", "--steps", "20", *mask)
    found = advised(capsys, *asked)
    first = found["faults"][0]
    assert first["fault"] == "weak" and 0.5 <= first["confidence"] <= 1
    assert found["samples"] > 0 and found["measures"]["covered"] < 0.5
    for limit in first["because"]:
        value = found["measures"][limit["measure"]]
        assert value == limit["value"] and (value > limit["limit"]) == (limit["side"] == "above")
    assert shlex.split(first["command"]) == first["arguments"]
    assert run([*first["arguments"][1:], "--quiet", "--no-cache"]) == 0  # as it runs, onto names that were free
    again = Path(first["arguments"][first["arguments"].index("-o") + 1])
    record = first["arguments"][first["arguments"].index("--record") + 1]
    better = advised(capsys, asked[0], str(again), "--recipe", record)
    assert better["measures"]["turned"] > found["measures"]["turned"]
    assert json.loads(Path(record).read_text())["settings"]["strength"] == 0.8


def test_the_true_edit_has_nothing_to_mend_and_people_are_told_so(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = edited(files, "true-asked", "--method", "sdedit", "--steps", "4", "--mask", str(files / "mask.png"))
    assert run(["advise", asked[0], str(files / "true.png"), *asked[2:], "--quiet", "--no-cache"]) == 0
    assert "nothing to mend" in capsys.readouterr().out


def test_an_order_is_unclear_and_is_turned_into_a_description(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind = EDIT.before.things[0].kind
    asked = edited(files, "order", "--to", f"make the {kind} {EDIT.wanted}", "--method", "sdedit", "--steps", "4")
    assert run(["advise", *asked, "--quiet", "--no-cache"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("unclear: ") and said[2].startswith("  inkover edit ")
    assert f"{EDIT.wanted} {kind}" in said[2]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(["advise", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "Traceback" not in said.err
    return said.err


def test_what_is_wrong_is_said_in_a_line(files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    photo, picture, _, record = edited(files, "plain", "--method", "sdedit", "--steps", "2")
    Image.open(picture).resize((64, 64)).save(tmp_path / "small.png")
    other = Image.open(photo)
    other.putpixel((0, 0), (1, 2, 3))
    other.save(tmp_path / "other.png")
    assert "--recipe" in refused(capsys, photo, picture)
    assert "resize the edited one" in refused(capsys, photo, str(tmp_path / "small.png"), "--recipe", record)
    assert "another photo" in refused(capsys, str(tmp_path / "other.png"), picture, "--recipe", record)
    assert "no such recipe" in refused(capsys, photo, picture, "--recipe", str(tmp_path / "none.json"))
    assert "--clip is empty" in refused(capsys, photo, picture, "--recipe", record, "--clip", " ")
    nowhere = ("--clip", "nowhere", "--model", "./gone")  # what is read last is looked for last
    assert "--clip nowhere is not there" in refused(capsys, photo, picture, "--recipe", record, *nowhere)
    Image.new("L", (64, 64), 255).save(tmp_path / "mask.png")
    assert "mask" in refused(capsys, photo, picture, "--recipe", record, "--mask", str(tmp_path / "mask.png"))
    (tmp_path / "mine.toml").write_text('to = "a ball"')
    assert "--record" in refused(capsys, photo, picture, "--recipe", str(tmp_path / "mine.toml"))


def test_several_changes_and_another_model_are_refused(
    files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    photo, picture, _, record = edited(files, "plain", "--method", "sdedit", "--steps", "2")
    made = json.loads(Path(record).read_text())
    made["photo"]["file"] = photo
    change = {"text": "a mug", "away": False, "source": "", "settings": {}, "mask": None}
    (tmp_path / "several.json").write_text(json.dumps(made | {"edits": [change]}))
    assert "several changes" in refused(capsys, photo, picture, "--recipe", str(tmp_path / "several.json"))
    made["model"]["hash"] = "0" * 64
    (tmp_path / "model.json").write_text(json.dumps(made))
    assert "weights" in refused(capsys, photo, picture, "--recipe", str(tmp_path / "model.json"), "--quiet")


def test_a_command_has_odd_names_as_a_shell_reads_them(
    files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / 'it\'s a "folder"; $HOME'
    odd.mkdir()
    monkeypatch.chdir(odd)
    shutil.copy(files / "photo.png", "-to edit.png")
    options = ("--method", "sdedit", "--strength", "0.1", "--steps", "8", "--seed", "3", "--quiet", "--no-cache")
    texts = ("--from", EDIT.source, "--to", EDIT.target)
    assert run(["edit", "./-to edit.png", *texts, *options, "-o", "a \\ b.png", "--record", "a 'b'.json"]) == 0
    found = advised(capsys, "./-to edit.png", "a \\ b.png", "--recipe", "a 'b'.json")
    first = found["faults"][0]
    assert shlex.split(first["command"]) == first["arguments"]
    assert run([*first["arguments"][1:], "--steps", "2", "--quiet", "--no-cache"]) == 0
    assert Path("a \\ b-2.png").is_file() and Path("a 'b'-2.json").is_file()


def test_one_file_for_both_photos_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, _, _, record = edited(files, "plain", "--method", "sdedit", "--steps", "2")
    assert "are one file" in refused(capsys, photo, photo, "--recipe", record)
    swapped = refused(capsys, str(files / "plain.png"), photo, "--recipe", record)
    assert "another photo" in swapped and photo in swapped


def test_a_copy_of_the_photo_is_a_weak_edit(files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    photo, _, _, record = edited(files, "plain", "--method", "sdedit", "--steps", "2")
    copy = str(shutil.copy(photo, tmp_path / "copy.png"))
    found = advised(capsys, photo, copy, "--recipe", record)
    assert [one["fault"] for one in found["faults"]] == ["weak"] and found["faults"][0]["confidence"] == 1
    assert (found["measures"]["covered"], found["measures"]["spilled"], found["measures"]["turned"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "diffedti"}, "diffedit"),
        ({"target": ""}, "target"),
        ({"settings": {"steps": 2}}, "lacks"),
        ({"settings": {"steps": "two"}}, "steps"),
        ({"mask": {"file": "masks\\mask.png", "sha256": "0"}}, "masks\\mask.png: no such file"),
        ({"mask": {"file": None, "sha256": "0"}}, "the recipe's mask was no file"),
        ({"settings": READING, "method": "diffedit", "source": ""}, "inversion_prompt"),
        ({"settings": BLENDING, "method": "p2p", "windows": True}, "leave --windows out"),
        ({"where": "grow(ball"}, "grow(ball"),
        ({"photo": 3}, "expected an object"),
    ],
)
def test_a_recipe_that_could_not_be_made_again_is_refused_in_a_line(
    files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    photo, picture, _, record = edited(files, "plain", "--method", "sdedit", "--steps", "2")
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(json.loads(Path(record).read_text()) | change))
    error = refused(capsys, photo, picture, "--recipe", str(broken))
    assert said in error and str(broken) in error
    assert list(tmp_path.iterdir()) == [broken]


def test_no_recipe_at_all_is_refused_in_a_line(files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    photo, picture, _, record = edited(files, "plain", "--method", "sdedit", "--steps", "2")
    text = Path(record).read_text()
    for number, content in enumerate((b"", text[:99].encode(), b"[1]", b"\xff\xfe", b"[" * 99999)):
        (tmp_path / f"{number}.json").write_bytes(content)
        assert "--record" in refused(capsys, photo, picture, "--recipe", str(tmp_path / f"{number}.json"))
    assert "--record" in refused(capsys, photo, picture, "--recipe", str(tmp_path))


def test_what_is_advised_is_written_under_names_that_edit_writes(tmp_path: Path) -> None:
    def names(edited: str, recipe: str = "edit.json", transparent: bool = False) -> tuple[str, str]:
        found = next(advice.beside(Path("photo.png"), tmp_path / edited, tmp_path / recipe, transparent))
        assert found.output.parent == found.record.parent == tmp_path and found.photo == Path("photo.png")
        return found.output.name, found.record.name

    assert names("a.jpg") == ("a-2.jpg", "edit-2.json")
    (tmp_path / "a-2.jpg").touch()
    (tmp_path / "a-3.jpg").symlink_to(tmp_path / "gone")
    assert names("a.jpg") == ("a-4.jpg", "edit-4.json")
    assert names("a.gif", "recipe.txt") == ("a-2.png", "recipe-2.json")
    assert names("a", "recipe") == ("a-2.png", "recipe-2.json")
    assert names("b.jpeg", transparent=True)[0] == "b-2.png" and names("b.webp", transparent=True)[0] == "b-2.webp"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root can write anywhere")
def test_where_nothing_can_be_written_the_working_folder_is_taken(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        found = next(advice.beside(Path("photo.png"), tmp_path / "a.png", tmp_path / "edit.json"))
    finally:
        tmp_path.chmod(0o700)
    assert (found.output, found.record) == (Path("a-2.png"), Path("edit-2.json"))


def test_every_command_of_one_advice_runs_and_is_of_the_run_as_it_is_here(
    files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = f"{EDIT.target} and a red cube and a blue mugg and a green cone and a yellow bal and a white cube"
    options = ("--to", words, "--method", "sdedit", "--strength", "0.1", "--steps", "4", "--no-mark")
    photo, picture, _, record = edited(files, "several", *options)
    elsewhere = tmp_path / "several.json"
    made = json.loads(Path(record).read_text())
    elsewhere.write_text(json.dumps(made | {"model": made["model"] | {"spec": "./moved-away"}}))
    given = ("--recipe", str(elsewhere), "--model", "tabletop", "--max-pixels", "90000")
    commands = [one["arguments"] for one in advised(capsys, photo, picture, *given)["faults"]]
    assert len(commands) > 1 and all(command[1] == "edit" for command in commands)
    for command in commands:
        assert command[-2:] == ["--max-pixels", "90000"] and "--no-mark" in command
        assert run([*command[1:], "--steps", "2", "--quiet", "--no-cache"]) == 0
    assert len({command[command.index("-o") + 1] for command in commands}) == len(commands)
    texts = [command[command.index("--to") + 1] for command in commands]
    assert not any("mugg" in text or "bal " in text for text in texts)
