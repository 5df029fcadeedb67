"""Everything this tool raises on purpose. The sentence a person reads is built in one place: here.

IacError
├── StackError           mistakes in stack or environment files, all of them at once   exit 1
├── StateError           the state file cannot be read or written                      exit 1
│   └── LockedError      somebody else is applying                                     exit 6
│       └── FencedError  this run's lock or state is no longer its own: save refused   exit 6
├── BackupError          what a run would destroy could not be kept before it           exit 1
├── MigrationError       the code of a migration failed                                exit 1
├── StaleError           the plan no longer fits what it was made from                 exit 6
├── RefusedError         a guard said no                                               exit 5
├── ProviderError        Appwrite answered with an error, or did not answer            exit 1
│   ├── UnreachableError no answer
│   │   └── RedirectedError   Appwrite is not at this address
│   ├── AccessError      wrong key, missing scope, unknown project
│   ├── NotFoundError    what the request names is not there
│   ├── ConflictError    409
│   │   └── TakenError   the id is another project's, or belongs to something that this project does not show
│   ├── ThrottledError   429
│   ├── ServerFaultError 5xx
│   │   └── ForeignAnswerError  what came is not Appwrite's
│   ├── UnsettledError   Appwrite accepted something, and its end was not seen
│   └── BrokenSchemaError  documents do not know what Appwrite lists; only a new collection mends it
├── OutputError          what should be shown cannot be written                        exit 1
├── Interrupted          Ctrl-C outside the changes themselves                         exit 130
├── BuildError           a bundle or a deployment's build failed                       exit 1
└── ProbeError           new code did not pass its probe                               exit 1
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .counting import counted
from .model.secret import one_line

if TYPE_CHECKING:
    from .model.resource import Diagnostic

#: Characters of an answer's error, with what we say around the server's words.
_LONGEST = 1_000

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_CHANGES = 2
EXIT_DRIFT = 3
EXIT_DRIFT_AND_CHANGES = 4
EXIT_REFUSED = 5
EXIT_LOCKED = 6
#: Of `health` alone: warnings; errors.
EXIT_DEGRADED = 7
EXIT_UNHEALTHY = 8
EXIT_INTERRUPTED = 130


#: Said of every run that ended before its first change.
NOTHING_CHANGED = "Nothing was changed."


class IacError(Exception):
    """Base of all. `hint` is the next thing to do, if there is one. With `unchanged`, the message also says that
    nothing was changed."""

    exit_code = EXIT_ERROR

    def __init__(self, message: str, hint: str = "", *, unchanged: bool = False) -> None:
        message = f"{message} {NOTHING_CHANGED}" if unchanged else message
        super().__init__(message)
        self.message = message
        self.hint = hint


class StackError(IacError):
    """Mistakes in the user's files, collected."""

    def __init__(self, problems: Sequence[Diagnostic]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(
            f"{counted(len(self.problems), 'problem')} in the stack; "
            f"nothing was read from or sent to Appwrite:\n{lines}"
        )


class StateError(IacError):
    """State cannot be read or written."""


class DamagedError(StateError):
    """A backup, or a part of one, is not as it was written, is missing, or of another version. The rest can be read."""


class LockedError(StateError):
    """Another process holds the state lock."""

    exit_code = EXIT_LOCKED


class FencedError(LockedError):
    """Somebody else saved, or took the lock over, since this run read the state: its save was refused."""


class BackupError(IacError):
    """The data to destroy could not be written to a backup, so nothing was begun."""


class MigrationError(IacError):
    """The code of a migration failed, or asked for something that does not exist. What it wrote before is kept."""


class StaleError(IacError):
    """State or live objects changed between plan and apply."""

    exit_code = EXIT_LOCKED


class RefusedError(IacError):
    """A guard refused a run before any change, or one step of it before its first request."""

    exit_code = EXIT_REFUSED


class BuildError(IacError):
    """A bundle could not be made, or its build on the server failed."""


class ProbeError(IacError):
    """New code was activated and did not pass its probe."""


class OutputError(IacError):
    """Standard output is closed or cannot be written."""


class Interrupted(IacError):
    """The user pressed Ctrl-C."""

    exit_code = EXIT_INTERRUPTED


class ProviderError(IacError):
    """Appwrite's answer was an error. `code` is 0 when there was no answer, `type` Appwrite's error type."""

    def __init__(self, message: str, *, code: int = 0, type: str = "", hint: str = "") -> None:
        super().__init__(one_line(message, _LONGEST), hint)
        self.code = code
        self.type = type


class UnreachableError(ProviderError):
    """No answer: whether a write landed is unknown, unless it is known to be `unsent`. `timed_out`: nor in time."""

    unsent: bool = False
    timed_out: bool = False


class RedirectedError(UnreachableError):
    """The endpoint leads elsewhere; nothing was carried out."""

    unsent = True


class AccessError(ProviderError):
    """401 or an unknown project."""


class NotFoundError(ProviderError):
    """Appwrite says that what the request names does not exist (404, with a type that says so)."""


class ConflictError(ProviderError):
    """409, or an error with the same meaning: something with this name exists, or somebody else was faster."""


class TakenError(ConflictError):
    """Something that this project does not show has the id already, so it cannot be adopted."""


class ThrottledError(ProviderError):
    """429; `retry_after` in seconds when the server said so."""

    retry_after: float = 0.0


class ServerFaultError(ProviderError):
    """5xx: whether a write landed is unknown."""


class ForeignAnswerError(ServerFaultError):
    """A proxy answered instead of Appwrite, or damaged its answer. `code` is 0: Appwrite said nothing."""


class UnsettledError(ProviderError):
    """Appwrite accepted a write but was not seen to finish it; it may still be working."""


class BrokenSchemaError(ProviderError):
    """Appwrite's list of a collection differs from the schema that it checks documents against. Retrying is useless."""
