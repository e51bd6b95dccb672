-- When a pause or a lease was set. Only one that was set in the future tells that the clock was set back: how far away its end
-- is tells nothing. Rows of older servers have no such time (zero) and hold until their end.

ALTER TABLE runs ADD COLUMN due_set_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN lease_set_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN due_set_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN due_set_at INTEGER NOT NULL DEFAULT 0;

-- What follows from a promotion: one row for each environment whose repository has to be read because of it. That is the run's own
-- environment, whose history is read on, and each environment that takes promotions from it. Written in the transaction
-- that records the promotion, removed in the one that records what followed.
CREATE TABLE follow_ups (
    environment TEXT NOT NULL,
    run         TEXT NOT NULL,
    at          INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    due_at      INTEGER NOT NULL DEFAULT 0,
    due_set_at  INTEGER NOT NULL DEFAULT 0,
    note        TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (environment, run)
) STRICT;
