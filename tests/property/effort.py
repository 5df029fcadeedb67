"""How many pairs of stacks are tried: 100, or as many as PROPERTY_PAIRS says (`make bench` tries 2 000).

The default run tries the same ones on every machine; a longer one looks for new ones each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

PAIRS = int(os.environ.get("PROPERTY_PAIRS", "100"))

pairs = settings(
    deadline=None,
    max_examples=PAIRS,
    derandomize="PROPERTY_PAIRS" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
