//! What is shown at the lines of a repository's own files: mistakes in them, what does not hold of a policy, and that a
//! policy is changed.

use slipway_domain::{CheckOutcome, CheckResult, Diagnostic, ProposedPolicy, Run, Verdict};
use slipway_forge::{Annotation, AnnotationLevel};

/// Lines that are shown.
const MAX_ANNOTATIONS: usize = 200;
/// The longest text of one annotation, in characters.
const MAX_MESSAGE_LENGTH: usize = 4_000;

/// Mistakes at their places, then what does not hold of the policies that stand in the repository.
pub(super) fn of_run(run: &Run) -> Vec<Annotation> {
    let mistakes = run.diagnostics.iter().map(of_mistake);
    let verdict = run.verdict.as_ref().map(Verdict::for_authors);
    let checks = verdict.iter().flat_map(|verdict| &verdict.checks);
    let checks = checks.filter(|check| !is_mandatory(run, check)).filter_map(of_check);
    let proposed = run.proposed_policy.iter().map(of_proposed);
    mistakes.chain(proposed).chain(checks).take(MAX_ANNOTATIONS).collect()
}

/// Whether a check stands in a file of the platform's owner, which is not in the source repository.
fn is_mandatory(run: &Run, check: &CheckResult) -> bool {
    run.verdict
        .iter()
        .flat_map(|verdict| &verdict.mandatory_policies)
        .any(|mandatory_policy| mandatory_policy.policy == check.file)
}

fn of_check(check: &CheckResult) -> Option<Annotation> {
    let level = match check.outcome {
        CheckOutcome::Fail => AnnotationLevel::Failure,
        CheckOutcome::Inconclusive | CheckOutcome::NeedsApproval | CheckOutcome::Warned => AnnotationLevel::Warning,
        CheckOutcome::Pass | CheckOutcome::Skipped | CheckOutcome::Excepted | CheckOutcome::Withheld => {
            return None;
        }
    };
    let message = check.sentence.chars().take(MAX_MESSAGE_LENGTH).collect();
    Some(Annotation { file: check.file.clone(), line: check.line, message, level })
}

/// Where people look when they read what a change does to a policy.
fn of_proposed(proposed: &ProposedPolicy) -> Annotation {
    let ProposedPolicy { file, sentence, .. } = proposed;
    let message = format!("this change is judged by the policy as it was before; {sentence}");
    let message = message.chars().take(MAX_MESSAGE_LENGTH).collect();
    Annotation { file: file.clone(), line: 1, message, level: AnnotationLevel::Warning }
}

fn of_mistake(diagnostic: &Diagnostic) -> Annotation {
    let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
    let message = format!("{}{help}", diagnostic.message);
    Annotation {
        file: diagnostic.file.clone(),
        line: diagnostic.position.map_or(1, |position| position.line),
        message: message.chars().take(MAX_MESSAGE_LENGTH).collect(),
        level: AnnotationLevel::Failure,
    }
}
