"""What went wrong with an edit, and what mends it."""
