//! Fuzz targets: every reader of bytes from outside, with what has to hold whatever the bytes are. No target may panic,
//! take long or use much memory; most promise more, which they assert.
//!
//! `make fuzz` runs them under libFuzzer on the stable compiler; `tests/corpus.rs` replays the committed corpus in
//! every `make test`. An input that once broke something is added to `corpus/TARGET/`.

mod edit;
mod files;
mod forges;
mod webhook;

/// A fuzz target: its name, which is the name of its corpus folder, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("webhook", webhook::deliver),
    ("verify", forges::verify),
    ("github", forges::github),
    ("gitlab", forges::gitlab),
    ("gitea", forges::gitea),
    ("bitbucket", forges::bitbucket),
    ("plain", forges::plain),
    ("server", files::server),
    ("model", files::model),
    ("policy", files::policy),
    ("manifest", files::manifest),
    ("edit", edit::edit),
    ("evaluation", files::evaluation),
];

/// The target with this name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}

/// The input up to a line break, and what is behind it. An input without one is all behind.
fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (&[], input),
    }
}
