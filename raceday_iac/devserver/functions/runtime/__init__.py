"""Programs that run users' code, each in a process of its own. They import nothing of this package."""
