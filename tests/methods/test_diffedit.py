from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import Analytic, Counted, Ledger, box_mask, gaussians, meant, picture, quick, read, tangled, task
from inkover.diffusion.level import Level, Prediction
from inkover.methods import diffedit
from inkover.methods.diffedit import METHOD, Settings, edit, find_mask
from inkover.models.contract import Text


@dataclass(frozen=True)
class Asked(Analytic):
    """A model that keeps every question: level, latents, rows."""

    questions: list[tuple[Level, Tensor, dict[str, Text]]] = field(default_factory=list)

    def predict(self, x: Tensor, level: Level, rows: Mapping[str, Text]) -> Prediction:
        self.questions.append((level, x, dict(rows)))
        return super().predict(x, level, rows)


@pytest.mark.parametrize("knobs", [Settings(), Settings(50, 0.8)], ids=["defaults", "50 steps at strength 0.8"])
def test_an_edit_costs_20_and_40_and_80(knobs: Settings) -> None:
    model = Counted(tangled())
    watch = Ledger(model)
    job = task(model, picture(8, 8), watch=watch)
    edit(replace(job, mask=find_mask(job, knobs)), knobs)
    assert watch.samples == {"mask": 20, "inversion": 40, "edit": 80} == METHOD.cost(knobs)
    assert model.samples == 140


def test_red_to_blue_changes_the_square_alone_along_the_flow_from_the_tracings_words_to_blue() -> None:
    photo = picture(32, 32, dtype=torch.float64)
    job = task(Analytic(gaussians()), photo)
    mask = find_mask(job, Settings())
    assert torch.equal(mask, box_mask(photo))
    inside = mask.bool().expand_as(photo)
    for inversion_prompt, said in (("source", job.source), ("empty", "")):
        knobs = Settings(steps=200, strength=1.0, guidance=1, inversion_prompt=inversion_prompt)
        found = edit(replace(job, mask=mask), knobs)
        assert torch.equal(found[~inside], photo[~inside])
        known = photo - meant(read(said), photo) + meant(read("a blue ball on grass"), photo)  # a shift, for Gaussians
        assert float((found - known)[inside].abs().mean()) < 0.05


@quick
@given(prompt=st.sampled_from(["", "mug", "a red ball on grass"]), strength=st.floats(0.2, 1), seed=st.integers(0, 9))
def test_the_same_words_twice_select_nothing(prompt: str, strength: float, seed: int) -> None:
    job = task(Analytic(tangled()), source=prompt, target=prompt and "the " + prompt, seed=seed)
    mask = find_mask(job, Settings(steps=10, mask_strength=strength))
    assert torch.equal(mask, torch.zeros(1, 1, 16, 16))


def test_the_mask_is_hard_and_asks_at_the_level_of_its_strength() -> None:
    model = Asked(tangled())
    mask = find_mask(task(model), Settings())
    assert set(mask.unique().tolist()) == {0.0, 1.0} and mask.shape == (1, 1, 16, 16)
    assert {level.time for level, _, _ in model.questions} == {476.0}  # the 21st of 40, halfway to the noise
    asked = torch.cat([x[: len(x) // 2] for _, x, _ in model.questions])
    assert len(asked) == 10 and len({tuple(x.flatten().tolist()) for x in asked}) == 10


@pytest.mark.parametrize("inversion_prompt, said", [("source", "a red ball on grass"), ("empty", "")])
def test_the_photo_is_encoded_with_its_text_or_none_and_decoded_with_the_targets(
    inversion_prompt: str, said: str
) -> None:
    model = Asked(tangled())
    edit(task(model), Settings(steps=10, strength=0.8, negative="mug", inversion_prompt=inversion_prompt))
    encoded, decoded = model.questions[:8], model.questions[8:]
    source, target, negative = (model.text(prompt).hidden for prompt in (said, "a blue ball on grass", "mug"))
    assert all(torch.equal(rows["source"].hidden, source) and len(rows) == 1 for _, _, rows in encoded)
    for _, _, rows in decoded:
        assert torch.equal(rows["target"].hidden, target) and torch.equal(rows["target/null"].hidden, negative)
    assert [level for level, _, _ in encoded] == [level for level, _, _ in reversed(decoded)]


def test_outside_the_mask_each_step_starts_from_the_encoded_latent_of_its_own_level() -> None:
    photo = picture(dtype=torch.float64)
    model, mask = Asked(tangled()), box_mask(photo)
    edit(task(model, photo, mask=mask), Settings(steps=10, strength=0.8, guidance=1))
    encoded, decoded = model.questions[:8], model.questions[8:]
    kept = (mask == 0).expand_as(photo)
    # the encoding asks at the latent one level below; so the latent of a level is the next question's
    at = {level.time: x for (level, _, _), (_, x, _) in zip(encoded, encoded[1:], strict=False)}
    for level, x, _ in decoded[1:]:
        assert torch.equal(x[kept], at[level.time][kept])
        assert not torch.equal(x[~kept], at[level.time][~kept])


def test_the_seed_moves_the_mask_and_nothing_else() -> None:
    model = Analytic(tangled())
    one, other = (find_mask(task(model, seed=seed), Settings(noises=1)) for seed in (0, 1))
    assert not torch.equal(one, other)
    assert torch.equal(*(edit(task(model, seed=seed), Settings(steps=8)) for seed in (0, 1)))


def test_the_mask_does_not_depend_on_the_models_batch() -> None:
    jobs = [task(Analytic(tangled(), batch=batch), picture(dtype=torch.float64)) for batch in (1, 2, 7, 40)]
    first, *rest = [find_mask(job, diffedit.Settings()) for job in jobs]
    assert all(torch.equal(first, mask) for mask in rest)
