"""What will be done, in which order, and what stands in its way. Pure: tested without a server."""

from .build import build_plan
from .plan import Action, Change, Plan, PlanOptions, Reason, Refusal

__all__ = ["Action", "Change", "Plan", "PlanOptions", "Reason", "Refusal", "build_plan"]
