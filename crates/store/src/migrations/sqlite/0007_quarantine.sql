-- Rows that a server could not read, and why. The rows themselves stay as they are: a newer server may be able to read them.
-- `format` is the newest version of the tables that whoever could not read the row knows.
CREATE TABLE quarantined (
    kind   TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    source TEXT,
    format INTEGER NOT NULL,
    reason TEXT    NOT NULL,
    since  INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;
