"""Projects to begin with, as `init --example` writes them. Nothing here is imported."""
