-- Indexes for every list and look-up, counters of runs by state, and the order in which runs were opened: what is asked
-- often must not become slower as runs gather.

-- The sequence of the run's first transition. A trigger sets it, so that older servers that share the store set it too.
ALTER TABLE runs ADD COLUMN opened BIGINT;
UPDATE runs SET opened = first.sequence FROM transitions AS first WHERE first.run = runs.id AND first.number = 1;
CREATE FUNCTION note_opened_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE runs SET opened = NEW.sequence WHERE id = NEW.run;
    RETURN NULL;
END $$;
CREATE TRIGGER runs_opened AFTER INSERT ON transitions FOR EACH ROW WHEN (NEW.number = 1)
    EXECUTE FUNCTION note_opened_run();

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

-- How many runs are in each state: the sum of its rows. Rows are added and never updated, so that transactions that move
-- runs do not wait for each other; whoever reads many rows replaces them by their sums.
CREATE TABLE run_counts (
    id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state  TEXT   NOT NULL,
    amount BIGINT NOT NULL
);
INSERT INTO run_counts (state, amount) SELECT state, COUNT(*) FROM runs GROUP BY state;
CREATE FUNCTION count_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO run_counts (state, amount) VALUES (OLD.state, -1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO run_counts (state, amount) VALUES (NEW.state, 1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER runs_counted AFTER INSERT OR DELETE ON runs FOR EACH ROW EXECUTE FUNCTION count_runs();
CREATE TRIGGER runs_recounted AFTER UPDATE OF state ON runs FOR EACH ROW WHEN (NEW.state <> OLD.state)
    EXECUTE FUNCTION count_runs();
