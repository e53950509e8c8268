"""The user's own defaults."""

from __future__ import annotations

import pytest

from inkover.app import config
from inkover.app.config import Defaults, defaults
from inkover.errors import InkoverError


def write(text: str) -> None:
    config.file().parent.mkdir(parents=True, exist_ok=True)
    config.file().write_text(text)


def test_without_a_file_the_embedded_model_is_the_default() -> None:
    assert defaults() == Defaults("tabletop", None, None)


def test_the_file_sets_defaults_and_the_environment_is_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    write('model = "some/model"\ndtype = "bfloat16"\n')
    assert defaults() == Defaults("some/model", None, "bfloat16")
    monkeypatch.setenv("INKOVER_MODEL", "another/model")
    assert defaults() == Defaults("another/model", None, "bfloat16")
    monkeypatch.setenv("INKOVER_MODEL", "  ")
    assert defaults().model == "some/model"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = ", "cannot be read as TOML"),
        ('modle = "x"', "no setting 'modle': did you mean 'model'"),
        ("model = 3", "sets model to 3"),
        ('device = ""', "sets device to ''"),
    ],
)
def test_a_file_that_means_nothing_is_refused(text: str, said: str) -> None:
    write(text)
    with pytest.raises(InkoverError) as problem:
        defaults()
    assert said in str(problem.value) and str(config.file()) in str(problem.value)
