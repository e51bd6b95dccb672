-- Indexes for every list and look-up, counters of runs by state, and the order in which runs were opened: what is asked
-- often must not become slower as runs gather.

-- The sequence of the run's first transition. A trigger sets it, so that older servers that share the store set it too.
ALTER TABLE runs ADD COLUMN opened INTEGER;
UPDATE runs SET opened = (SELECT sequence FROM transitions WHERE run = runs.id AND number = 1);
CREATE TRIGGER runs_opened AFTER INSERT ON transitions WHEN NEW.number = 1
BEGIN
    UPDATE runs SET opened = NEW.sequence WHERE id = NEW.run;
END;

-- Lists of runs.
CREATE INDEX runs_of_a_source ON runs (source, created_at, id);
CREATE INDEX runs_in_a_state ON runs (state, created_at, id);
CREATE INDEX runs_of_a_source_in_a_state ON runs (source, state, created_at, id);
CREATE INDEX runs_at_a_head ON runs (head, created_at, id);
CREATE INDEX runs_stalled ON runs (created_at, id) WHERE stalled = 1;
CREATE INDEX runs_of_a_change ON runs (source, change_id, created_at, id) WHERE change_id IS NOT NULL;
-- The same as before, in the whole order of a list: else the index of the source, which has it, would be taken instead.
DROP INDEX runs_of_a_model;
DROP INDEX runs_by_model;
CREATE INDEX runs_of_a_model ON runs (source, model, created_at, id);
CREATE INDEX runs_by_model ON runs (model, created_at, id);
-- Models: newest run first.
CREATE INDEX runs_of_a_branch ON runs (source, model, created_at DESC, id DESC) WHERE change_id IS NULL;
CREATE INDEX runs_promoted ON runs (source, model, created_at DESC, id DESC) WHERE change_id IS NULL AND state = 'done';
-- Promotions.
CREATE INDEX runs_under_way ON runs (environment, model, opened) WHERE active = 1;
CREATE INDEX runs_passed ON runs (environment, model, source, opened)
    WHERE change_id IS NULL AND state IN ('waiting', 'promoting', 'done');
CREATE INDEX runs_passed_anywhere ON runs (model, source, opened)
    WHERE change_id IS NULL AND state IN ('waiting', 'promoting', 'done');
-- Lists of deliveries. Only settled ones: nothing is added to what a sender waits for.
CREATE INDEX deliveries_of_a_source ON deliveries (source, received_at, id) WHERE state <> 'pending';
CREATE INDEX deliveries_in_a_state ON deliveries (state, received_at, source, id) WHERE state <> 'pending';

-- How many runs are in each state: the sum of its rows.
CREATE TABLE run_counts (
    state  TEXT    NOT NULL PRIMARY KEY,
    amount INTEGER NOT NULL
) STRICT;
INSERT INTO run_counts (state, amount) SELECT state, COUNT(*) FROM runs GROUP BY state;
CREATE TRIGGER runs_counted AFTER INSERT ON runs
BEGIN
    INSERT INTO run_counts (state, amount) VALUES (NEW.state, 1)
        ON CONFLICT (state) DO UPDATE SET amount = amount + 1;
END;
CREATE TRIGGER runs_recounted AFTER UPDATE OF state ON runs WHEN NEW.state <> OLD.state
BEGIN
    UPDATE run_counts SET amount = amount - 1 WHERE state = OLD.state;
    INSERT INTO run_counts (state, amount) VALUES (NEW.state, 1)
        ON CONFLICT (state) DO UPDATE SET amount = amount + 1;
END;
CREATE TRIGGER runs_discounted AFTER DELETE ON runs
BEGIN
    UPDATE run_counts SET amount = amount - 1 WHERE state = OLD.state;
END;
