"""Makes the shared code of the functions importable as `_shared`, the way a bundle has it as `vendor`."""

import sys
from pathlib import Path

FUNCTIONS = Path(__file__).parents[2] / "functions"
sys.path.insert(0, str(FUNCTIONS))
