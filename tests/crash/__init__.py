"""What a kill leaves behind, everywhere in an apply: see `restarts.py` for how it is looked at."""

import pytest

# What is compared there is long: a failure must say where it differs.
pytest.register_assert_rewrite("crash.raceday", "crash.restarts")
