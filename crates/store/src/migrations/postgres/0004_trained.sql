-- What trainings made, by the digest of everything that decides their result: noted as soon as the weights are kept, so that
-- a step that is repeated, and every later run, finds them.

CREATE TABLE trained (
    run_key       TEXT   NOT NULL PRIMARY KEY,
    run           TEXT   NOT NULL,
    artifact      TEXT   NOT NULL,
    report        TEXT   NOT NULL,
    report_digest TEXT   NOT NULL,
    at            BIGINT NOT NULL
);
