"""Methods over cases: what is asked, what came of it, and how it is kept."""
