"""``inkover methods`` and ``inkover models``: what there is, in plain words and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from inkover import methods
from inkover.methods.settings import knobs
from small_photo import Outcome

Command = Callable[..., Outcome]


def test_methods_says_what_each_does_and_costs(inkover: Command) -> None:
    said = inkover("methods").out
    for name in methods.names():
        method = methods.get(name)
        assert f"{name}" in said and method.summary in said
        assert f"{sum(method.cost(method.settings()).values())} network samples" in said
    assert "diffedit  (default)" in said and "140 network samples" in said


@pytest.mark.parametrize("name", methods.names())
def test_one_method_lists_its_knobs_with_defaults(inkover: Command, name: str) -> None:
    said = inkover("methods", name).out
    for knob in knobs(methods.get(name).settings):
        line = next(line for line in said.splitlines() if line.split()[:1] == [knob.name])
        assert knob.help in line and str(knob.default).lower() in line.lower()


def test_methods_for_programs(inkover: Command) -> None:
    said = json.loads(inkover("methods", "--json").out)
    assert [one["name"] for one in said["methods"]] == list(methods.names())
    one = json.loads(inkover("methods", "diffedit", "--json").out)
    assert one == said["methods"][0] and one["finds_mask"] is True
    assert one["samples"] == {"mask": 20, "inversion": 40, "edit": 80}
    assert {knob["name"]: knob["default"] for knob in one["knobs"]}["noises"] == 10


def test_models_says_what_there_is_and_how_to_get_more(
    inkover: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = inkover("models").out
    assert "tabletop  bundled  (default)" in said and "inkover models get HUB_ID" in said
    rows = json.loads(inkover("models", "--json").out)["models"]
    assert rows[0].keys() >= {"name", "kind", "folder", "present"} and rows[0]["name"] == "tabletop"
    (tmp_path / "somebody--something").mkdir()
    monkeypatch.setenv("INKOVER_MODELS", str(tmp_path))
    rows = json.loads(inkover("models", "--json").out)["models"]
    assert rows[1]["name"] == "somebody/something" and rows[1]["present"] is False
    assert "not complete" in inkover("models").out


def test_models_says_what_the_default_is_when_it_is_no_entry(
    inkover: Command, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, said in ((str(tiny_folder), str(tiny_folder)), ("somebody/other", "models get somebody/other")):
        monkeypatch.setenv("INKOVER_MODEL", name)
        lines = inkover("models").out.splitlines()
        at = lines.index(f"{name}  (default)")
        assert said in lines[at + 1] and sum("(default)" in line for line in lines) == 1


def test_the_embedded_model_says_that_its_world_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    import analytic
    from inkover.app.editor import Editor
    from inkover.app.loading import say_small_world
    from inkover.app.recipe import Weights
    from inkover.app.request import Manner

    weights = Weights(None, "", "", None, "cpu", "")
    for name, quiet, lines in (("tabletop", False, 1), ("tabletop", True, 0), ("another", False, 0)):
        say_small_world(Editor(analytic.Analytic(name=name), weights), Manner(json=True, quiet=quiet))
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", lines)
        assert not lines or "inkover models get HUB_ID" in said.err
