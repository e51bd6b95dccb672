//! Resolves environments and people, and checks their rules against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use slipway_contract::counted;

use super::environment_file::{
    AfterFile, ApprovalsFile, CommitFile, EnvironmentFile, FreezeFile, MergeFile, MethodFile, PersonFile, RequestsFile,
    WindowFile,
};
use super::remote::{Login, Place};
use super::resolve::resolve_api;
use super::{Environment, Problems};
use crate::context::{Merge, Requests};
use slipway_domain::{
    After, Approvals, CommitTemplates, Freeze, Need, People, Person, Rules, SourceName, Template, Window,
};
use slipway_forge::MergeMethod;
use slipway_git::Identity;

/// Resolves the people of the settings. A name, a token, an account or an address belongs to only one person.
pub(super) fn resolve_people(files: Vec<PersonFile>, problems: &mut Problems) -> People {
    let mut taken = BTreeSet::new();
    let mut people = Vec::new();
    for (index, PersonFile { name, tokens, accounts, emails }) in files.into_iter().enumerate() {
        let key = format!("people[{index}]");
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            problems.add(&format!("{key}.name"), "expected a name");
        }
        let emails: BTreeSet<String> = emails.iter().map(|email| email.to_lowercase()).collect();
        let names = std::iter::once(("name", name.clone()))
            .chain(tokens.iter().map(|token| ("tokens", token.clone())))
            .chain(accounts.iter().map(|account| ("accounts", account.clone())))
            .chain(emails.iter().map(|email| ("emails", email.clone())));
        for (word, text) in names {
            if !taken.insert((word, text.clone())) {
                problems.add(&format!("{key}.{word}"), format!("`{text}` already belongs to another person"));
            }
        }
        for account in &accounts {
            if account.split_once(':').is_none_or(|(forge, id)| forge.is_empty() || id.is_empty()) {
                let problem =
                    format!("`{account}` is not an account, expected `FORGE:IDENTIFIER` such as `github:583231`");
                problems.add(&format!("{key}.accounts"), problem);
            }
        }
        people.push(Person { name, tokens, accounts, emails });
    }
    People::new(people)
}

/// Resolves the environments, and reports mistakes at their keys.
pub(super) fn resolve_environments(
    files: Vec<EnvironmentFile>,
    author: Option<&Identity>,
    folder: &Path,
    people: &People,
    problems: &mut Problems,
) -> BTreeMap<SourceName, Environment> {
    let mut environments = BTreeMap::new();
    if files.is_empty() {
        problems.add("environments", "the list is empty, expected at least one");
    }
    let names: BTreeSet<SourceName> = files.iter().map(|file| file.name.clone()).collect();
    let mut keys = BTreeMap::new();
    for (index, file) in files.into_iter().enumerate() {
        let key = format!("environments[{index}]");
        let name = file.name.clone();
        let Some(environment) = resolve_environment(file, author, &Place { key: &key, folder }, people, problems)
        else {
            continue;
        };
        if environments.insert(name.clone(), environment).is_some() {
            problems.add(&format!("{key}.name"), format!("the name `{name}` occurs twice"));
        }
        keys.insert(name, key);
    }
    for (name, key) in &keys {
        check_order(name, key, &names, &environments, problems);
    }
    check_places(&keys, &environments, problems);
    environments
}

fn resolve_environment(
    file: EnvironmentFile,
    author: Option<&Identity>,
    place: &Place<'_>,
    people: &People,
    problems: &mut Problems,
) -> Option<Environment> {
    let EnvironmentFile {
        name: _,
        url,
        branch,
        folder,
        after,
        approvals,
        owners,
        operators,
        requests,
        commit,
        windows,
        freezes,
        credentials,
        ssh,
        ca,
        signing_key,
    } = file;
    let key = place.key;
    let folder = folder.and_then(|folder| problems.take(&format!("{key}.folder"), plain_folder(&folder)));
    for name in operators.iter().filter(|name| !people.knows(name)) {
        problems.add(&format!("{key}.operators"), format!("`{name}` is not among `people`"));
    }
    for model in owners.keys() {
        if let Err(error) = model.parse::<slipway_contract::ModelName>() {
            problems.add(&format!("{key}.owners"), format!("`{model}`: {error}"));
        }
    }
    let rules = Rules {
        after: after.and_then(|after| resolve_after(after, key, problems)),
        approvals: approvals.map(|approvals| resolve_approvals(approvals, key, people, problems)),
        windows: resolve_windows(windows, key, problems),
        freezes: resolve_freezes(freezes, key, problems),
    };
    let login = Login { credentials: credentials.as_ref(), ssh: ssh.as_ref(), ca: ca.as_deref() };
    let requests = requests.and_then(|requests| resolve_requests(requests, place, problems));
    let remote = place.remote(&url, &branch, &login, problems)?;
    let remote = place.signed(remote, signing_key.as_ref(), problems);
    let remote = match author {
        Some(author) => remote.with_author(author.clone()),
        None => remote,
    };
    let commit = resolve_commit(&commit, key, problems);
    Some(Environment { remote, folder, rules, requests, owners, operators, commit })
}

/// Normalizes a folder's path: `./staging/` becomes `staging`.
fn plain_folder(folder: &str) -> Result<String, String> {
    let parts: Vec<&str> = folder.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.is_empty() || parts.contains(&"..") {
        return Err(format!("`{folder}` is not a relative path of a folder in the repository"));
    }
    Ok(parts.join("/"))
}

fn resolve_requests(file: RequestsFile, place: &Place<'_>, problems: &mut Problems) -> Option<Requests> {
    let RequestsFile { forge, api, merge, method } = file;
    let key = format!("{}.requests.api", place.key);
    if api.deployments {
        problems.add(
            &format!("{key}.deployments"),
            "Slipway reports deployments to the repository of models: set `deployments` in `sources`",
        );
    }
    let api = resolve_api(api, forge, slipway_forge::Purpose::Environment, &key, place.folder, problems)?;
    let merge = match merge {
        MergeFile::People => Merge::People,
        MergeFile::Slipway => Merge::Slipway,
    };
    let method = method.map(|method| match method {
        MethodFile::Merge => MergeMethod::Merge,
        MethodFile::Squash => MergeMethod::Squash,
        MethodFile::Rebase => MergeMethod::Rebase,
    });
    Some(Requests { api, merge, method })
}

fn resolve_after(file: AfterFile, key: &str, problems: &mut Problems) -> Option<After> {
    let AfterFile { all, any, soak } = file;
    let key = format!("{key}.after");
    let (environments, need) = match (all.is_empty(), any.is_empty()) {
        (false, true) => (all, Need::All),
        (true, false) => (any, Need::Any),
        _ => {
            problems.add(&key, "expected either `all` or `any`, with at least one environment");
            return None;
        }
    };
    let soak = problems.take(&format!("{key}.soak"), Duration::try_from(soak))?;
    Some(After { environments, need, soak })
}

fn resolve_approvals(file: ApprovalsFile, key: &str, people: &People, problems: &mut Problems) -> Approvals {
    let ApprovalsFile { number, by } = file;
    if !(1..=100).contains(&number) {
        problems.add(&format!("{key}.approvals.number"), format!("{number} is out of range, expected 1 to 100"));
    }
    for name in by.iter().filter(|name| !people.knows(name)) {
        problems.add(&format!("{key}.approvals.by"), format!("`{name}` is not among `people`"));
    }
    if !by.is_empty() && by.len() < number as usize {
        let problem = format!("{} are not possible with {}", counted(number, "approval"), counted(by.len(), "person"));
        problems.add(&format!("{key}.approvals.number"), problem);
    }
    Approvals { number, by }
}

fn resolve_windows(files: Vec<WindowFile>, key: &str, problems: &mut Problems) -> Vec<Window> {
    let mut windows = Vec::new();
    for (index, WindowFile { opens, lasts, time_zone }) in files.into_iter().enumerate() {
        windows.extend(problems.take(&format!("{key}.windows[{index}]"), Window::new(&opens, &time_zone, lasts)));
    }
    windows
}

fn resolve_freezes(files: Vec<FreezeFile>, key: &str, problems: &mut Problems) -> Vec<Freeze> {
    let mut freezes = Vec::new();
    for (index, FreezeFile { from, until, reason }) in files.into_iter().enumerate() {
        let key = format!("{key}.freezes[{index}]");
        if from.is_some_and(|from| from >= until) {
            problems.add(&key, "the freeze ends before it begins");
        }
        if reason.trim().is_empty() || reason.chars().any(char::is_control) {
            problems.add(&format!("{key}.reason"), "expected a reason, on one line");
        }
        freezes.push(Freeze { from, until, reason });
    }
    freezes
}

fn resolve_commit(file: &CommitFile, key: &str, problems: &mut Problems) -> CommitTemplates {
    let CommitFile { subject, rollback_subject, body, sign_off } = file;
    let subject = subject.as_deref().map(Template::subject);
    let rollback_subject = rollback_subject.as_deref().map(Template::subject);
    let body = body.as_deref().map(Template::body);
    CommitTemplates {
        subject: subject.and_then(|subject| problems.take(&format!("{key}.commit.subject"), subject)),
        rollback_subject: rollback_subject
            .and_then(|subject| problems.take(&format!("{key}.commit.rollback_subject"), subject)),
        body: body.and_then(|body| problems.take(&format!("{key}.commit.body"), body)),
        sign_off: *sign_off,
    }
}

/// Checks that environments come only after existing ones, and never after themselves.
fn check_order(
    name: &SourceName,
    key: &str,
    names: &BTreeSet<SourceName>,
    environments: &BTreeMap<SourceName, Environment>,
    problems: &mut Problems,
) {
    let before = |name: &SourceName| {
        environments.get(name).and_then(|environment| environment.rules.after.as_ref()).map(|after| &after.environments)
    };
    let key = format!("{key}.after");
    let mut reached = BTreeSet::new();
    let mut open: Vec<&SourceName> = before(name).into_iter().flatten().collect();
    for unknown in open.iter().filter(|other| !names.contains(other)) {
        problems.add(&key, format!("`{unknown}` is not among `environments`"));
    }
    while let Some(next) = open.pop() {
        if next == name {
            problems.add(&key, format!("`{name}` depends on itself"));
            return;
        }
        if reached.insert(next) {
            open.extend(before(next).into_iter().flatten());
        }
    }
}

/// Refuses two environments in one place, because they would name each other's artifacts.
fn check_places(
    keys: &BTreeMap<SourceName, String>,
    environments: &BTreeMap<SourceName, Environment>,
    problems: &mut Problems,
) {
    let folder_of = |environment: &Environment| {
        environment.folder.as_deref().map_or_else(String::new, |folder| format!("{}/", folder.trim_matches('/')))
    };
    for (name, environment) in environments {
        for (other, elsewhere) in environments.range(..name) {
            let same = environment.remote.url() == elsewhere.remote.url()
                && environment.remote.branch() == elsewhere.remote.branch();
            let (folder, other_folder) = (folder_of(environment), folder_of(elsewhere));
            if same && (folder.starts_with(&other_folder) || other_folder.starts_with(&folder)) {
                let problem =
                    format!("`{name}` and `{other}` share manifests: set another `folder` or branch for one of them");
                problems.add(&keys[name], problem);
            }
        }
    }
}
