-- Uses of test sets: which rows have judged candidates of a model, how often, and what people were shown.

-- Rows that came together, by the model they judge: eight bytes each, in rising order; none where rows are not told apart.
CREATE TABLE test_rows (
    source     TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    part       BIGINT NOT NULL,
    hashes     BYTEA   NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (source, model, part)
);

-- Rows that were used up, for good: from the use with this number on, for every candidate but the one that is named; none is
-- named where they are used up for all.
CREATE TABLE test_row_ends (
    source    TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    part      BIGINT NOT NULL,
    candidate TEXT    NOT NULL,
    sequence  BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (source, model, part, candidate)
);

-- The parts that a set is made of, whole or not.
CREATE TABLE test_set_parts (
    source TEXT    NOT NULL,
    model  TEXT    NOT NULL,
    digest TEXT    NOT NULL,
    part   BIGINT NOT NULL,
    PRIMARY KEY (source, model, digest, part)
);

-- Each run's use. Runs that ask the same (the same candidate, champion, rows and policies) share the question.
CREATE TABLE test_set_uses (
    run      TEXT    NOT NULL,
    question TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    model    TEXT    NOT NULL,
    digest   TEXT    NOT NULL,
    -- Whom it judges.
    candidate TEXT   NOT NULL,
    sequence BIGINT NOT NULL,
    -- Whether authors were shown figures, and whether the candidate passed.
    figures  BIGINT NOT NULL,
    passed   BIGINT NOT NULL DEFAULT 0,
    at       BIGINT NOT NULL,
    PRIMARY KEY (run, question)
);
CREATE UNIQUE INDEX test_set_uses_in_order ON test_set_uses (source, model, sequence);
CREATE INDEX test_set_uses_of_a_set ON test_set_uses (source, model, digest, sequence);
