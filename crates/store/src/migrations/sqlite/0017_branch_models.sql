-- Models that stand on served branches, whether or not they have runs: those that have none are offered their first.
CREATE TABLE branch_models (
    source TEXT    NOT NULL,
    model  TEXT    NOT NULL,
    -- The path of its file.
    file   TEXT    NOT NULL,
    -- When it was first seen there.
    at     INTEGER NOT NULL,
    -- 1 once it was seen to have had a run: retention removes runs.
    had_run INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, model)
) STRICT;
CREATE INDEX branch_models_without_runs ON branch_models (source, model) WHERE had_run = 0;
