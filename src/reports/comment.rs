//! Texts about runs at a forge: the check of one model, the summary check of a revision, and the comment of a pull request. The
//! verdict comes first, and everything that a pull request can choose is escaped.

use std::fmt::Write as _;

use slipway_contract::{counted, counted_are};

use super::annotations;
use crate::context::messages::code;
use crate::runs::proposed;
use slipway_domain::{CommitSha, Diagnostic, Rule, Run, RunState, TrainingCost, beside_state};
use slipway_forge::{Conclusion, Pages, Report, ReportButton, ReportState};
use slipway_gate::policy::render::{escaped, markdown};

/// Name of the summary check, which is always present.
pub(crate) const SUMMARY: &str = "slipway";
/// Maximum length of a title, in characters.
const MAX_TITLE_LENGTH: usize = 200;

/// The check of one model.
pub(super) fn of_run(run: &Run, pages: Option<&Pages>) -> Report {
    let state = state_of(run);
    Report {
        revision: run.cause.head.clone(),
        context: context_of(run),
        id: run.id.to_string(),
        state,
        title: title_of(run),
        text: text_of(run, pages),
        annotations: annotations::of_run(run),
        buttons: match state {
            ReportState::Queued | ReportState::UnderWay => vec![ReportButton::Cancel],
            ReportState::Ended(Conclusion::ActionRequired) if needs_approval(run) => {
                vec![ReportButton::Approve, ReportButton::Retrain]
            }
            ReportState::Ended(_) => vec![ReportButton::Retrain],
        },
        page: pages.map(|pages| pages.of(run.id)),
    }
}

/// The name of a run's check.
pub(crate) fn context_of(run: &Run) -> String {
    match run.origin {
        // A promotion downstream or a rollback has its own check, beside that of the revision.
        Some(_) => format!("{SUMMARY}/{}/{}", run.cause.model, run.cause.environment),
        // The push may change the model as well, and then its training has the other check.
        None if run.only_policy => format!("{SUMMARY}/{}: policy", run.cause.model),
        None => format!("{SUMMARY}/{}", run.cause.model),
    }
}

/// The summary check of a revision, over the newest run of each model. It is in progress from the start, so that no call only
/// reports that it waits.
pub(super) fn of_revision(revision: &CommitSha, runs: &[Run], pages: Option<&Pages>) -> Report {
    let ended = |run: &Run| match state_of(run) {
        ReportState::Ended(conclusion) => Some(conclusion),
        ReportState::Queued | ReportState::UnderWay => None,
    };
    let open = runs.iter().filter(|run| ended(run).is_none()).count();
    let worst = runs.iter().filter_map(ended).max_by_key(|conclusion| severity(*conclusion));
    let (state, title) = match worst {
        _ if open > 0 => (ReportState::UnderWay, "the models are being trained and judged".to_owned()),
        None => (ReportState::Ended(Conclusion::Neutral), "no model is affected".to_owned()),
        Some(worst) => {
            let passed = runs.iter().filter(|run| ended(run) == Some(Conclusion::Success)).count();
            (ReportState::Ended(worst), passed_of(runs, passed))
        }
    };
    // While the check is in progress, its text is constant, because each change would cost a call.
    let text = if open > 0 { String::new() } else { table(runs) };
    let page = pages.zip(runs.first().filter(|_| runs.len() == 1)).map(|(pages, run)| pages.of(run.id));
    Report { page, ..summary(revision, state, title, text) }
}

/// The number of models that passed, as a text. A file without a model name counts as a file with a mistake.
fn passed_of(runs: &[Run], passed: usize) -> String {
    let files = runs.iter().filter(|run| run.model_name().is_none()).count();
    let mistakes = if files == 1 { "a file has mistakes".to_owned() } else { format!("{files} files have mistakes") };
    match (files, runs.len() - files) {
        (0, models) => format!("{passed} of {models} models passed"),
        (_, 0) => mistakes,
        (_, models) => format!("{passed} of {models} models passed, and {mistakes}"),
    }
}

/// The summary check of a revision for which nothing is trained.
pub(super) fn without_runs(revision: &CommitSha, conclusion: Conclusion, title: &str) -> Report {
    summary(revision, ReportState::Ended(conclusion), title.to_owned(), String::new())
}

/// The summary check of a fork's revision that is not approved yet.
pub(super) fn unapproved(revision: &CommitSha) -> Report {
    let title = "this revision of a fork needs an approval before training";
    let text = format!(
        "A person who may push to this repository can start training and judging of exactly this revision with a \
         comment:\n\n```\n/slipway judge {revision}\n```\n"
    );
    let state = ReportState::Ended(Conclusion::ActionRequired);
    Report { buttons: vec![ReportButton::Judge], ..summary(revision, state, title.to_owned(), text) }
}

fn summary(revision: &CommitSha, state: ReportState, title: String, text: String) -> Report {
    Report {
        revision: revision.clone(),
        context: SUMMARY.to_owned(),
        id: SUMMARY.to_owned(),
        state,
        text: if text.is_empty() { format!("{title}.") } else { text },
        title,
        annotations: Vec::new(),
        buttons: Vec::new(),
        page: None,
    }
}

/// The comment of a pull request at one revision, with at most `most` bytes.
pub(super) fn of_pull_request(revision: &CommitSha, runs: &[Run], pages: Option<&Pages>, most: usize) -> String {
    let report = of_revision(revision, runs, pages);
    let base = runs.iter().find_map(|run| run.cause.base.as_ref());
    let base = base.map_or_else(String::new, |base| format!(", policies read at `{}`", base.short()));
    let mut text = format!("{}\nRevision `{}`{base}.\n\n", heading(&report), revision.short());
    text += &table(runs);
    let end = "\nA comment with `/slipway help` shows all commands.\n";
    let mut left_out = 0;
    for run in runs.iter().filter(|run| run.judgement.verdict.is_some() || !run.status.diagnostics.is_empty()) {
        let part = format!(
            "\n<details><summary>{}</summary>\n\n{}\n</details>\n",
            code(&run.cause.model),
            text_of(run, pages)
        );
        if left_out == 0 && text.len() + part.len() + end.len() + 200 < most {
            text += &part;
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let more = counted(left_out, "more model");
        let (do_not_fit, checks) =
            if left_out == 1 { ("does not fit here", "check") } else { ("do not fit here", "checks") };
        add(&mut text, format_args!("\nThe details of {more} {do_not_fit}; see the {checks}.\n"));
    }
    text += end;
    text
}

/// The first line of a comment about a report.
fn heading(report: &Report) -> String {
    let sign = match report.state {
        ReportState::Queued | ReportState::UnderWay => "⏳",
        ReportState::Ended(Conclusion::Success) => "✅",
        ReportState::Ended(Conclusion::Neutral | Conclusion::Cancelled) => "➖",
        ReportState::Ended(Conclusion::ActionRequired) => "✋",
        ReportState::Ended(Conclusion::Failure | Conclusion::TimedOut) => "❌",
    };
    format!("## {sign} Slipway: {}\n", report.title)
}

/// A report as the comment of a pull request.
pub(super) fn of_report(report: &Report) -> String {
    format!("{}\n{}", heading(report), report.text)
}

/// The comment of a pull request for which nothing is trained.
pub(super) fn of_unjudged(why: &str) -> String {
    format!("## ➖ Slipway: {why}\n")
}

fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = text.write_fmt(more);
}

/// A table with one row per model.
fn table(runs: &[Run]) -> String {
    /// Maximum number of rows, which fits at every forge.
    const MAX: usize = 100;
    let mut table = "| model | state | |\n| --- | --- | --- |\n".to_owned();
    for run in runs.iter().take(MAX) {
        let state = run.status.state.as_str();
        let title = escaped(beside_state(state, &title_of(run)));
        add(&mut table, format_args!("| {} | {state} | {title} |\n", code(&run.cause.model)));
    }
    if runs.len() > MAX {
        add(&mut table, format_args!("\n{} not listed.\n", counted_are(runs.len() - MAX, "more model")));
    }
    table
}

fn title_of(run: &Run) -> String {
    let said = match (state_of(run), &run.status.reason, &run.judgement.verdict) {
        (ReportState::Queued, ..) => "queued".to_owned(),
        (ReportState::UnderWay, ..) => "training and judging are in progress".to_owned(),
        (_, Some(reason), _) => reason.lines().next().unwrap_or_default().to_owned(),
        (_, None, Some(verdict)) => verdict.for_authors().summary(),
        (_, None, None) => run.status.state.as_str().to_owned(),
    };
    said.chars().filter(|c| !c.is_control()).take(MAX_TITLE_LENGTH).collect()
}

fn text_of(run: &Run, pages: Option<&Pages>) -> String {
    let mut text = String::new();
    let ended = matches!(state_of(run), ReportState::Ended(_));
    // Text that changes before the end would cost a call for each change.
    if let Some(verdict) = run.judgement.verdict.as_ref().filter(|_| ended) {
        text += &markdown(&verdict.for_authors());
    }
    if let Some(proposed) = run.judgement.proposed_policy.as_ref().filter(|_| ended) {
        text += &proposed::markdown(proposed);
    }
    let on_one_line = |diagnostic: &Diagnostic| escaped(&diagnostic.to_string().replace('\n', " "));
    for diagnostic in run.status.diagnostics.iter().take(20) {
        add(&mut text, format_args!("- {}\n", on_one_line(diagnostic)));
    }
    for warning in run.training.warnings.iter().filter(|_| ended) {
        add(&mut text, format_args!("- warning: {}\n", on_one_line(warning)));
    }
    if let Some(reason) = run.status.reason.as_ref().filter(|_| ended) {
        add(&mut text, format_args!("\n{}\n", escaped(&reason.replace('\n', " "))));
    }
    if text.is_empty() {
        text = format!("{}.\n", escaped(&title_of(run)));
    }
    if ended
        && run.judgement.verdict.is_some()
        && let Some(pages) = pages
    {
        add(&mut text, format_args!("\n![The confidence interval of every check]({})\n", pages.picture_of(run.id)));
    }
    if let Some(cost) = run.training.cost.as_ref().filter(|_| ended) {
        add(&mut text, format_args!("\n{}\n", describe_cost(cost, &escaped(&cost.device))));
    }
    match pages {
        Some(pages) => format!("{text}\nRun [`{}`]({}).\n", run.id, pages.of(run.id)),
        None => format!("{text}\nRun `{}`.\n", run.id),
    }
}

/// The cost of a candidate's training, and its size. `device` is the text to show for the device.
pub fn describe_cost(cost: &TrainingCost, device: &str) -> String {
    let TrainingCost { seconds, device: _, parameters, bytes } = cost;
    let size = bytesize::ByteSize::b(*bytes).display().si();
    format!("Trained in {seconds:.1} s on {device}; {}, {size}.", counted(*parameters, "parameter"))
}

fn state_of(run: &Run) -> ReportState {
    match run.status.state {
        _ if run.status.stalled => ReportState::Ended(Conclusion::ActionRequired),
        RunState::Queued => ReportState::Queued,
        // A pull request that the policy leaves to a person can be approved before it is merged.
        RunState::Done | RunState::Waiting if needs_approval(run) => ReportState::Ended(Conclusion::ActionRequired),
        RunState::Done => ReportState::Ended(Conclusion::Success),
        RunState::Failed if run.status.timed_out => ReportState::Ended(Conclusion::TimedOut),
        RunState::Refused | RunState::Failed => ReportState::Ended(Conclusion::Failure),
        RunState::Superseded | RunState::Cancelled => ReportState::Ended(Conclusion::Cancelled),
        _ => ReportState::UnderWay,
    }
}

/// Whether an approval would help: the run waits for one, or the run of a pull request will need one.
fn needs_approval(run: &Run) -> bool {
    let of_pull_request = run.cause.pull_request.is_some() && run.policy_requires_approval();
    of_pull_request || run.promotion.blocking_rules.iter().any(|held| held.rule == Rule::Approval)
}

fn severity(conclusion: Conclusion) -> u8 {
    match conclusion {
        Conclusion::Neutral => 0,
        Conclusion::Success => 1,
        Conclusion::Cancelled => 2,
        Conclusion::ActionRequired => 3,
        Conclusion::TimedOut => 4,
        Conclusion::Failure => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::sample::run;

    #[test]
    fn a_revision_is_as_good_as_its_worst_model_and_has_not_ended_before_all_have() {
        let head = run("a", RunState::Done).cause.head;
        let state = |states: &[RunState]| {
            let runs: Vec<Run> = states.iter().map(|state| run("m", *state)).collect();
            of_revision(&head, &runs, None).state
        };
        let ended = ReportState::Ended;
        assert_eq!(state(&[]), ended(Conclusion::Neutral));
        assert_eq!(state(&[RunState::Done, RunState::Done]), ended(Conclusion::Success));
        assert_eq!(state(&[RunState::Done, RunState::Failed, RunState::Cancelled]), ended(Conclusion::Failure));
        assert_eq!(state(&[RunState::Failed, RunState::Training]), ReportState::UnderWay);
        assert_eq!(state(&[RunState::Queued]), ReportState::UnderWay);
    }

    #[test]
    fn a_file_that_names_no_model_is_counted_as_a_file() {
        let broken = run("m", RunState::Refused).with(|run| run.cause.model = "m/slipway.yaml".to_owned());
        let title = |runs: &[Run]| of_revision(&broken.cause.head, runs, None).title;
        assert_eq!(title(std::slice::from_ref(&broken)), "a file has mistakes");
        let runs = [run("a", RunState::Done), broken.clone(), broken.clone()];
        assert_eq!(title(&runs), "1 of 1 models passed, and 2 files have mistakes");
        assert_eq!(title(&runs[..1]), "1 of 1 models passed");
    }

    #[test]
    fn a_run_that_waits_for_a_person_asks_for_action_wherever_it_stands() {
        let stalled = run("a", RunState::Promoting).with(|run| run.status.stalled = true);
        assert_eq!(of_run(&stalled, None).state, ReportState::Ended(Conclusion::ActionRequired));
        assert_eq!(of_run(&run("a", RunState::Promoting), None).buttons, [ReportButton::Cancel]);
    }

    #[test]
    fn what_a_pull_request_chose_stays_text() {
        let hostile = "x`|</details><img src=x>\n# @everyone [a](http://b)";
        let mut run = run(hostile, RunState::Failed);
        run.status.reason = Some(format!("{hostile}\n/approve"));
        run.status.diagnostics = vec![Diagnostic::new(hostile, hostile)];
        let text = of_pull_request(&run.cause.head.clone(), &[run], None, 60_000);
        // Inside code and HTML, brackets have no special meaning.
        let text = text.replace(&code(hostile), "");
        assert!(!text.contains("<img") && !text.contains("@everyone"), "{text}");
        assert!(!text.contains("\n# ") && !text.contains("\n/approve") && !text.contains("[a](http"), "{text}");
        assert_eq!(text.matches("</details>").count(), 1, "{text}");
        assert_eq!(code("a`<b>@c"), "`a'‹b›@\u{200b}c`");
    }

    #[test]
    fn a_comment_never_outgrows_its_forge() {
        let mut runs: Vec<Run> = (0..150).map(|number| run(&format!("model-{number}"), RunState::Refused)).collect();
        for run in &mut runs {
            run.status.diagnostics = vec![Diagnostic::new("slipway.yaml", "x".repeat(2_000))];
        }
        let text = of_pull_request(&runs[0].cause.head.clone(), &runs, None, 32_000);
        assert!(text.len() < 32_000, "{}", text.len());
        assert!(
            text.contains("more models do not fit here") && text.contains("50 more models are not listed"),
            "{text}"
        );
    }
}
