INSERT INTO runs (id, source, lane, model, branch, head, state, active, artifact, document, due_at, lease, lease_until,
                  created_at, environment) VALUES
    ('019ab000-0000-7000-8000-000000000001', 'models', 'models refs/heads/main m1/slipway.yaml', 'digits', 'main', '1111111111111111111111111111111111111111', 'done', 0, 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
     '{"id": "019ab000-0000-7000-8000-000000000001", "source": "models", "model": "digits", "file": "m1/slipway.yaml", "branch": "main", "base": null, "head": "1111111111111111111111111111111111111111", "environment": "staging", "state": "done", "reason": null, "diagnostics": [], "stalled": false, "attempts": 0, "run_key": null, "artifact": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "reused_from": null, "champion": null, "evaluation": null, "evidence": null, "verdict": null, "promotion_commit": null, "delivered_at": "2026-11-24T10:00:00Z", "created_at": "2026-11-24T10:00:00Z", "updated_at": "2026-11-24T10:00:00Z"}', 0, NULL, NULL, 1795514400000, 'staging'),
    ('019ab000-0000-7000-8000-000000000002', 'models', 'models refs/heads/main m2/slipway.yaml', 'digits', 'main', '2222222222222222222222222222222222222222', 'training', 1, NULL,
     '{"id": "019ab000-0000-7000-8000-000000000002", "source": "models", "model": "digits", "file": "m2/slipway.yaml", "branch": "main", "base": null, "head": "2222222222222222222222222222222222222222", "environment": "staging", "state": "training", "reason": null, "diagnostics": [], "stalled": false, "attempts": 0, "run_key": null, "artifact": null, "reused_from": null, "champion": null, "evaluation": null, "evidence": null, "verdict": null, "promotion_commit": null, "delivered_at": "2026-11-24T10:00:10Z", "created_at": "2026-11-24T10:00:10Z", "updated_at": "2026-11-24T10:00:10Z"}', 0, 'lease', 1795514430000, 1795514410000, 'staging'),
    ('019ab000-0000-7000-8000-000000000003', 'models', 'models refs/heads/main m3/slipway.yaml', 'digits', 'main', '3333333333333333333333333333333333333333', 'queued', 1, NULL,
     '{"id": "019ab000-0000-7000-8000-000000000003", "source": "models", "model": "digits", "file": "m3/slipway.yaml", "branch": "main", "base": null, "head": "3333333333333333333333333333333333333333", "environment": "staging", "state": "queued", "reason": null, "diagnostics": [], "stalled": false, "attempts": 4, "run_key": null, "artifact": null, "reused_from": null, "champion": null, "evaluation": null, "evidence": null, "verdict": null, "promotion_commit": null, "delivered_at": "2026-11-24T10:00:15Z", "created_at": "2026-11-24T10:00:15Z", "updated_at": "2026-11-24T10:00:15Z"}', 1795515000000, NULL, NULL, 1795514415000, 'staging');
INSERT INTO queues (source) VALUES ('models');
INSERT INTO transitions (run, number, from_state, to_state, at, cause, actor) VALUES
    ('019ab000-0000-7000-8000-000000000001', 1, NULL, 'queued', 1795514400000, 'push', 'controller'),
    ('019ab000-0000-7000-8000-000000000001', 2, 'promoting', 'done', 1795514405000, 'promoted', 'controller'),
    ('019ab000-0000-7000-8000-000000000002', 1, NULL, 'queued', 1795514410000, 'push', 'controller'),
    ('019ab000-0000-7000-8000-000000000002', 2, 'queued', 'training', 1795514411000, 'sound', 'controller'),
    ('019ab000-0000-7000-8000-000000000003', 1, NULL, 'queued', 1795514415000, 'push', 'controller');
INSERT INTO log_lines (run, number, at, line) VALUES ('019ab000-0000-7000-8000-000000000001', 1, 1795514401000, 'epoch 1');
INSERT INTO environments (name, tip) VALUES ('staging', 'cccccccccccccccccccccccccccccccccccccccc');
INSERT INTO placements (environment, model, at, document) VALUES
    ('staging', 'digits', 1795514405000, '{"environment": "staging", "model": "digits", "named": {"artifact": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, "commit": "cccccccccccccccccccccccccccccccccccccccc", "at": "2026-11-24T10:00:05Z", "by": {"run": "019ab000-0000-7000-8000-000000000001"}}');
INSERT INTO audit (number, at, actor, action, target, detail, previous, digest) VALUES
    (1, 1795514400000, 'token:kim', 'run.cancel', '019ab000-0000-7000-8000-000000000001', 'no more', 'beginning',
     'sha256:4aa69168205fd31cce1dcbede3bdc26388bead3bad93f0ecff03fd1b321e2890');
