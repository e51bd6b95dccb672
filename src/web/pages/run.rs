//! Renders the page of a run for people who come from a forge: its state, its verdict and its history.

use std::fmt::Write as _;

use crate::reports::describe_cost;
use slipway_domain::{ProposedPolicy, Run, Transition, beside_state};
use slipway_gate::policy::render::xml;

/// Maximum number of transitions that are shown.
const MAX_TRANSITIONS: usize = 200;
/// Style of the page, light and dark.
const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}\
table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}\
img{max-width:100%}code{font-size:.9em}";

/// Renders the page as HTML. `picture` is the address of the verdict's picture. All text that a pull request can influence is
/// escaped.
pub(super) fn page_of(run: &Run, transitions: &[Transition], picture: &str) -> String {
    let (model, source) = (xml(&run.cause.model), xml(run.cause.source.as_str()));
    let state = run.status.state.as_str();
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{model}: {state}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{model}: {state}</h1>\n\
         <p>Revision <code>{}</code> of <code>{source}</code>, for <code>{}</code>. Run <code>{}</code>.</p>\n",
        run.cause.head,
        xml(run.cause.environment.as_str()),
        run.id,
    );
    if let Some(reason) = &run.status.reason {
        add(&mut page, format_args!("<p>{}</p>\n", xml(reason)));
    }
    for diagnostic in &run.status.diagnostics {
        add(&mut page, format_args!("<pre>{}</pre>\n", lines(&diagnostic.to_string())));
    }
    for warning in &run.training.warnings {
        add(&mut page, format_args!("<pre>warning: {}</pre>\n", lines(&warning.to_string())));
    }
    if let Some(verdict) = &run.judgement.verdict {
        add(&mut page, format_args!("<h2>Verdict</h2>\n<p>{}</p>\n", xml(&verdict.summary())));
        add(
            &mut page,
            format_args!("<p><img src=\"{}\" alt=\"The interval of every check\"></p>\n<ul>\n", xml(picture)),
        );
        for note in &verdict.notes {
            add(&mut page, format_args!("<li>{}</li>\n", xml(note)));
        }
        for check in &verdict.checks {
            add(&mut page, format_args!("<li>{}</li>\n", xml(&check.sentence)));
        }
        page += "</ul>\n";
    }
    if let Some(ProposedPolicy { file, difference, sentence }) = &run.judgement.proposed_policy {
        add(
            &mut page,
            format_args!(
                "<h2>Changed policy</h2>\n<p><code>{}</code>: {}.</p>\n<pre>{}</pre>\n",
                xml(file),
                xml(sentence),
                lines(difference)
            ),
        );
    }
    if let Some(cost) = &run.training.cost {
        add(&mut page, format_args!("<h2>Cost</h2>\n<p>{}</p>\n", xml(&describe_cost(cost, &cost.device))));
    }
    page += "<h2>History</h2>\n<table>\n<tr><th>when</th><th>state</th><th>why</th><th>who</th></tr>\n";
    for Transition { to, at, cause, actor, .. } in transitions.iter().take(MAX_TRANSITIONS) {
        let (cause, actor) = (xml(beside_state(to.as_str(), cause)), xml(&actor.to_string()));
        add(
            &mut page,
            format_args!("<tr><td>{at:.0}</td><td>{}</td><td>{cause}</td><td>{actor}</td></tr>\n", to.as_str()),
        );
    }
    page + "</table>\n</body>\n</html>\n"
}

fn add(page: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = page.write_fmt(more);
}
/// A text of several lines, escaped line by line.
fn lines(text: &str) -> String {
    text.lines().map(xml).collect::<Vec<_>>().join("\n")
}
