"""How the embedded model is trained from nothing, in stages that resume where they were stopped."""
