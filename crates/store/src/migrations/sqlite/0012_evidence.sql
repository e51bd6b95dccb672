-- What is known of an artifact, found by the artifact: the report of its training, and the same training with other seeds.

CREATE INDEX trained_by_artifact ON trained (artifact, at);

CREATE TABLE seeds (
    artifact      TEXT    NOT NULL,
    seed          INTEGER NOT NULL,
    seed_run_key  TEXT    NOT NULL,
    seed_artifact TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (artifact, seed)
) STRICT;
