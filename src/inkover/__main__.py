"""``python -m inkover`` is ``inkover``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it in one line also while it is still being imported."""
    try:
        from inkover.app.cli import main as run

        run()
    except KeyboardInterrupt:
        print("inkover: stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
