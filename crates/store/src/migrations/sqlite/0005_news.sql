-- Whether an entry tells of a run that was opened: nobody knows of it yet, and where not everything can be told at once it
-- comes first.

ALTER TABLE outbox ADD COLUMN opens INTEGER NOT NULL DEFAULT 0;

CREATE INDEX outbox_turns ON outbox (source, opens, sequence) WHERE state = 'pending';
