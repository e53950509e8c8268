"""Help comes at once: nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "diffusers", "transformers", "cv2", "numba", "numpy", "PIL", "huggingface_hub", "tifffile", "rich")


@pytest.mark.parametrize("arguments", [["--help"], ["edit", "--help"], ["models", "get", "--help"], ["--version"]])
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
    for command in ("edit", "mask", "methods", "models", "bench"):
        assert f"\n  {command} " in done.stdout
