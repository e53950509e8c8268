"""``inkover explain``: one page that says what happened in an edit, and only what happened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from small_photo import SIZE, WORDS, Outcome, ended, pixels

Explain = Callable[..., str]
FEW = ("--steps", 4)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tiny

    return tiny.tiny_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path, values = tmp_path / "photo.png", np.zeros(SIZE, np.uint8)
    values[30:60, 40:80] = 255
    Image.fromarray(pixels()).save(path)
    Image.fromarray(values).save(tmp_path / "mask.png")
    return path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command line here and return how it ended."""
    return partial(ended, capsys)


@pytest.fixture
def explain(said: Callable[..., Outcome], photo: Path, models: Path) -> Explain:
    """Explain an edit of the small photo with the small model in few steps, and return the page."""

    def call(*arguments: Any, words: tuple[Any, ...] = WORDS, model: Path = models) -> str:
        page = photo.with_name("page.html")
        asked = (photo, *words, "-o", page, "--model", model, "--device", "cpu", *FEW, "--force", "--quiet")
        done = said("explain", *asked, *arguments)
        assert done.code == 0, done.err
        return page.read_text()

    return call


class Reader(HTMLParser):
    """Reads a page's sections, and fails where an element ends that did not begin last."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.sections, self.pictures = list[str](), dict[str, str](), list[dict[str, str]]()
        self.now, self.alts = "", dict[str, list[str]]()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "img":
            self.pictures.append(dict(attrs))
            self.alts.setdefault(self.now, []).append(dict(attrs)["alt"])
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.now = data
        self.sections[self.now] = self.sections.get(self.now, "") + " " + data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    return reader


NOISE, LOOKED, MASK = "Into noise and back", "Where each word looked", "The mask: where it was changed"
COST, CHANGED = "What it took", "What changed"


def test_the_page_holds_all_of_it_and_fetches_nothing(explain: Explain) -> None:
    page = explain()
    reader = read(page)
    assert {NOISE, LOOKED, MASK, COST, CHANGED, "Settings", "Make it again"} <= reader.sections.keys()
    assert "default-src &#x27;none&#x27;; img-src data:" in page and "<script" not in page
    assert "http" not in re.sub(r'"data:[^"]*"|http-equiv', "", page)
    for address in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert address.startswith("data:")
    assert all(picture["alt"].strip() for picture in reader.pictures)
    assert "prefers-color-scheme: dark" in page and "url(" not in page


@pytest.mark.parametrize("method", ["diffedit", "p2p", "flowedit"])
def test_the_edit_is_the_one_of_edit_and_what_is_asked_too(
    said: Callable[..., Outcome], explain: Explain, photo: Path, models: Path, method: str
) -> None:
    saved, plain = photo.with_name("explained.png"), photo.with_name("plain.png")
    options = ("--method", method, "--seed", 7, "--no-cache")
    explain(*options, "--save-result", saved)
    asked = (photo, *WORDS, "-o", plain, "--model", models, "--device", "cpu", *FEW, *options, "--json")
    row = json.loads(said("edit", *asked).out)
    assert saved.read_bytes() == plain.read_bytes()
    told = read(photo.with_name("page.html").read_text()).sections[COST]
    assert f"the edit in all {sum(row['samples'].values())} {sum(row['calls'].values())}" in " ".join(told.split())


def test_json_counts_the_page_apart(said: Callable[..., Outcome], photo: Path, models: Path) -> None:
    asked = (photo, *WORDS, "--model", models, "--device", "cpu", *FEW, "--method", "sdedit", "--json", "--quiet")
    done = said("explain", *asked, "-o", photo.with_name("page.html"))
    found = json.loads(done.out)
    assert found["output"].endswith("page.html") and found["result"] is None
    assert found["samples"] == {"mask": 0, "inversion": 0, "edit": 6}
    assert found["page"]["samples"] == 4  # the source text, which sdedit never reads
    assert found["page"]["decodes"] == 6  # three levels, each as given and as guessed
    assert "asked about 4 samples more" in photo.with_name("page.html").read_text()


def test_sdedit_has_no_tracing_and_no_mask(explain: Explain) -> None:
    reader = read(explain("--method", "sdedit"))
    assert "made no way into noise that belongs to this photo" in reader.sections[NOISE]
    assert "drawn by chance, from the seed" in reader.sections[NOISE]
    assert "There is none here" in reader.sections[MASK] and MASK not in reader.alts
    assert "reached into" not in reader.sections[NOISE] and "beside the change" not in reader.sections[NOISE]
    assert len(reader.alts[NOISE]) == 2 * 3 + 1  # three levels, and what came of it


def test_p2p_reaches_into_attention_beside_the_photo(explain: Explain) -> None:
    reader = read(explain("--method", "p2p"))
    assert "In 4 of them it was asked about the photo itself too" in reader.sections[NOISE]
    assert "In 4 of them the method reached into the network's attention" in reader.sections[NOISE]
    assert "This is done by the inversion direct." in reader.sections[NOISE]
    assert "Where it acted" in reader.sections[MASK]


def test_diffedit_shows_map_threshold_and_mask(explain: Explain) -> None:
    told = " ".join(read(explain("--set", "threshold=0.25")).sections[MASK].split())
    assert "The method found this one by itself" in told and "Threshold 0.25 by the rule fixed" in told
    assert re.search(r"As used The mask with a soft edge of [\d.]+ px", told) or "no soft edge" in told


def test_a_mask_that_is_given_is_told_to_be(explain: Explain, photo: Path) -> None:
    mask = photo.with_name("mask.png")
    reader = read(explain("--mask", mask, "--feather", 0))
    assert f"handed over: {mask}" in reader.sections[MASK] and "no soft edge" in reader.sections[MASK]
    assert f"{30 * 40 / (SIZE[0] * SIZE[1]):.1%} of the photo" in reader.sections[MASK]
    assert "the map" not in reader.sections[MASK]
    assert "box(0, 0, 50%, 50%)" in read(explain("--mask", "box(0, 0, 50%, 50%)")).sections[MASK]


def test_each_of_several_changes_has_its_colour(explain: Explain) -> None:
    words = ("--change", "red ball -> blue ball", "--change", "grass -> photo:threshold=0.5")
    page = explain(words=("--from", "a red ball on grass", *words))
    told = read(page).sections[MASK]
    for name in ("red ball \u2192 blue ball", "grass \u2192 photo"):
        assert f"Found: {name}" in told
    assert len(set(re.findall(r"background: rgb\([^)]*\)", page))) == 2
    assert "Threshold 0.3 " in told and "Threshold 0.5 " in told


def test_things_that_come_and_go_act_where_the_method_says(explain: Explain) -> None:
    reader = read(explain(words=("--from", "a red ball", "--add", "a cube", "--remove", "grass")))
    assert "+ a cube" in reader.sections[MASK] and "\u2212 grass" in reader.sections[MASK]
    assert len(reader.alts[MASK]) == 2
    assert "told 3 texts" in reader.sections[NOISE] and "with the text for the photo too" in reader.sections[NOISE]
    assert "\u201ca cube\u201d" in reader.sections[LOOKED] and "\u201cgrass\u201d" in reader.sections[LOOKED]


def test_pieces_of_words_are_one_word(explain: Explain) -> None:
    words = ("--from", "a red mushroom, unbelievably large", "--to", "a blue mushroom, unbelievably large")
    alts = read(explain(words=words)).alts[LOOKED]
    for word in ("'a'", "'red'", "'blue'", "'mushroom,'", "'unbelievably'", "'large'"):
        count = 1 if word in ("'red'", "'blue'") else 2
        assert sum(word in alt for alt in alts) == count, word
    assert len(alts) == 10


def test_a_network_whose_words_cannot_be_heard_says_so(explain: Explain, tmp_path: Path) -> None:
    import tiny

    reader = read(explain(model=tiny.flow_folder(tmp_path, "sd3-without-t5")))
    assert "cannot be told apart" in reader.sections[LOOKED] and LOOKED not in reader.alts
    assert len(reader.alts[NOISE]) > 4 and "Threshold" in reader.sections[MASK]


def test_through_windows_there_are_no_maps(explain: Explain) -> None:
    reader = read(explain("--windows"))
    assert "piece by piece" in reader.sections[LOOKED] and LOOKED not in reader.alts


def test_a_photo_that_was_traced_before(explain: Explain) -> None:
    first, second = (read(explain("--method", "ddim")).sections for _ in range(2))
    assert "done before and kept" not in first[NOISE] and "done before and kept" in second[NOISE]


def test_where_nothing_is_changed_the_page_says_why(explain: Explain) -> None:
    told = read(explain("--strength", 0)).sections
    assert "No step was walked" in told[NOISE] and "No pixel changed" in told[CHANGED]
    assert "is no step, so the photo stays" in told[CHANGED]


def test_an_empty_mask_leaves_nothing_to_walk(explain: Explain) -> None:
    reader = read(explain("--grow", -200, "--set", "closing=0"))
    assert "Nothing was walked: the mask is empty" in reader.sections[NOISE] and NOISE not in reader.alts
    assert "the map" in reader.sections[MASK] and "0.0% of the photo" in reader.sections[MASK]
    assert reader.alts[LOOKED] and "the mask is empty, so the photo stays" in reader.sections[CHANGED]


@pytest.mark.parametrize("mask", ["words(ball)", "found and not box(0, 0, 10, 10)", "differs(red ball, grass)"])
def test_a_mask_in_words_is_told_with_its_words(explain: Explain, mask: str) -> None:
    told = read(explain("--mask", mask)).sections[MASK]
    assert f"asked for in words: {mask}." in told and ("the map" in told) == ("found" in mask)


def test_more_than_one_round_is_said(explain: Explain) -> None:
    words = ("--change", "red ball -> blue ball", "--change", "grass -> photo", "--set", "fused=false")
    told = read(explain("--no-cache", words=("--from", "a red ball on grass", *words))).sections[NOISE]
    assert told.count("There were 2 rounds of this") == 2


def test_what_the_user_typed_is_text_and_no_html(said: Callable[..., Outcome], models: Path, tmp_path: Path) -> None:
    photo = tmp_path / '"><img onerror=x>.png'
    Image.fromarray(pixels()).save(photo)
    words = ("--from", 'a "<b>ball</b>"', "--to", "a cube <script>alert('&')</script>")
    asked = (photo, *words, "--model", models, "--device", "cpu", "--steps", 2, "--quiet")
    assert said("explain", *asked, "-o", tmp_path / "page.html").code == 0
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page and "<b>" not in page and "<img onerror" not in page
    reader = read(page)
    assert set(re.findall(r"<img (\w+)=", page)) == {"src"}
    assert "<script>alert(" in reader.sections["Make it again"]
    assert photo.name in unescape(page)


def test_a_large_noisy_photo_makes_a_page_below_5_mb(explain: Explain, photo: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)).save(photo)
    text = "a red ball and a blue cube on grass and a photo of a red ball of grass"
    page = explain(words=("--from", text, "--to", text.replace("ball", "cube")))
    assert len(page) < 5_000_000


@pytest.mark.parametrize(
    "changed, told",
    [
        (("-o", "page.png"), "would be a .html file"),
        (("--save-result", "photo.png"), "is the photo itself"),
        (("--save-result", "photo.png"), "use --save-result with another name"),
        (("--save-result", "nowhere/out.png"), "use --save-result with another folder"),
        (("--save-result", "mask.png", "--mask", "mask.png", "--force"), "choose another name with --save-result"),
        (("--save-result", "mask.png"), "or --save-result with another name"),
        (("--no-mark",), "--no-mark has no effect without --save-result"),
        (("--method", "p2", "--quiet"), "p2"),
        (("--set", "threshold=7"), "out of range"),
        (("--to", "a red ball"), "nothing to do"),
    ],
)
def test_what_is_wrong_is_one_line_and_writes_nothing(
    said: Callable[..., Outcome],
    photo: Path,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(photo.parent)
    before = {path: path.read_bytes() for path in photo.parent.iterdir()}
    asked = ("explain", "photo.png", *WORDS, "--model", models, "--device", "cpu", *FEW)
    done = said(*asked, "-o", "page.html", *changed)
    assert done.code == 2 and done.out == "" and len(done.err.splitlines()) == 1 and told in done.err
    assert {path: path.read_bytes() for path in photo.parent.iterdir()} == before


def test_a_format_that_would_lose_transparency_is_named_by_its_option(
    said: Callable[..., Outcome], photo: Path, models: Path
) -> None:
    Image.fromarray(np.dstack([pixels(), np.full(SIZE, 100, np.uint8)])).save(photo)
    asked = (photo, *WORDS, "--model", models, "-o", photo.with_name("page.html"))
    done = said("explain", *asked, "--save-result", photo.with_name("out.jpg"))
    assert done.code == 2 and f"write --save-result {photo.with_name('out.png')}" in done.err


def test_the_embedded_model_looks_at_the_ball(said: Callable[..., Outcome], tmp_path: Path) -> None:
    photo = Path(__file__).parents[2] / "examples" / "bottle-and-ball.jpg"
    words = ("--from", "a striped yellow ball and a cyan bottle", "--to", "a striped red ball and a cyan bottle")
    asked = (photo, *words, "--steps", 8, "--set", "noises=4", "--device", "cpu", "--no-cache", "--quiet")
    assert said("explain", *asked, "-o", tmp_path / "page.html").code == 0
    reader = read((tmp_path / "page.html").read_text())
    assert {f"where the network looked at {word!r}" for word in ("yellow", "red", "bottle")} <= set(reader.alts[LOOKED])
