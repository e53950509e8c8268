from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from transformers import CLIPTokenizer

from inkover.tabletop.captions import WORDS
from inkover.tabletop.probe import SIDE, cut
from inkover.tabletop.training import clip, data, loop, words
from inkover.tabletop.training.loop import Run, fit
from inkover.tabletop.training.muon import Muon, orthogonal
from workers import together


def _train(folder: Path, stops: list[int], muon: bool = False) -> Tensor:
    for stop in stops:
        torch.manual_seed(0)
        net = nn.Linear(4, 2)

        def draw(rng: np.random.Generator) -> Tensor:
            return torch.from_numpy(rng.standard_normal((8, 4), np.float32))

        def loss(x: Tensor, net: nn.Linear = net) -> Tensor:
            return (net(x) - x[:, :2]).square().mean()

        fit("line", net, draw, loss, Run(folder, stop, 0.05, warmup=2), lambda name: muon)
    return net.weight.detach()


@pytest.mark.parametrize("muon", [False, True])
def test_a_resumed_run_goes_on_exactly(muon: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "rate_at", lambda self, step: 0.05)  # a schedule that does not know the end
    whole = _train(tmp_path / "one", [12], muon)
    parts = _train(tmp_path / "two", [5, 12], muon)
    torch.testing.assert_close(parts, whole, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(6, 6), (4, 18), (24, 8)])
def test_muon_moves_every_singular_value_near_one_and_turns_nothing(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.mT @ orthogonal(matrix) @ v.mT
    values = inner.diagonal()
    assert values.min() > 0.3 and values.max() < 1.4
    assert (inner - torch.diag(values)).abs().max() < 0.1


def test_muon_steps_convolutions_as_matrices_and_reaches_the_answer() -> None:
    torch.manual_seed(0)
    net, true = nn.Conv2d(3, 4, 3, bias=False), nn.Conv2d(3, 4, 3, bias=False)
    optimiser = Muon(net.parameters(), lr=0.05)
    first = None
    for step in range(200):
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - step / 200)
        x = torch.randn(8, 3, 6, 6)
        loss = (net(x) - true(x)).square().mean()
        first = loss.item() if first is None else first
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.01 * first


def test_workers_end_with_the_same_weights_and_one_checkpoint(tmp_path: Path) -> None:
    spawn(together, (str(tmp_path / "meeting"), tmp_path), 2)
    one, two = (np.load(tmp_path / f"{k}.npy") for k in (0, 1))
    np.testing.assert_array_equal(one, two)
    alone = _train(tmp_path / "alone", [20]).numpy()
    assert not np.array_equal(one, alone)  # the second worker's examples counted
    assert (tmp_path / "line.safetensors").exists()


def test_the_rate_rises_and_falls() -> None:
    run = Run(Path("."), 1000, 1.0, warmup=100)
    rates = [run.rate_at(step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(rates[99], rel=0.05)
    assert rates[-1] == pytest.approx(0.03, rel=0.01)


def test_restore_reads_the_average(tmp_path: Path) -> None:
    assert loop.restore("line", nn.Linear(4, 2), tmp_path) == 0
    weight = _train(tmp_path, [3])
    net = nn.Linear(4, 2)
    assert loop.restore("line", net, tmp_path) == 3
    torch.testing.assert_close(net.weight.detach(), weight)


@pytest.mark.parametrize("make", [words.tokenizer, words.learnt])
def test_every_word_of_the_world_is_one_token_and_others_are_pieces(
    make: Callable[[], CLIPTokenizer], tmp_path: Path
) -> None:
    tokenizer = make()
    assert all(len(tokenizer(word).input_ids) == 3 for word in WORDS)
    assert len(tokenizer("zebra").input_ids) > 3
    assert tokenizer.unk_token_id not in tokenizer("zebra Élan 7!").input_ids[1:-1]
    words.save(tokenizer, tmp_path)
    again = type(tokenizer).from_pretrained(tmp_path)
    text = "A shiny RED ball, on grass"
    assert again(text).input_ids == tokenizer(text).input_ids
    assert (tmp_path / "merges.txt").exists() and (tmp_path / "vocab.json").exists()


def test_photos_come_back_from_their_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "SHARD", 4)
    monkeypatch.setattr(data, "SIDE", 16)
    data.make(tmp_path, 4, first=8)
    data.make(tmp_path, 4, first=8)  # what is there is not rendered again
    photos = data.load(tmp_path)
    assert len(photos) == 4 and photos.seed(1) == 9
    view, shown = data.example(9)
    np.testing.assert_array_equal(photos.photo(1), view.pixels)
    assert len(photos.scene(1).things) == shown.sum()


def test_a_near_miss_is_told_the_same_way_and_is_wrong() -> None:
    rng = np.random.default_rng(0)
    for seed in range(40):
        right, wrong = clip.pair(data.stage(seed), rng)
        assert right != wrong


def test_a_cut_is_square_and_goes_past_the_edge() -> None:
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[10:20, 0:10] = 255
    piece = cut(photo, (10, 0, 20, 10), margin=0.0)
    assert piece.shape == (SIDE, SIDE, 3)
    assert piece[4:-4, 4:-4].min() == 255
    assert cut(photo, (-30, -30, 5, 5)).shape == (SIDE, SIDE, 3)
