//! The texts of the pipeline, one function each: in logs, on runs, and in its commits.

use slipway_contract::{Digest, Fault, counted};

use slipway_domain::{
    Approval, BlockingRule, CheckResult, CommitSha, CommitTemplates, CommitValues, DeployedArtifact, DeployedBy,
    DeploymentRecord, Diagnostic, ExceptionNote, Origin, Promotion, Rejection, Run, RunId, Template, Verdict,
};
use slipway_git::Identity;
use slipway_manifest::Values;

/// A model can be trained; `shown` are warnings about checks that only a candidate clearly better than the champion could pass.
pub(crate) fn sound(run: &Run, shown: &[Diagnostic]) -> String {
    let mut said = format!("`{}` at {} is valid", run.cause.file, run.cause.head.short());
    for Diagnostic { file, position, message, .. } in shown {
        let line = position.map_or_else(String::new, |position| format!(":{}", position.line));
        said = format!("{said}; warning: {message} ({file}{line})");
    }
    said
}

/// The run uses the weights of an earlier run.
pub(crate) fn reused(earlier: RunId, key: &Digest) -> String {
    format!(
        "the weights of run {earlier} are reused: same files, specification, threads and trainer (cache key {})",
        key.short()
    )
}

/// A run waits for a person.
pub(crate) fn stalled(reason: &str) -> String {
    format!("stalled: {reason}\n  help: fix the reason, then run `slipway runs retry`; a newer push replaces the run")
}

/// A run waits until its environment is fixed.
pub(crate) fn awaits(run: &Run, reason: &str) -> String {
    format!(
        "stalled: {reason}\n  help: fix `{}`; the run then continues by itself, or at once with `slipway runs retry \
         {}`",
        run.cause.environment, run.id
    )
}

/// The artifact that the environment names cannot be read.
pub(crate) fn unreadable(run: &Run, reason: &str) -> String {
    format!(
        "the artifact that `{}` names for `{}` cannot be read: {reason}\n  help: write the digest of an artifact into \
         the marked place, or `none` to start again",
        run.cause.environment, run.cause.model
    )
}

/// The run's environment was fixed.
pub(crate) fn environment_fixed(run: &Run) -> String {
    format!("`{}` was fixed", run.cause.environment)
}

/// A run still waits for the end of an outage.
pub(crate) fn long_outage(attempts: u32, reason: &str) -> String {
    let attempts = counted(attempts, "attempt");
    format!("still waiting after {attempts}: {reason}\n  help: fix the cause; the run then continues by itself")
}

/// Training is done.
pub(crate) fn trained(artifact: &Digest) -> String {
    format!("the weights {} are stored", artifact.short())
}

/// The cause of a finished training, with the number of trainings with other seeds.
pub(crate) fn with_seeds(cause: String, seeds: usize) -> String {
    match seeds {
        0 => cause,
        1 => format!("{cause}; also trained with 1 other seed"),
        seeds => format!("{cause}; also trained with {seeds} other seeds"),
    }
}

/// A failed check is accepted by an exception, with its approver and its end.
pub(crate) fn excepted(check: &CheckResult, exception: &ExceptionNote) -> String {
    let ExceptionNote { reason, approver, expires, place } = exception;
    let sentence = &check.sentence;
    format!("{sentence}; accepted until {expires} by {approver}: {reason} ({place})")
}

/// Why a champion could not be evaluated. The advice of the fault is for training, and would change the candidate's data.
pub(crate) fn champion_fault(fault: Option<Fault>) -> String {
    let without_help = |fault| Fault { help: None, ..fault }.to_string();
    fault.map_or_else(|| "its evaluation failed, and the fault cannot be read".to_owned(), without_help)
}

/// Evaluation is done.
pub(crate) fn evaluated(run: &Run) -> String {
    let unusable = run.judgement.evaluation.as_ref().and_then(|evaluation| evaluation.champion_unusable.as_ref());
    match (&run.judgement.champion, unusable) {
        (_, Some(reason)) => format!("the candidate is evaluated; the champion cannot be evaluated: {reason}"),
        (Some(champion), None) => {
            format!("the candidate and the champion {} are evaluated on the same rows", champion.short())
        }
        (None, None) => "the candidate is evaluated; there is no champion yet".to_owned(),
    }
}

/// The artifact is published.
pub(crate) fn published(artifact: &Digest) -> String {
    format!("the evidence is stored with the artifact {}", artifact.short())
}

/// The pull request passed; nothing is promoted for it.
pub(crate) fn judged(pull_request: u64) -> String {
    format!("pull request {pull_request} passes its policy; it is promoted after the merge")
}

/// The promotion landed.
pub(crate) fn promoted(run: &Run, commit: &CommitSha) -> String {
    format!("`{}` names the artifact since {}", run.cause.environment, commit.short())
}

/// The environment already named the artifact.
pub(crate) fn already_deployed(run: &Run) -> String {
    format!("`{}` already named the artifact: there is nothing to commit", run.cause.environment)
}

/// A commit claims to be a run's promotion, but it is not.
pub(crate) fn claimed_by(run: &Run, commit: &CommitSha) -> String {
    format!(
        "{} in `{}` claims to be this promotion, but this installation did not write it and it does not make the \
         environment name the artifact: nothing was promoted; push again to judge and promote it again",
        commit.short(),
        run.cause.environment
    )
}

/// A run that is not in the store promoted the revision, and the environment has named another artifact since.
pub(crate) fn replaced_since(run: &Run, by: RunId, promoted: &CommitSha, now: &CommitSha) -> String {
    format!(
        "`{}` named the artifact of this revision since {}, by run {by}, which is not in this store, and names another \
         artifact since {}: Slipway does not promote it a second time; push again if you want it",
        run.cause.environment,
        promoted.short(),
        now.short()
    )
}

/// The candidate has the same weights as the champion.
pub(crate) fn nothing_to_promote(run: &Run) -> String {
    format!("there is nothing to promote: `{}` already names these weights", run.cause.environment)
}

/// The environment changed after the comparison.
pub(crate) fn champion_moved(run: &Run, now: &DeployedArtifact) -> String {
    let name = |digest: Option<&Digest>| digest.map_or("no artifact", Digest::short).to_owned();
    let now = match now {
        DeployedArtifact::Nothing => name(None),
        DeployedArtifact::Artifact(digest) => name(Some(digest)),
        DeployedArtifact::Unclear(reason) => reason.clone(),
    };
    format!(
        "`{}` named {} at the comparison, but now names {now}: the candidate is compared again",
        run.cause.environment,
        name(run.judgement.champion.as_ref())
    )
}

/// The blocking rules of a promotion.
pub(crate) fn blocking_rules(held: &[BlockingRule]) -> String {
    if held.is_empty() {
        return "blocked: a newer candidate has passed".to_owned();
    }
    let reasons: Vec<String> = held.iter().map(ToString::to_string).collect();
    format!("blocked: {}", reasons.join("; "))
}

/// A newer candidate passed meanwhile.
pub(crate) fn overtaken(newer: &Run) -> String {
    format!("superseded by run {} of {}, which passed its policy in the meantime", newer.id, newer.cause.head.short())
}

/// The environment names the artifact of the revision, promoted by a run that is not in the store.
pub(crate) fn found(run: &Run, by: RunId, commit: &CommitSha) -> String {
    format!(
        "`{}` names the artifact of this revision since {}, by run {by}, which is not in this store",
        run.cause.environment,
        commit.short()
    )
}

/// A person requested another rollback meanwhile.
pub(crate) fn rolled_back_elsewhere(newer: &Run) -> String {
    format!("superseded by run {}, a later rollback", newer.id)
}

/// A person rejected the artifact.
pub(crate) fn rejected(rejection: &Rejection) -> String {
    let Rejection { artifact, actor, reason, .. } = rejection;
    format!("{actor} rejected artifact {}: {reason}", artifact.short())
}

/// An approval was recorded; `objection` is the reason if it does not count alone.
pub(crate) fn approved(approval: &Approval, objection: Option<&str>) -> String {
    let artifact = approval.artifact.short();
    match objection {
        None => format!("artifact {artifact} is approved"),
        Some(objection) => {
            format!("the approval of artifact {artifact} is recorded, but it does not count alone: {objection}")
        }
    }
}

/// A person changed an environment by hand.
pub(crate) fn drifted(record: &DeploymentRecord) -> String {
    let DeploymentRecord { environment, model, deployed, commit, by, .. } = record;
    let author = match by {
        DeployedBy::Hand(author) => author.as_str(),
        DeployedBy::Run(_) | DeployedBy::Unknown => "somebody",
    };
    let deployed = match deployed {
        DeployedArtifact::Nothing => "no artifact".to_owned(),
        DeployedArtifact::Artifact(artifact) => artifact.to_string(),
        DeployedArtifact::Unclear(reason) => reason.clone(),
    };
    format!(
        "`{model}` in `{environment}` was changed by hand: the commit {} by {author} sets it to {deployed}",
        commit.short()
    )
}

/// A line of a git server's output, for the run's log.
pub(crate) fn server_said(line: &str) -> String {
    let line: String = line.chars().filter(|c| !c.is_control()).take(500).collect();
    serde_json::json!({"event": "server", "text": line}).to_string()
}

/// Parts of the message of a promotion's commit, besides the run.
pub(crate) struct PromotionMessage<'a> {
    /// Clone address of the source.
    pub(crate) source: &'a str,
    /// The artifact that the environment names before the commit. A rollback was judged long before, against another champion.
    pub(crate) replaced: &'a DeployedArtifact,
    /// The values for the marked places.
    pub(crate) values: &'a Values,
    /// The team's templates.
    pub(crate) templates: &'a CommitTemplates,
    /// The author of the commit.
    pub(crate) author: &'a Identity,
}

/// The message of a promotion's commit: the change, its reasons, and the trailers for machines. The code that builds the commit
/// adds the promotion's own trailer.
pub(crate) fn promotion_message(run: &Run, promotion: &Promotion, parts: &PromotionMessage<'_>) -> String {
    let Promotion { run: id, model, environment, artifact } = promotion;
    let PromotionMessage { source, replaced, values, templates, author } = parts;
    let verdict = run.judgement.verdict.as_ref().map(Verdict::for_authors);
    let sentences = verdict.iter().flat_map(|verdict| &verdict.checks);
    let shown = |check: &CheckResult| match &check.exception {
        Some(exception) => excepted(check, exception),
        None => check.sentence.clone(),
    };
    let sentences: Vec<String> = sentences.map(|check| format!("- {}", one_line(&shown(check)))).collect();
    let sentences = sentences.join("\n");
    let before = match replaced {
        DeployedArtifact::Nothing => "none: the first promotion".to_owned(),
        DeployedArtifact::Artifact(artifact) => artifact.to_string(),
        DeployedArtifact::Unclear(reason) => one_line(&format!("unclear: {reason}")),
    };
    let evidence = run.judgement.evidence.as_ref().map_or("none", Digest::as_str);
    let (source, head) = (one_line(source), &run.cause.head);
    let (id, version) = (id.to_string(), one_line(&values.version));
    let of_team = CommitValues {
        model: model.as_str(),
        environment: environment.as_str(),
        version: &version,
        artifact: artifact.as_str(),
        run: &id,
        source: run.cause.source.as_str(),
        revision: head.as_str(),
    };
    let subject = |template: &Option<Template>, default: String| {
        template.as_ref().map_or(default, |template| template.fill(&of_team))
    };
    let opening = match &run.origin {
        Some(Origin::Rollback { to, reason }) => {
            let subject = subject(&templates.rollback_subject, format!("Roll {model} in {environment} back"));
            format!("{subject}\n\nTo run {to}: {}\n\nAs it was judged then:", one_line(reason))
        }
        Some(Origin::Promotion { .. }) | None => {
            subject(&templates.subject, format!("Promote {model} to {environment}"))
        }
    };
    let paragraph = templates.body.as_ref().map_or_else(String::new, |body| format!("{}\n\n", body.fill(&of_team)));
    let Identity { name, email } = author;
    let sign_off = if templates.sign_off { format!("Signed-off-by: {name} <{email}>\n") } else { String::new() };
    format!(
        "{opening}\n\n{sentences}\n\n{paragraph}Champion before: {before}\n\n\
         Slipway-Model: {model}\n\
         Slipway-Environment: {environment}\n\
         Slipway-Run: {id}\n\
         Slipway-Artifact: {artifact}\n\
         Slipway-Evidence: {evidence}\n\
         Slipway-Source: {source}@{head}\n{sign_off}"
    )
}

/// Puts external text on one line, so that it cannot start a paragraph or a trailer.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control()).collect::<Vec<_>>().join(" ")
}

/// A name as code that stays inside its code span, mentions no user, and is safe inside HTML.
pub(crate) fn code(name: &str) -> String {
    let mut plain = "`".to_owned();
    for letter in name.chars().take(200) {
        match letter {
            '`' => plain.push('\''),
            '|' => plain.push('¦'),
            '<' => plain.push('‹'),
            '>' => plain.push('›'),
            '&' => plain.push('＆'),
            // A zero-width space after it keeps the text readable and mentions no user.
            '@' => plain.push_str("@\u{200b}"),
            letter if letter.is_control() => plain.push(' '),
            letter => plain.push(letter),
        }
    }
    plain.push('`');
    plain
}
