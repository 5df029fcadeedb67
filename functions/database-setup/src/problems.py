"""What is wrong, as values. Severity says what it means for a run, not how bad it sounds."""

from __future__ import annotations

from typing import NamedTuple

#: The server refused or broke something that this run wanted to create: the set-up cannot be completed.
REFUSED = "refused"
#: Not finished yet, and the next run goes on from here.
UNFINISHED = "unfinished"
#: Exists in a form that cannot be changed in place, or must not be without a decision.
INCOMPATIBLE = "incompatible"
#: The declaration contradicts itself or a limit of the server; nothing is touched.
IMPOSSIBLE = "impossible"
#: Found by verification: missing, different or not available.
UNSOUND = "unsound"


class Problem(NamedTuple):
    """One thing that is wrong."""

    address: str
    severity: str
    message: str
