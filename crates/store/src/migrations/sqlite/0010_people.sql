-- What people ask for and who they are: commands that were followed, who had a hand in a revision, and what was pushed
-- by this installation itself.

-- Commands of comments and buttons, each once: written in the transaction of its effect.
CREATE TABLE commands (
    source      TEXT NOT NULL,
    cause       TEXT NOT NULL,
    command     TEXT NOT NULL,
    actor       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    done        INTEGER NOT NULL DEFAULT 0,
    answer      TEXT NOT NULL DEFAULT '',
    answered_at INTEGER,
    PRIMARY KEY (source, cause)
) STRICT;

CREATE INDEX commands_by_age ON commands (at);

-- Who pushed a revision, or opened a change at it, by the word of the forge.
CREATE TABLE contributors (
    source   TEXT NOT NULL,
    revision TEXT NOT NULL,
    part     TEXT NOT NULL,
    account  TEXT NOT NULL,
    name     TEXT NOT NULL DEFAULT '',
    at       INTEGER NOT NULL,
    PRIMARY KEY (source, revision, part, account)
) STRICT;

CREATE INDEX contributors_by_age ON contributors (at);

-- Commits for environments that this installation made: noted before they are pushed.
CREATE TABLE pushed_commits (
    environment TEXT NOT NULL,
    revision    TEXT NOT NULL,
    run         TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (environment, revision)
) STRICT;

CREATE INDEX pushed_commits_by_age ON pushed_commits (at);

-- When a placement was first seen here; 0 for those of earlier versions, which only know their commit's own time.
ALTER TABLE placements ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
