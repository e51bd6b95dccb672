//! The marks in an environment's files, remembered by what the files hold: a new tip costs what changed in it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::StepError;
use slipway_domain::{CommitSha, Diagnostic, Named};
use slipway_git::{GitError, Held, Mirror, Snapshot, TreeFile};
use slipway_manifest::{Field, Marker, NearMiss, Values};

/// What stands in a marked `digest` before anything was promoted.
const NOTHING_YET: [&str; 2] = ["", "none"];
/// The largest file that is searched for marks, in bytes. Larger ones are not written by hand.
pub(super) const LARGEST_MANIFEST: u64 = 16 << 20;
/// The same of a file whose name does not say that it is a manifest.
const LARGEST_OTHER: u64 = 1 << 20;
/// What every file holds that may mark something, or seem to: the word, with whichever first letter.
const MENTIONED: &str = "lipway";
/// What every file holds in whose place Git LFS keeps another one.
const LFS: &str = "version https://git-lfs.github.com/spec/";
/// Files that quote marks, and are no manifests: documentation and programs.
const QUOTING: [&str; 20] = [
    ".md",
    ".markdown",
    ".mdx",
    ".rst",
    ".adoc",
    ".txt",
    ".html",
    ".sh",
    ".bash",
    ".py",
    ".rb",
    ".go",
    ".rs",
    ".js",
    ".ts",
    ".java",
    ".kt",
    ".lua",
    ".ps1",
    ".lock",
];
/// Files whose marks are remembered; beyond that, remembering begins anew.
const MOST_REMEMBERED: usize = 100_000;

/// A revision of an environment, as far as marks are looked for in it.
pub(super) trait Manifests {
    /// The files that may hold marks.
    fn files(&self, held: &Held) -> Result<Vec<TreeFile>, GitError>;
    /// A file's bytes.
    fn read(&self, file: &TreeFile) -> Result<Vec<u8>, GitError>;
    /// Whether the file could be written as its bytes are; where it is written that is asked again.
    fn check_unfiltered(&self, _file: &TreeFile) -> Result<(), GitError> {
        Ok(())
    }
}

impl Manifests for Snapshot<'_> {
    fn files(&self, held: &Held) -> Result<Vec<TreeFile>, GitError> {
        self.files_holding(held)
    }

    fn read(&self, file: &TreeFile) -> Result<Vec<u8>, GitError> {
        self.read_found(file)
    }
}

impl Manifests for (&Mirror, &CommitSha) {
    fn files(&self, held: &Held) -> Result<Vec<TreeFile>, GitError> {
        self.0.files_holding(self.1, held)
    }

    fn read(&self, file: &TreeFile) -> Result<Vec<u8>, GitError> {
        self.0.read_found(file)
    }

    fn check_unfiltered(&self, file: &TreeFile) -> Result<(), GitError> {
        self.0.check_unfiltered(self.1, &file.path)
    }
}

/// Files of the environment that hold marks of a model, and what they name together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    /// Paths of the files.
    pub(super) files: Vec<String>,
    /// What they name.
    pub(super) named: Named,
}

/// Why there is nothing to promote a model to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unmarked {
    /// No file has a mark for it.
    Nowhere,
    /// Only this file outside of the environment's folder has one.
    Elsewhere { file: String, folder: String },
    /// None has one, and of this file only a pointer of Git LFS is there.
    Pointer(String),
    /// This file has one, but none marks a digest.
    NoDigest(String),
}

/// The marks of one file, or why it cannot be read as a manifest; and what only looks like marks.
struct FileMarks {
    read: Result<Vec<Marker>, Broken>,
    near: Vec<NearMiss>,
    /// Whether it is a pointer of Git LFS.
    is_pointer: bool,
}

#[derive(Clone)]
struct Broken {
    diagnostic: Diagnostic,
    content: Vec<u8>,
}

/// The files that marks are looked for in. Asked of every file of a search, so it is made once.
static MANIFESTS: LazyLock<Held> = LazyLock::new(|| {
    let manifests = [".yaml", ".yml"].map(|ending| (ending.to_owned(), LARGEST_MANIFEST));
    let quoting = QUOTING.map(|ending| (ending.to_owned(), 0));
    let endings = manifests.into_iter().chain(quoting).collect();
    Held { texts: [MENTIONED, LFS].map(str::to_owned).to_vec(), endings, others: LARGEST_OTHER }
});

/// How large a file of this name is at most, in bytes, to be looked into for marks.
pub fn largest_manifest(path: &str) -> u64 {
    MANIFESTS.most_bytes(path)
}

/// Finds the marks of an environment.
pub(super) struct Marks {
    /// The folder of the environment in its repository, with a slash at its end; empty for all of it.
    folder: String,
    held: Held,
    /// By blob and path.
    known: Mutex<HashMap<(String, String), Arc<FileMarks>>>,
}

impl Marks {
    /// The marks below a folder; everywhere if there is none.
    pub(super) fn below(folder: Option<&str>) -> Self {
        let folder = folder.map_or_else(String::new, |folder| format!("{}/", folder.trim_matches('/')));
        Self { folder, held: MANIFESTS.clone(), known: Mutex::default() }
    }

    /// Whether a path could be one of the environment's manifests.
    pub(super) fn may_hold(&self, path: &str) -> bool {
        path.starts_with(&self.folder) && self.held.most_bytes(path) > 0
    }

    /// The model's marks at a revision; refused if there are none, because then there is nothing to promote it to.
    pub(super) fn find(&self, manifests: &impl Manifests, model: &str) -> Result<Marked, StepError> {
        self.find_if_marked(manifests, model)?.map_err(|why| why.refusal(model))
    }

    /// Writes values into a model's marked places without keeping the result: what would refuse its promotion is told before
    /// anything is trained.
    pub(super) fn rehearse(&self, manifests: &impl Manifests, model: &str, values: &Values) -> Result<(), StepError> {
        let marked = self.find(manifests, model)?.files;
        for file in manifests.files(&self.held)?.iter().filter(|file| marked.contains(&file.path)) {
            match manifests.check_unfiltered(file) {
                Err(GitError::UnusablePath { path, problem, help, .. }) => {
                    return Err(refusal_of(&Diagnostic::new(path, format!("this file {problem}")).help(help)));
                }
                checked => checked?,
            }
            let content = manifests.read(file)?;
            slipway_manifest::set(&file.path, &content, model, values)
                .map_err(|refusal| refusal_of(refusal.diagnostic()))?;
        }
        Ok(())
    }

    /// The model's marks at a revision; if it has none that name its champion, why.
    pub(super) fn find_if_marked(
        &self,
        manifests: &impl Manifests,
        model: &str,
    ) -> Result<Result<Marked, Unmarked>, StepError> {
        let mut files = Vec::new();
        let mut named: Vec<String> = Vec::new();
        let mut has_digest = false;
        let mut why = Unmarked::Nowhere;
        for (path, marks) in self.all(manifests)? {
            if !path.starts_with(&self.folder) {
                if why == Unmarked::Nowhere && marks.has_mark_of(model) {
                    why = Unmarked::Elsewhere { file: path, folder: self.folder.trim_end_matches('/').to_owned() };
                }
                continue;
            }
            if marks.is_pointer && why == Unmarked::Nowhere {
                why = Unmarked::Pointer(path);
                continue;
            }
            // A place that only seems to be marked would stay behind.
            if let Some(near) = marks.near.iter().find(|near| near.model == model) {
                return Err(refusal_of(&near.diagnostic));
            }
            let marks = match &marks.read {
                Ok(marks) => marks,
                Err(broken) if broken.is_about(model) => return Err(refusal_of(&broken.diagnostic)),
                Err(_) => continue,
            };
            let mut ours = marks.iter().filter(|marker| marker.model == model).peekable();
            if ours.peek().is_some() {
                files.push(path);
            }
            for marker in ours.filter(|marker| marker.field == Field::Digest) {
                has_digest = true;
                if !NOTHING_YET.contains(&marker.value.as_str()) && !named.contains(&marker.value) {
                    named.push(marker.value.clone());
                }
            }
        }
        if !has_digest {
            return Ok(Err(files.into_iter().next().map_or(why, Unmarked::NoDigest)));
        }
        Ok(Ok(Marked { files, named: named_by(&named) }))
    }

    /// The models that are marked at a revision. Files that cannot be read mark none.
    pub(super) fn models(&self, manifests: &impl Manifests) -> Result<BTreeSet<String>, GitError> {
        self.models_where(manifests, |_| true)
    }

    /// The models that are marked in some of the files at a revision, whose paths are sorted.
    pub(super) fn models_in(&self, manifests: &impl Manifests, paths: &[String]) -> Result<BTreeSet<String>, GitError> {
        self.models_where(manifests, |path| paths.binary_search_by(|known| known.as_str().cmp(path)).is_ok())
    }

    fn models_where(
        &self,
        manifests: &impl Manifests,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<BTreeSet<String>, GitError> {
        let all = self.all(manifests)?;
        let meant = all.iter().filter(|(path, _)| path.starts_with(&self.folder) && is_meant(path));
        let marks = meant.filter_map(|(_, marks)| marks.read.as_ref().ok()).flatten();
        Ok(marks.filter(|marker| marker.field == Field::Digest).map(|marker| marker.model.clone()).collect())
    }

    /// The marks of every file, those outside of the folder included.
    fn all(&self, manifests: &impl Manifests) -> Result<Vec<(String, Arc<FileMarks>)>, GitError> {
        let marks = |file: TreeFile| {
            let marks = self.marks_of(manifests, &file)?;
            Ok((file.path, marks))
        };
        manifests.files(&self.held)?.into_iter().map(marks).collect()
    }

    fn marks_of(&self, manifests: &impl Manifests, file: &TreeFile) -> Result<Arc<FileMarks>, GitError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // What is said of a file names it, and depends on its name: equal files are not one.
        let key = (file.blob.clone(), file.path.clone());
        if let Some(marks) = known().get(&key) {
            return Ok(marks.clone());
        }
        let content = manifests.read(file)?;
        let near = slipway_manifest::near_misses(&file.path, &content);
        let is_pointer = content.starts_with(LFS.as_bytes());
        let read = match slipway_manifest::markers(&file.path, &content) {
            // It could be found, and not be written.
            Ok(marks) if file.path.contains('\u{fffd}') && !marks.is_empty() => {
                let message = "the path of this file is not UTF-8, so its marks cannot be followed";
                Err(Diagnostic::new(&file.path, message).help("rename the file or its folder"))
            }
            Ok(marks) => Ok(marks),
            Err(refusal) => Err(refusal.diagnostic().clone()),
        };
        let read = read.map_err(|diagnostic| Broken { diagnostic, content });
        let marks = Arc::new(FileMarks { read, near, is_pointer });
        let mut known = known();
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(key, marks.clone());
        Ok(marks)
    }
}

impl FileMarks {
    fn has_mark_of(&self, model: &str) -> bool {
        self.read.as_ref().is_ok_and(|marks| marks.iter().any(|marker| marker.model == model))
    }
}

impl Broken {
    /// Whether the file could hold marks of a model: then nothing is said of that model, least of all that it has none.
    fn is_about(&self, model: &str) -> bool {
        let word = format!("\"{model}:");
        self.content.windows(word.len()).any(|window| window == word.as_bytes())
    }
}

fn refusal_of(diagnostic: &Diagnostic) -> StepError {
    let reason = format!("the environment cannot be edited: {diagnostic}");
    StepError::Refused { reason, diagnostics: Vec::new() }
}

fn named_by(named: &[String]) -> Named {
    match named {
        [] => Named::Nothing,
        [one] => match one.parse() {
            Ok(digest) => Named::Artifact(digest),
            Err(error) => Named::Unclear(format!("{error}")),
        },
        several => Named::Unclear(format!("its manifests name {} artifacts: {}", several.len(), several.join(", "))),
    }
}

impl Unmarked {
    fn refusal(&self, model: &str) -> StepError {
        let nothing = "so there is nothing to promote it to";
        let put = format!(
            r#"put `# {{"slipway": "{model}:digest"}}` behind the value that is to hold the digest; it may be `none` at first"#
        );
        let (reason, help) = match self {
            Self::Nowhere => (format!("no manifest of the environment has a mark for `{model}`, {nothing}"), put),
            Self::Elsewhere { file, folder } => (
                format!(
                    "no manifest of the environment has a mark for `{model}`, {nothing}; `{file}` has one, outside of \
                     `folder: {folder}`"
                ),
                "name the folder of the manifests in the server's settings as git spells it, or mark the places there"
                    .to_owned(),
            ),
            Self::Pointer(file) => (
                format!(
                    "no manifest of the environment has a mark for `{model}`, and of `{file}` git has only a pointer of Git \
                     LFS, {nothing}"
                ),
                "keep manifests out of Git LFS: what it holds is neither read nor written".to_owned(),
            ),
            Self::NoDigest(file) => (
                format!("the environment marks `{model}` in `{file}`, but no `digest`, so its champion is unknown"),
                put,
            ),
        };
        StepError::Refused { reason: format!("{reason}\n  help: {help}"), diagnostics: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use slipway_contract::Digest;

    use super::*;

    /// Files named by their numbers; equal contents have equal blobs.
    struct Texts<'a>(&'a [&'a str]);

    impl Manifests for Texts<'_> {
        fn files(&self, held: &Held) -> Result<Vec<TreeFile>, GitError> {
            let is_held = |text: &&str| held.texts.iter().any(|held| text.contains(held));
            let meant = self.0.iter().enumerate().filter(|(_, text)| is_held(text));
            let file = |(index, text): (usize, &&str)| TreeFile {
                path: format!("apps/{index}.yaml"),
                blob: Digest::of(text.as_bytes()).to_string(),
                size: text.len() as u64,
            };
            Ok(meant.map(file).collect())
        }

        fn read(&self, file: &TreeFile) -> Result<Vec<u8>, GitError> {
            let number = file.path.trim_start_matches("apps/").trim_end_matches(".yaml");
            Ok(self.0[number.parse::<usize>().expect("a number")].as_bytes().to_vec())
        }
    }

    /// Files of one content under several paths.
    struct Copies<'a>(&'a str, &'a [&'a str]);

    impl Manifests for Copies<'_> {
        fn files(&self, _held: &Held) -> Result<Vec<TreeFile>, GitError> {
            let blob = Digest::of(self.0.as_bytes()).to_string();
            let file =
                |path: &&str| TreeFile { path: (*path).to_owned(), blob: blob.clone(), size: self.0.len() as u64 };
            Ok(self.1.iter().map(file).collect())
        }

        fn read(&self, _file: &TreeFile) -> Result<Vec<u8>, GitError> {
            Ok(self.0.as_bytes().to_vec())
        }
    }

    #[test]
    fn of_equal_files_each_is_told_by_its_own_path() {
        let told = |text: &str, paths: &[&str]| match Marks::below(None).find(&Copies(text, paths), "digits") {
            Err(StepError::Refused { reason, .. }) => reason,
            other => format!("{other:?}"),
        };
        // The good path is looked at first.
        let reason = told(&marked("none"), &["a.yaml", "staging/n\u{fffd}me.yaml"]);
        let expected = "the environment cannot be edited: staging/n\u{fffd}me.yaml: the path of this file is not UTF-8";
        assert!(reason.starts_with(expected), "{reason}");
        let near = "digest: none # {'slipway': 'digits:digest'}\n";
        let marks = Marks::below(Some("b"));
        let refused = marks.find(&Copies(near, &["a/x.yaml", "b/x.yaml"]), "digits").expect_err("a near miss");
        assert!(matches!(refused, StepError::Refused { reason, .. } if reason.contains("edited: b/x.yaml:1:")));
    }

    fn of(manifests: &[&str]) -> Result<Named, String> {
        match Marks::below(None).find(&Texts(manifests), "digits") {
            Ok(marked) => Ok(marked.named),
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
        assert_eq!(of(&[&text, &text, "other: file"]), Ok(Named::Artifact(digest)));
    }

    #[test]
    fn before_the_first_promotion_there_is_no_champion() {
        assert_eq!(of(&[&marked("none"), &marked("\"\"")]), Ok(Named::Nothing));
    }

    #[test]
    fn a_value_that_is_no_digest_is_never_taken_for_no_champion() {
        for text in [&["v1"][..], &["sha256:123"], &[Digest::of(b"a").as_str(), Digest::of(b"b").as_str()]] {
            let texts: Vec<String> = text.iter().map(|value| marked(value)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            assert!(matches!(of(&texts), Ok(Named::Unclear(_))), "{texts:?}");
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

    #[test]
    fn a_broken_file_stops_only_the_models_it_could_be_about() {
        let broken = "a: [ # {\"slipway\": \"digits:digest\"}\n";
        let reason = of(&[&marked("none"), broken]).expect_err("broken");
        assert!(reason.starts_with("the environment cannot be edited: apps/1.yaml:"), "{reason}");
        let other = "a: [ # {\"slipway\": \"other:digest\"}\n";
        assert_eq!(of(&[&marked("none"), other]), Ok(Named::Nothing));
    }

    #[test]
    fn a_place_that_only_seems_to_be_marked_stops_its_model_and_no_other() {
        let near = "uri: none # {'slipway': 'digits:uri'}\n";
        let reason = of(&[&marked("none"), near]).expect_err("it would stay behind");
        assert!(reason.starts_with("the environment cannot be edited: apps/1.yaml:1:"), "{reason}");
        assert!(reason.contains("`# {\"slipway\": \"digits:uri\"}`"), "{reason}");
        assert_eq!(of(&[&marked("none"), "uri: none # Slipway: other:uri\n"]), Ok(Named::Nothing));
    }

    #[test]
    fn a_place_that_could_not_take_its_value_stops_its_model_before_anything_is_trained() {
        let values = Values {
            uri: "s3://models/a".to_owned(),
            digest: Digest::of(b"").to_string(),
            version: "20261124-3f9a1c2b7d10".to_owned(),
            run: "r".to_owned(),
        };
        let rehearsed = |text: &str| {
            let texts = [&*marked("none"), text];
            match Marks::below(None).rehearse(&Texts(&texts), "digits", &values) {
                Err(StepError::Refused { reason, .. }) => reason,
                other => format!("{other:?}"),
            }
        };
        for (text, said) in [
            ("version: 1 # {\"slipway\": \"digits:version\"}\n", "apps/1.yaml:1:10: this value is a number"),
            ("args: [--model=none] # {\"slipway\": \"digits:uri\"}\n", "--model="),
            ("uri: x # {\"slipway\": \"digits:uri\", \"prefix\": \"MODEL=\"}\n", "MODEL="),
        ] {
            let reason = rehearsed(text);
            assert!(reason.starts_with("the environment cannot be edited: ") && reason.contains(said), "{reason}");
        }
        assert_eq!(rehearsed("a: --m=none # {\"slipway\": \"other:uri\"}\n"), "Ok(())", "another model's place");
    }

    #[test]
    fn marks_outside_of_the_folder_and_pointers_of_lfs_are_named() {
        let text = marked("none");
        let texts = [text.as_str(), "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"];
        let reason = |folder, texts: &[&str]| match Marks::below(folder).find(&Texts(texts), "digits") {
            Err(StepError::Refused { reason, .. }) => reason,
            other => format!("{other:?}"),
        };
        let elsewhere = reason(Some("Apps"), &texts);
        assert!(elsewhere.contains("`apps/0.yaml` has one, outside of `folder: Apps`"), "{elsewhere}");
        let pointer = reason(None, &texts[1..]);
        assert!(pointer.contains("of `apps/0.yaml` git has only a pointer of Git LFS"), "{pointer}");
    }

    #[test]
    fn only_the_folder_of_the_environment_is_looked_at() {
        let text = marked("none");
        let texts = [text.as_str()];
        assert!(Marks::below(Some("apps")).find(&Texts(&texts), "digits").is_ok());
        assert!(Marks::below(Some("app")).find(&Texts(&texts), "digits").is_err());
        assert_eq!(Marks::below(None).models(&Texts(&texts)).expect("models").len(), 1);
        let in_file =
            |path: &str| Marks::below(None).models_in(&Texts(&texts), &[path.to_owned()]).expect("models").len();
        assert_eq!((in_file("apps/0.yaml"), in_file("apps/1.yaml")), (1, 0));
    }
}
