"""Getting a model, from a hub on this machine that can be told to fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
from safetensors.torch import load_file, save_file

from hub_server import COMMIT, Hub, serving
from inkover.errors import InkoverError
from inkover.models import catalog, remote
from inkover.models.fingerprint import file_hash
from inkover.models.hub import get
from inkover.models.loading import load
from inkover.models.store import LOCK, hub_folder, read_lock
from tiny import flow_folder, tiny_folder

ID = "some-one/a-model"
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture
def hub(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A repository as they are: with weights in other forms, a picture, and what has no business here."""
    folder = Path(shutil.copytree(original, tmp_path / "repository"))
    (folder / "README.md").write_text("# a model")
    (folder / "model.ckpt").write_bytes(b"pickle")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    (folder / "unet" / "evil.py").write_text("raise SystemExit")
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "model.safetensors").write_bytes(b"large")
    half = {key: value.half() for key, value in load_file(folder / UNET).items()}
    save_file(half, folder / UNET.replace(".safetensors", ".fp16.safetensors"), metadata={"format": "pt"})
    served = Hub(folder)
    monkeypatch.setenv("INKOVER_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1024)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    with serving(served) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield served


def refused(match: str, **options: str) -> None:
    with pytest.raises(InkoverError, match=match) as caught:
        get(ID, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert not hub_folder(ID).exists()


def test_what_is_got_loads_and_is_pinned_and_hashed(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[int, int]] = []
    folder = get(ID, progress=lambda done, total: seen.append((done, total)))
    lock = read_lock(folder)
    assert lock is not None and (lock.hub_id, lock.revision) == (ID, COMMIT)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {*lock.files, LOCK}
    assert all(file_hash(folder / path) == digest for path, digest in lock.files.items())
    assert {Path(path).suffix for path in lock.files} == {".json", ".safetensors"}
    assert not any(word in path for path in files for word in ("safety", "fp16", "README", ".bin", ".py"))
    assert load(ID, device="cpu").resolution == 64
    assert [entry.name for entry in catalog.listing() if entry.present and entry.kind == "hub"] == [ID]
    total = sum((folder / path).stat().st_size for path in lock.files)
    assert {whole for _, whole in seen} == {total} and seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen) and len(seen) > 100
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["sd3", "sd3-without-t5", "flux"])
def test_a_flow_is_got_with_the_parts_that_it_has(hub: Hub, kind: str, tmp_path: Path) -> None:
    hub.folder = flow_folder(tmp_path, kind)
    folder = get(ID)
    got = {path.name for path in folder.iterdir() if path.is_dir()}
    assert got == {path.name for path in hub.folder.iterdir() if path.is_dir()}
    assert load(ID, device="cpu").name == ID
    hub.asked.clear()
    assert get(ID) == folder and hub.fetched() == []


def test_getting_again_fetches_nothing_unless_something_is_damaged(hub: Hub) -> None:
    folder = get(ID)
    hub.asked.clear()
    assert get(ID) == folder and hub.fetched() == []
    weights = folder / UNET
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert get(ID) == folder and UNET in hub.fetched()
    assert file_hash(weights) == file_hash(hub.folder / UNET)


def test_a_new_commit_takes_the_old_ones_place(hub: Hub) -> None:
    folder = get(ID)
    (hub.folder / "vae" / "diffusion_pytorch_model.safetensors").replace(
        hub.folder / "vae" / "diffusion_pytorch_model.fp16.safetensors"
    )
    hub.commit = "f" * 40
    assert get(ID) == folder
    lock = read_lock(folder)
    assert lock is not None and lock.revision == "f" * 40
    assert sorted(path.name for path in (folder / "vae").iterdir()) == [
        "config.json",
        "diffusion_pytorch_model.fp16.safetensors",
    ]
    assert not list((folder.parent / ".partial").glob("*/*"))


def test_half_precision_weights_when_asked(hub: Hub) -> None:
    for part, stem in (("vae", "diffusion_pytorch_model"), ("text_encoder", "model")):
        shutil.copy(hub.folder / part / f"{stem}.safetensors", hub.folder / part / f"{stem}.fp16.safetensors")
    full = get(ID)
    assert (full / UNET).is_file()
    half = get(ID, variant="fp16")
    assert get(ID, variant="fp16") == half
    assert sorted(path.name for path in (half / "unet").glob("*.safetensors")) == [
        "diffusion_pytorch_model.fp16.safetensors"
    ]
    assert load(ID, device="cpu").resolution == 64
    assert (get(ID) / UNET).is_file()


def test_what_an_interrupted_get_of_other_weights_left_is_not_taken(hub: Hub) -> None:
    (hub.folder / "vae" / "diffusion_pytorch_model.safetensors").replace(
        hub.folder / "vae" / "diffusion_pytorch_model.fp16.safetensors"
    )

    def interrupt(done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(ID, progress=interrupt)
    (hub.folder / "text_encoder" / "model.safetensors").replace(hub.folder / "text_encoder" / "model.fp16.safetensors")
    lock = read_lock(get(ID, variant="fp16"))
    files = {path.relative_to(hub_folder(ID)).as_posix() for path in hub_folder(ID).rglob("*") if path.is_file()}
    assert lock is not None and files == {*lock.files, LOCK} and UNET not in files


def test_weights_in_shards(hub: Hub) -> None:
    from tiny import tiny_pipeline

    (hub.folder / UNET).unlink()
    tiny_pipeline().unet.save_pretrained(hub.folder / "unet", max_shard_size="100KB")
    folder = get(ID)
    assert len(list((folder / "unet").glob("*-of-*.safetensors"))) > 1
    assert load(ID, device="cpu").resolution == 64


def test_a_broken_connection_goes_on_by_itself(hub: Hub) -> None:
    hub.cut_after["diffusion_pytorch_model.safetensors"] = 50_000
    get(ID)
    assert any(span.startswith("bytes=") for path, span in hub.asked if "safetensors" in path)


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_get_goes_on_where_it_stopped(hub: Hub, ranges: bool) -> None:
    hub.ranges = ranges
    size = (hub.folder / UNET).stat().st_size

    def interrupt(done: int, total: int) -> None:
        if done > total - size // 2:  # in the middle of the largest file, which comes last
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(ID, progress=interrupt)
    assert not hub_folder(ID).exists() and catalog.listing()[1:] == []
    before = list(hub.asked)
    hub.asked.clear()
    folder = get(ID)
    again = [path for path in hub.fetched() if path in {path.partition(f"/resolve/{COMMIT}/")[2] for path, _ in before}]
    assert again == [UNET]
    spans = [int(span[6:-1]) for path, span in hub.asked if span]
    assert spans and min(spans) > size // 3
    assert file_hash(folder / UNET) == file_hash(hub.folder / UNET)


def test_wrong_hashes_are_never_kept(hub: Hub) -> None:
    hub.falsify.add("diffusion_pytorch_model.safetensors")
    refused("diffusion_pytorch_model.safetensors came with a wrong hash and was thrown away: try again")
    hub.falsify = {"model_index.json"}
    shutil.rmtree(hub_folder(ID).parent / ".partial")
    refused("model_index.json came with a wrong hash")
    hub.falsify.clear()
    get(ID)


def test_pickles_are_refused_before_anything_large_is_fetched(hub: Hub) -> None:
    for path in (hub.folder / "unet").glob("*.safetensors"):
        path.unlink()
    refused(r"pickle weights only \(unet/diffusion_pytorch_model.bin\).*: get a model that has safetensors")
    assert hub.fetched() == ["model_index.json"]


def test_other_architectures_are_refused_before_anything_large_is_fetched(hub: Hub) -> None:
    index = hub.folder / "model_index.json"
    index.write_text(
        json.dumps({"_class_name": "SanaPipeline", "transformer": ["diffusers", "SanaTransformer2DModel"]})
    )
    refused("it is a SanaPipeline whose transformer is a SanaTransformer2DModel; what can be used: Stable Diffusion")
    assert hub.fetched() == ["model_index.json"]
    index.unlink()
    refused("is not in the diffusers layout")


def test_parts_that_are_missing_there(hub: Hub) -> None:
    refused("has no fp16 weights of its vae", variant="fp16")
    (hub.folder / "vae" / "config.json").unlink()
    refused("missing parts: vae/config.json")
    (hub.folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    refused("no weights of its vae")


def test_what_the_hub_answers_is_told_in_one_line(hub: Hub) -> None:
    refused("has no revision 'v7': leave --revision out", revision="v7")
    hub.status, hub.error = 401, "RepoNotFound"
    refused(f"has no model {ID}: check the spelling")
    hub.status, hub.error = 403, "GatedRepo"
    refused("accept its licence at")
    hub.status, hub.error = 500, ""
    refused("answered 500 for")
    hub.status, hub.commit = 200, ""
    refused("names no commit")
    hub.listing = lambda: ["no", "object"]  # type: ignore[method-assign,assignment,return-value]
    refused("does not answer as a hub does .*: check HF_ENDPOINT")


def test_a_tag_is_pinned_to_its_commit(hub: Hub) -> None:
    lock = read_lock(get(ID, revision="v1"))
    assert lock is not None and lock.revision == COMMIT


def test_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INKOVER_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    refused("no connection to http://127.0.0.1:9 for .*: check the network, or copy a model folder here")


def test_what_is_no_hub_id() -> None:
    for name in ("model", "a/b/c", "a/b--c", "../x", "a/..", "http://x/y", ""):
        with pytest.raises(InkoverError, match="is not a hub id: it is written OWNER/NAME"):
            get(name)


def test_a_full_disk_is_told_before_anything_large_is_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    refused("is too full: .* GB are needed and 0.0 GB are free; set INKOVER_MODELS")
    assert hub.fetched() == ["model_index.json"]


def test_two_at_once(hub: Hub) -> None:
    from filelock import FileLock

    partial = hub_folder(ID).parent / ".partial"
    partial.mkdir(parents=True)
    with FileLock(partial / f"some-one--a-model@{COMMIT[:12]}.lock"):
        refused(f"another process is getting {ID} just now")


def test_names_from_the_hub_never_leave_the_folder(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    good = remote.look_up(ID, "main")
    evil = {
        **good.files,
        **{
            name: remote.RemoteFile(name, 1, "0" * 40)
            for name in ("../tokenizer/x.json", "tokenizer/../x.json", "x.json")
        },
    }
    monkeypatch.setattr("inkover.models.hub.look_up", lambda *_: remote.Repository(ID, good.endpoint, COMMIT, evil))
    get(ID)
    assert not any(path.endswith("/x.json") or path == "x.json" for path in hub.fetched())
