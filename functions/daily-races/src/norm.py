"""What a run of this function takes, as measured: 96 races.

Imported by runs that are refused, to say what that saved, so it holds nothing but numbers. Seconds and requests are the
means of the simulated day of 17 July 2025, the time of the processor added; `make bench` measures the rest again.
"""

from __future__ import annotations

SECONDS = 25.0
#: Processor time of the process, imports included.
CPU_SECONDS = 1.2
#: Most memory of the process at any instant.
MEMORY_MB = 36
#: To Appwrite, those for the lock included.
APPWRITE_REQUESTS = 73
#: A run that takes longer says so in its log: NZ TAB or Appwrite is several times slower than usual.
SLOW_AFTER = 300.0
