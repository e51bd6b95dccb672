//! Recorded deliveries of every forge, verified and read. `webhooks/README.md` says where they come from.

mod event_kinds;
mod sentence;
mod verifying;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;

use super::{DeliveryName, ForgeError, Headers, Secret, Settings, connect};

/// When the signed deliveries of GitLab were signed.
const SIGNED_AT: i64 = 1_790_000_000;

struct Recorded {
    name: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Headers for BTreeMap<String, String> {
    fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(String::as_str)
    }

    fn has(&self, name: &str) -> bool {
        self.contains_key(name)
    }
}

fn recorded(forge: &str) -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../webhooks").join(forge);
    let paths = fs::read_dir(folder).expect("recorded deliveries").map(|entry| entry.expect("an entry").path());
    let mut bodies: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    bodies.sort();
    let read = |path: &Path| {
        let headers = fs::read_to_string(path.with_extension("headers")).expect("headers");
        let split = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Recorded {
            name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
            headers: headers.lines().map(|line| split(line).expect("a header")).collect(),
            body: fs::read(path).expect("a body"),
        }
    };
    bodies.iter().map(|path| read(path)).collect()
}

fn secrets(texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|text| Secret::new(text).expect("long enough")).collect()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

fn verify(settings: Settings, delivery: &Recorded, texts: &[&str], now: i64) -> Result<DeliveryName, ForgeError> {
    connect(settings).verify(&delivery.headers, &delivery.body, &secrets(texts), at(now))
}

const ALL: [(Settings, &str); 6] = [
    (Settings::Plain, "plain"),
    (Settings::GitHub, "github"),
    (Settings::GitLab, "gitlab"),
    (Settings::Gitea, "gitea"),
    (Settings::Forgejo, "forgejo"),
    (Settings::Bitbucket, "bitbucket"),
];
