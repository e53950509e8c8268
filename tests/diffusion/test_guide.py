from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analytic import Analytic, Counted, picture, quick, read, tangled
from inkover.diffusion.guide import guided

prompts = st.sampled_from(["", "a red ball", "a blue ball on sand", "mug", "seven green pears"])
scales = st.floats(-2, 20)


@quick
@given(text=prompts, null=prompts, n=st.integers(1, 3))
def test_scale_one_is_the_text_alone_in_one_row(text: str, null: str, n: int) -> None:
    model = Counted(tangled())
    x = torch.cat([picture(seed=i) for i in range(n)])
    level = model.levels(20)[7]
    found = guided(model, read(text), read(null), 1, "source")(x, level)
    assert model.forwards == [(("source",), n)]
    assert torch.equal(found.eps, Analytic(tangled()).predict(x, level, {"t": read(text)}).eps)


@quick
@given(text=prompts, null=prompts, scale=scales.filter(lambda scale: scale != 1), n=st.integers(1, 3))
def test_other_scales_ask_two_named_rows_in_one_forward(text: str, null: str, scale: float, n: int) -> None:
    model = Counted(tangled())
    x = torch.cat([picture(seed=i, dtype=torch.float64) for i in range(n)])
    level = model.levels(20)[7]
    found = guided(model, read(text), read(null), scale)(x, level)
    assert model.forwards == [(("target/null", "target"), 2 * n)]
    away, towards = (model.predict(x, level, {"": read(prompt)}).eps for prompt in (null, text))
    torch.testing.assert_close(found.eps, away + scale * (towards - away))
    torch.testing.assert_close(level.noised(found.x0, found.eps), x)


@quick
@given(scale=scales)
def test_the_same_text_on_both_sides_makes_the_scale_void(scale: float) -> None:
    model, x = Analytic(tangled()), picture(dtype=torch.float64)
    level, text = model.levels(10)[3], read("a red ball")
    one, other = guided(model, text, text, scale)(x, level), guided(model, text, text, 1)(x, level)
    torch.testing.assert_close(one.x0, other.x0)


@pytest.mark.parametrize("scale", [0.0, 3.0, 7.5])
def test_each_latent_of_a_block_is_guided_as_if_alone(scale: float) -> None:
    model = Analytic(tangled())
    block = torch.cat([picture(seed=i) for i in range(4)])
    denoise = guided(model, read("mug"), read(""), scale)
    level = model.levels(10)[3]
    together = denoise(block, level).x0
    for i in range(4):
        torch.testing.assert_close(together[i : i + 1], denoise(block[i : i + 1], level).x0)
