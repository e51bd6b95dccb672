//! Renders a verdict as `JUnit` XML, which CI systems show as test results: one test case for each check and one for each slice.

use std::fmt::Write as _;

use slipway_domain::{CheckOutcome, CheckResult, Verdict};

use super::xml::escaped;

/// One test case: its name, its outcome and its sentence.
struct Case<'verdict> {
    name: String,
    check: &'verdict CheckResult,
    outcome: CheckOutcome,
    sentence: &'verdict str,
}

fn cases(verdict: &Verdict) -> Vec<Case<'_>> {
    let of = |check: &'_ CheckResult| match &check.name {
        Some(name) => name.clone(),
        None => format!("{} (line {})", check.metric, check.line),
    };
    let mut cases = Vec::new();
    for check in &verdict.checks {
        cases.push(Case { name: of(check), check, outcome: check.outcome, sentence: &check.sentence });
        // An exception for a check covers its slices too.
        let forgiven = check.outcome == CheckOutcome::Excepted;
        cases.extend(check.slices.iter().map(|slice| Case {
            name: format!("{} on {}", of(check), slice.name),
            check,
            outcome: if forgiven { CheckOutcome::Excepted } else { slice.outcome },
            sentence: &slice.sentence,
        }));
    }
    cases
}

/// The verdict for a CI system. Ends with a line break.
pub fn junit(verdict: &Verdict) -> String {
    let cases = cases(verdict);
    let failed = |case: &&Case<'_>| case.outcome == CheckOutcome::Fail;
    let skipped = |case: &&Case<'_>| matches!(case.outcome, CheckOutcome::Skipped);
    let errors = |case: &&Case<'_>| matches!(case.outcome, CheckOutcome::Inconclusive | CheckOutcome::NeedsApproval);
    let mut page = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n",
        escaped(&verdict.policy),
        cases.len(),
        cases.iter().filter(failed).count(),
        cases.iter().filter(errors).count(),
        cases.iter().filter(skipped).count(),
    );
    for case in &cases {
        let (file, name, sentence) = (escaped(&case.check.file), escaped(&case.name), escaped(case.sentence));
        let body = match case.outcome {
            CheckOutcome::Fail => format!("<failure message=\"{sentence}\"/>"),
            CheckOutcome::Inconclusive | CheckOutcome::NeedsApproval => {
                format!("<error type=\"{}\" message=\"{sentence}\"/>", case.outcome.name())
            }
            CheckOutcome::Skipped => format!("<skipped message=\"{sentence}\"/>"),
            CheckOutcome::Pass | CheckOutcome::Warned | CheckOutcome::Excepted | CheckOutcome::Withheld => {
                format!("<system-out>{}: {sentence}</system-out>", case.outcome.name())
            }
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(page, "<testcase classname=\"{file}\" name=\"{name}\">{body}</testcase>");
    }
    page.push_str("</testsuite>\n</testsuites>\n");
    page
}
