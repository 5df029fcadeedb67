"""What a run of this function takes, as measured: one list, 12 meetings, 96 races.

Imported by runs that are refused, to say what that saved, so it holds nothing but numbers. Seconds and requests are the
means of the simulated day of 17 July 2025, the time of the processor added; `make bench` measures the rest again.
"""

from __future__ import annotations

SECONDS = 2.1
#: Processor time of the process, imports included.
CPU_SECONDS = 0.25
#: Most memory of the process at any instant.
MEMORY_MB = 32
#: To Appwrite, those for the lock included.
APPWRITE_REQUESTS = 13
#: A run that takes longer says so in its log: the list had to be asked for again.
SLOW_AFTER = 60.0
