-- Times are milliseconds since 1970-01-01 UTC. What the columns mean stands in the same version for SQLite.

CREATE TABLE deliveries (
    source      TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    event       TEXT   NOT NULL,
    headers     TEXT   NOT NULL,
    encoding    TEXT   NOT NULL,
    body        BYTEA  NOT NULL,
    size        BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    settled_at  BIGINT,
    state       TEXT   NOT NULL DEFAULT 'pending',
    note        TEXT   NOT NULL DEFAULT '',
    attempts    BIGINT NOT NULL DEFAULT 0,
    due_at      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (source, id)
);

CREATE INDEX deliveries_pending ON deliveries (source, received_at, id) WHERE state = 'pending';
-- Covers what retention asks for, so that it reads no bodies.
CREATE INDEX deliveries_by_time ON deliveries (received_at, source, id, state, size);

CREATE TABLE runs (
    id          TEXT    NOT NULL PRIMARY KEY,
    source      TEXT    NOT NULL,
    lane        TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    branch      TEXT    NOT NULL,
    head        TEXT    NOT NULL,
    change_id   BIGINT,
    state       TEXT    NOT NULL,
    active      BIGINT NOT NULL,
    stalled     BIGINT NOT NULL DEFAULT 0,
    priority    BIGINT NOT NULL DEFAULT 0,
    run_key     TEXT,
    artifact    TEXT,
    document    TEXT    NOT NULL,
    due_at      BIGINT NOT NULL DEFAULT 0,
    lease       TEXT,
    lease_until BIGINT,
    created_at  BIGINT NOT NULL
);

CREATE INDEX runs_waiting ON runs (source, priority DESC, created_at, id) WHERE active = 1 AND stalled = 0;
CREATE INDEX runs_of_a_lane ON runs (lane, created_at);
CREATE INDEX runs_active_of_a_lane ON runs (lane, created_at) WHERE active = 1;
CREATE INDEX runs_held ON runs (source) WHERE lease IS NOT NULL;
CREATE INDEX runs_by_key ON runs (run_key) WHERE artifact IS NOT NULL;
CREATE INDEX runs_by_time ON runs (created_at, id);
CREATE INDEX runs_of_a_revision ON runs (source, head);
CREATE INDEX runs_of_a_model ON runs (source, model, created_at);

CREATE TABLE transitions (
    sequence   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run        TEXT    NOT NULL REFERENCES runs (id),
    number     BIGINT NOT NULL,
    from_state TEXT,
    to_state   TEXT    NOT NULL,
    at         BIGINT NOT NULL,
    cause      TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    UNIQUE (run, number)
);

CREATE TABLE log_lines (
    run    TEXT    NOT NULL REFERENCES runs (id),
    number BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    line   TEXT    NOT NULL,
    PRIMARY KEY (run, number)
);

CREATE TABLE queues (
    source     TEXT    NOT NULL PRIMARY KEY,
    claimed_at BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE branches (
    source  TEXT    NOT NULL,
    branch  TEXT    NOT NULL,
    head    TEXT    NOT NULL,
    adopted BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (source, branch)
);

CREATE TABLE outbox (
    sequence BIGINT NOT NULL PRIMARY KEY REFERENCES transitions (sequence),
    source   TEXT    NOT NULL,
    target   TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    due_at   BIGINT NOT NULL DEFAULT 0,
    note     TEXT    NOT NULL DEFAULT ''
);

CREATE INDEX outbox_pending ON outbox (target, sequence) WHERE state = 'pending';

CREATE TABLE audit (
    number BIGINT NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL,
    actor  TEXT    NOT NULL,
    action TEXT    NOT NULL,
    target TEXT    NOT NULL,
    detail TEXT    NOT NULL,
    previous TEXT    NOT NULL,
    digest TEXT    NOT NULL
);

CREATE TABLE tokens (
    name       TEXT    NOT NULL PRIMARY KEY,
    hash       TEXT    NOT NULL UNIQUE,
    role       TEXT    NOT NULL,
    sources    TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT 
);

-- Written to find out whether something can be.
CREATE TABLE probes (
    name TEXT NOT NULL PRIMARY KEY,
    at   BIGINT NOT NULL
);
