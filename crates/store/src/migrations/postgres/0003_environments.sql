-- Environments with rules: what people decide about promotions, and what environments name, as read from git.

ALTER TABLE runs ADD COLUMN environment TEXT NOT NULL DEFAULT '';
UPDATE runs SET environment = document::json ->> 'environment';
CREATE INDEX runs_of_an_environment ON runs (environment, model, created_at);
CREATE INDEX runs_by_model ON runs (model, created_at);
CREATE INDEX runs_to_promote ON runs (environment, created_at, id) WHERE active = 1 AND stalled = 0 AND state IN ('waiting', 'promoting');

-- Who agreed to which artifact in which environment: once a person.
CREATE TABLE approvals (
    environment TEXT NOT NULL,
    model       TEXT NOT NULL,
    artifact    TEXT NOT NULL,
    person      TEXT NOT NULL,
    document    TEXT NOT NULL,
    PRIMARY KEY (environment, model, artifact, person)
);

-- Who keeps promotions away. A model of '' stands for all models of the environment.
CREATE TABLE holds (
    environment TEXT NOT NULL,
    model       TEXT NOT NULL,
    document    TEXT NOT NULL,
    PRIMARY KEY (environment, model)
);

-- Artifacts that nobody is to promote again.
CREATE TABLE rejections (
    model    TEXT NOT NULL,
    artifact TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (model, artifact)
);

-- Up to which commit an environment's history was read.
CREATE TABLE environments (
    name TEXT NOT NULL PRIMARY KEY,
    tip  TEXT NOT NULL
);

-- What each environment named, and since when: one row a change of a marked digest, oldest first.
CREATE TABLE placements (
    sequence    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment TEXT NOT NULL,
    model       TEXT NOT NULL,
    at          BIGINT NOT NULL,
    document    TEXT NOT NULL
);

CREATE INDEX placements_of_a_model ON placements (environment, model, sequence);
