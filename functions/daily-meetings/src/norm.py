"""What a run of this function takes, as measured: one list, 9 meetings and 71 races.

Imported by runs that are refused, to say what that saved, so it holds nothing but numbers. `make bench` measures again.
"""

from __future__ import annotations

SECONDS = 1.2
#: Processor time of the process, loading included.
CPU_SECONDS = 0.4
#: Most memory of the process at any moment.
MEMORY_MB = 50
#: Requests to Appwrite, those for the lock included.
APPWRITE_REQUESTS = 8
#: A run that takes longer logs `run.slow`: then NZ TAB has been asked more than once.
SLOW_AFTER = 60.0
