"""The clean-up of a legacy `server/` tree as a plan of file changes: files in, edits and findings out. Pure."""

from .plan import plan_cleanup
from .tree import Action, Change, Cleanup, Finding, Tree

__all__ = ["Action", "Change", "Cleanup", "Finding", "Tree", "plan_cleanup"]
