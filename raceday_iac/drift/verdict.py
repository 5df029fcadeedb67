"""Is the server still what we left it as, and is the stack applied? Made from a plan; needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EXIT_CHANGES, EXIT_DRIFT, EXIT_DRIFT_AND_CHANGES, EXIT_OK
from ..planning import Change, Plan


@dataclass(frozen=True)
class Verdict:
    """`drifted`: somebody changed the server. `pending`: the stack says something not applied yet."""

    drifted: tuple[Change, ...]
    pending: tuple[Change, ...]

    @property
    def exit_code(self) -> int:
        if self.drifted and self.pending:
            return EXIT_DRIFT_AND_CHANGES
        if self.drifted:
            return EXIT_DRIFT
        return EXIT_CHANGES if self.pending else EXIT_OK


def judge(plan: Plan) -> Verdict:
    """A change can be both: what somebody else changed is drift, what the stack adds to it is pending."""
    return Verdict(plan.drifted, plan.configured)
