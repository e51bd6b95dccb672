//! Verdicts as people see them.

use insta::assert_snapshot;
use slipway_contract::Digest;

use super::{junit, markdown, svg, text, text_with};
use slipway_domain::{
    CheckOutcome, CheckResult, ExceptionNote, Interval, Method, Outcome, Requirement, SliceResult, Verdict,
};

fn check(outcome: CheckOutcome, sentence: &str) -> CheckResult {
    let interval =
        Interval { estimate: 0.962, lower: Some(0.9508), upper: Some(0.9708), method: Method::Wilson, seed: None };
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
        is_withheld: false,
    }
}

fn verdict(checks: Vec<CheckResult>) -> Verdict {
    Verdict {
        outcome: Outcome::of(&checks),
        policy: "policies/digits.yaml".to_owned(),
        policy_digest: Digest::of(b"policy"),
        mandatory_policies: Vec::new(),
        confidence: 0.95,
        candidate: Digest::of(b"candidate"),
        champion: Some(Digest::of(b"champion")),
        rows: 1_000,
        test_set: None,
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
fn the_words_of_outcomes_are_marked_and_nothing_else() {
    let mut sliced = mixed();
    sliced.checks[1].slices = vec![SliceResult {
        name: "label `cat`".to_owned(),
        outcome: CheckOutcome::Inconclusive,
        sentence: "accuracy passed: so they said".to_owned(),
        interval: None,
        rows: 3,
        rows_to_decide: None,
    }];
    let marked = text_with(&sliced, &|word| format!("<{word}>"));
    assert_eq!(marked.replace(['<', '>'], ""), text(&sliced), "the columns stay where they are");
    let words: Vec<&str> = marked.split('<').skip(1).filter_map(|part| part.split('>').next()).collect();
    assert_eq!(words, ["refused", "passed", "refused", "inconclusive", "skipped"]);
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
fn names_chosen_by_a_pull_request_stay_text() {
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

fn slice(name: &str, outcome: CheckOutcome) -> SliceResult {
    let interval =
        Interval { estimate: -0.01, lower: Some(-0.05), upper: Some(0.02), method: Method::Newcombe, seed: None };
    SliceResult {
        name: name.to_owned(),
        outcome,
        sentence: format!("accuracy on {name} is 0.05 below to 0.02 above the champion's"),
        interval: (outcome != CheckOutcome::Inconclusive).then_some(interval),
        rows: 100,
        rows_to_decide: None,
    }
}

/// A check of slices that does not hold, one that is excepted, and one that only a person can decide.
fn sliced() -> Verdict {
    let mut failing = check(CheckOutcome::Fail, "1 of 3 slices by label do not hold it");
    failing.requirement = Requirement::NoWorseThanChampion { margin: 0.04, relative: false };
    failing.interval = None;
    failing.owner = Some("vision team".to_owned());
    failing.slices = vec![
        slice("label `shirt`", CheckOutcome::Fail),
        slice("label `coat`", CheckOutcome::Pass),
        slice("label `<b>`", CheckOutcome::Inconclusive),
    ];
    let mut excepted = check(CheckOutcome::Excepted, "macro_f1 is at most 0.7");
    excepted.name = Some("floor".to_owned());
    excepted.exception = Some(ExceptionNote {
        reason: "recall of a sensor".to_owned(),
        approver: "ada".to_owned(),
        expires: "2026-07-01".to_owned(),
        place: "policies/digits.yaml:20".to_owned(),
    });
    let approval = check(CheckOutcome::NeedsApproval, "log_loss is 0.1 to 0.3");
    let mut verdict = verdict(vec![failing, excepted, approval]);
    verdict.notes.push("the candidate is the champion: there is nothing to promote".to_owned());
    verdict
}

#[test]
fn slices_exceptions_owners_and_notes_are_shown_in_every_form() {
    assert_snapshot!(text(&sliced()), @r"
refused: 1 of 3 slices by label do not hold it

       refused  1 of 3 slices by label do not hold it
                ask vision team
                - refused: accuracy on label `shirt` is 0.05 below to 0.02 above the champion's
                - inconclusive: accuracy on label `<b>` is 0.05 below to 0.02 above the champion's
      excepted  macro_f1 is at most 0.7
                accepted by ada until 2026-07-01: recall of a sensor (policies/digits.yaml:20)
needs approval  log_loss is 0.1 to 0.3

note: the candidate is the champion: there is nothing to promote
candidate dda18a0e21ae, champion d14a7310bdf5, 1000 rows, policy policies/digits.yaml (823412d1eacb)
");
    assert_snapshot!(markdown(&sliced()), @r"
### The gate refused this candidate

refused: 1 of 3 slices by label do not hold it

> the candidate is the champion: there is nothing to promote

| | metric | estimate | bounds | rows |
| --- | --- | --- | --- | --- |
| ❌ | `accuracy` | – | – | 1000 |
| 📝 | `accuracy` | 0.9620 | 0.9508 to 0.9708 | 1000 |
| ✋ | `accuracy` | 0.9620 | 0.9508 to 0.9708 | 1000 |

<details><summary>Every check in a sentence</summary>

- **refused**: 1 of 3 slices by label do not hold it. Ask vision team.
- **excepted**: macro_f1 is at most 0.7. Accepted by ada until 2026-07-01: recall of a sensor (policies/digits.yaml:20).
- **needs approval**: log_loss is 0.1 to 0.3.

</details>

<details><summary>3 slices of accuracy</summary>

| | slice | estimate | bounds | rows |
| --- | --- | --- | --- | --- |
| ❌ | label \`shirt\` | -0.0100 | -0.0500 to 0.0200 | 100 |
| ✅ | label \`coat\` | -0.0100 | -0.0500 to 0.0200 | 100 |
| ❔ | label \`&lt;b&gt;\` | – | – | 100 |

</details>

Candidate `dda18a0e21ae`, champion `d14a7310bdf5`, 1000 rows, policy `policies/digits.yaml` (`823412d1eacb`).
");
    assert_snapshot!(junit(&sliced()), @r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
<testsuite name="policies/digits.yaml" tests="6" failures="2" errors="2" skipped="0">
<testcase classname="policies/digits.yaml" name="accuracy (line 6)"><failure message="1 of 3 slices by label do not hold it"/></testcase>
<testcase classname="policies/digits.yaml" name="accuracy (line 6) on label `shirt`"><failure message="accuracy on label `shirt` is 0.05 below to 0.02 above the champion&apos;s"/></testcase>
<testcase classname="policies/digits.yaml" name="accuracy (line 6) on label `coat`"><system-out>passed: accuracy on label `coat` is 0.05 below to 0.02 above the champion&apos;s</system-out></testcase>
<testcase classname="policies/digits.yaml" name="accuracy (line 6) on label `&lt;b&gt;`"><error type="inconclusive" message="accuracy on label `&lt;b&gt;` is 0.05 below to 0.02 above the champion&apos;s"/></testcase>
<testcase classname="policies/digits.yaml" name="floor"><system-out>excepted: macro_f1 is at most 0.7</system-out></testcase>
<testcase classname="policies/digits.yaml" name="accuracy (line 6)"><error type="needs approval" message="log_loss is 0.1 to 0.3"/></testcase>
</testsuite>
</testsuites>
"#);
    assert_snapshot!(svg(&sliced()), @r##"
<svg xmlns="http://www.w3.org/2000/svg" width="880" height="228" viewBox="0 0 880 228" font-family="sans-serif" font-size="12" role="img">
<title>refused: 1 of 3 slices by label do not hold it</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="26" font-size="15" font-weight="bold">refused: policies/digits.yaml</text>
<text x="12" y="66" xml:space="preserve">accuracy</text>
<text x="676" y="66" fill="#cf222e">refused</text>
<text x="12" y="94" xml:space="preserve">   label `shirt`</text>
<line x1="357.1" y1="80" x2="357.1" y2="100" stroke="#57606a" stroke-dasharray="3 2"/>
<line x1="308.0" y1="90" x2="652.0" y2="90" stroke="#cf222e" stroke-width="3"/>
<circle cx="504.6" cy="90" r="5" fill="#cf222e"/>
<text x="676" y="94" fill="#cf222e">-0.0100 (-0.0500 to 0.0200)</text>
<text x="12" y="122" xml:space="preserve">   label `coat`</text>
<line x1="357.1" y1="108" x2="357.1" y2="128" stroke="#57606a" stroke-dasharray="3 2"/>
<line x1="308.0" y1="118" x2="652.0" y2="118" stroke="#1a7f37" stroke-width="3"/>
<circle cx="504.6" cy="118" r="5" fill="#1a7f37"/>
<text x="676" y="122" fill="#1a7f37">-0.0100 (-0.0500 to 0.0200)</text>
<text x="12" y="150" xml:space="preserve">   label `&lt;b&gt;`</text>
<text x="676" y="150" fill="#9a6700">inconclusive</text>
<text x="12" y="178" xml:space="preserve">floor</text>
<line x1="308.0" y1="164" x2="308.0" y2="184" stroke="#57606a" stroke-dasharray="3 2"/>
<line x1="428.6" y1="174" x2="652.0" y2="174" stroke="#6e7781" stroke-width="3"/>
<circle cx="553.7" cy="174" r="5" fill="#6e7781"/>
<text x="676" y="178" fill="#6e7781">0.9620 (0.9508 to 0.9708)</text>
<text x="12" y="206" xml:space="preserve">accuracy</text>
<line x1="308.0" y1="192" x2="308.0" y2="212" stroke="#57606a" stroke-dasharray="3 2"/>
<line x1="428.6" y1="202" x2="652.0" y2="202" stroke="#9a6700" stroke-width="3"/>
<circle cx="553.7" cy="202" r="5" fill="#9a6700"/>
<text x="676" y="206" fill="#9a6700">0.9620 (0.9508 to 0.9708)</text>
</svg>
"##);
}

#[test]
fn a_comment_stays_below_the_forges_limit_and_says_what_is_left_out() {
    let mut many = check(CheckOutcome::Fail, &"x".repeat(3_000));
    many.slices = (0..1_000).map(|place| slice(&format!("label `{place}`"), CheckOutcome::Fail)).collect();
    let page = markdown(&verdict(vec![many; 100]));
    assert!(page.len() < 65_536, "{}", page.len());
    assert!(page.contains("more do not fit here"));
    assert!(page.starts_with("### The gate refused this candidate") && page.trim_end().ends_with("(`823412d1eacb`)."));
    assert_eq!(page.matches("<details>").count(), page.matches("</details>").count());
}

#[test]
fn hostile_names_stay_text_in_xml() {
    let mut hostile = check(CheckOutcome::Fail, "row `\"/><script>` & \u{1b}[2J");
    hostile.name = Some("<x y='z'>".to_owned());
    for page in [junit(&verdict(vec![hostile.clone()])), svg(&verdict(vec![hostile]))] {
        assert!(!page.contains("<script>") && !page.contains("<x ") && !page.contains('\u{1b}'), "{page}");
    }
    let many = verdict(vec![check(CheckOutcome::Pass, "well"); 500]);
    assert!(svg(&many).contains("and 300 more"));
}
