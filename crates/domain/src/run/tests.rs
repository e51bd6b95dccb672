//! The stored form of a run stays as it was when a run was one flat structure.

use super::*;

/// A document with a value in every field, as versions before the division into phases write it.
const FULL: &str = r#"{
  "id": "01990000-0000-7000-8000-000000000001",
  "source": "models",
  "model": "digits",
  "file": "digits/slipway.yaml",
  "branch": "main",
  "change": {
    "number": 7,
    "reference": "refs/pull/7/head",
    "fork": true
  },
  "base": "0000000000000000000000000000000000000001",
  "head": "0000000000000000000000000000000000000002",
  "environment": "staging",
  "origin": {
    "rollback": {
      "to": "01990000-0000-7000-8000-000000000002",
      "reason": "worse in the field"
    }
  },
  "author": "ada@example.com",
  "contributors": [
    {
      "part": "pusher",
      "commit": "0000000000000000000000000000000000000002",
      "account": "github:1",
      "name": "ada"
    }
  ],
  "only_policy": true,
  "state": "waiting",
  "reason": "a window is closed",
  "diagnostics": [
    {
      "file": "digits/slipway.yaml",
      "position": {
        "line": 3,
        "column": 5
      },
      "message": "`epochs` is 0",
      "help": "write at least 1"
    }
  ],
  "stalled": true,
  "awaits_environment": true,
  "timed_out": true,
  "attempts": 4,
  "interruptions": 2,
  "priority": -3,
  "run_key": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
  "run_key_parts": {
    "data": "sha256:aa",
    "model": "sha256:bb"
  },
  "reuse": "the cache key is the same",
  "artifact": "sha256:2222222222222222222222222222222222222222222222222222222222222222",
  "reused_from": "01990000-0000-7000-8000-000000000003",
  "training": {
    "name": "report.json",
    "digest": "sha256:3333333333333333333333333333333333333333333333333333333333333333"
  },
  "cost": {
    "seconds": 12.5,
    "device": "cpu",
    "parameters": 1000,
    "bytes": 4000
  },
  "seeds": [
    {
      "seed": 1,
      "run_key": "sha256:4444444444444444444444444444444444444444444444444444444444444444",
      "artifact": "sha256:5555555555555555555555555555555555555555555555555555555555555555"
    }
  ],
  "champion": "sha256:6666666666666666666666666666666666666666666666666666666666666666",
  "evaluation": {
    "candidate": {
      "report": "sha256:7777777777777777777777777777777777777777777777777777777777777777",
      "predictions": "sha256:8888888888888888888888888888888888888888888888888888888888888888"
    },
    "champion": null,
    "champion_unusable": "its weights are gone"
  },
  "evidence": "sha256:9999999999999999999999999999999999999999999999999999999999999999",
  "verdict": {
    "outcome": "needs_approval",
    "policy": "policies/digits.yaml",
    "policy_digest": "sha256:abababababababababababababababababababababababababababababababab",
    "confidence": 0.95,
    "candidate": "sha256:2222222222222222222222222222222222222222222222222222222222222222",
    "champion": null,
    "rows": 100,
    "checks": [
      {
        "metric": "accuracy",
        "requirement": {
          "at_least": 0.9
        },
        "outcome": "needs_approval",
        "sentence": "accuracy is between 0.88 and 0.96",
        "file": "policies/digits.yaml",
        "line": 2,
        "estimate": 0.92,
        "lower": 0.88,
        "upper": 0.96,
        "method": "wilson",
        "rows": 100
      }
    ]
  },
  "proposed_policy": {
    "file": "policies/digits.yaml",
    "difference": "-a\n+b\n",
    "sentence": "the run would be refused"
  },
  "held_back": [
    {
      "rule": "window",
      "reason": "no window is open",
      "earliest": "2026-11-30T08:00:00Z"
    }
  ],
  "request": {
    "number": 12,
    "head": "0000000000000000000000000000000000000003",
    "branch": "slipway/digits"
  },
  "promotion_commit": "0000000000000000000000000000000000000004",
  "delivered_at": "2026-11-24T08:00:00Z",
  "created_at": "2026-11-24T08:00:01Z",
  "updated_at": "2026-11-24T08:00:02Z"
}"#;

/// A document with the fields that every version requires, and no others.
const FEW: &str = r#"{
  "id": "01990000-0000-7000-8000-000000000001",
  "source": "models",
  "model": "digits/slipway.yaml",
  "file": "digits/slipway.yaml",
  "branch": "main",
  "head": "0000000000000000000000000000000000000002",
  "environment": "staging",
  "state": "queued",
  "delivered_at": "2026-11-24T08:00:00Z",
  "created_at": "2026-11-24T08:00:01Z",
  "updated_at": "2026-11-24T08:00:02Z"
}"#;

/// What versions before the division into phases write for a run of which only the cause is known.
const QUEUED: &str = r#"{
  "id": "01990000-0000-7000-8000-000000000001",
  "source": "models",
  "model": "digits/slipway.yaml",
  "file": "digits/slipway.yaml",
  "branch": "main",
  "change": null,
  "base": null,
  "head": "0000000000000000000000000000000000000002",
  "environment": "staging",
  "origin": null,
  "author": null,
  "state": "queued",
  "reason": null,
  "diagnostics": [],
  "stalled": false,
  "timed_out": false,
  "attempts": 0,
  "priority": 0,
  "run_key": null,
  "run_key_parts": {},
  "reuse": null,
  "artifact": null,
  "reused_from": null,
  "training": null,
  "cost": null,
  "seeds": [],
  "champion": null,
  "evaluation": null,
  "evidence": null,
  "verdict": null,
  "held_back": [],
  "request": null,
  "promotion_commit": null,
  "delivered_at": "2026-11-24T08:00:00Z",
  "created_at": "2026-11-24T08:00:01Z",
  "updated_at": "2026-11-24T08:00:02Z"
}"#;

fn read(document: &str) -> Run {
    serde_json::from_str(document).expect("a stored run")
}

fn written(run: &Run) -> String {
    serde_json::to_string_pretty(run).expect("a document")
}

#[test]
fn a_document_of_an_earlier_version_is_written_back_byte_for_byte() {
    for document in [FULL, QUEUED] {
        assert_eq!(written(&read(document)), document);
    }
}

#[test]
fn a_document_with_few_fields_is_read_and_written_as_earlier_versions_write_it() {
    assert_eq!(written(&read(FEW)), QUEUED);
}

#[test]
fn each_stored_field_belongs_to_its_phase() {
    let Run { cause, status, training, judgement, promotion, .. } = read(FULL);
    let digest = |digit: &str| Some(format!("sha256:{}", digit.repeat(64)).parse().expect("a digest"));
    assert_eq!((cause.model.as_str(), cause.pull_request.map(|request| request.number)), ("digits", Some(7)));
    assert_eq!((status.state, status.attempts, status.interruptions), (RunState::Waiting, 4, 2));
    assert_eq!((training.cache_key, training.artifact), (digest("1"), digest("2")));
    assert_eq!(training.report.map(|report| report.name), Some("report.json".to_owned()));
    assert_eq!((judgement.champion, judgement.evidence), (digest("6"), digest("9")));
    assert_eq!(promotion.author.as_deref(), Some("ada@example.com"));
    assert_eq!(promotion.commit.map(|commit| commit.to_string()), Some(format!("{:040}", 4)));
}

#[test]
fn a_run_that_follows_another_keeps_its_training_and_forgets_its_verdict() {
    let run = read(FULL).with(|run| run.training.reused_from = None);
    let next = run.downstream("production".to_owned().try_into().expect("a name"), run.created_at);
    assert_eq!(next.training.artifact, run.training.artifact);
    assert_eq!((next.training.reused_from, next.priority), (Some(run.id), -3));
    assert_eq!((&next.cause.pull_request, &next.promotion.contributors), (&None, &None));
    assert_eq!((next.status.state, next.judgement), (RunState::Queued, RunJudgement::default()));
    let back = run.rolled_back_to("worse", run.created_at);
    assert_eq!((back.status.state, &back.judgement.verdict), (RunState::Promoting, &run.judgement.verdict));
    assert_eq!((back.judgement.proposed_policy, back.training.reuse), (None, None));
}
