"""Make the pictures of the methods' pages again, each by the command that stands on its page."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
IMAGES = "docs/images/"


def commands() -> list[list[str]]:
    """Return the commands of all pages that write one of their pictures, as words."""
    lines = [
        line for page in sorted((ROOT / "docs" / "methods").glob("*.md")) for line in page.read_text().splitlines()
    ]
    found = [shlex.split(line, comments=True) for line in lines if line.startswith("inkover ") and IMAGES in line]
    return [words for words in found if words[words.index("-o") + 1].startswith(IMAGES)]


def main() -> None:
    """Run the commands, or those that write the pictures that are named."""
    for words in commands():
        picture = words[words.index("-o") + 1]
        if sys.argv[1:] and Path(picture).stem not in sys.argv[1:]:
            continue
        print(picture, flush=True)
        subprocess.run([sys.executable, "-m", *words, "--force", "--quiet"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
