"""An Appwrite-compatible server for development, demos and tests.

It binds to loopback only and never serves production. It shares no code with the rest of `raceday_iac`,
so that one mistake cannot hide on both sides of the wire.
"""
