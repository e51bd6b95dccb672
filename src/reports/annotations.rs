//! Annotations at lines of a repository's files: mistakes, changes of a policy, and checks of a policy that do not pass.

use slipway_domain::{CheckOutcome, CheckResult, Diagnostic, ProposedPolicy, Run, Verdict};
use slipway_forge::{Annotation, AnnotationLevel};

/// Maximum number of annotations.
const MAX_ANNOTATIONS: usize = 200;
/// Maximum length of an annotation, in characters.
const MAX_MESSAGE_LENGTH: usize = 4_000;

/// The annotations of a run: mistakes, then a changed policy, then the checks that do not pass of policies in the repository.
pub(super) fn of_run(run: &Run) -> Vec<Annotation> {
    let mistakes = run.status.diagnostics.iter().map(of_mistake);
    let verdict = run.judgement.verdict.as_ref().map(Verdict::for_authors);
    let checks = verdict.iter().flat_map(|verdict| &verdict.checks);
    let checks = checks.filter(|check| !is_mandatory(run, check)).filter_map(of_check);
    let proposed = run.judgement.proposed_policy.iter().map(of_proposed);
    mistakes.chain(proposed).chain(checks).take(MAX_ANNOTATIONS).collect()
}

/// Whether a check is in a file of the platform's owner, which is not in the source repository.
fn is_mandatory(run: &Run, check: &CheckResult) -> bool {
    run.judgement
        .verdict
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

/// The annotation is on the first line of the policy, where people read the changes of a pull request.
fn of_proposed(proposed: &ProposedPolicy) -> Annotation {
    let ProposedPolicy { file, sentence, .. } = proposed;
    let message = format!("this pull request is judged by the policy before the change; {sentence}");
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
