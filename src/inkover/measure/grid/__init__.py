"""Several results on one photo, side by side."""
