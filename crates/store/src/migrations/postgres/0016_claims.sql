-- Who is ahead of a run in its lane. The condition is written as only the claim of a run writes it: where statistics are older
-- than the runs under way, PostgreSQL takes all indexes of such runs for equally short, and another one has no lane.
CREATE INDEX runs_ahead_in_a_lane ON runs (lane, created_at, id) WHERE active + 0 = 1 AND stalled = 0;
