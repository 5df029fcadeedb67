"""What a kill leaves behind, everywhere in an apply: see `restarts.py` for how it is looked at."""
