"""An empty value, such as an empty variable of a shell leaves, is never what was meant: no command takes one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer

from inkover.app import cli
from inkover.measure import command
from small_photo import ended

WORDS = ("--from", "--negative")
"""Texts of which the empty one says something: that there is none. Only score has no use for it."""
TAKEN = {str, str | None, Path, Path | None, list[str]}


def commands(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with the words that call it; what bench passes on is a command of its own."""
    for name, one in group.commands.items():
        words = (*before, name)
        if hasattr(one, "commands"):
            yield from commands(one, words)
        else:
            yield words, typer.main.get_command(command.app) if words == ("bench",) else one


def needed(one: Any, but: Any) -> list[str]:
    """Return an argument or option for each that a command is not begun without, and each argument before ``but``."""
    words = list[str]()
    for param in one.params:
        if param is but:
            words += [""] if param.param_type_name == "argument" else [param.opts[0], ""]
        elif param.required or (param.param_type_name == "argument" and param.name == "before"):
            words += ["x"] if param.param_type_name == "argument" else [param.opts[0], "x"]
    return words


def cases() -> Iterator[Any]:
    """Yield a command line for every text and path of every command, empty, and how its message begins."""
    for words, one in commands(typer.main.get_command(cli.app)):
        kinds = get_type_hints(one.callback.__wrapped__)
        for param in one.params:
            allowed = param.opts[0] in WORDS and words != ("score",)
            if kinds.get(param.name) in TAKEN and not allowed:
                own = param.param_type_name == "argument"
                name = param.metavar.strip("[]") if own else param.opts[0]
                yield pytest.param([*words, *needed(one, param)], name, id=f"{' '.join(words)} {name}")


def test_there_are_as_many_as_there_seem_to_be() -> None:
    assert len({one.values[0][0] for one in cases()}) >= 9 and len([*cases()]) > 100


@pytest.mark.parametrize(("words", "name"), [*cases()])
def test_an_empty_value_is_refused_by_the_name_that_was_typed(
    words: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = ended(capsys, *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"inkover: {name} is empty: give ")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("option", ["--model", "--mask", "-o", "--add"])
def test_space_alone_is_as_empty(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = ended(capsys, "edit", "gone.png", "--to", "a ball", option, " ")
    assert done.code == 2 and done.err.startswith(f"inkover: {option} is empty: give ")
    assert done.err.endswith(", or leave it out\n")


@pytest.mark.parametrize("option", WORDS)
def test_an_empty_text_says_that_there_is_none(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = ended(capsys, "edit", "gone.png", "--to", "a ball", option, "")
    assert done.code == 2 and "no such file" in done.err
