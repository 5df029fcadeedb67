"""`python -m raceday_iac.devserver`: the process that `raceday-iac server start` leaves running."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pkgutil import resolve_name

from .ages import AGES
from .daemon import DataInUseError
from .runner import serve_forever
from .server import PROJECT, Settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m raceday_iac.devserver", description=__doc__)
    parser.add_argument("--data-dir", required=True, help="where database, archives and builds are kept")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    parser.add_argument("--project", default=PROJECT, help="id of the project to serve")
    parser.add_argument(
        "--database-workers", type=int, default=Settings.database_workers, help="how many schemas are changed at a time"
    )
    parser.add_argument("--appwrite", choices=AGES, help="which version of Appwrite to behave like")
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="MODULE:NAME", help="what an extension adds; may be repeated"
    )
    options = parser.parse_args()
    # Everything that this process and its children write is for its owner alone.
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        plugins = tuple(resolve_name(each)() for each in options.plugin)
        settings = Settings(
            age=AGES.get(options.appwrite), database_workers=max(1, options.database_workers), plugins=plugins
        )
        serve_forever(options.data_dir, options.port, settings, options.project)
    except (DataInUseError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
