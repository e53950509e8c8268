"""``python -m inkover`` is ``inkover``."""

from inkover.app.cli import main

if __name__ == "__main__":
    main()
