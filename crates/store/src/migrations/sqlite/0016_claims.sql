-- Who is ahead of a run in its lane. PostgreSQL needs the condition as it is written here; both databases have the same.
CREATE INDEX runs_ahead_in_a_lane ON runs (lane, created_at, id) WHERE active + 0 = 1 AND stalled = 0;
