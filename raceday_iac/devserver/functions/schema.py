"""Tables of functions, variables, deployments and executions, and the scheduler's own table.

Ids and variable keys ignore case, as the collation of a real server's database does.
"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS functions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    name TEXT NOT NULL,
    runtime TEXT NOT NULL,
    execute TEXT NOT NULL,
    events TEXT NOT NULL,
    scopes TEXT NOT NULL,
    schedule TEXT NOT NULL,
    timeout INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    live INTEGER NOT NULL DEFAULT 1,
    logging INTEGER NOT NULL,
    entrypoint TEXT NOT NULL,
    commands TEXT NOT NULL,
    specification TEXT NOT NULL,
    deployment_id TEXT NOT NULL DEFAULT '',
    deployment_created_at TEXT NOT NULL DEFAULT '',
    latest_deployment_id TEXT NOT NULL DEFAULT '',
    latest_deployment_created_at TEXT NOT NULL DEFAULT '',
    latest_deployment_status TEXT NOT NULL DEFAULT '',
    installation_id TEXT NOT NULL,
    provider_repository_id TEXT,
    provider_branch TEXT NOT NULL,
    provider_root_directory TEXT NOT NULL,
    provider_silent_mode INTEGER NOT NULL,
    UNIQUE (project, id)
);
CREATE TABLE IF NOT EXISTS schedules (
    function INTEGER PRIMARY KEY,
    schedule TEXT,
    active INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS variables (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    function TEXT NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    key TEXT NOT NULL COLLATE NOCASE,
    value TEXT NOT NULL,
    secret INTEGER NOT NULL,
    UNIQUE (project, id),
    UNIQUE (project, function, key)
);
CREATE TABLE IF NOT EXISTS deployments (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    function TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    type TEXT NOT NULL,
    entrypoint TEXT NOT NULL,
    commands TEXT NOT NULL,
    activate INTEGER NOT NULL,
    source_size INTEGER NOT NULL DEFAULT 0,
    build_size INTEGER NOT NULL DEFAULT 0,
    total_size INTEGER NOT NULL DEFAULT 0,
    build_duration INTEGER NOT NULL DEFAULT 0,
    build_logs TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL,
    chunks INTEGER NOT NULL DEFAULT 1,
    received TEXT NOT NULL DEFAULT '[]',
    environment TEXT NOT NULL DEFAULT '',
    UNIQUE (project, id)
);
CREATE INDEX IF NOT EXISTS deployments_of_function ON deployments (project, function, sequence);
CREATE TABLE IF NOT EXISTS executions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    function TEXT NOT NULL,
    deployment TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    trigger TEXT NOT NULL,
    status TEXT NOT NULL,
    request_method TEXT NOT NULL,
    request_path TEXT NOT NULL,
    request_headers TEXT NOT NULL DEFAULT '[]',
    response_status_code INTEGER NOT NULL DEFAULT 0,
    response_headers TEXT NOT NULL DEFAULT '[]',
    logs TEXT NOT NULL DEFAULT '',
    errors TEXT NOT NULL DEFAULT '',
    duration REAL NOT NULL DEFAULT 0,
    scheduled_at TEXT,
    request TEXT NOT NULL DEFAULT '',
    UNIQUE (project, id)
);
CREATE INDEX IF NOT EXISTS executions_of_function ON executions (project, function, sequence);
CREATE INDEX IF NOT EXISTS executions_unfinished ON executions (status) WHERE status NOT IN ('completed', 'failed');
"""
