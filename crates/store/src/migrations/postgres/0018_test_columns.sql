-- The columns that the test tables of a model had, by which rows are known again once columns were added: a list of names in rising
-- order, as JSON.
CREATE TABLE test_set_columns (
    source TEXT    NOT NULL,
    model  TEXT    NOT NULL,
    -- Of the list.
    digest TEXT    NOT NULL,
    names  TEXT    NOT NULL,
    -- Rises with every use: the largest was used last.
    used   BIGINT NOT NULL,
    PRIMARY KEY (source, model, digest)
);
