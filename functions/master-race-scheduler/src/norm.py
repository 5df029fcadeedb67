"""What a run of this function takes, as measured: a tick, which starts the poller every third or fourth time.

Imported by runs that are refused, to say what that saved, so it holds nothing but numbers. Seconds and requests are the
means of the simulated day of 17 July 2025, the time of the processor added; `make bench` measures the rest again.
"""

from __future__ import annotations

SECONDS = 0.1
#: Processor time of the process, imports included.
CPU_SECONDS = 0.05
#: Most memory of the process at any instant.
MEMORY_MB = 24
#: To Appwrite, those for the lock included.
APPWRITE_REQUESTS = 3.9
#: A run that takes longer says so in its log: slower still, and a tick would meet the next one.
SLOW_AFTER = 20.0
