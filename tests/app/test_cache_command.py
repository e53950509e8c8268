"""``inkover cache``: what is kept, in plain words and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import torch

from inkover.app.cache import Cache, folder
from inkover.app.cache_key import Key
from small_photo import Outcome

Command = Callable[..., Outcome]
KEY = Key("12", ((0, 0, 64, 96), (64, 96)), "ab", (), "a red ball", "", "ddim", {}, (), 0, "float32", "cpu", 1, {})
COMMANDS = ("list", "clear", "path")


@pytest.fixture(autouse=True)
def no_cache_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("INKOVER_CACHE", "INKOVER_CACHE_LIMIT"):
        monkeypatch.delenv(variable, raising=False)


def fill(*texts: str) -> int:
    """Keep an inversion of each text and return the bytes of all."""
    for text in texts:
        Cache().write(replace(KEY, text=text), {"latents": torch.zeros(250)})
    return sum(entry.bytes for entry in Cache().entries())


def test_no_cache_yet_is_no_error(inkover: Command) -> None:
    for command in COMMANDS:
        done = inkover("cache", command)
        assert (done.code, done.err) == (0, "") and str(folder()) in done.out and done.out.count("\n") == 1
    empty = {"folder": str(folder()), "limit": 2 * 1024**3, "bytes": 0, "entries": []}
    assert json.loads(inkover("cache", "list", "--json").out) == empty
    nothing = {"folder": str(folder()), "entries": 0, "bytes": 0}
    assert json.loads(inkover("cache", "clear", "--json").out) == nothing
    assert json.loads(inkover("cache", "path", "--json").out) == {"folder": str(folder())}
    assert not folder().exists()


def test_list_says_what_is_kept(inkover: Command) -> None:
    total = fill("a red ball", "")
    lines = inkover("cache", "list").out.splitlines()
    assert len(lines) == 3 and lines[2] == f"2 inversions, {total / 1000:.1f} kB of at most 2.1 GB, in {folder()}"
    assert any(line.endswith("ddim  96 x 64  a red ball") for line in lines[:2])
    assert any(line.endswith("ddim  96 x 64  (no text)") for line in lines[:2])
    said = json.loads(inkover("cache", "list", "--json").out)
    assert said.keys() == {"folder", "limit", "bytes", "entries"} and said["bytes"] == total
    rows = {row["text"]: row for row in said["entries"]}
    row = rows["a red ball"]
    assert row.keys() == {"digest", "bytes", "used", "inversion", "text", "size", "date"}
    assert row["digest"] == KEY.digest() and row["size"] == "96 x 64" and row["inversion"] == "ddim"
    assert all(datetime.fromisoformat(row[name]).utcoffset() is not None for name in ("used", "date"))


def test_no_text_reaches_the_terminal_as_it_is(inkover: Command) -> None:
    fill("a \x1b[31mred\nball")
    said = inkover("cache", "list").out
    assert "\x1b" not in said and said.count("\n") == 2 and "1 inversion, " in said


def test_a_damaged_entry_is_listed_and_cleared(inkover: Command) -> None:
    fill("a red ball")
    (folder() / f"{KEY.digest()}.safetensors").write_bytes(b"nothing")
    assert "damaged" in inkover("cache", "list").out
    (row,) = json.loads(inkover("cache", "list", "--json").out)["entries"]
    assert (row["bytes"], row["text"], row["inversion"]) == (7, None, None)
    assert json.loads(inkover("cache", "clear", "--json").out) == {"folder": str(folder()), "entries": 1, "bytes": 7}


def test_clear_says_how_many_and_how_much(inkover: Command) -> None:
    total = fill("a red ball", "a blue ball")
    assert inkover("cache", "clear").out == f"2 inversions thrown away, {total / 1000:.1f} kB are free\n"
    assert Cache().entries() == []
    total = fill("a red ball")
    assert json.loads(inkover("cache", "clear", "--json").out)["bytes"] == total
    assert Cache().entries() == []


def test_the_folder_of_the_environment(inkover: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKOVER_CACHE", str(tmp_path / "own"))
    assert inkover("cache", "path").out == f"{tmp_path / 'own'}\n"
    fill("a red ball")
    monkeypatch.setenv("INKOVER_CACHE_LIMIT", "0")
    said = inkover("cache", "list").out
    assert "the cache is off" in said and "1 inversion from before" in said
    monkeypatch.setenv("INKOVER_CACHE_LIMIT", "much")
    done = inkover("cache", "list")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1) and "INKOVER_CACHE_LIMIT is 'much'" in done.err


def test_a_file_in_the_folders_place_is_said(inkover: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("INKOVER_CACHE", str(tmp_path / "file"))
    assert "is no folder" in inkover("cache", "list").out


def test_a_command_that_is_not_there(inkover: Command) -> None:
    for arguments in ((), ("lst",), ("list", "more")):
        done = inkover("cache", *arguments)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
