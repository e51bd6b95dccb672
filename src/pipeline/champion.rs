//! What an environment names now: read from its manifests, because git is the truth.

use slipway_contract::Digest;

use super::StepError;
use crate::domain::{CommitSha, Diagnostic};
use crate::git::{GitError, Mirror, TreeFile};
use crate::manifest::{self, Field};

/// What stands in a marked `digest` before anything was promoted.
const NOTHING_YET: [&str; 2] = ["", "none"];
/// Manifests that are searched for markers.
const MOST_MANIFESTS: usize = 20_000;

/// What the manifests say of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Champion {
    /// No artifact yet.
    None,
    /// This artifact.
    Named(Digest),
    /// Something that is not one artifact; never taken for "none".
    Unclear(String),
}

/// Files of the environment that hold marks of the model, and the champion they name together.
pub(super) struct Marked {
    /// Paths of the files.
    pub(super) files: Vec<String>,
    /// What they name.
    pub(super) champion: Champion,
}

/// The largest file that is searched for markers, in bytes. Larger ones are not written by hand.
pub(super) const LARGEST_MANIFEST: u64 = 16 << 20;

/// Of an environment's files, the paths of those that may hold marks.
pub(super) fn manifests(files: Vec<TreeFile>) -> Vec<String> {
    files.into_iter().filter(|file| file.size <= LARGEST_MANIFEST).map(|file| file.path).collect()
}

/// Files that may hold manifests.
pub(super) fn is_manifest(path: &str) -> bool {
    matches!(path.rsplit_once('.'), Some((_, "yaml" | "yml")))
}

/// Finds the model's marks at a revision of an environment.
pub(super) fn find(mirror: &Mirror, commit: &CommitSha, model: &str) -> Result<Marked, StepError> {
    let paths = manifests(mirror.find_files(commit, &is_manifest)?);
    let read = |path: &str| mirror.read_file(commit, path, LARGEST_MANIFEST);
    find_in(&paths, read, model)
}

/// The same over any set of files.
pub(super) fn find_in(
    paths: &[String],
    read: impl Fn(&str) -> Result<Option<Vec<u8>>, GitError>,
    model: &str,
) -> Result<Marked, StepError> {
    let mut files = Vec::new();
    let mut named: Vec<String> = Vec::new();
    let mut has_digest = false;
    for path in paths.iter().take(MOST_MANIFESTS) {
        let Some(bytes) = read(path)? else { continue };
        let markers = manifest::markers(path, &bytes).map_err(|refusal| broken(refusal.diagnostic()))?;
        let mut ours = markers.into_iter().filter(|marker| marker.model == model).peekable();
        if ours.peek().is_some() {
            files.push(path.clone());
        }
        for marker in ours.filter(|marker| marker.field == Field::Digest) {
            has_digest = true;
            if !NOTHING_YET.contains(&marker.value.as_str()) && !named.contains(&marker.value) {
                named.push(marker.value);
            }
        }
    }
    if files.is_empty() || !has_digest {
        return Err(unmarked(model, files.first()));
    }
    Ok(Marked { files, champion: champion_of(&named) })
}

fn champion_of(named: &[String]) -> Champion {
    match named {
        [] => Champion::None,
        [one] => match one.parse() {
            Ok(digest) => Champion::Named(digest),
            Err(error) => Champion::Unclear(error.to_string()),
        },
        several => Champion::Unclear(format!("its manifests name {} artifacts: {}", several.len(), several.join(", "))),
    }
}

fn broken(diagnostic: &Diagnostic) -> StepError {
    StepError::Refused { reason: format!("the environment cannot be edited: {diagnostic}"), diagnostics: Vec::new() }
}

fn unmarked(model: &str, marked: Option<&String>) -> StepError {
    let reason = match marked {
        None => {
            format!("no manifest of the environment has a mark for `{model}`, so there is nothing to promote it to")
        }
        Some(file) => {
            format!("the environment marks `{model}` in `{file}`, but no `digest`, so its champion is unknown")
        }
    };
    let help = format!(
        r#"put `# {{"slipway": "{model}:digest"}}` behind the value that is to hold the digest; it may be `none` at first"#
    );
    StepError::Refused { reason: format!("{reason}\n  help: {help}"), diagnostics: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(manifests: &[&str]) -> Result<Champion, String> {
        let paths: Vec<String> = (0..manifests.len()).map(|index| index.to_string()).collect();
        let read = |path: &str| Ok(path.parse::<usize>().ok().map(|index| manifests[index].as_bytes().to_vec()));
        match find_in(&paths, read, "digits") {
            Ok(marked) => Ok(marked.champion),
            Err(StepError::Refused { reason, .. }) => Err(reason),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    fn marked(value: &str) -> String {
        format!("digest: {value} # {{\"slipway\": \"digits:digest\"}}\n")
    }

    #[test]
    fn several_marks_with_one_value_name_one_champion() {
        let digest = Digest::of(b"weights");
        let text = marked(digest.as_str());
        assert_eq!(of(&[&text, &text, "other: file"]), Ok(Champion::Named(digest)));
    }

    #[test]
    fn before_the_first_promotion_there_is_no_champion() {
        assert_eq!(of(&[&marked("none"), &marked("\"\"")]), Ok(Champion::None));
    }

    #[test]
    fn a_value_that_is_no_digest_is_never_taken_for_no_champion() {
        for text in [&["v1"][..], &["sha256:123"], &[Digest::of(b"a").as_str(), Digest::of(b"b").as_str()]] {
            let texts: Vec<String> = text.iter().map(|value| marked(value)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            assert!(matches!(of(&texts), Ok(Champion::Unclear(_))), "{texts:?}");
        }
    }

    #[test]
    fn an_environment_without_a_mark_for_the_model_is_refused_with_the_mark_to_put() {
        for text in [
            "kind: Deployment\n",
            "digest: none # {\"slipway\": \"other:digest\"}\n",
            "run: x # {\"slipway\": \"digits:run\"}\n",
        ] {
            let reason = of(&[text]).expect_err(text);
            assert!(reason.contains("`# {\"slipway\": \"digits:digest\"}`"), "{reason}");
        }
    }
}
