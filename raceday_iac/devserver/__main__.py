"""`python -m raceday_iac.devserver`: the process that `raceday-iac server start` leaves running."""

from __future__ import annotations

import argparse
import logging
import sys

from .runner import PROJECT, DataInUseError, serve_forever


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m raceday_iac.devserver", description=__doc__)
    parser.add_argument("--data-dir", required=True, help="where database, archives and builds are kept")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    parser.add_argument("--project", default=PROJECT, help="id of the project to serve")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        serve_forever(options.data_dir, options.port, project=options.project)
    except (DataInUseError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
