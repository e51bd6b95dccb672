-- What is to be reported to forges, and what was: one row for each run, or for each revision that no run is about. It is
-- behind while `wanted` is newer than `reported`. Entries of the outbox, which earlier versions reported from, become rows
-- when they are read; those that died there are read as well.

CREATE TABLE reports (
    -- The run, or `REVISION@SOURCE`.
    id          TEXT    NOT NULL PRIMARY KEY,
    source      TEXT    NOT NULL,
    -- The pull request or revision whose check and comment are shared: its reports are made one at a time.
    target      TEXT    NOT NULL,
    run         TEXT REFERENCES runs (id) ON DELETE CASCADE,
    revision    TEXT    NOT NULL,
    model       TEXT,
    change_id   INTEGER,
    -- What is reported of a revision that no run is about, as JSON; empty for a run.
    document    TEXT    NOT NULL DEFAULT '',
    -- Behind, reported, refused (it is impossible until a person does something), or skipped (nobody wants to be told).
    state       TEXT    NOT NULL DEFAULT 'behind',
    -- The newest transition, and the one up to which was reported.
    wanted      INTEGER NOT NULL,
    reported    INTEGER NOT NULL DEFAULT 0,
    -- The transition with which it fell behind, and when that was.
    behind_from INTEGER NOT NULL,
    behind_since INTEGER NOT NULL,
    -- Whether nobody was told of it yet: such come first.
    opens       INTEGER NOT NULL DEFAULT 1,
    attempts    INTEGER NOT NULL DEFAULT 0,
    -- What it waits for: nothing, its forge as a whole (`shared`), or something of its own (`own`).
    fault       TEXT    NOT NULL DEFAULT '',
    -- Not before this time, which was set at that time: a time in the future counts only while the clock has not jumped
    -- back. Of one that was refused or skipped, when that was.
    due_at      INTEGER NOT NULL DEFAULT 0,
    set_at      INTEGER NOT NULL DEFAULT 0,
    -- Who is reporting, until `due_at`.
    holder      TEXT,
    note        TEXT    NOT NULL DEFAULT '',
    reported_at INTEGER
) STRICT;

CREATE INDEX reports_behind ON reports (source, opens, behind_from, id) WHERE state = 'behind';
CREATE INDEX reports_of_a_target ON reports (target, behind_from, id) WHERE state = 'behind';
CREATE INDEX reports_by_age ON reports (behind_from, id);
CREATE INDEX reports_by_run ON reports (run);
-- What retention asks for.
CREATE INDEX reports_ended ON reports ((COALESCE(NULLIF(set_at, 0), reported_at, behind_since))) WHERE state <> 'behind';

-- What stands at a forge: each check, comment and deployment of ours by what it is about, what the forge calls it, and the
-- digest of what it says. A row is there before the first call is made, so that whoever comes after a crash looks first.
CREATE TABLE reported (
    source        TEXT    NOT NULL,
    -- `check`, `comment` or `deployment`.
    kind          TEXT    NOT NULL,
    -- The revision, the pull request, or the run.
    subject       TEXT    NOT NULL,
    -- The check's name and identifier, or the comment's marker.
    name          TEXT    NOT NULL,
    -- What the forge calls it; empty while that is not known.
    forge_id      TEXT    NOT NULL DEFAULT '',
    -- Annotations that a check has: sent again, they would be there twice.
    annotations   INTEGER NOT NULL DEFAULT 0,
    -- SHA-256 of what was reported last; empty if nothing was.
    digest        TEXT    NOT NULL DEFAULT '',
    -- Calls since the last one whose outcome is known.
    unsure        INTEGER NOT NULL DEFAULT 0,
    -- Who makes a call now, and until when that holds.
    claim         TEXT,
    claimed_until INTEGER NOT NULL DEFAULT 0,
    at            INTEGER NOT NULL,
    PRIMARY KEY (source, kind, subject, name)
) STRICT;

CREATE INDEX reported_by_time ON reported (at);
CREATE INDEX reported_claimed ON reported (claim) WHERE claim IS NOT NULL;

-- Entries that earlier versions wrote and did not report, or gave up.
CREATE INDEX outbox_left ON outbox (source, sequence) WHERE state IN ('pending', 'dead');
