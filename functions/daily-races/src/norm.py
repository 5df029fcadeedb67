"""What a run of this function takes, as measured: 71 races.

Imported by runs that are refused, to say what that saved, so it holds nothing but numbers. `make bench` measures again.
"""

from __future__ import annotations

SECONDS = 24.5
#: Processor time of the process, loading included.
CPU_SECONDS = 2
#: Most memory of the process at any moment.
MEMORY_MB = 60
#: Requests to Appwrite, those for the lock included.
APPWRITE_REQUESTS = 70
#: x
SLOW_AFTER = 300.0
