-- The columns that the test tables of a model had, by which rows are known again once columns were added: a list of names in rising
-- order, as JSON.
CREATE TABLE test_set_columns (
    source TEXT    NOT NULL,
    model  TEXT    NOT NULL,
    -- Of the list.
    digest TEXT    NOT NULL,
    names  TEXT    NOT NULL,
    -- Rises with every use: the largest was used last.
    used   INTEGER NOT NULL,
    PRIMARY KEY (source, model, digest)
) STRICT;

-- Digests of rows beside those in `test_rows`, by which rows that are written otherwise are known again: of each part of a set those
-- that were not stored before, eight bytes each, in rising order. A set whose digests are all stored has one row without any. Servers
-- that do not know this table count the digests in `test_rows`, which remain one for each row.
CREATE TABLE test_row_forms (
    source TEXT    NOT NULL,
    model  TEXT    NOT NULL,
    -- Rises: the smallest was added first.
    number INTEGER NOT NULL,
    -- Of the set.
    digest TEXT    NOT NULL,
    part   INTEGER NOT NULL,
    hashes BLOB    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (source, model, number)
) STRICT;
CREATE INDEX test_row_forms_of_a_set ON test_row_forms (source, model, digest);
