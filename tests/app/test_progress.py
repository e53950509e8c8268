"""Progress is drawn on a terminal and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from inkover.app.progress import downloading, shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_stage_steps_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with shown(quiet=False) as show:
        show.begin("edit", 5)
        for _ in range(2):
            show.advance()
        show._progress.refresh()  # type: ignore[attr-defined]  # what is drawn ten times a second
        drawn = terminal.getvalue()
        show.end()
        show.end()
    assert "editing" in drawn and "2/5" in drawn and "-:--:--" in drawn


@pytest.mark.parametrize(("terminal", "quiet"), [(io.StringIO(), False), (Terminal(), True)])
def test_no_terminal_and_quiet_see_nothing(monkeypatch: pytest.MonkeyPatch, terminal: io.StringIO, quiet: bool) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    with shown(quiet) as show:
        show.begin("edit", 5)
        show.advance()
        show.end()
    with downloading(quiet) as told:
        told(1, 2)
    assert terminal.getvalue() == ""


def test_a_download_is_drawn_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with downloading(quiet=False) as told:
        told(1_500_000, 3_000_000)
    assert "1.5/3.0 MB" in terminal.getvalue()
