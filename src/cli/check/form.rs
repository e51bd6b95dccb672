//! Output formats of `slipway check`: for people, for programs, and for annotations of pull requests at forges.

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;
use slipway_contract::counted;

use crate::cli::client::encoded;
use crate::cli::colour::{self, Tone, painted};
use crate::cli::exit::{self, Failure};
use crate::deprecated::complete_output;
use slipway_domain::{Diagnostic, Position};

/// The output format of the diagnostics.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Form {
    /// One paragraph for each diagnostic
    Text,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands, which GitHub shows as annotations
    Github,
}

/// Whether a server would refuse the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    Error,
    Warning,
}

/// A diagnostic with its file.
pub(super) struct LocatedDiagnostic {
    pub(super) severity: Severity,
    /// Path of its file in the repository.
    pub(super) file: String,
    /// The diagnostic, with the file as users name it.
    pub(super) diagnostic: Diagnostic,
}

/// Formats the diagnostics; `None` if there is nothing to write.
pub(super) fn write(form: Form, located: &[LocatedDiagnostic], files: usize) -> Result<Option<String>, Failure> {
    Ok(match form {
        Form::Text => Some(text(located, files)),
        Form::Json => Some(pretty(&json(located, files))?),
        Form::Sarif => Some(pretty(&sarif(located))?),
        Form::Github => Some(github(located)).filter(|lines| !lines.is_empty()),
    })
}

fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(exit::defect)
}

fn text(located: &[LocatedDiagnostic], files: usize) -> String {
    let mut lines: Vec<String> = located
        .iter()
        .map(|LocatedDiagnostic { severity, diagnostic, .. }| match severity {
            Severity::Error => with_place(Tone::Bad, diagnostic),
            Severity::Warning => format!("{}: {diagnostic}", colour::word("warning")),
        })
        .collect();
    if located.iter().all(|one| one.severity == Severity::Warning) {
        lines.push(format!("{} checked: {}", counted(files, "file"), painted(Tone::Good, "no mistakes")));
    }
    lines.join("\n")
}

/// Formats a diagnostic with a painted position.
fn with_place(tone: Tone, diagnostic: &Diagnostic) -> String {
    let text = diagnostic.to_string();
    match text.split_once(": ").filter(|(place, _)| place.starts_with(&diagnostic.file)) {
        Some((place, rest)) => format!("{}: {rest}", painted(tone, place)),
        None => text,
    }
}

fn json(located: &[LocatedDiagnostic], files: usize) -> serde_json::Value {
    let diagnostics = located.iter().map(|LocatedDiagnostic { severity, file, diagnostic }| {
        let Diagnostic { file: _, position, message, help } = diagnostic;
        let (line, column) = position.map_or((None, None), |Position { line, column }| (Some(line), Some(column)));
        json!({"severity": severity, "file": file, "line": line, "column": column, "message": message, "help": help})
    });
    let mut document = json!({"files": files, "diagnostics": diagnostics.collect::<Vec<_>>()});
    complete_output("slipway check", &mut document);
    document
}

/// Returns the message with its help, for formats without a separate field for help.
fn whole_message(diagnostic: &Diagnostic) -> String {
    match &diagnostic.help {
        Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    }
}

fn sarif(located: &[LocatedDiagnostic]) -> serde_json::Value {
    let results = located.iter().map(|LocatedDiagnostic { severity, file, diagnostic }| {
        let uri = file.split('/').map(encoded).collect::<Vec<_>>().join("/");
        let mut place = json!({"artifactLocation": {"uri": uri}});
        // Without a position the result applies to the whole file.
        if let Some(Position { line, column }) = diagnostic.position {
            place["region"] = json!({"startLine": line, "startColumn": column});
        }
        json!({
            "ruleId": "slipway/check",
            "level": severity,
            "message": {"text": whole_message(diagnostic)},
            "locations": [{"physicalLocation": place}],
        })
    });
    let rule =
        json!({"id": "slipway/check", "shortDescription": {"text": "A mistake that a Slipway server would refuse"}});
    let driver = json!({"name": "slipway", "version": env!("CARGO_PKG_VERSION"), "rules": [rule]});
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results.collect::<Vec<_>>()}],
    })
}

/// Formats one command per line. Line breaks and separators are escaped for the runner, so that no text of a file can start
/// another command.
fn github(located: &[LocatedDiagnostic]) -> String {
    let escaped = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| escaped(text).replace(':', "%3A").replace(',', "%2C");
    let line = |LocatedDiagnostic { severity, file, diagnostic }: &LocatedDiagnostic| {
        let command = if *severity == Severity::Error { "error" } else { "warning" };
        let place = diagnostic.position.map_or_else(String::new, |at| format!(",line={},col={}", at.line, at.column));
        format!("::{command} file={}{place}::{}", property(file), escaped(&whole_message(diagnostic)))
    };
    located.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located() -> Vec<LocatedDiagnostic> {
        let mistake = Diagnostic::new("slipway.yaml", "epochs: 100% wrong\n::error::x")
            .at(Position { line: 3, column: 7 })
            .help("try another");
        let warning = Diagnostic::new("policy.yaml", "few rows");
        vec![
            LocatedDiagnostic { severity: Severity::Error, file: "a b/slipway.yaml".to_owned(), diagnostic: mistake },
            LocatedDiagnostic { severity: Severity::Warning, file: "policy.yaml".to_owned(), diagnostic: warning },
        ]
    }

    #[test]
    fn annotations_are_one_command_a_line_whatever_a_message_holds() {
        let expected = "::error file=a b/slipway.yaml,line=3,col=7::epochs: 100%25 wrong%0A::error::x%0Ahelp: try another\n\
                        ::warning file=policy.yaml::few rows";
        assert_eq!(github(&located()), expected);
    }

    #[test]
    fn sarif_names_files_by_their_path_in_the_repository() {
        let log = sarif(&located());
        let result = &log["runs"][0]["results"][0];
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/slipway.yaml");
        assert_eq!((&place["region"]["startLine"], &result["level"]), (&3.into(), &"error".into()));
        let without_place = &log["runs"][0]["results"][1];
        assert_eq!(without_place["level"], "warning");
        assert!(without_place["locations"][0]["physicalLocation"].get("region").is_none(), "{without_place}");
    }

    #[test]
    fn mistakes_are_red_warnings_yellow_and_none_of_them_green() {
        let painted = text(&located(), 2);
        assert!(painted.starts_with("\u{1b}[31mslipway.yaml:3:7\u{1b}[0m: epochs: 100% wrong"), "{painted:?}");
        assert!(painted.contains("\n\u{1b}[33mwarning\u{1b}[0m: policy.yaml: few rows"), "{painted:?}");
        assert!(text(&[], 1).ends_with("\u{1b}[32mno mistakes\u{1b}[0m"));
    }

    #[test]
    fn text_says_so_when_nothing_is_wrong() {
        assert_eq!(colour::plain(&text(&[], 2)), "2 files checked: no mistakes");
        assert!(colour::plain(&text(&located(), 2)).starts_with("slipway.yaml:3:7: epochs"));
        assert_eq!(json(&located(), 2)["diagnostics"][0]["help"], "try another");
    }
}
