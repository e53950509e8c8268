"""Where to edit: masks from the disagreement of two texts, from files, and their shapes."""
