//! What is shown at the lines of a repository's own files: mistakes in them, and what does not hold of a policy.

use crate::domain::{CheckOutcome, CheckResult, Diagnostic, Run};
use crate::forge::{Annotation, AnnotationLevel};

/// Lines that are shown.
const MOST_ANNOTATIONS: usize = 200;
/// The longest text of one annotation, in characters.
const LONGEST_MESSAGE: usize = 4_000;

/// Mistakes at their places, then what does not hold of the policies that stand in the repository.
pub(super) fn of_run(run: &Run) -> Vec<Annotation> {
    let mistakes = run.diagnostics.iter().map(of_mistake);
    let verdict = run.verdict.iter().flat_map(|verdict| &verdict.checks);
    let checks = verdict.filter(|check| !is_floor(run, check)).filter_map(of_check);
    mistakes.chain(checks).take(MOST_ANNOTATIONS).collect()
}

/// Whether a check stands in a file of the platform's owner, which is not in the source repository.
fn is_floor(run: &Run, check: &CheckResult) -> bool {
    run.verdict.iter().flat_map(|verdict| &verdict.floors).any(|floor| floor.policy == check.file)
}

fn of_check(check: &CheckResult) -> Option<Annotation> {
    let level = match check.outcome {
        CheckOutcome::Fail => AnnotationLevel::Failure,
        CheckOutcome::Inconclusive | CheckOutcome::NeedsApproval | CheckOutcome::Warned => AnnotationLevel::Warning,
        CheckOutcome::Pass | CheckOutcome::Skipped | CheckOutcome::Excepted => return None,
    };
    let message = check.sentence.chars().take(LONGEST_MESSAGE).collect();
    Some(Annotation { file: check.file.clone(), line: check.line, message, level })
}

fn of_mistake(diagnostic: &Diagnostic) -> Annotation {
    let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
    let message = format!("{}{help}", diagnostic.message);
    Annotation {
        file: diagnostic.file.clone(),
        line: diagnostic.position.map_or(1, |position| position.line),
        message: message.chars().take(LONGEST_MESSAGE).collect(),
        level: AnnotationLevel::Failure,
    }
}
