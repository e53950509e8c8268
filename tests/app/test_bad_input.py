"""Bad input ends in one line that names the fix, exit code 2, nothing written, and the photo as it was."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from small_photo import QUICK, WORDS, Outcome, pixels

Command = Callable[..., Outcome]


def world(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(inkover: Command, folder: Path, *arguments: Any) -> str:
    """Run a command that must be refused; return its one line."""
    before = world(folder)
    done = inkover(*arguments)
    assert (done.code, done.out) == (2, ""), done
    assert world(folder) == before
    assert done.err.startswith("inkover: ") and done.err.count("\n") == 1, done.err
    return done.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.png", None, "no such file"),
        ("notes.png", b"dear diary", "not"),
        ("empty.png", b"", "is empty"),
        ("some.gif", b"GIF89a" + bytes(20), "GIF"),
    ],
)
def test_a_file_that_is_no_photo(inkover: Command, tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert said in refused(inkover, tmp_path, "edit", tmp_path / name, *WORDS)


def test_a_photo_that_is_cut_short(inkover: Command, tmp_path: Path) -> None:
    Image.fromarray(pixels()).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:2000])
    assert "cut short" in refused(inkover, tmp_path, "edit", tmp_path / "cut.jpg", *WORDS)


def test_a_photo_with_too_many_pixels_and_the_option_that_raises_the_limit(inkover: Command, photo: Path) -> None:
    said = refused(inkover, photo.parent, "edit", photo, *WORDS, "--max-pixels", 10_000)
    assert "max-pixels" in said
    said = refused(inkover, photo.parent, "edit", photo, *WORDS, "--max-pixels", 20_000, "--method", "nothing")
    assert "no method" in said


def test_print_colours(inkover: Command, tmp_path: Path) -> None:
    Image.fromarray(pixels()).convert("CMYK").save(tmp_path / "print.jpg")
    assert "CMYK" in refused(inkover, tmp_path, "edit", tmp_path / "print.jpg", *WORDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--to"),
        (("--to", ""), "--to is empty"),
        (("--to", "a ball", "--from", " a  ball "), "nothing to do"),
        ((*WORDS, "--method", "difedit"), "did you mean 'diffedit'? known: diffedit, sdedit, ddim"),
        ((*WORDS, "--sampler", "ddimm"), "did you mean 'ddim'"),
        ((*WORDS, "--model", "tabeltop"), "tabletop"),
        ((*WORDS, "--model", " "), "--model is empty"),
        ((*WORDS, "--model", "somebody/something"), "inkover models get somebody/something"),
        ((*WORDS, "--model", "./nowhere"), "no such model file or folder"),
        ((*WORDS, "--device", "gpu"), "unknown device 'gpu'"),
        ((*WORDS, "--dtype", "float23"), "unknown dtype 'float23'"),
        ((*WORDS, "--strength", 1.5), "strength 1.5 is out of range"),
        ((*WORDS, "--strength", "nan"), "strength"),
        ((*WORDS, "--steps", 0), "steps 0 is out of range"),
        ((*WORDS, "--steps", "many"), "--steps"),
        ((*WORDS, "--guidance", 0.5), "guidance 0.5 is out of range"),
        ((*WORDS, "--seed", -1), "the seed is -1"),
        ((*WORDS, "--count", 0), "--count"),
        ((*WORDS, "--count", 10**400), "--count"),
        ((*WORDS, "--steps", 10**400), "is out of range"),
        ((*WORDS, "--set", "noise=3"), "did you mean 'noises'"),
        ((*WORDS, "--set", "noises"), "write NAME=VALUE"),
        ((*WORDS, "--set", "noises=many"), "is not a whole number"),
        ((*WORDS, "--steps", 9, "--set", "steps=8"), "--steps and --set steps are both given"),
        ((*WORDS, "--method", "sdedit", "--set", "threshold=0.4"), "method 'sdedit' has no setting 'threshold'"),
        ((*WORDS, "--cleanup", "shine"), "no 'shine'"),
        ((*WORDS, "--cleanup", ""), "--cleanup is empty"),
        ((*WORDS, "--cleanup", "sharpen=0"), "does nothing"),
        ((*WORDS, "--negative", " "), "no text that a model reads"),
        ((*WORDS, "--negative", "a\nb"), "no text that a model reads"),
        ((*WORDS, "--feather", -1), "feather is -1"),
        ((*WORDS, "--feather", 0.5), "less than a pixel"),
        ((*WORDS, "--grow", -0.4), "less than a pixel"),
        ((*WORDS, "--method", "ddim", "--count", 2), "would make one picture 2 times"),
        ((*WORDS, "--mask", "{folder}/there.png", "--count", 3), "where the mask is given"),
        ((*WORDS, "--save-mask", "{folder}/dangling.png"), "exists"),
        ((*WORDS, "--colour", "red"), "No such option: --colour"),
        ((*WORDS, "-o", "{photo}"), "is the photo itself"),
        ((*WORDS, "-o", "{photo}", "--force"), "is the photo itself"),
        ((*WORDS, "-o", "{folder}/there.png"), "exists: use --force"),
        ((*WORDS, "-o", "{folder}/gone/a.png"), "does not exist: make it"),
        ((*WORDS, "-o", "{folder}/a.gif"), "unsupported suffix"),
        ((*WORDS, "--save-mask", "{folder}/m.jpg"), "--save-mask"),
        ((*WORDS, "--save-mask", "{photo}", "--force"), "in use as another file"),
        ((*WORDS, "--record", "{folder}/gone/r.json"), "there is no folder"),
        ((*WORDS, "--record", "{folder}/old.json"), "exists"),
        ((*WORDS, "--mask", "{folder}/gone.png"), "no such file"),
        ((*WORDS, "--mask", "{folder}/small.png"), "the mask is 64 x 80 px, the photo 120 x 96"),
        ((*WORDS, "--mask", "{folder}/black.png"), "the mask is empty"),
        ((*WORDS, "--mask", "{folder}/there.png", "-o", "{folder}/there.png", "--force"), "is an input"),
        ((*WORDS, "--mask", "{folder}/there.png", "--set", "noises=3"), "a mask is given"),
        (("--recipe", "{folder}/gone.json"), "no such recipe"),
        (("--recipe", "{folder}/old.json"), "is no recipe"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_an_option_that_makes_no_sense(inkover: Command, photo: Path, arguments: tuple[Any, ...], said: str) -> None:
    folder = photo.parent
    Image.fromarray(pixels()).save(folder / "there.png")
    Image.fromarray(np.full((80, 64), 255, np.uint8)).save(folder / "small.png")
    Image.fromarray(np.zeros((96, 120), np.uint8)).save(folder / "black.png")
    (folder / "old.json").write_text("{}")
    (folder / "dangling.png").symlink_to(folder / "nowhere.png")
    filled = [str(argument).format(photo=photo, folder=folder) for argument in arguments]
    assert said in refused(inkover, folder, "edit", photo, *filled)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mask", "{photo}", *WORDS, "-o", "{folder}/m.jpg"), "would be a .png file"),
        (("mask", "{photo}", *WORDS, "-o", "{photo}", "--force"), "in use as another file"),
        (("mask", "{photo}", *WORDS, "--method", "sdedit", "-o", "{folder}/m.png"), "finds no mask"),
        (("mask", "{photo}", *WORDS), "output"),
        (("mask", "{photo}", *WORDS, "-o", "{folder}/m.png", "--strength", "0.5"), "No such option: --strength"),
        (("mask", "{photo}", *WORDS, "-o", "{folder}/m.png", "--guidance", "3"), "No such option: --guidance"),
        (("mask", "{photo}", *WORDS, "-o", "{folder}/m.png", "--negative", "grass"), "No such option: --negative"),
        (("mask", "{photo}", *WORDS, "-o", "{folder}/m.png", "--set", "strength=0.5"), "shapes the edit"),
        (("methods", "difedit"), "did you mean 'diffedit'"),
        (("models", "get", "no-slash"), "is not a hub id"),
        (("edti",), "No such command 'edti'"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_other_commands(inkover: Command, photo: Path, arguments: tuple[str, ...], said: str) -> None:
    filled = [argument.format(photo=photo, folder=photo.parent) for argument in arguments]
    assert said in refused(inkover, photo.parent, *filled)


def test_what_a_recipe_says_cannot_be_said_again(edit: Command, inkover: Command, photo: Path, mask: Path) -> None:
    record = photo.with_name("r.json")
    assert edit("--record", record).code == 0
    for options in (
        ("--to", "x"),
        ("--steps", 3),
        ("--set", "clamp=0.9"),
        ("--from", ""),
        ("--seed", 1),
        ("--count", 2),
        ("--grow", 1),
    ):
        said = refused(inkover, photo.parent, "edit", photo, "--recipe", record, *options, "--force")
        assert f"{options[0]} and --recipe are both given" in said
    said = refused(inkover, photo.parent, "edit", photo, "--recipe", record, "--mask", mask, "--force")
    assert "the recipe has no mask of its own" in said
    values = json.loads(record.read_text())
    for broken, said in [
        ({"settings": {"steps": 4, "speed": 2}}, "no setting 'speed'"),
        ({"settings": {k: v for k, v in values["settings"].items() if k != "clamp"}}, "lacks clamp in settings"),
        ({"method": "magic"}, "no method 'magic'"),
        ({"target": ""}, "the target text is empty"),
        ({"seed": -3}, "the seed is -3"),
        ({"feather": -3.0}, "feather is -3"),
        ({"grow": 10**400}, "expected -12000 to 12000"),
        ({"settings": values["settings"] | {"steps": 10**400}}, "is out of range"),
        ({"settings": values["settings"] | {"strength": 10**400}}, "is out of range"),
        ({"cleanup": values["cleanup"] | {"sharpen": 10**400}}, "expected 0 to 1"),
        ({"model": values["model"] | {"spec": "gone/model"}}, "models get gone/model"),
        ({"model": values["model"] | {"spec": None}}, "add --model"),
    ]:
        record.write_text(json.dumps(values | broken))
        assert said in refused(inkover, photo.parent, "edit", photo, "--recipe", record, "--force")


def test_a_transparent_photo_as_jpeg(inkover: Command, tmp_path: Path) -> None:
    image = Image.fromarray(pixels())
    image.putalpha(128)
    image.save(tmp_path / "glass.png")
    said = refused(inkover, tmp_path, "edit", tmp_path / "glass.png", *WORDS, "-o", tmp_path / "glass.jpg")
    assert "transparency" in said


@pytest.mark.skipif(sys.platform != "linux", reason="nobody can write into /proc, whatever its rights say")
@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("edit", "{photo}", *WORDS, "-o", "/proc/a.png"), "-o"),
        (("edit", "{photo}", *WORDS, "--save-mask", "/proc/a.png"), "--save-mask"),
        (("edit", "{photo}", *WORDS, "--save-overlay", "/proc/a.png"), "--save-overlay"),
        (("edit", "{photo}", *WORDS, "--record", "/proc/a.json"), "--record"),
        (("mask", "{photo}", *WORDS, "-o", "/proc/a.png"), "-o"),
        (("mask", "{photo}", "--change", "a red ball -> a mug", "-o", "/proc/masks"), "-o"),
        (("explain", "{photo}", *WORDS, "-o", "/proc/a.html"), "-o"),
        (("explain", "{photo}", *WORDS, "-o", "{folder}/a.html", "--save-result", "/proc/a.png"), "--save-result"),
        (("compare", "{photo}", *WORDS, "-o", "/proc/a.html"), "-o"),
        (("sweep", "{photo}", *WORDS, "--knob", "steps=2,3", "-o", "/proc/a.png"), "-o"),
        (("bench", "tabletop", "-o", "/proc/a"), "-o"),
        (("bench", "tabletop-model", "-o", "/proc/a"), "-o"),
    ],
    ids=lambda value: " ".join((value[0], *value[-2:])) if isinstance(value, tuple) else "",
)
def test_a_folder_that_takes_no_file_is_said_before_the_model_is_looked_for(
    inkover: Command, photo: Path, arguments: tuple[str, ...], option: str
) -> None:
    filled = [argument.format(photo=photo, folder=photo.parent) for argument in arguments]
    said = refused(inkover, photo.parent, *filled, "--model", "./nowhere")
    assert "folder /proc cannot be written" in said and option in said.split()


def test_a_full_disk_leaves_nothing(edit: Command, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, real, calls = world(photo.parent), os.fsync, [0]

    def full(handle: int) -> None:
        calls[0] += 1
        if calls[0] > 2:  # the photo fits, with its folder's entry, and the mask does not
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    done = edit("--save-mask", photo.with_name("used.png"))
    assert done.code == 2 and "the disk is full" in done.err and calls[0] > 2
    assert world(photo.parent) == before


def test_a_fault_of_ours_is_one_line_and_debug_shows_where(
    edit: Command, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inkover.app import flow

    def broken(*anything: Any) -> None:
        raise RuntimeError("two\nlines")

    before = world(photo.parent)
    monkeypatch.setattr(flow, "found", broken)
    done = edit()
    assert (done.code, done.out) == (1, "") and "RuntimeError: two lines" in done.err and done.err.count("\n") == 1
    monkeypatch.setenv("INKOVER_DEBUG", "1")
    with pytest.raises(RuntimeError):
        edit()
    assert world(photo.parent) == before


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory"),
        (OSError(errno.EIO, "Input/output error", "disk"), "disk: Input/output error"),
    ],
)
def test_the_machine_s_limits_are_no_fault_of_ours(
    edit: Command, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    from inkover.app import flow

    def broken(*anything: Any) -> None:
        raise error

    monkeypatch.setattr(flow, "found", broken)
    done = edit()
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1) and said in done.err


def test_no_command_at_all_is_help(inkover: Command) -> None:
    done = inkover()
    assert (done.code, done.err) == (0, "") and done.out.startswith("Usage: inkover ")


@pytest.mark.parametrize("after", [1, 4])
def test_a_stop_within_a_step_leaves_nothing(
    edit: Command, photo: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    from inkover.app.meter import Counted

    before, real, calls = world(photo.parent), Counted.predict, [0]

    def stopped(self: Counted, *arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == after:
            signal.raise_signal(signal.SIGINT)
        return real(self, *arguments)

    monkeypatch.setattr(Counted, "predict", stopped)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
    done = edit("--save-mask", photo.with_name("used.png"), "--record", photo.with_name("r.json"))
    assert (done.code, done.out, done.err) == (130, "", "inkover: stopped\n")
    assert calls[0] == after and world(photo.parent) == before


def test_ctrl_c_from_outside(photo: Path, tiny_folder: Path) -> None:
    """A real signal to a real process, in the middle of an edit that would take minutes."""
    code = """
import signal, sys
from inkover.app import cli, meter
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
real = meter.Meter.step
def step(self):
    print("step", flush=True)
    real(self)
meter.Meter.step = step
cli.main(sys.argv[1:])
"""
    before = world(photo.parent)
    flags = ("--model", str(tiny_folder), "--device", "cpu", "--steps", "999", *QUICK[2:])
    process = subprocess.Popen(
        [sys.executable, "-c", code, "edit", str(photo), *WORDS, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(4):
        assert process.stdout.readline() == "step\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "inkover: stopped" and "Traceback" not in said
    assert world(photo.parent) == before
