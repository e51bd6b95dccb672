//! Finds files that git would ignore before they are written, because no server would see them.

use std::path::Path;

use super::local::git;
use crate::cli::exit::{self, Failure};

/// Refuses files of a model that git would ignore in its folder. A folder outside a repository is checked like the repository
/// that it becomes, if one is created.
pub(super) fn stop_at_ignored(folder: &Path, paths: &[String], is_made_a_repository: bool) -> Result<(), Failure> {
    let ignored = rules(folder, paths, is_made_a_repository)?;
    if ignored.is_empty() {
        return Ok(());
    }
    let files: Vec<String> = ignored.iter().map(|(path, rule)| format!("\n  {path} (by {rule})")).collect();
    let help = "remove the rules, or add `!` rules after them; nothing was written";
    Err(exit::invalid(format!(
        "git ignores these files, so a server would not see them:{}\n  help: {help}",
        files.concat()
    )))
}

/// Returns the files that git ignores, each with the rule as `FILE:LINE:PATTERN`.
fn rules(folder: &Path, paths: &[String], is_made_a_repository: bool) -> Result<Vec<(String, String)>, Failure> {
    let temporary = exit::temporary_folder;
    let there = folder.ancestors().find(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    let there = there.filter(|there| !there.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let below = folder.strip_prefix(there).unwrap_or(Path::new("")).to_string_lossy().into_owned();
    let below = if matches!(below.as_str(), "" | ".") { String::new() } else { format!("{below}/") };
    let is_in_repository = git(there, &["rev-parse", "--is-inside-work-tree"]).is_ok_and(|said| said.trim() == "true");
    // Exit code 1 of git means that nothing is ignored.
    let ask = |place: &Path, before: &[&str], below: &str| {
        let paths: Vec<String> = paths.iter().map(|path| format!("{below}{path}")).collect();
        let paths = paths.iter().map(String::as_str);
        let arguments: Vec<&str> = before
            .iter()
            .copied()
            .chain(["-c", "core.quotePath=off", "check-ignore", "-v", "--"])
            .chain(paths)
            .collect();
        git(place, &arguments).unwrap_or_default()
    };
    let said = if is_in_repository {
        ask(there, &[], &below)
    } else if is_made_a_repository {
        let (repository, empty) = (temporary()?, temporary()?);
        git(repository.path(), &["init", "--quiet"])?;
        let git_folder = repository.path().join(".git").to_string_lossy().into_owned();
        let place = if below.is_empty() { there } else { empty.path() };
        ask(place, &["--git-dir", &git_folder, "--work-tree", "."], "")
    } else {
        String::new()
    };
    // A line is `FILE:LINE:PATTERN`, a tab, and the path.
    let found = said.lines().filter_map(|line| line.rsplit_once('\t')).filter(|(rule, _)| !takes_out_again(rule));
    let found = found.map(|(rule, path)| (path.strip_prefix(&below).unwrap_or(path).to_owned(), rule.to_owned()));
    Ok(found.collect())
}

/// Whether the pattern of a rule, after its line number, begins with `!`.
fn takes_out_again(rule: &str) -> bool {
    let mut words =
        rule.split(':').skip_while(|word| word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()));
    words.nth(1).is_some_and(|pattern| pattern.starts_with('!'))
}
