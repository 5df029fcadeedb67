"""Check a stack's declarations together and turn them into wanted resources. Collects every mistake; sends nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import StackError
from ..kinds import KINDS
from ..model import declarations as declared
from ..model.address import Address
from ..model.desired import Desired
from ..model.problem import Problem
from ..model.resource import Tombstone
from ..model.stack import Declaration, Stack
from .consistency import consistency_problems
from .databases import add_attribute, add_collection, add_database, add_index, add_relationship
from .environment import Environment
from .functions import add_function
from .lifecycle import resolve_lifecycle
from .resolution import Resolution
from .thresholds import checked_thresholds, threshold_problems

#: By kind of declaration: checks it and puts its resources.
_HANDLERS: dict[str, Callable[[Resolution, Declaration], None]] = {
    "function": add_function,
    "database": add_database,
    "collection": add_collection,
    "attribute": add_attribute,
    "relationship": add_relationship,
    "index": add_index,
}


def resolve(stack: Stack, environment: Environment, root: Path, variables: Mapping[str, str] = os.environ) -> Desired:
    """The wanted resources. `root` is the folder that code paths are relative to.

    Raises StackError with all mistakes found.
    """
    work = Resolution(environment, root, variables, stack.keep_deployments)
    # By stage, so that the order of writing does not matter: an index has to know its attributes.
    for declaration in sorted(stack.declarations, key=lambda each: KINDS[each.kind].stage):
        _HANDLERS[declaration.kind](work, declaration)
    tombstones = _tombstones(work, stack)
    broken = work.attempted - set(work.resources)
    lifecycle, problems = resolve_lifecycle(stack, work.resources, tombstones)
    work.problems += problems
    desired = Desired(
        stack.name,
        work.resources,
        tombstones,
        work.code,
        stack.lock_store,
        stack.expected_variables,
        lifecycle=lifecycle,
        thresholds=checked_thresholds(stack),
    )
    work.problems += threshold_problems(stack)
    work.problems += consistency_problems(desired, work.members, broken)
    work.problems += work.unused_overrides()
    if work.problems:
        raise StackError(sorted(set(work.problems)))
    return desired


def _tombstones(work: Resolution, stack: Stack) -> dict[Address, Tombstone]:
    found: dict[Address, Tombstone] = {}
    for absence in stack.absences:
        try:
            address = Address.parse(absence.address)
        except ValueError as error:
            work.problems.append(Problem(absence.location, absence.address, str(error)))
            continue
        if address.kind not in KINDS:
            message = f"unknown kind {address.kind!r}{declared.nearest(address.kind, KINDS)}"
            work.problems.append(Problem(absence.location, absence.address, message))
        elif address in work.resources:
            place = work.resources[address].location
            message = f"declared absent here, but also declared to exist at {place}"
            work.problems.append(Problem(absence.location, absence.address, message))
        found[address] = Tombstone(address, absence.reason, absence.location)
    return found
