"""What a run of this function takes, as measured: its budget, and about twenty polls.

Imported by runs that are refused, to say what that saved, so it holds nothing but numbers. Seconds and requests are the
means of the simulated day of 17 July 2025, the time of the processor added; `make bench` measures the rest again.
"""

from __future__ import annotations

SECONDS = 89.0
#: Processor time of the process, imports included.
CPU_SECONDS = 0.9
#: Most memory of the process at any instant.
MEMORY_MB = 41
#: To Appwrite, those for the lock included.
APPWRITE_REQUESTS = 47
#: A run that takes longer says so in its log: it ends by itself after 100 seconds and the round under way.
SLOW_AFTER = 110.0
