//! Every command line of the documentation exists: `slipway` with its options, targets of make, files, addresses of the API.

use std::collections::BTreeSet;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde_json::Value;

use super::fence::{blocks, commands};
use super::{pages, read, sources};

/// Where a command line stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// In a console block: it has to be whole.
    Console,
    /// In a sentence or an output: it may leave out what differs.
    Sentence,
}

/// The command lines in a page's console blocks, its other blocks and its sentences, each with its place.
fn lines_of(page: &str) -> Vec<(Place, String)> {
    let mut found = Vec::new();
    for block in blocks(page) {
        if block.language == "console" {
            for (command, shown) in commands(&block) {
                found.push((Place::Console, command));
                found.extend(shown.iter().filter_map(|line| mentioned(line)).map(|line| (Place::Sentence, line)));
            }
        } else if block.language == "text" {
            found.extend(block.lines.iter().filter_map(|line| mentioned(line)).map(|line| (Place::Sentence, line)));
        }
    }
    found.extend(inline(page).into_iter().map(|code| (Place::Sentence, code)));
    found
}

/// The code in a page's sentences: what stands between backquotes.
pub(super) fn inline(page: &str) -> Vec<String> {
    let text = read(page);
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            // Code does not go on behind a block.
            prose.push('\n');
        } else if !fenced {
            prose += line;
            prose.push('\n');
        }
    }
    // A line break within code is a blank.
    let paragraphs = prose.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    paragraphs
        .flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// A command of `slipway` within a line of other things, such as a hook, a crontab or an output.
fn mentioned(line: &str) -> Option<String> {
    let begin = if line.starts_with("slipway ") { 0 } else { line.find(" slipway ")? + 1 };
    let line = line[begin..].split(['`', ';']).next().unwrap_or_default();
    let second = line.split_whitespace().nth(1)?;
    slipway::cli::parser().find_subcommand(second).is_some().then(|| line.to_owned())
}

/// The words of a command line, split at what joins commands, without redirections; quotes as a shell reads them.
fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word, mut quote) = (Vec::new(), Vec::new(), None::<String>, None::<char>);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '|' | ';' | '&') => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    all.push(words);
    for words in &mut all {
        let redirection = words.iter().position(|word| word.trim_start_matches('2').starts_with(['>', '<']));
        words.truncate(redirection.unwrap_or(words.len()));
        if words.first().is_some_and(|word| word == "exec") {
            words.remove(0);
        }
    }
    all.retain(|words| !words.is_empty());
    all
}

/// What the parser of the command line has against a command.
fn refused(words: &[String], place: Place) -> Option<String> {
    // `[--until TIME]` may be left out, and `…` stands for more.
    let words = words.iter().map(|word| word.trim_matches(['[', ']', '…'])).filter(|word| !word.is_empty());
    let error = slipway::cli::parser().try_get_matches_from(words).err()?;
    let value = error.get(ContextKind::InvalidValue);
    // A sentence may also leave the value out.
    let stands_for_more = |value: &str| {
        (place == Place::Sentence || !value.is_empty()) && value.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    let is_placeholder = matches!(value, Some(ContextValue::String(value)) if stands_for_more(value));
    let is_open = place == Place::Sentence
        && matches!(
            error.kind(),
            ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    (!is_placeholder && !is_open && !is_help).then(|| error.to_string())
}

/// A command as it acts on a terminal, where pages show it: `slipway` writes text there, and JSON into the pipe of a test.
pub(super) fn as_on_a_terminal(line: &str) -> String {
    let [words] = &simple_commands(line)[..] else { return line.to_owned() };
    let Some(("slipway", rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) else {
        return line.to_owned();
    };
    let mut command = slipway::cli::parser();
    command.build();
    let mut command = &command;
    while let Some(next) = rest.iter().find_map(|word| command.find_subcommand(word)) {
        command = next;
    }
    let asks = command.get_arguments().any(|argument| {
        argument.get_long() == Some("output")
            && argument.get_default_values().is_empty()
            && argument.get_possible_values().iter().any(|value| value.get_name() == "text")
    });
    let is_said = rest.iter().any(|word| ["-o", "--output", "--json"].contains(&word.as_str()));
    if asks && !is_said && !line.contains(['>', '&', '|']) { format!("{line} --output text") } else { line.to_owned() }
}

#[test]
fn every_slipway_command_of_the_documentation_is_accepted_by_the_parser() {
    let mut tried = BTreeSet::new();
    for page in pages() {
        for (place, line) in lines_of(&page) {
            for words in simple_commands(&line) {
                if words[0] != "slipway" {
                    continue;
                }
                assert_eq!(refused(&words, place), None, "{page}: `{line}`");
                tried.extend(words.get(1).cloned());
            }
        }
    }
    assert!(tried.len() >= 20, "the documentation names only {tried:?}: is this test still reading it?");
}

#[test]
fn a_command_that_does_not_exist_is_refused() {
    let words = |line: &str| simple_commands(line).remove(0);
    for (line, place) in [
        ("slipway trian", Place::Sentence),
        ("slipway runs list --lane x", Place::Sentence),
        ("slipway gate --policy", Place::Console),
        ("slipway rollback churn", Place::Console),
        ("slipway tokens create ada --role king", Place::Sentence),
    ] {
        assert!(refused(&words(line), place).is_some(), "{line}");
    }
    for (line, place) in [
        ("slipway hold [MODEL] ENV --reason WHY [--until TIME]", Place::Sentence),
        ("slipway rollback", Place::Sentence),
        ("slipway serve --config \"a b\" 2>log &", Place::Console),
        ("slipway tokens create ada --role operator > ada.token", Place::Console),
    ] {
        assert_eq!(refused(&words(line), place), None, "{line}");
    }
    assert_eq!(
        mentioned("remote: slipway: x on its way: slipway runs show 01"),
        Some("slipway runs show 01".to_owned())
    );
    assert_eq!(mentioned("what slipway does"), None);
    assert_eq!(as_on_a_terminal("slipway storage --config x"), "slipway storage --config x --output text");
    assert_eq!(as_on_a_terminal("slipway check x"), "slipway check x");
}

#[test]
fn every_make_target_and_variable_of_the_documentation_exists() {
    let makefile = read("Makefile");
    let mut tried = BTreeSet::new();
    for page in pages() {
        for (_, line) in lines_of(&page) {
            for words in simple_commands(&line) {
                if words[0] != "make" {
                    continue;
                }
                for word in &words[1..] {
                    if let Some((name, _)) = word.split_once('=') {
                        let is_read = [format!("$({name})"), format!("$({name},"), format!("({name}),")];
                        assert!(is_read.iter().any(|part| makefile.contains(part)), "{page}: nothing reads `{name}`");
                    } else {
                        assert!(
                            makefile.contains(&format!("\n{word}:")),
                            "{page}: there is no target `{word}` (`{line}`)"
                        );
                        tried.insert(word.clone());
                    }
                }
            }
        }
    }
    assert!(tried.contains("demo") && tried.contains("test"), "the documentation names only {tried:?}");
}

/// Folders of the repository whose files pages name.
const FOLDERS: [&str; 12] = [
    "src", "crates", "docs", "tests", "examples", "schemas", "scripts", "webhooks", "fuzz", "benches", ".ci", ".github",
];

#[test]
fn every_file_that_the_documentation_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tried = 0;
    // The changelog tells of files of earlier versions.
    for page in pages().iter().filter(|page| *page != "CHANGELOG.md") {
        let folder = root.join(page).parent().expect("a folder").to_owned();
        for code in inline(page) {
            let first = code.split('/').next().unwrap_or_default();
            let is_path = code.contains('/') && code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if is_path && FOLDERS.contains(&first) {
                let name = code.trim_end_matches('/');
                assert!(root.join(name).exists() || folder.join(name).exists(), "{page}: there is no `{code}`");
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "only {tried} files are named");
}

/// Packages whose names begin as those of metrics do.
const PACKAGES: [&str; 3] = ["slipway_gate", "slipway_git", "slipway_manifest"];

#[test]
fn every_metric_of_the_documentation_exists() {
    let sources = sources();
    let mut tried = 0;
    for page in pages().iter().filter(|page| *page != "CHANGELOG.md") {
        for code in inline(page) {
            let name: String = code.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if name.starts_with("slipway_") && !PACKAGES.contains(&name.as_str()) {
                assert!(sources.quoted.contains(&name), "{page}: there is no metric `{code}`");
                tried += 1;
            }
        }
    }
    assert!(tried > 10, "only {tried} metrics are named");
}

#[test]
fn every_call_of_the_api_in_the_documentation_exists() {
    let api: Value = serde_json::from_str(&read("docs/openapi.json")).expect("JSON");
    let paths = api["paths"].as_object().expect("paths");
    // `{id}` and `{run}` name the same place.
    let form = |path: &str| {
        path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }.to_owned()).collect::<Vec<_>>()
    };
    let mut tried = 0;
    for page in pages() {
        for code in inline(&page) {
            let Some((method, path)) = code.split_once(' ').filter(|(_, path)| path.starts_with("/api/")) else {
                continue;
            };
            let path = path.split('?').next().unwrap_or_default();
            let found = paths
                .iter()
                .any(|(known, calls)| form(known) == form(path) && calls[method.to_lowercase()].is_object());
            assert!(found, "{page}: the API has no `{code}`");
            tried += 1;
        }
    }
    assert!(tried > 3, "only {tried} calls are named");
}

#[test]
fn every_name_of_the_code_in_the_documentation_exists() {
    let sources = sources();
    let mut tried = 0;
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        for code in inline(page) {
            let parts: Vec<&str> = code.split("::").collect();
            let is_name = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let [owner, name] = parts[..] else { continue };
            if is_name(&owner) && is_name(&name) {
                assert!(sources.defined.contains(name), "{page}: there is no `{code}`");
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "only {tried} names were found");
}
