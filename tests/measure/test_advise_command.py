"""``inkover advise`` from end to end: edits of the embedded model, what is said of them, and what is refused."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkover.app.cli import run
from inkover.masks.files import write_mask
from inkover.tabletop.edits import case

EDIT = case("recolour", 1, 0, 1)


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
