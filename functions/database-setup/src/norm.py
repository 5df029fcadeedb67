"""What a run of this function takes, as measured by `make bench`: on a database that is already as declared.

Imported by runs that are refused, to say what that saved, so it holds nothing but numbers.
"""

from __future__ import annotations

SECONDS = 0.25
#: Processor time of the process, imports included.
CPU_SECONDS = 0.1
#: Most memory of the process at any instant.
MEMORY_MB = 24
#: To Appwrite, those for the lock included.
APPWRITE_REQUESTS = 7
