//! Verdicts as people see them.

use insta::assert_snapshot;
use slipway_contract::Digest;

use super::{markdown, text};
use crate::domain::{CheckOutcome, CheckResult, Interval, Method, Outcome, Requirement, Verdict};

fn check(outcome: CheckOutcome, sentence: &str) -> CheckResult {
    let interval = Interval { estimate: 0.962, lower: 0.9508, upper: 0.9708, method: Method::Wilson, seed: None };
    CheckResult {
        name: None,
        metric: "accuracy".to_owned(),
        requirement: Requirement::AtLeast(0.94),
        outcome,
        sentence: sentence.to_owned(),
        why: None,
        owner: None,
        file: "policies/digits.yaml".to_owned(),
        line: 6,
        interval: (outcome != CheckOutcome::Skipped).then_some(interval),
        rows: 1_000,
        rows_to_decide: None,
        slices: Vec::new(),
        exception: None,
    }
}

fn verdict(checks: Vec<CheckResult>) -> Verdict {
    Verdict {
        outcome: Outcome::of(&checks),
        policy: "policies/digits.yaml".to_owned(),
        policy_digest: Digest::of(b"policy"),
        confidence: 0.95,
        candidate: Digest::of(b"candidate"),
        champion: Some(Digest::of(b"champion")),
        rows: 1_000,
        notes: Vec::new(),
        checks,
    }
}

fn mixed() -> Verdict {
    let mut refused =
        check(CheckOutcome::Fail, "accuracy is at most 0.312 with 95 % confidence; the policy asks for more");
    refused.why = Some("customers notice".to_owned());
    let skipped = check(CheckOutcome::Skipped, "macro_f1 has no champion to be compared with");
    verdict(vec![check(CheckOutcome::Pass, "accuracy is 0.951 to 0.971"), refused, skipped])
}

#[test]
fn a_terminal_shows_every_check_under_the_summary() {
    assert_snapshot!(text(&mixed()), @r"
refused: accuracy is at most 0.312 with 95 % confidence; the policy asks for more

        passed  accuracy is 0.951 to 0.971
       refused  accuracy is at most 0.312 with 95 % confidence; the policy asks for more
                because customers notice
       skipped  macro_f1 has no champion to be compared with

candidate dda18a0e21ae, champion d14a7310bdf5, 1000 rows, policy policies/digits.yaml (823412d1eacb)
");
}

#[test]
fn a_comment_shows_a_table_and_the_sentences() {
    assert_snapshot!(markdown(&mixed()), @r"
### The gate refused this candidate

refused: accuracy is at most 0.312 with 95 % confidence; the policy asks for more

| | metric | estimate | bounds | rows |
| --- | --- | --- | --- | --- |
| ✅ | `accuracy` | 0.9620 | 0.9508 to 0.9708 | 1000 |
| ❌ | `accuracy` | 0.9620 | 0.9508 to 0.9708 | 1000 |
| ➖ | `accuracy` | – | – | 1000 |

<details><summary>Every check in a sentence</summary>

- **passed**: accuracy is 0.951 to 0.971.
- **refused**: accuracy is at most 0.312 with 95 % confidence; the policy asks for more. Because customers notice
- **skipped**: macro_f1 has no champion to be compared with.

</details>

Candidate `dda18a0e21ae`, champion `d14a7310bdf5`, 1000 rows, policy `policies/digits.yaml` (`823412d1eacb`).
");
}

#[test]
fn json_holds_every_figure() {
    let verdict = verdict(vec![check(CheckOutcome::Pass, "accuracy is 0.951 to 0.971")]);
    assert_snapshot!(serde_json::to_string_pretty(&verdict).expect("JSON"), @r#"
{
  "outcome": "pass",
  "policy": "policies/digits.yaml",
  "policy_digest": "sha256:823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812",
  "confidence": 0.95,
  "candidate": "sha256:dda18a0e21ae47c53b4309434cbc02ae8bf764fa83a6defbb719431242722aa7",
  "champion": "sha256:d14a7310bdf55b8ffeb7b8462d1f1e3bc6c79a7d80a90e70eae4ef36f223847f",
  "rows": 1000,
  "checks": [
    {
      "metric": "accuracy",
      "requirement": {
        "at_least": 0.94
      },
      "outcome": "pass",
      "sentence": "accuracy is 0.951 to 0.971",
      "file": "policies/digits.yaml",
      "line": 6,
      "estimate": 0.962,
      "lower": 0.9508,
      "upper": 0.9708,
      "method": "wilson",
      "rows": 1000
    }
  ]
}
"#);
}

#[test]
fn names_chosen_by_a_change_stay_text() {
    let hostile = "row `<img src=x>|](http://x) @everyone\n# gone \u{1b}[2J` is missing";
    let verdict = verdict(vec![check(CheckOutcome::Fail, hostile)]);
    assert!(!text(&verdict).contains('\u{1b}'));
    assert_snapshot!(markdown(&verdict), @r"
### The gate refused this candidate

refused: row \`&lt;img src=x&gt;\|\](http://x) &#64;&#8203;everyone \# gone  \[2J\` is missing

| | metric | estimate | bounds | rows |
| --- | --- | --- | --- | --- |
| ❌ | `accuracy` | 0.9620 | 0.9508 to 0.9708 | 1000 |

<details><summary>Every check in a sentence</summary>

- **refused**: row \`&lt;img src=x&gt;\|\](http://x) &#64;&#8203;everyone \# gone  \[2J\` is missing.

</details>

Candidate `dda18a0e21ae`, champion `d14a7310bdf5`, 1000 rows, policy `policies/digits.yaml` (`823412d1eacb`).
");
}

#[test]
fn outcomes_are_passes_only_if_all_is_well() {
    use CheckOutcome::{Fail, Inconclusive, Pass, Skipped, Warned};
    let of = |outcomes: &[CheckOutcome]| {
        let checks: Vec<CheckResult> = outcomes.iter().map(|outcome| check(*outcome, "")).collect();
        Outcome::of(&checks)
    };
    assert_eq!(of(&[]), Outcome::Fail);
    assert_eq!(of(&[Skipped]), Outcome::Fail);
    assert_eq!(of(&[Pass, Skipped, Warned]), Outcome::Pass);
    assert_eq!(of(&[Pass, Inconclusive]), Outcome::Inconclusive);
    assert_eq!(of(&[Pass, Inconclusive, Fail]), Outcome::Fail);
    assert_eq!(of(&[Warned, Skipped]), Outcome::Inconclusive);
}
