"""The clean-up of a legacy `server/` tree as a plan of file changes: files in, edits and findings out. Pure."""

from .changes import Action, Change, Cleanup, Finding
from .plan import plan_cleanup
from .tree import Tree

__all__ = ["Action", "Change", "Cleanup", "Finding", "Tree", "plan_cleanup"]
