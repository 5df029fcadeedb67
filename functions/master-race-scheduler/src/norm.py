"""What a run of this function takes, as measured: x.

Imported by runs that are refused, to say what that saved, so it holds nothing but numbers. `make bench` measures again.
"""

from __future__ import annotations

SECONDS = 0.04
#: Processor time of the process, loading included.
CPU_SECONDS = 0.1
#: Most memory of the process at any moment.
MEMORY_MB = 40
#: Requests to Appwrite, those for the lock included.
APPWRITE_REQUESTS = 3.8
#: x
SLOW_AFTER = 20.0
