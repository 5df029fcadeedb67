"""Backups of what a plan destroys or narrows: what they hold, writing them before it, and writing back from them."""
