"""LPIPS on random weights: what holds for any weights, and torchmetrics' arithmetic where it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from inkover.app.cli import run
from inkover.errors import InkoverError
from inkover.measure.figures import lpips
from inkover.measure.figures.scores import Unknown
from small_photo import pixels

KINDS = tuple(lpips.BACKBONES)
ONE, OTHER = pixels((64, 72)) / 255, pixels((64, 72), seed=1)[::-1] / 255


def weights(kind: str) -> dict[str, torch.Tensor]:
    """Return random weights under torchvision's names, with a classifier that LPIPS does not use."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = lpips.BACKBONES[kind].build()
    found = {f"features.{name}": weight for name, weight in network.state_dict().items()}
    return {**found, "classifier.1.weight": torch.zeros(3)}


@pytest.fixture(scope="module", params=KINDS)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lpips") / f"{request.param}.safetensors"
    save_file(weights(request.param), path)
    return path


@pytest.fixture(scope="module")
def network(file: Path) -> lpips.Lpips:
    return lpips.load(file)


def heads(kind: str) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(1, width, 1, 1, generator=generator) for width in lpips.BACKBONES[kind].widths]


def rows(*pictures: Any) -> torch.Tensor:
    return torch.stack([torch.from_numpy(p.copy()).permute(2, 0, 1).float() * 2 - 1 for p in pictures])


def test_the_network_is_recognised(file: Path, network: lpips.Lpips) -> None:
    assert network.kind == file.stem
    x, widths = rows(ONE), []
    for part in network.parts:
        x = part(x)
        widths.append(x.shape[1])
    assert tuple(widths) == lpips.BACKBONES[network.kind].widths


def test_it_is_a_distance_and_knows_no_batch(network: lpips.Lpips) -> None:
    own = heads(network.kind)
    one, other = rows(ONE, OTHER, ONE), rows(OTHER, OTHER, ONE)
    together = network.distances(one, other, own)
    assert together[1] == together[2] == 0 and together[0] > 0
    assert network.distances(one[:1], other[:1], own)[0] == pytest.approx(float(together[0]), rel=1e-5)
    assert network.distances(other, one, own)[0] == pytest.approx(float(together[0]), rel=1e-5)


def test_the_arithmetic_is_written_out(network: lpips.Lpips) -> None:
    own, expected = heads(network.kind), 0.0
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    a, b = ((p.permute(0, 2, 3, 1) - shift).div(scale).permute(0, 3, 1, 2) for p in (rows(ONE), rows(OTHER)))
    with torch.no_grad():
        for part, head in zip(network.parts, own, strict=True):
            a, b = part(a), part(b)
            apart = a / (a.pow(2).sum(1, True) + 1e-8).sqrt() - b / (b.pow(2).sum(1, True) + 1e-8).sqrt()
            expected += float(torch.einsum("nchw,c->nhw", apart.pow(2), head[0, :, 0, 0]).mean())
    assert float(network.distances(rows(ONE), rows(OTHER), own)[0]) == pytest.approx(expected, rel=1e-5)


def test_it_agrees_with_torchmetrics(network: lpips.Lpips, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = pytest.importorskip("torchmetrics.functional.image.lpips")

    def features(net: str, pretrained: bool = False) -> torch.nn.Sequential:
        built = lpips.BACKBONES[network.kind].build()
        built.load_state_dict({k[9:]: v for k, v in weights(network.kind).items() if k.startswith("features.")})
        return built

    monkeypatch.setattr(theirs, "_get_tv_model_features", features)
    load = torch.load
    monkeypatch.setattr(theirs.torch, "load", lambda path, map_location: load(path, map_location, weights_only=True))
    net = theirs._LPIPS(net=network.kind)
    for ours, head in zip(lpips.heads(network.kind), net.lins, strict=True):
        assert torch.equal(ours, head.model[-1].weight)
    with torch.no_grad():
        expected = float(net(rows(ONE), rows(OTHER)))
    assert network.distance(ONE, OTHER) == pytest.approx(expected, rel=1e-4)


def test_the_layers_are_torchvisions(network: lpips.Lpips) -> None:
    models = pytest.importorskip("torchvision.models")
    name = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}[network.kind]
    theirs = getattr(models, name)(weights=None).features.eval()
    own = weights(network.kind)
    theirs.load_state_dict({k[9:]: v for k, v in own.items() if k.startswith("features.")})
    x = y = rows(ONE)
    with torch.no_grad():
        for part in network.parts:
            x = part(x)
        for layer in theirs[: lpips.BACKBONES[network.kind].taps[-1] + 1]:
            y = layer(y)
    assert torch.allclose(x, y, atol=1e-6)


def test_without_torchmetrics_there_is_a_reason(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lpips, "find_spec", lambda name: None)
    Image.fromarray(pixels()).save(tmp_path / "photo.png")
    assert run(["score", *[str(tmp_path / "photo.png")] * 2, "--lpips", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lpips"] is None and "pip install torchmetrics" in found["reasons"]["lpips"]
    assert "lpips" not in found["models"]


def test_heads_that_are_not_known_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "functional" / "image" / "lpips_models"
    folder.mkdir(parents=True)
    (folder / "alex.pth").write_bytes(b"cos\nsystem\n")

    class Found:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(lpips, "find_spec", lambda name: Found)
    with pytest.raises(Unknown, match="other heads"):
        lpips.heads("alex")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.safetensors", "is not there"),
        (".", "is a folder"),
        ("alex.pth", "is a pickle"),
        ("damaged.safetensors", "cannot be read"),
        ("other.safetensors", "no network that LPIPS knows"),
    ],
)
def test_a_wrong_file_is_one_line(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "alex.pth").write_bytes(b"nothing")
    (tmp_path / "damaged.safetensors").write_bytes(b"nothing")
    save_file({"features.0.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InkoverError, match=said) as problem:
        lpips.load(tmp_path / name)
    assert "\n" not in str(problem.value)
