"""What holds for each method, whatever it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from analytic import Analytic, Counted, Ledger, box_mask, picture, quick, tangled, task
from inkover import methods
from inkover.errors import InkoverError
from inkover.methods import parts
from inkover.methods.contract import Method, Task
from inkover.methods.settings import Knob, build, knobs

# those that steer attention need a network that has some (test_steered.py); of several edits: tests of their own
OTHERS = ("p2p", "masactrl", "ledits++", "multi-diffedit")
METHODS = [methods.get(name) for name in methods.names() if name not in OTHERS]
every = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
TURNED: dict[str, Any] = {
    "steps": 9,
    "strength": 0.5,
    "guidance": 2.0,
    "source_guidance": 2.0,
    "sampler": "euler",
    "negative": "mug",
    "noises": 2,
    "mask_strength": 0.8,
    "clamp": 0.7,
    "threshold": 0.5,
    "closing": 0,
    "rounds": 2,
    "finish": 0.5,
    "inversion_prompt": "empty",
    "inversion": "sde-dpmpp",
    "eta": 0.5,
    "spacing": "trailing",
    "guidance_from": 0.3,
    "guidance_to": 0.6,
    "rescale": 0.3,
}
BESIDE: dict[str, dict[str, Any]] = {"closing": {"threshold": 0.7}}  # a mask with gaps
prompts = st.sampled_from(["a red ball on grass", "a blue ball on sand", "mug", "seven green pears on grass"])
sides = st.integers(2, 10)


@st.composite
def shared(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the knobs that methods share; the sampler as a number, because each method has its own choice of them."""
    given: dict[str, Any] = {
        "steps": draw(st.integers(3, 14)),
        "strength": draw(st.floats(0, 1)),
        "guidance": draw(st.sampled_from([1, 1.5, 7.5])),
        "sampler": draw(st.integers(0, 99)),
        "spacing": draw(st.sampled_from(["own", "leading", "trailing", "linspace", "karras"])),
    }
    steps = parts.walked(given["steps"], given["strength"])
    if given["guidance"] == 1 or not steps:
        return given
    start = draw(st.integers(0, steps - 1))
    end = draw(st.integers(start + 1, steps))
    return given | {"guidance_from": start / steps, "guidance_to": end / steps, "rescale": draw(st.floats(0, 1))}


def built(method: Method, given: dict[str, Any]) -> Any:
    return build(method, given | {"sampler": choice(method, given["sampler"])})


def choice(method: Method, number: int) -> str:
    """Return one of the samplers that a method allows."""
    (allowed,) = (knob.choices for knob in knobs(method.settings) if knob.name == "sampler")
    return allowed[number % len(allowed)]


def changed(method: Method, task: Task, **given: Any) -> Tensor:
    return method.edit(task, build(method, {"steps": 8, **given}))


def output(method: Method, knob: Knob, **given: Any) -> Tensor:
    """What a knob is for: the mask for a knob of that stage, else the edit."""
    run = method.find_mask if knob.stage == "mask" else method.edit
    assert run is not None
    return run(task(Analytic(tangled()), picture(16, 12)), build(method, {"steps": 12, **given}))


@pytest.mark.parametrize(
    "method, knob", [(m, k) for m in METHODS for k in knobs(m.settings)], ids=lambda value: value.name
)
def test_every_knob_changes_the_result(method: Method, knob: Knob) -> None:
    beside = BESIDE.get(knob.name, {})
    assert not torch.equal(
        output(method, knob, **beside), output(method, knob, **beside, **{knob.name: TURNED[knob.name]})
    )


@every
@quick
@given(given=shared(), source=prompts, target=prompts, h=sides, w=sides, extra=st.integers(1, 4))
def test_the_cost_is_what_is_counted(
    method: Method, given: dict[str, Any], source: str, target: str, h: int, w: int, extra: int
) -> None:
    own = {knob.name for knob in knobs(method.settings)}
    given = given | {name: extra for name in ("noises", "rounds") if name in own}
    settings, model = built(method, given), Counted(tangled())
    watch = Ledger(model)
    job = task(model, picture(h, w), source, target, watch=watch)
    if method.find_mask is not None:
        method.find_mask(job, settings)
    method.edit(job, settings)
    assert {"mask": 0, "inversion": 0, "edit": 0} | watch.samples == method.cost(settings)
    assert watch.taken == watch.announced
    assert model.samples == sum(watch.samples.values())


@every
@quick
@given(given=shared(), target=prompts, h=sides, w=sides, seed=st.integers(0, 99))
def test_an_empty_mask_keeps_the_photo_and_a_full_one_is_none(
    method: Method, given: dict[str, Any], target: str, h: int, w: int, seed: int
) -> None:
    photo, settings = picture(h, w, seed), built(method, given)
    job = task(Analytic(tangled()), photo, target=target, seed=seed)
    zeros, ones = torch.zeros(1, 1, h, w), torch.ones(1, 1, h, w)
    assert torch.equal(method.edit(replace(job, mask=zeros), settings), photo)
    assert torch.equal(method.edit(replace(job, mask=ones), settings), method.edit(job, settings))


@every
@quick
@given(given=shared(), target=prompts, h=sides, w=sides, seed=st.integers(0, 99))
def test_outside_the_mask_the_photo_is_kept_to_the_bit_and_inside_it_is_not(
    method: Method, given: dict[str, Any], target: str, h: int, w: int, seed: int
) -> None:
    assume(given["strength"] * given["steps"] >= 1 and target != "a red ball on grass")  # which is the source
    photo = picture(h, w, seed)
    mask = (torch.rand(1, 1, h, w, generator=torch.Generator().manual_seed(seed)) > 0.5).float()
    result = method.edit(task(Analytic(tangled()), photo, target=target, seed=seed, mask=mask), built(method, given))
    kept = (mask == 0).expand_as(photo)
    assert torch.equal(result[kept], photo[kept])
    assert result.isfinite().all()
    # a number may fall back on itself by chance, most do not
    assert kept.all() or float((result != photo)[~kept].float().mean()) > 0.5


@every
def test_a_soft_mask_lies_between(method: Method) -> None:
    photo = picture(dtype=torch.float64)
    job = task(Analytic(tangled()), photo)
    apart = [
        float((changed(method, replace(job, mask=part * box_mask(photo))) - photo).abs().mean())
        for part in (0.0, 0.3, 0.7, 1.0)
    ]
    assert apart == sorted(apart) and apart[0] == 0 and len(set(apart)) == 4


@every
@quick
@given(target=prompts, h=sides, w=sides, steps=st.integers(1, 99), sampler=st.integers(0, 99))
def test_no_strength_is_the_photo_at_no_cost(
    method: Method, target: str, h: int, w: int, steps: int, sampler: int
) -> None:
    model, photo = Counted(tangled()), picture(h, w)
    given = {"strength": 0, "sampler": choice(method, sampler), "steps": steps}
    if "mask_strength" in {knob.name for knob in knobs(method.settings)}:
        given["mask_strength"] = 1.0
    assert method.edit(task(model, photo, target=target), build(method, given)) is photo
    assert model.forwards == []


@every
def test_a_method_is_deterministic_and_changes_nothing_it_is_given(method: Method) -> None:
    photo = picture()
    before, mask = photo.clone(), 0.7 * box_mask(photo)
    masked = mask.clone()
    job = task(Analytic(tangled()), photo, mask=mask)
    torch.manual_seed(1)
    first = changed(method, job)
    torch.manual_seed(2)
    assert torch.equal(first, changed(method, job))
    assert torch.equal(photo, before) and torch.equal(mask, masked)
    assert first.shape == photo.shape and first.dtype == photo.dtype


@every
def test_guidance_one_asks_no_null_row(method: Method) -> None:
    model = Counted(tangled())
    changed(method, task(model), guidance=1)
    walked = {names for names, _ in model.forwards} - {("source/null", "source")}  # of tracing, which has its own scale
    assert walked <= {("source",), ("target",)}


@every
def test_outside_its_interval_guidance_asks_no_null_row(method: Method) -> None:
    model = Counted(tangled())
    watch = Ledger(model)
    given = {"steps": 10, "strength": 0.8, "guidance_from": 0.25, "guidance_to": 0.75}
    changed(method, task(model, watch=watch), **given)
    walk = [names for names, _ in model.forwards if "target" in names]
    plain, both = ("target",), ("target/null", "target")
    assert walk == [plain] * 2 + [both] * 4 + [plain] * 2
    assert method.cost(build(method, given))["edit"] == watch.samples["edit"]


@every
@pytest.mark.parametrize("sampler, own", [("ddim", "leading"), ("euler", "linspace")])
def test_a_spacing_that_is_the_samplers_own_changes_nothing(method: Method, sampler: str, own: str) -> None:
    job = task(Analytic(tangled()))
    one, other = (changed(method, job, sampler=sampler, spacing=spacing) for spacing in ("own", own))
    assert torch.equal(one, other)


@every
def test_a_prompt_too_long_for_the_model_is_refused_before_any_evaluation(method: Method) -> None:
    model = Counted(tangled())
    with pytest.raises(InkoverError, match="17 words"):
        changed(method, task(model, target=" ".join(["mug"] * 17)))
    assert model.forwards == []


@every
@pytest.mark.parametrize("masked", [False, True])
def test_the_seed_has_a_part_where_the_method_says_so(method: Method, masked: bool) -> None:
    def made(seed: int) -> Tensor:
        job = task(Analytic(tangled()), picture(), seed=seed)
        found = [] if masked or method.find_mask is None else [method.find_mask(job, build(method, {"noises": 1}))]
        return torch.cat([*found, changed(method, job)], dim=1)

    assert torch.equal(made(0), made(1)) == (not method.seeded(masked))
