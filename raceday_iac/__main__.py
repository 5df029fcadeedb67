"""The program, and `python -m raceday_iac`. Ctrl-C may come before it is loaded: then it ends without a traceback."""

from __future__ import annotations

import os
import signal

#: `errors.EXIT_INTERRUPTED`, which is not loaded yet.
_INTERRUPTED = 130


def main() -> None:
    """Entry point of the console script."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    from .cli.main import main as run  # noqa: PLC0415 - this is what takes a while

    run()


if __name__ == "__main__":
    main()
