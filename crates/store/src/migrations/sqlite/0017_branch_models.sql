-- Models that stand on served branches, whether or not they have runs: those that have none are offered their first.
CREATE TABLE branch_models (
    source TEXT    NOT NULL,
    model  TEXT    NOT NULL,
    -- The path of its file.
    file   TEXT    NOT NULL,
    -- When it was first seen there.
    at     INTEGER NOT NULL,
    PRIMARY KEY (source, model)
) STRICT;
