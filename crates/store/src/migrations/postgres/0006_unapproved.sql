-- Revisions of changes from forks that are judged once somebody approves exactly them.

CREATE TABLE unapproved (
    source    TEXT   NOT NULL,
    change_id BIGINT NOT NULL,
    head      TEXT   NOT NULL,
    reference TEXT   NOT NULL,
    PRIMARY KEY (source, change_id, head)
);
