"""Raceday on Appwrite: the seven functions, the three pollers that go, and the database.

This file is the only place that states functions, schedules, scopes, specifications, variables and lock numbers.
Crons are UTC. Raceday's day is Pacific/Auckland (UTC+12, +13 in summer): 19:00 UTC is 07:00 there, 08:00 in summer.
"""

from __future__ import annotations

from raceday_schema import DATABASE, declare_schema

from raceday_iac import Lock, Stack

stack = Stack(
    "raceday",
    lock_store=(DATABASE, "locks"),
    # Project-wide variables that the legacy functions read. Appwrite 1.8 has no way to manage them with a key.
    expected_variables=("APPWRITE_ENDPOINT", "APPWRITE_PROJECT_ID", "APPWRITE_API_KEY"),
    timezone="Pacific/Auckland",
    # The functions finish gracefully before, and begin nothing in them.
    quiet_hours=("01:00", "06:00"),
    extensions=["raceday_iac.raceday"],
)

declare_schema(stack)

DOCUMENTS = ("documents.read", "documents.write")
#: The two functions that start the poller and look how it fares.
CALLER = (*DOCUMENTS, "execution.read", "execution.write")
SCHEMA = (
    "databases.read",
    "databases.write",
    "collections.read",
    "collections.write",
    "attributes.read",
    "attributes.write",
    "indexes.read",
    "indexes.write",
    *DOCUMENTS,
)
PYTHON = "python-3.12"
MAIN = "src/main.py"
INSTALL = "pip install -r requirements.txt"
# The operator of the API asks every client to say who it is and whom to write to.
NZ_TAB = {"NZTAB_API_BASE_URL": "https://api.tab.co.nz", "NZTAB_CONTACT": "ops@raceday.example"}

# Specifications are chosen from what the functions were measured to take: docs/functions.md, "What each one gets".
# Only keys and the scheduler may start a function (`execute` is empty): the internet must not be able to.

stack.function(
    "database-setup",
    name="Database Setup and Schema Management",
    runtime=PYTHON,
    entrypoint=MAIN,
    commands=INSTALL,
    specification="s-2vcpu-2gb",
    timeout=300,
    scopes=SCHEMA,
    code="functions/database-setup",
    schema=DATABASE,
    lock=Lock("database-setup-lock", stale_after=60, heartbeat=20, expiry=280),
)

stack.function(
    "daily-meetings",
    name="Daily Meetings Import",
    runtime=PYTHON,
    entrypoint=MAIN,
    commands=INSTALL,
    specification="s-1vcpu-1gb",
    schedule="0 19 * * *",  # 07:00 NZST, 08:00 NZDT
    timeout=840,
    scopes=DOCUMENTS,
    code="functions/daily-meetings",
    schema=DATABASE,
    lock=Lock("daily-meetings-lock", stale_after=300, heartbeat=120, expiry=780, check_target_ms=30),
    variables=NZ_TAB,
)

stack.function(
    "daily-races",
    name="Daily Races Import",
    runtime=PYTHON,
    entrypoint=MAIN,
    commands=INSTALL,
    specification="s-2vcpu-2gb",
    schedule="0 20 * * *",  # 08:00 NZST, 09:00 NZDT
    timeout=840,
    scopes=DOCUMENTS,
    code="functions/daily-races",
    schema=DATABASE,
    lock=Lock("daily-races-lock", stale_after=360, heartbeat=90, expiry=780, check_target_ms=40),
    variables=NZ_TAB,
)

stack.function(
    "daily-initial-data",
    name="Daily Initial Data Population",
    runtime=PYTHON,
    entrypoint=MAIN,
    commands=INSTALL,
    specification="s-1vcpu-1gb",
    schedule="30 20 * * *",  # 08:30 NZST, 09:30 NZDT
    timeout=840,
    scopes=CALLER,
    code="functions/daily-initial-data",
    lock=Lock("daily-initial-data-lock", stale_after=180, heartbeat=60, expiry=780, check_target_ms=50),
)

stack.function(
    "enhanced-race-poller",
    name="Enhanced Race Poller",
    runtime=PYTHON,
    entrypoint=MAIN,
    commands=INSTALL,
    specification="s-2vcpu-2gb",
    # No schedule: the scheduler starts it. It must end before its lock expires, hence not the 840 s of old.
    timeout=150,
    scopes=DOCUMENTS,
    code="functions/enhanced-race-poller",
    schema=DATABASE,
    lock=Lock("enhanced-race-poller-lock", stale_after=120, heartbeat=45, expiry=120, check_target_ms=25),
    variables=NZ_TAB,
)

stack.function(
    "master-race-scheduler",
    name="Master Race Scheduler",
    runtime=PYTHON,
    entrypoint=MAIN,
    commands=INSTALL,
    specification="s-1vcpu-1gb",
    schedule="*/1 * * * *",
    timeout=120,
    scopes=CALLER,
    code="functions/master-race-scheduler",
    lock=Lock("master-race-scheduler-lock", stale_after=75, heartbeat=30, expiry=90, check_target_ms=15),
)

stack.function(
    "meeting-status-poller",
    name="Meeting Status Poller",
    runtime=PYTHON,
    entrypoint=MAIN,
    commands=INSTALL,
    specification="s-1vcpu-1gb",
    schedule="*/15 21-23,0-11 * * *",  # 09:00-23:45 NZST, 10:00-00:45 NZDT
    timeout=300,
    scopes=DOCUMENTS,
    code="functions/meeting-status-poller",
    schema=DATABASE,
    lock=Lock("meeting-status-poller-lock", stale_after=240, heartbeat=120, expiry=270, check_target_ms=35),
    variables=NZ_TAB,
)

# The scheduler and the poller do all that these did. Left alive, they would poll the same races a second time.

for poller, why in {
    "race-data-poller": "polls every 10 minutes what the scheduler already has polled; overlaps itself (840 s timeout)",
    "single-race-poller": "enhanced-race-poller takes a raceId",
    "batch-race-poller": "enhanced-race-poller takes raceIds",
}.items():
    stack.absent(f"function.{poller}", reason=why)
