-- Times are milliseconds since 1970-01-01 UTC.

CREATE TABLE deliveries (
    source      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    event       TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    received_at INTEGER NOT NULL,
    state       TEXT    NOT NULL DEFAULT 'pending',
    note        TEXT    NOT NULL DEFAULT '',
    attempts    INTEGER NOT NULL DEFAULT 0,
    due_at      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, id)
) STRICT;

CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'pending';

CREATE TABLE runs (
    id          TEXT    NOT NULL PRIMARY KEY,
    source      TEXT    NOT NULL,
    file        TEXT    NOT NULL,
    branch      TEXT    NOT NULL,
    head        TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    active      INTEGER NOT NULL,
    stalled     INTEGER NOT NULL DEFAULT 0,
    run_key     TEXT,
    artifact    TEXT,
    document    TEXT    NOT NULL,
    due_at      INTEGER NOT NULL DEFAULT 0,
    lease       TEXT,
    lease_until INTEGER,
    created_at  INTEGER NOT NULL,
    -- One revision of one model is one run, by however many deliveries it is announced.
    UNIQUE (source, file, branch, head)
) STRICT;

CREATE INDEX runs_due ON runs (due_at, created_at) WHERE active = 1 AND stalled = 0;
CREATE INDEX runs_of_a_model ON runs (source, file, branch) WHERE active = 1;
CREATE INDEX runs_by_key ON runs (run_key) WHERE artifact IS NOT NULL;

CREATE TABLE transitions (
    run        TEXT    NOT NULL REFERENCES runs (id),
    number     INTEGER NOT NULL,
    from_state TEXT,
    to_state   TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    cause      TEXT    NOT NULL,
    PRIMARY KEY (run, number)
) STRICT;

CREATE TABLE log_lines (
    run    TEXT    NOT NULL REFERENCES runs (id),
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    line   TEXT    NOT NULL,
    PRIMARY KEY (run, number)
) STRICT;
