from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from inkover import methods
from inkover.errors import InkoverError
from inkover.methods.contract import STAGES
from inkover.methods.settings import build, knobs

DOCS = Path(__file__).parents[2] / "docs" / "methods"


def test_the_default_method_comes_first() -> None:
    assert methods.names()[0] == "diffedit"
    assert {"sdedit", "ddim", "diffedit"} <= set(methods.names())


@pytest.mark.parametrize("name", methods.names())
def test_a_method_says_what_it_is(name: str) -> None:
    method = methods.get(name)
    assert method.name == name and method.summary.endswith(".") and "arXiv:" in method.paper
    assert set(method.cost(build(method, {}))) == set(STAGES)
    for knob in knobs(method.settings):
        assert knob.help and knob.kind in (int, float, str, bool) and knob.stage in ("", *STAGES)
        assert knob.kind not in (int, float) or (knob.low is not None and knob.high is not None)


@pytest.mark.parametrize("name", methods.names())
def test_a_method_has_a_page_that_tells_of_every_knob_with_its_default(name: str) -> None:
    page = (DOCS / f"{name}.md").read_text()
    for knob in knobs(methods.get(name).settings):
        typed = str(knob.default).lower() if knob.kind is bool else knob.default
        default = f"`{typed}`" if knob.default != "" else "none"
        assert any(line.startswith(f"| `{knob.name}` | {default} |") for line in page.splitlines()), knob.name
    assert all(number in page for number in re.findall(r"arXiv:([\d.]+\d)", methods.get(name).paper))


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(InkoverError, match=r"no method 'difedit': did you mean 'diffedit'\?"):
        methods.get("difedit")


def test_the_index_loads_no_network_library() -> None:
    code = "import sys, inkover.methods as m; m.names(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
