INSERT INTO deliveries (source, id, event, body, received_at, state, note) VALUES
    ('models', 'd-1', 'push', CAST('{"a": 1}' AS BLOB), 1795514400000, 'done', 'touches digits'),
    ('models', 'd-2', 'push', CAST('{"b": 2}' AS BLOB), 1795514401000, 'pending', '');
INSERT INTO runs (id, source, file, branch, head, model, state, active, document, lease, lease_until, created_at) VALUES
    ('019ab000-0000-7000-8000-000000000001', 'models', 'm/slipway.yaml', 'main', '1111111111111111111111111111111111111111', 'digits', 'done', 0,
     '{"id": "019ab000-0000-7000-8000-000000000001", "source": "models", "model": "digits", "file": "m/slipway.yaml", "branch": "main", "base": null, "head": "1111111111111111111111111111111111111111", "environment": "staging", "state": "done", "reason": null, "diagnostics": [], "stalled": false, "attempts": 0, "run_key": null, "artifact": null, "reused_from": null, "champion": null, "evaluation": null, "evidence": null, "verdict": null, "promotion_commit": null, "delivered_at": "2026-11-24T10:00:00Z", "created_at": "2026-11-24T10:00:00Z", "updated_at": "2026-11-24T10:00:00Z"}', NULL, NULL, 1795514400000),
    ('019ab000-0000-7000-8000-000000000002', 'models', 'm/slipway.yaml', 'main', '2222222222222222222222222222222222222222', 'digits', 'training', 1,
     '{"id": "019ab000-0000-7000-8000-000000000002", "source": "models", "model": "digits", "file": "m/slipway.yaml", "branch": "main", "base": null, "head": "2222222222222222222222222222222222222222", "environment": "staging", "state": "training", "reason": null, "diagnostics": [], "stalled": false, "attempts": 0, "run_key": null, "artifact": null, "reused_from": null, "champion": null, "evaluation": null, "evidence": null, "verdict": null, "promotion_commit": null, "delivered_at": "2026-11-24T10:00:10Z", "created_at": "2026-11-24T10:00:10Z", "updated_at": "2026-11-24T10:00:10Z"}', 'lease', 1795514430000, 1795514410000);
INSERT INTO transitions (run, number, from_state, to_state, at, cause) VALUES
    ('019ab000-0000-7000-8000-000000000001', 1, NULL, 'queued', 1795514400000, 'push of 111111111111'),
    ('019ab000-0000-7000-8000-000000000001', 2, 'promoting', 'done', 1795514405000, 'promoted'),
    ('019ab000-0000-7000-8000-000000000002', 1, NULL, 'queued', 1795514410000, 'push of 222222222222'),
    ('019ab000-0000-7000-8000-000000000002', 2, 'queued', 'training', 1795514411000, 'sound');
INSERT INTO log_lines (run, number, at, line) VALUES ('019ab000-0000-7000-8000-000000000001', 1, 1795514401000, 'epoch 1');
