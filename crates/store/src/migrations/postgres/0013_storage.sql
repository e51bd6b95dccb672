-- What retention has to know: how large a run's log is once it has ended, whether its artifact was removed, up to where the
-- audit log was removed, and which store this is.

-- NULL: not measured since the run ended.
ALTER TABLE runs ADD COLUMN log_bytes BIGINT;
ALTER TABLE runs ADD COLUMN artifact_removed_at BIGINT;
CREATE INDEX runs_unmeasured ON runs (created_at, id) WHERE active = 0 AND log_bytes IS NULL;
CREATE INDEX runs_with_logs ON runs (created_at, id, log_bytes) WHERE log_bytes > 0;
CREATE INDEX runs_ended ON runs (created_at, id) WHERE active = 0;
CREATE INDEX trained_of_an_artifact ON trained (artifact);
CREATE INDEX runs_of_an_artifact ON runs (artifact) WHERE artifact IS NOT NULL;

-- The last entry of the audit log that was removed; one row.
CREATE TABLE audit_anchor (
    place  BIGINT NOT NULL PRIMARY KEY CHECK (place = 1),
    number BIGINT NOT NULL,
    digest TEXT    NOT NULL,
    at     BIGINT NOT NULL
);

-- Who this store is, for those who share a folder of artifacts with others; one row.
CREATE TABLE store_identity (
    place BIGINT NOT NULL PRIMARY KEY CHECK (place = 1),
    id    TEXT    NOT NULL
);

-- Where a lane began whose first runs were removed: the revision before them, empty if there was none.
CREATE TABLE lane_starts (
    lane TEXT NOT NULL PRIMARY KEY,
    base TEXT NOT NULL
);
