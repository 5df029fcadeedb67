"""What goes, what comes, and what it is called: exact ids, keys and paths, never patterns.

`enhanced-race-poller` and `meeting-status-poller` stay, although their names contain what the names of the others do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REMOVED_FUNCTIONS = ("race-data-poller", "single-race-poller", "batch-race-poller")
KEPT_FUNCTIONS = (
    "daily-meetings",
    "daily-races",
    "daily-initial-data",
    "meeting-status-poller",
    "enhanced-race-poller",
    "master-race-scheduler",
)
POLLER_SCRIPTS = (
    "deploy:poller",
    "deploy:single-race",
    "deploy:batch-race-poller",
    "poller",
    "single-race",
    "batch-race-poller",
    "test:batch-race-poller",
    "monitor-batch-results",
)
#: Variables belong to the whole project, so that no script for one function's has anything left to do.
VARIABLE_SCRIPTS = (
    "vars:meetings",
    "vars:races",
    "vars:poller",
    "vars:single-race",
    "vars:meeting-status",
    "vars:batch-race-poller",
    "vars:enhanced-race-poller",
    "vars:master-scheduler",
    "vars:all",
)
REMOVED_SCRIPTS = (*POLLER_SCRIPTS, *VARIABLE_SCRIPTS)
#: Scripts that only the removed entries of package.json started, with the reason why they go.
REMOVED_FILES: Mapping[str, str] = {
    "scripts/update-vars-only.js": "variables belong to the whole project",
    "scripts/test-batch-race-poller.js": "tests a function that goes",
    "scripts/monitor-batch-results.js": "watches a function that goes",
}

NEW_FUNCTION = "database-setup"
#: As the clean-up plan gives it; in the order in which Appwrite's command line writes the keys.
NEW_ENTRY: Mapping[str, Any] = {
    "$id": NEW_FUNCTION,
    "name": "Database Setup and Schema Management",
    "runtime": "node-22",
    "specification": "s-2vcpu-2gb",
    "path": NEW_FUNCTION,
    "execute": ["any"],
    "events": [],
    "schedule": "",
    "timeout": 300,
    "enabled": True,
    "logging": True,
    "entrypoint": "src/main.js",
    "commands": "npm install",
    "scopes": [
        f"{subject}.{verb}"
        for subject in ("databases", "collections", "attributes", "indexes")
        for verb in ("read", "write")
    ],
}
NEW_SCRIPTS: Mapping[str, str] = {
    "deploy:database-setup": "node scripts/deploy.js database-setup",
    "database-setup": "node scripts/run-function.js database-setup",
}
#: The schema moves out of the daily job that used to set it up.
MOVED_FROM = "daily-meetings/src/database-setup.js"
MOVED_TO = "database-setup/src/database-setup.js"

#: Both names that Appwrite's command line has used.
APPWRITE_FILES = ("appwrite.json", "appwrite.config.json")
PACKAGE_FILE = "package.json"
#: Scripts whose first argument is the id of a function.
FUNCTION_SCRIPTS = ("deploy.js", "run-function.js")
