-- One lane of runs for a model on a branch; heads of branches that were dealt with; headers and packed bodies of
-- deliveries; an outbox; an audit log; tokens.

ALTER TABLE deliveries ADD COLUMN headers TEXT NOT NULL DEFAULT '{}';
ALTER TABLE deliveries ADD COLUMN encoding TEXT NOT NULL DEFAULT 'plain';
ALTER TABLE deliveries ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN settled_at INTEGER;
UPDATE deliveries SET size = length(body);
UPDATE deliveries SET settled_at = received_at WHERE state <> 'pending';
DROP INDEX deliveries_due;
CREATE INDEX deliveries_pending ON deliveries (source, received_at, id) WHERE state = 'pending';
-- Covers what retention asks for, so that it reads no bodies.
CREATE INDEX deliveries_by_time ON deliveries (received_at, source, id, state, size);

-- The old table allowed one run a revision for ever: a branch set back to an earlier revision could not be promoted
-- again. SQLite cannot drop a constraint, so the tables are made anew.
ALTER TABLE log_lines RENAME TO log_lines_1;
ALTER TABLE transitions RENAME TO transitions_1;
ALTER TABLE runs RENAME TO runs_1;
DROP INDEX runs_due;
DROP INDEX runs_of_a_model;
DROP INDEX runs_by_key;

CREATE TABLE runs (
    id          TEXT    NOT NULL PRIMARY KEY,
    source      TEXT    NOT NULL,
    lane        TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    branch      TEXT    NOT NULL,
    head        TEXT    NOT NULL,
    change_id   INTEGER,
    state       TEXT    NOT NULL,
    active      INTEGER NOT NULL,
    stalled     INTEGER NOT NULL DEFAULT 0,
    priority    INTEGER NOT NULL DEFAULT 0,
    run_key     TEXT,
    artifact    TEXT,
    document    TEXT    NOT NULL,
    due_at      INTEGER NOT NULL DEFAULT 0,
    lease       TEXT,
    lease_until INTEGER,
    created_at  INTEGER NOT NULL
) STRICT;

INSERT INTO runs (id, source, lane, model, branch, head, state, active, stalled, run_key, artifact, document, due_at,
                  lease, lease_until, created_at)
SELECT id, source, source || ' refs/heads/' || branch || ' ' || file, model, branch, head, state, active, stalled,
       run_key, artifact, document, due_at, lease, lease_until, created_at
FROM runs_1;

CREATE INDEX runs_waiting ON runs (source, priority DESC, created_at, id) WHERE active = 1 AND stalled = 0;
CREATE INDEX runs_of_a_lane ON runs (lane, created_at);
CREATE INDEX runs_active_of_a_lane ON runs (lane, created_at) WHERE active = 1;
CREATE INDEX runs_held ON runs (source) WHERE lease IS NOT NULL;
CREATE INDEX runs_by_key ON runs (run_key) WHERE artifact IS NOT NULL;
CREATE INDEX runs_by_time ON runs (created_at, id);
CREATE INDEX runs_of_a_revision ON runs (source, head);
CREATE INDEX runs_of_a_model ON runs (source, model, created_at);

CREATE TABLE transitions (
    sequence   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    run        TEXT    NOT NULL REFERENCES runs (id),
    number     INTEGER NOT NULL,
    from_state TEXT,
    to_state   TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    cause      TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    UNIQUE (run, number)
) STRICT;

INSERT INTO transitions (run, number, from_state, to_state, at, cause, actor)
SELECT run, number, from_state, to_state, at, cause, 'controller' FROM transitions_1 ORDER BY at, run, number;

CREATE TABLE log_lines (
    run    TEXT    NOT NULL REFERENCES runs (id),
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    line   TEXT    NOT NULL,
    PRIMARY KEY (run, number)
) STRICT;

INSERT INTO log_lines SELECT run, number, at, line FROM log_lines_1;
DROP TABLE log_lines_1;
DROP TABLE transitions_1;
DROP TABLE runs_1;

-- One row a source: which was served last.
CREATE TABLE queues (
    source     TEXT    NOT NULL PRIMARY KEY,
    claimed_at INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO queues (source) SELECT DISTINCT source FROM runs;

-- One row a branch: the revision up to which everything was dealt with. A revision that was only found there when the
-- branch was first looked at is `adopted`: no push of it was seen.
CREATE TABLE branches (
    source  TEXT    NOT NULL,
    branch  TEXT    NOT NULL,
    head    TEXT    NOT NULL,
    adopted INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (source, branch)
) STRICT;

INSERT INTO branches (source, branch, head, adopted, at)
SELECT source, branch, head, 0, created_at FROM runs AS newest
WHERE NOT EXISTS (SELECT 1 FROM runs AS newer WHERE newer.source = newest.source AND newer.branch = newest.branch
                    AND (newer.created_at, newer.id) > (newest.created_at, newest.id));

-- What is to be told to the outside: one row a transition, in the order of the transitions.
CREATE TABLE outbox (
    sequence INTEGER NOT NULL PRIMARY KEY REFERENCES transitions (sequence),
    source   TEXT    NOT NULL,
    target   TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at   INTEGER NOT NULL DEFAULT 0,
    note     TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX outbox_pending ON outbox (target, sequence) WHERE state = 'pending';

CREATE TABLE audit (
    number INTEGER NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    action TEXT    NOT NULL,
    target TEXT    NOT NULL,
    detail TEXT    NOT NULL,
    previous TEXT    NOT NULL,
    digest TEXT    NOT NULL
) STRICT;

CREATE TABLE tokens (
    name       TEXT    NOT NULL PRIMARY KEY,
    hash       TEXT    NOT NULL UNIQUE,
    role       TEXT    NOT NULL,
    sources    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;

-- Written to find out whether something can be.
CREATE TABLE probes (
    name TEXT NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT;
