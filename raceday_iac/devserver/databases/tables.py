"""Where definitions are kept. Documents live elsewhere: one real table per collection (see columns.py).

`deleted` rows wait for their contents to be dropped; their ids are free at once, as in Appwrite. `db_attributes` and
`db_indexes` are what the API lists; `db_metadata` is what documents are checked against (see metadata.py).
"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS db_databases (
    number INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, sequence INTEGER NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE, enabled INTEGER NOT NULL, type TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS db_databases_id ON db_databases (project, id) WHERE deleted = 0;

CREATE TABLE IF NOT EXISTS db_collections (
    number INTEGER PRIMARY KEY AUTOINCREMENT, database INTEGER NOT NULL, sequence INTEGER NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE, enabled INTEGER NOT NULL,
    document_security INTEGER NOT NULL, permissions TEXT NOT NULL, token TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS db_collections_id ON db_collections (database, id) WHERE deleted = 0;

CREATE TABLE IF NOT EXISTS db_attributes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL, key TEXT NOT NULL COLLATE NOCASE,
    type TEXT NOT NULL, format TEXT NOT NULL, status TEXT NOT NULL, error TEXT NOT NULL DEFAULT '',
    size INTEGER NOT NULL, required INTEGER NOT NULL, is_array INTEGER NOT NULL, encrypt INTEGER NOT NULL,
    default_value TEXT NOT NULL, options TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS db_attributes_key ON db_attributes (collection, key);

CREATE TABLE IF NOT EXISTS db_indexes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL, key TEXT NOT NULL COLLATE NOCASE,
    type TEXT NOT NULL, status TEXT NOT NULL, error TEXT NOT NULL DEFAULT '', attributes TEXT NOT NULL,
    lengths TEXT NOT NULL, orders TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS db_indexes_key ON db_indexes (collection, key);

CREATE TABLE IF NOT EXISTS db_metadata (collection INTEGER PRIMARY KEY, content TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS db_jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, target INTEGER NOT NULL, queued_at REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS db_transactions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, id TEXT NOT NULL COLLATE NOCASE,
    status TEXT NOT NULL, operations INTEGER NOT NULL, expires_at TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS db_transactions_id ON db_transactions (project, id);

CREATE TABLE IF NOT EXISTS db_operations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, transaction_number INTEGER NOT NULL, collection INTEGER NOT NULL,
    document_id TEXT, action TEXT NOT NULL, data TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS db_operations_transaction ON db_operations (transaction_number);
"""
