"""Help comes at once: nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HEAVY = ("torch", "diffusers", "transformers", "cv2", "numba", "numpy", "PIL", "huggingface_hub", "tifffile", "rich")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["edit", "--help"],
        ["score", "--help"],
        ["bench", "--help"],
        ["compare", "--help"],
        ["explain", "--help"],
        ["sweep", "--help"],
        ["models", "get", "--help"],
        ["--version"],
    ],
)
def test_nothing_heavy_is_imported_for_help(arguments: list[str]) -> None:
    code = f"""
import sys
from inkover.app.cli import run
code = run({arguments!r})
print("HEAVY", [name for name in {HEAVY!r} if name in sys.modules])
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"
    assert done.stderr == ""


def test_the_package_and_its_error_are_light() -> None:
    code = f"""
import sys, inkover
inkover.InkoverError, inkover.__version__
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_python_m_inkover_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "inkover", "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("Usage: inkover ")
    for command in ("edit", "mask", "score", "advise", "compare", "sweep", "explain", "methods", "models", "bench"):
        assert f"\n  {command} " in done.stdout


def test_ctrl_c_while_the_command_line_is_imported_is_one_line() -> None:
    code = """
import sys
class Stopped:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stopped())
from inkover.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "inkover: stopped\n")


def test_the_installed_command_is_the_one_that_stops_quietly() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"inkover": "inkover.__main__:main"}
