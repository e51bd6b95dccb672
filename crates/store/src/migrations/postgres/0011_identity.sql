-- Who is who at forges, and whose a model is in an environment.

-- Which repository a source is, by the identifier that its forge never gives to another one. `refused` is that of another
-- repository that was found under the source's name; `former` is the one before, if somebody accepted another.
CREATE TABLE repositories (
    source    TEXT NOT NULL PRIMARY KEY,
    id        TEXT NOT NULL,
    full_name TEXT NOT NULL,
    learned   TEXT NOT NULL,
    at        BIGINT NOT NULL,
    refused   TEXT,
    former    TEXT
);

CREATE INDEX repositories_by_id ON repositories (id);

-- Whether the branch of a pull request that is open is in a fork.
CREATE TABLE pull_request_origins (
    source    TEXT NOT NULL,
    change_id BIGINT NOT NULL,
    fork      BIGINT NOT NULL,
    PRIMARY KEY (source, change_id)
);

-- Whether a merge group holds something of a fork, by the commit that it would land.
CREATE TABLE merge_groups (
    source TEXT NOT NULL,
    head   TEXT NOT NULL,
    fork   BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (source, head)
);

-- Whose a model is in an environment: the source that promoted it there first. What the settings declare goes before it.
CREATE TABLE owners (
    environment TEXT NOT NULL,
    model       TEXT NOT NULL,
    source      TEXT NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (environment, model)
);

INSERT INTO owners (environment, model, source, at)
SELECT environment, model, source, at FROM (
    SELECT runs.environment, runs.model, runs.source, transitions.at,
           ROW_NUMBER() OVER (PARTITION BY runs.environment, runs.model ORDER BY transitions.sequence) AS place
    FROM runs JOIN transitions ON transitions.run = runs.id AND transitions.to_state = 'done'
    WHERE runs.state = 'done' AND runs.change_id IS NULL AND runs.environment <> '') AS promoted
WHERE place = 1;

-- Artifacts that nobody is to promote again, of one source's model. What `rejections` holds counts for every source.
CREATE TABLE source_rejections (
    source   TEXT NOT NULL,
    model    TEXT NOT NULL,
    artifact TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (source, model, artifact)
);
