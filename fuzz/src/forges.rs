//! Deliveries: verified from headers and bytes, and read once they are taken for verified.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slipway_domain::{Account, Event, EventKind, HeadRepository, Reference, Repository};
use slipway_forge::{Headers, Secret, Settings};

use crate::first_line;

/// The secret that the recorded deliveries are signed with.
const SECRET: &str = "s3cr3t-for-tests";
/// When the recorded deliveries of GitLab were signed, in seconds of Unix time.
const SIGNED_AT: i64 = 1_790_000_000;
/// No name in an event is longer, in bytes: the bound of `crates/forge/src/payload.rs`.
const MAX_NAME_LENGTH: usize = 1_024;
/// No explanation is longer, in characters.
const MAX_EXPLANATION_LENGTH: usize = 2_000;

const FORGES: [Settings; 6] =
    [Settings::GitHub, Settings::GitLab, Settings::Gitea, Settings::Forgejo, Settings::Bitbucket, Settings::Plain];

struct Lines<'a>(BTreeMap<String, Vec<&'a str>>);

impl Headers for Lines<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        match self.0.get(name).map(Vec::as_slice) {
            Some([value]) => Some(value),
            _ => None,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Input: lines `name: value`, an empty line, the body. Every forge verifies it. Without a secret nothing is let in;
/// more secrets let in no less; and what is let in has a name that can be shown.
pub(super) fn verify(input: &[u8]) {
    let (head, body) = split(input);
    let head = String::from_utf8_lossy(head);
    let mut headers = Lines(BTreeMap::new());
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        headers.0.entry(name.to_lowercase()).or_default().push(value);
    }
    let now = Timestamp::from_second(SIGNED_AT).expect("a time");
    let secret = || Secret::new(SECRET).expect("long enough");
    let other = || Secret::new("another secret of theirs").expect("long enough");
    for settings in FORGES {
        let forge = slipway_forge::connect(settings);
        assert!(forge.verify(&headers, body, &[], now).is_err(), "let in without a secret");
        assert!(forge.verify(&headers, body, &[other()], now).is_err(), "let in with another secret");
        let one = forge.verify(&headers, body, &[secret()], now);
        let two = forge.verify(&headers, body, &[other(), secret()], now);
        assert_eq!(one, two, "the order of secrets matters");
        if let Ok(name) = one {
            let shown =
                |text: &str| (1..=300).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            assert!(shown(&name.id) && shown(&name.event), "{name:?}");
        }
    }
}

fn split(input: &[u8]) -> (&[u8], &[u8]) {
    match input.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&input[..=end], &input[end + 2..]),
        None => (input, &[]),
    }
}

/// Input: the event's name on the first line, then the body.
pub(super) fn github(input: &[u8]) {
    read(Settings::GitHub, input);
}

/// As [`github`].
pub(super) fn gitlab(input: &[u8]) {
    read(Settings::GitLab, input);
}

/// As [`github`].
pub(super) fn gitea(input: &[u8]) {
    read(Settings::Gitea, input);
}

/// As [`github`].
pub(super) fn bitbucket(input: &[u8]) {
    read(Settings::Bitbucket, input);
}

/// As [`github`].
pub(super) fn plain(input: &[u8]) {
    read(Settings::Plain, input);
}

/// What is read has at least one event, names that can be shown, and says the same when it is read again. What is not
/// read is explained in few words.
fn read(settings: Settings, input: &[u8]) {
    let (event, body) = first_line(input);
    let event = String::from_utf8_lossy(event);
    let forge = slipway_forge::connect(settings);
    let events = forge.read(&event, body);
    assert_eq!(events, forge.read(&event, body), "read twice, meant twice");
    match events {
        Ok(events) => {
            assert!(!events.is_empty(), "no event");
            events.iter().for_each(check);
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.chars().count() <= MAX_EXPLANATION_LENGTH && !text.contains('\n'), "{text}");
        }
    }
}

fn check(event: &Event) {
    let Event { repository, sender, kind } = event;
    if let Some(repository) = repository {
        check_repository(repository);
    }
    if let Some(sender) = sender {
        check_account(&sender.0);
    }
    match kind {
        EventKind::Push(push) => {
            let (Reference::Branch(name) | Reference::Tag(name)) = &push.reference;
            assert!(name.len() <= MAX_NAME_LENGTH && !name.chars().any(char::is_control), "{name:?}");
            assert!(push.movement.before().is_none_or(|sha| !sha.is_zero()), "was at no commit");
            assert!(push.movement.after().is_none_or(|sha| !sha.is_zero()), "is at no commit");
        }
        EventKind::PullRequest(pull_request) => {
            check_name(&pull_request.head_branch);
            check_name(&pull_request.base_branch);
            if let Some(author) = &pull_request.author {
                check_account(&author.0);
            }
            match &pull_request.head_repository {
                HeadRepository::Fork(fork) => {
                    check_repository(fork);
                    assert_ne!(Some(&fork.id), repository.as_ref().map(|here| &here.id), "a fork of itself");
                }
                HeadRepository::Same | HeadRepository::Gone => {}
            }
        }
        EventKind::Comment(comment) => check_account(&comment.commenter.0),
        EventKind::MergeGroup(group) => assert!(!group.head_branch.starts_with("refs/heads/refs/heads/")),
        EventKind::CheckAction(_) | EventKind::Installation(_) | EventKind::Ignored { .. } => {}
    }
}

fn check_repository(repository: &Repository) {
    check_name(&repository.full_name);
    check_name(repository.id.as_str());
}

fn check_account(account: &Account) {
    if let Some(name) = &account.name {
        check_name(name);
    }
    assert!(account.id.as_str() != "0" && !account.id.as_str().starts_with('-'), "{account:?}");
}

fn check_name(name: &str) {
    assert!((1..=MAX_NAME_LENGTH).contains(&name.len()) && !name.chars().any(char::is_control), "{name:?}");
}
