"""The cache gives an inversion back to the bit or not at all, and never stops an edit."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from math import nextafter
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from inkover.app import cache, cache_file, cache_folder
from inkover.app.cache import Cache
from inkover.app.cache_key import Key, libraries
from inkover.app.recipe import versions
from inkover.errors import InkoverError

KEY = Key(
    photo="12" * 32,
    geometry=((8, 16, 72, 112), (64, 96)),
    model="ab" * 32,
    adapters=(("cd" * 32, 0.5), ("ef" * 32, 1.0)),
    text="a red ball",
    negative="",
    inversion="null-text",
    settings={"rounds": 3, "rate": 0.01, "early": True, "sampler": "ddim"},
    levels=((801.0, 0.25, 0.96), (401.0, 0.7, 0.71), (0.0, 1.0, 0.0)),
    seed=0,
    dtype="float32",
    device="cpu",
    batch=1,
    versions={"torch": "2.6.0", "numpy": "2.0.0"},
)
CHANGED: dict[str, list[Any]] = {
    "photo": ["13" * 32],
    "geometry": [((8, 16, 72, 111), (64, 96)), ((8, 16, 72, 112), (96, 64)), ((0, 0, 64, 96), (64, 96))],
    "model": ["ac" * 32],
    "adapters": [(), KEY.adapters[:1], KEY.adapters[::-1], (("cd" * 32, nextafter(0.5, 1)), KEY.adapters[1])],
    "text": ["", "a red  ball", "A red ball", "a red ball\0"],
    "negative": ["blurred"],
    "inversion": ["ddim"],
    "settings": [{}, KEY.settings | {"rounds": 4}, KEY.settings | {"early": 1}, KEY.settings | {"more": None}],
    "levels": [
        KEY.levels[:2],
        ((801.0, nextafter(0.25, 1), 0.96), *KEY.levels[1:]),
        (*KEY.levels[:2], (0.0, 1.0, -0.0)),
    ],
    "seed": [None, 1],
    "dtype": ["float16"],
    "device": ["cuda"],
    "batch": [2],
    "versions": [{}, {"torch": "2.6.1", "numpy": "2.0.0"}, {"torch": "2.6.0", "numpy": "2.0.0", "inkover": "1"}],
}
SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text("01.{}float", max_size=3)
SETTINGS = st.dictionaries(st.text("ab", max_size=2), SCALARS | st.lists(SCALARS, max_size=2), max_size=2)


def track(seed: int = 0, size: int = 8) -> dict[str, Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    latents = torch.randn(3, 4, size, size, generator=drawn)
    return {"levels": torch.tensor(KEY.levels, dtype=torch.float64), "latents": latents, "samples": torch.tensor(6)}


def same(some: dict[str, Tensor] | None, others: dict[str, Tensor]) -> bool:
    """Tell whether tensors are equal to the bit, in type and in shape."""
    if some is None or some.keys() != others.keys():
        return False
    pairs = [(some[name], others[name]) for name in some]
    alike = all(one.dtype == two.dtype and one.shape == two.shape for one, two in pairs)
    return alike and all(torch.equal(bits(one), bits(two)) for one, two in pairs)


def bits(tensor: Tensor) -> Tensor:
    return tensor.detach().flatten().view(torch.uint8)


def numbered(number: int) -> Key:
    return replace(KEY, seed=number)


def file(kept: Cache, key: Key = KEY) -> Path:
    return kept.root / f"{key.digest()}.safetensors"


def names(folder: Path) -> set[str]:
    """Return what is in a folder, but for the lock."""
    return {path.name for path in folder.iterdir()} - {cache_folder.LOCK}


@pytest.fixture(autouse=True)
def no_cache_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("INKOVER_CACHE", "INKOVER_CACHE_LIMIT"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def kept(tmp_path: Path, said: list[str]) -> Cache:
    return Cache(tmp_path / "kept", warn=said.append)


# The key


def test_every_field_has_a_change_to_try() -> None:
    assert CHANGED.keys() == {field.name for field in fields(Key)}


@pytest.mark.parametrize("name", CHANGED)
def test_another_value_in_any_field_is_another_digest_and_a_miss(name: str, kept: Cache, said: list[str]) -> None:
    kept.write(KEY, track())
    others = [replace(KEY, **{name: value}) for value in CHANGED[name]]
    assert len({KEY.digest(), *(other.digest() for other in others)}) == 1 + len(others)
    assert all(kept.read(other) is None for other in others)
    assert same(kept.read(KEY), track()) and said == []


def test_the_order_of_mappings_is_no_part_of_the_key() -> None:
    turned = {name: dict(reversed(getattr(KEY, name).items())) for name in ("settings", "versions")}
    assert replace(KEY, **turned).digest() == KEY.digest()


@given(SETTINGS, SETTINGS)
def test_keys_with_one_digest_hold_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    written = [repr(sorted(settings.items(), key=lambda item: item[0])) for settings in (one, other)]
    digests = [replace(KEY, settings=settings).digest() for settings in (one, other)]
    assert (written[0] == written[1]) == (digests[0] == digests[1])


def test_a_key_of_other_things_is_refused() -> None:
    with pytest.raises(TypeError, match="a key holds"):
        replace(KEY, settings={"rounds": torch.tensor(3)}).digest()


def test_the_libraries_are_those_of_a_recipe_without_what_came_before_the_pixels() -> None:
    assert libraries() == {name: version for name, version in versions().items() if name != "pillow"}
    assert "torch" in libraries() and "inkover" in libraries()


# Reading and writing


def test_nothing_is_there_before_the_first_write(kept: Cache, said: list[str]) -> None:
    assert (kept.read(KEY), kept.entries(), kept.clear(), said) == (None, [], 0, [])
    assert not kept.root.exists()


def test_any_tensors_come_back_to_the_bit(kept: Cache) -> None:
    base = torch.randn(4, 6)
    tensors = {
        "view": base[1:],
        "turned": base.T,
        "brain": base.bfloat16(),
        "half": base.half(),
        "odd": torch.tensor([float("nan"), float("inf"), -0.0]),
        "none": torch.zeros(0),
        "count": torch.tensor(7),
        "graph": base.clone().requires_grad_(),
    }
    kept.write(KEY, tensors)
    assert same(kept.read(KEY), tensors)


def test_text_may_hold_anything(kept: Cache) -> None:
    blank = f'"sha256":"{cache_file.OPEN}"'
    for text in ("", "ein grüner Ball 🟢", 'a "red"\n\x1b[31mball', "\udcff", blank, blank * 2):
        key = replace(KEY, text=text)
        kept.write(key, track())
        assert same(kept.read(key), track())
    assert len(kept.entries()) == 6


def test_an_entry_says_what_it_is(kept: Cache) -> None:
    kept.write(KEY, track())
    (entry,) = kept.entries()
    assert entry.digest == KEY.digest() and entry.bytes == file(kept).stat().st_size
    assert abs(entry.used - time.time()) < 60
    assert {name: entry.about[name] for name in ("inversion", "text", "size")} == {
        "inversion": "null-text",
        "text": "a red ball",
        "size": "96 x 64",
    }
    with safe_open(file(kept), "pt") as opened:  # any reader of safetensors sees it
        words = opened.metadata()
    assert words.items() >= dict(entry.about).items() and words["key"] == KEY.to_json()


def test_another_process_finds_it(kept: Cache) -> None:
    kept.write(KEY, track(5))
    code = """
from inkover.app.cache import Cache
cache = Cache(Path(sys.argv[1]))
assert same(cache.read(KEY), track(5))
cache.write(numbered(9), track(9))
"""
    done = subprocess.run(python(code, kept.root), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert same(kept.read(numbered(9)), track(9))


def python(code: str, *arguments: Any) -> list[str]:
    """Return the command that runs some code with the names of this file at hand."""
    here = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    start = f"import sys\nsys.path[:0] = {here!r}\nfrom test_cache import *\n"
    return [sys.executable, "-c", start + code, *map(str, arguments)]


# Damage


def test_not_one_byte_may_be_another() -> None:
    data = cache_file.packed({"samples": torch.tensor(6)}, {"key": "{}", "text": "a red ball"})
    assert cache_file.unpacked(data, "{}")
    drawn = random.Random(0)
    for place in range(len(data)):
        for byte in {drawn.randrange(256), ord(" "), ord("\t"), data[place] ^ 0x20} - {data[place]}:
            with pytest.raises(ValueError, match="^it"):
                cache_file.unpacked(data[:place] + bytes([byte]) + data[place + 1 :], "{}")
    for length in range(len(data)):
        with pytest.raises(ValueError, match="^it"):
            cache_file.unpacked(data[:length], "{}")
    with pytest.raises(ValueError, match="^it"):
        cache_file.unpacked(data + b"\0", "{}")


def flipped(data: bytes) -> bytes:
    place = random.Random(len(data)).randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data + b"\0",
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: bytes(len(data)),
        lambda data: b"\x06\0\0\0\0\0\0\0[[[[[[",
        lambda data: b"\x14\0\0\0\0\0\0\0" + b'{"__metadata__": []}',
        lambda data: b"\x50\xc3\0\0\0\0\0\0" + b"[" * 50_000,
    ],
)
def test_a_damaged_entry_is_thrown_away_and_made_again(
    damage: Callable[[bytes], bytes], kept: Cache, said: list[str]
) -> None:
    kept.write(KEY, track())
    file(kept).write_bytes(damage(file(kept).read_bytes()))
    assert len(kept.entries()) == 1
    assert kept.read(KEY) is None
    assert len(said) == 1 and str(file(kept)) in said[0] and "\n" not in said[0]
    assert names(kept.root) == set() and kept.read(KEY) is None and len(said) == 1
    kept.write(KEY, track())
    assert same(kept.read(KEY), track())


def test_a_damaged_entry_that_cannot_be_removed_is_not_said_to_be(
    kept: Cache, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write(KEY, track())
    file(kept).write_bytes(b"damaged")
    monkeypatch.setattr(cache_folder, "remove", lambda path: False)
    assert kept.read(KEY) is None and "cannot be thrown away" in said[0]


def test_a_foreign_file_under_an_entrys_name_is_thrown_away(kept: Cache, said: list[str]) -> None:
    kept.root.mkdir()
    save_file(track(), file(kept))
    assert kept.read(KEY) is None
    save_file(track(), file(kept), {"key": KEY.to_json(), "sha256": cache_file.OPEN})
    assert kept.read(KEY) is None
    kept.write(numbered(1), track())
    os.replace(file(kept, numbered(1)), file(kept))
    assert kept.read(KEY) is None
    assert "header" in said[0] and "checksum" in said[1] and "another inversion" in said[2] and len(said) == 3
    assert names(kept.root) == set()


def test_a_sealed_file_that_is_no_tensors_is_thrown_away(kept: Cache, said: list[str], monkeypatch: Any) -> None:
    monkeypatch.setattr("safetensors.torch.save", lambda tensors, words: broken)
    head = b'{"__metadata__":{"sha256":"%s","key":%s},"x":{}}'
    head %= (cache_file.OPEN.encode(), b'"' + KEY.to_json().replace('"', '\\"').encode() + b'"')
    broken = len(head).to_bytes(8, "little") + head
    kept.write(KEY, track())
    assert kept.read(KEY) is None and "cannot be read" in said[0] and names(kept.root) == set()


def test_what_a_killed_process_left_is_no_entry_and_goes_after_an_hour(kept: Cache, said: list[str]) -> None:
    kept.write(KEY, track())
    data = file(kept).read_bytes()
    file(kept).unlink()
    part = kept.root / f".{KEY.digest()}.{'ab' * 6}.part"
    part.write_bytes(data[:100])
    assert kept.read(KEY) is None and kept.entries() == [] and said == []
    kept.write(numbered(1), track())
    assert part.exists()  # its process may still write it
    os.utime(part, (0, time.time() - 2 * cache_folder.HOUR))
    kept.write(numbered(1), track())
    assert names(kept.root) == {file(kept, numbered(1)).name}


# The limit


def test_the_least_recently_used_goes_first(kept: Cache, said: list[str]) -> None:
    for number in range(4):
        kept.write(numbered(number), track())
        os.utime(file(kept, numbered(number)), (0, 1000 + number))
    room = sum(entry.bytes for entry in kept.entries())
    assert kept.read(numbered(0)) is not None  # used: now the last to go
    replace(kept, limit=room).write(numbered(4), track())
    replace(kept, limit=room).write(numbered(5), track())
    assert [entry.digest for entry in kept.entries()][2:] == [numbered(0).digest(), numbered(3).digest()]
    assert {entry.digest for entry in kept.entries()} == {numbered(number).digest() for number in (0, 3, 4, 5)}
    assert sum(entry.bytes for entry in kept.entries()) <= room and said == []


def test_a_smaller_limit_than_before_brings_the_folder_under_it(kept: Cache) -> None:
    for number in range(5):
        kept.write(numbered(number), track())
        os.utime(file(kept, numbered(number)), (0, 1000 + number))
    one = kept.entries()[0].bytes
    replace(kept, limit=2 * one).write(numbered(5), track())
    assert {entry.digest for entry in kept.entries()} == {numbered(4).digest(), numbered(5).digest()}


def test_an_entry_over_the_limit_is_not_written_and_throws_nothing_away(kept: Cache, said: list[str]) -> None:
    kept.write(KEY, track())
    small = Cache(kept.root, file(kept).stat().st_size, said.append)
    for _ in range(2):
        small.write(numbered(1), track(size=32))
    assert len(said) == 1 and "INKOVER_CACHE_LIMIT" in said[0]
    assert same(small.read(KEY), track()) and len(small.entries()) == 1


def test_a_limit_of_nothing_switches_the_cache_off(kept: Cache, said: list[str]) -> None:
    Cache(kept.root, 0, said.append).write(KEY, track())
    assert not kept.root.exists()
    kept.write(KEY, track())
    assert Cache(kept.root, 0, said.append).read(KEY) is None and said == []
    assert same(kept.read(KEY), track())


def test_files_of_other_people_are_never_touched(kept: Cache) -> None:
    kept.root.mkdir()
    others = {"model.safetensors", "notes.txt", f"{'AB' * 32}.safetensors", "some.part", f"{'ab' * 32}.safetensors"}
    for name in sorted(others)[1:]:
        (kept.root / name).write_bytes(bytes(5000))
        os.utime(kept.root / name, (0, 0))
    folder = kept.root / sorted(others)[0]
    folder.mkdir()
    (kept.root / f"{'cd' * 32}.safetensors").symlink_to("notes.txt")
    before = names(kept.root) - {f"{'ab' * 32}.safetensors"}
    kept.write(KEY, track())
    replace(kept, limit=file(kept).stat().st_size).write(KEY, track())
    assert names(kept.root) == before | {file(kept).name}
    assert kept.clear() == 1 and names(kept.root) == before


def test_two_processes_write_and_throw_away_at_once(kept: Cache) -> None:
    kept.write(KEY, track())
    room = 4 * file(kept).stat().st_size
    code = """
def fail(text):
    raise AssertionError(text)
cache = Cache(Path(sys.argv[1]), int(sys.argv[2]), fail)
print("ready", flush=True)
sys.stdin.readline()
for turn in range(30):
    number = turn * 7 % 10
    found = cache.read(numbered(number))
    assert found is None or same(found, track(number))
    cache.write(numbered(number), track(number))
    cache.entries()
"""
    both = [
        subprocess.Popen(
            python(code, kept.root, room),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for one in both:
            assert one.stdout is not None and one.stdout.readline() == "ready\n"
        for one in both:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        for one in both:
            _, err = one.communicate(timeout=120)
            assert one.returncode == 0, err
    finally:
        for one in both:
            one.kill()
            one.communicate()
    left = kept.entries()
    assert left and sum(entry.bytes for entry in left) <= room
    found = {number: kept.read(numbered(number)) for number in range(10)}
    whole = [number for number, tensors in found.items() if same(tensors, track(number))]
    assert len(whole) == len(left) and names(kept.root) == {file(kept, numbered(number)).name for number in whole}


# Folders that do not serve


@pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
def test_a_folder_that_is_a_file_is_a_miss_and_said_once(below: str, tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    kept = Cache(tmp_path / "file" / below, warn=said.append)
    assert kept.read(KEY) is None and said == []
    for number in range(3):
        kept.write(numbered(number), track())
    assert len(said) == 1 and "INKOVER_CACHE" in said[0] and str(kept.root) in said[0] and "\n" not in said[0]
    assert kept.read(KEY) is None and kept.entries() == [] and kept.clear() == 0
    assert (tmp_path / "file").read_bytes() == b"mine" and names(tmp_path) == {"file"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root can write anywhere")
def test_a_folder_that_can_only_be_read_serves_what_it_has(kept: Cache, said: list[str]) -> None:
    kept.write(KEY, track())
    kept.root.chmod(0o500)
    try:
        assert same(kept.read(KEY), track())
        kept.write(numbered(1), track())
        assert len(said) == 1 and "INKOVER_CACHE" in said[0]
        with pytest.raises(InkoverError, match="cannot be removed"):
            kept.clear()
    finally:
        kept.root.chmod(0o700)
    assert names(kept.root) == {file(kept).name}


def test_an_entry_that_cannot_be_removed_is_said(kept: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write(KEY, track())

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(InkoverError, match="cannot be removed .Permission denied."):
        kept.clear()
    replace(kept, limit=file(kept).stat().st_size).write(numbered(1), track())  # no room, and no harm
    assert len(kept.entries()) == 2


def test_a_full_disk_is_said_once_and_leaves_nothing(
    kept: Cache, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write(numbered(7), track())

    def fill(path: Path, data: bytes) -> int:
        with path.open("wb") as half:
            half.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", fill)
    for number in range(3):
        kept.write(numbered(number), track())
    assert len(said) == 1 and "free some space" in said[0]
    assert names(kept.root) == {file(kept, numbered(7)).name} and same(kept.read(numbered(7)), track())


def test_ctrl_c_leaves_nothing(kept: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(here: Any, there: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        kept.write(KEY, track())
    assert names(kept.root) == set()


def test_nobody_waits_for_a_process_that_hangs(kept: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    monkeypatch.setattr(cache_folder, "PATIENCE", 0.05)
    kept.write(KEY, track())
    small = replace(kept, limit=file(kept).stat().st_size)
    with FileLock(kept.root / cache_folder.LOCK):
        small.write(numbered(1), track())
        assert len(small.entries()) == 2
    small.write(numbered(2), track())
    assert [entry.digest for entry in small.entries()] == [numbered(2).digest()]


@pytest.mark.skipif(os.name == "nt", reason="no modes there")
def test_the_folder_is_its_owners_alone(kept: Cache) -> None:
    kept.write(KEY, track())
    assert kept.root.stat().st_mode & 0o777 == 0o700


# What the environment says


def test_where_the_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from platformdirs import user_cache_path

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "inkover" / "inversions"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder() == user_cache_path("inkover", appauthor=False) / "inversions"
    monkeypatch.setenv("INKOVER_CACHE", str(tmp_path / "own"))
    assert cache.folder() == Cache().root == tmp_path / "own"
    monkeypatch.setenv("INKOVER_CACHE", "~/own")
    assert cache.folder() == Path.home() / "own"


def test_how_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Cache().limit == cache.limit() == 2 * 1024**3
    monkeypatch.setenv("INKOVER_CACHE_LIMIT", "1000")
    assert Cache().limit == 1000
    for word in ("2GB", "-1", "1.5", "1_000", "²"):
        monkeypatch.setenv("INKOVER_CACHE_LIMIT", word)
        with pytest.raises(InkoverError, match="INKOVER_CACHE_LIMIT is .*expected a number of bytes"):
            Cache()


def test_nothing_heavy_is_imported_before_there_is_something_to_read() -> None:
    code = """
import sys
from inkover.app.cache import Cache, folder
folder(), Cache().entries(), Cache().clear()
print([name for name in ("torch", "numpy", "safetensors", "filelock") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
