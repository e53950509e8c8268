"""A track goes to a file and comes back as it was; what is no whole track is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from analytic import Analytic, picture, quick, tangled
from inkover import inversions
from inkover.errors import InkoverError
from inkover.inversions.again import again
from inkover.inversions.contract import Replay, Retrace, Subject
from inkover.inversions.track import NoiseTrack, Track, from_tensors, to_tensors
from inkover.knobs import knobs

every = pytest.mark.parametrize("name", inversions.names())
QUICK = tuple(name for name in inversions.names() if name != "null-text")  # whose network here has no gradients


def tracked(name: str, steps: int = 6, skip: int = 0) -> tuple[Subject, Track | NoiseTrack]:
    model, inversion = Analytic(tangled()), inversions.get(name)
    job = Subject(model, picture(5, 7), "a red ball on grass", model.levels(steps)[skip:])
    return job, inversion.run(job, inversion.settings())


def same(one: Track | NoiseTrack, other: Track | NoiseTrack) -> bool:
    left, right = to_tensors(one), to_tensors(other)
    return (
        type(one) is type(other)
        and one.levels == other.levels
        and left.keys() == right.keys()
        and all(torch.equal(left[key], right[key]) and left[key].dtype == right[key].dtype for key in left)
    )


@every
def test_an_inversion_says_what_it_is(name: str) -> None:
    inversion = inversions.get(name)
    assert inversion.name == name and inversion.summary.endswith(".") and "arXiv:" in inversion.paper
    assert isinstance(inversion.use, Retrace | Replay)
    assert all(knob.help for knob in knobs(inversion.settings))
    assert inversion.cost(inversion.settings(), 50).samples > 0


def test_an_unknown_inversion_is_refused() -> None:
    with pytest.raises(InkoverError, match="did you mean 'ddim'"):
        inversions.get("dim")


@pytest.mark.parametrize("name", QUICK)
def test_a_track_comes_back_from_a_file_as_it_was(name: str, tmp_path: Path) -> None:
    job, track = tracked(name)
    save_file(to_tensors(track), tmp_path / "track.safetensors")
    read = from_tensors(load_file(tmp_path / "track.safetensors"))
    assert same(read, track) and len(read.latents) == 7
    inversion = inversions.get(name)
    knobs = inversion.settings()
    assert torch.equal(again(inversion, knobs, job, read), again(inversion, knobs, job, track))


@quick
@given(steps=st.integers(0, 5), words=st.integers(0, 4), seed=st.integers(0, 99))
def test_null_texts_and_short_walks_come_back(steps: int, words: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    levels = Analytic().levels(5)[5 - steps :]
    latents = tuple(torch.randn(steps + 1, 4, 3, 5, generator=generator).split(1))
    nulls = tuple(torch.randn(1, words, 6, generator=generator) for _ in range(steps)) if words else ()
    track = Track(levels, latents, seed, nulls)
    assert same(from_tensors(to_tensors(track)), track)
    still = NoiseTrack(levels, latents, latents[1:], latents[1:], seed)
    assert same(from_tensors(to_tensors(still)), still)


def test_no_step_is_no_network_and_the_photo() -> None:
    for name in QUICK:
        job, track = tracked(name, 6, 6)
        assert track.samples == 0 and len(track.latents) == 1
        inversion = inversions.get(name)
        assert torch.equal(again(inversion, inversion.settings(), job, track), job.photo)


def broken(tensors: dict[str, Tensor], name: str, change: str) -> dict[str, Tensor]:
    if change == "gone":
        return {key: value for key, value in tensors.items() if key != name}
    if change == "foreign":
        return tensors | {name + "s": tensors[name]}
    return tensors | {name: tensors[name][:-1] if tensors[name].ndim else tensors[name].view(1)}


@pytest.mark.parametrize("change", ["gone", "foreign", "short"])
@pytest.mark.parametrize("name", ["levels", "latents", "samples", "noises", "residuals"])
def test_what_is_no_whole_track_is_refused(name: str, change: str) -> None:
    tensors = to_tensors(tracked("ddpm")[1])
    with pytest.raises(InkoverError, match="no photo's track") as caught:
        from_tensors(broken(tensors, name, change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(), (5,), (5, 2, 3), (2, 3), (6, 2, 3, 4)])
def test_null_texts_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    tensors = to_tensors(tracked("ddim")[1])
    with pytest.raises(InkoverError, match="its nulls"):
        from_tensors(tensors | {"nulls": torch.zeros(shape)})


def test_levels_of_less_precision_are_refused() -> None:
    tensors = to_tensors(tracked("ddim")[1])
    with pytest.raises(InkoverError, match="float32"):
        from_tensors(tensors | {"levels": tensors["levels"].float()})


def test_a_track_of_another_kind_is_a_mistake() -> None:
    job, track = tracked("ddim")
    inversion = inversions.get("ddpm")
    with pytest.raises(TypeError, match="ddpm"):
        again(inversion, inversion.settings(), job, track)
