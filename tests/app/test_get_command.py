"""``inkover models get`` from the command line to an edit with what was got."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hub_server import COMMIT, Hub, serving
from small_photo import QUICK, WORDS, Outcome

Command = Callable[..., Outcome]
ID = "some-one/a-model"


@pytest.fixture
def hub(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INKOVER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def test_a_model_is_got_listed_and_used(
    inkover: Command, photo: Path, tiny_folder: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--model", ID, "--device", "cpu", *QUICK)
    done = inkover("edit", photo, *WORDS, *flags)
    assert done.code == 2 and f"inkover models get {ID}" in done.err
    with serving(Hub(tiny_folder)) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        got = inkover("models", "get", ID, "--json")
    assert got.code == 0, got.err
    said = json.loads(got.out)
    assert said["name"] == ID and said["revision"] == COMMIT and Path(said["folder"]).is_relative_to(hub)
    assert [row["name"] for row in json.loads(inkover("models", "--json").out)["models"]] == ["tabletop", ID]
    done = inkover("edit", photo, *WORDS, *flags, "--json")
    assert json.loads(done.out)["model"] == ID


def test_no_network_is_one_line(inkover: Command, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = inkover("models", "get", ID)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1) and "127.0.0.1:9" in done.err
