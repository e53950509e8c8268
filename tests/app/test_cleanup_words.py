"""``--cleanup``: what is written is what is done."""

from __future__ import annotations

import pytest

from inkover.app.cleanup import Cleanup, parsed
from inkover.errors import InkoverError


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("color", Cleanup(color=True)),
        ("sharpen=0.5", Cleanup(sharpen=0.5)),
        ("color,sharpen=0.3,denoise=0.2", Cleanup(True, 0.3, 0.2)),
        (" denoise = 1 , color ", Cleanup(color=True, denoise=1.0)),
        ("sharpen", Cleanup(sharpen=0.3)),
    ],
)
def test_words_become_amounts(text: str, meant: Cleanup) -> None:
    assert parsed(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour", "no 'colour': did you mean 'color'"),
        ("", "no ''"),
        ("color,", "no ''"),
        ("color=1", "takes no amount"),
        ("sharpen=much", "sharpen=much is no number"),
        ("sharpen=1.5", "sharpen is 1.5, expected 0 to 1"),
        ("denoise=nan", "denoise is nan"),
        ("color,color", "names color twice"),
    ],
)
def test_other_words_are_refused(text: str, said: str) -> None:
    with pytest.raises(InkoverError) as problem:
        parsed(text)
    assert said in str(problem.value)
