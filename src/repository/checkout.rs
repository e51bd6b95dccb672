//! A repository in a folder of this machine, with files that are not committed yet.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};

use slipway_contract::table::glob_matches;

use super::files::{Entry, Files, too_large};
use slipway_domain::Diagnostic;
use slipway_git::{Committed, LfsPointer, WorkTree};

/// Maximum number of entries in one search, and its maximum depth. They stop a search of a whole machine.
const MAX_ENTRIES: usize = 1_000_000;
const DEEPEST: usize = 64;
/// Folders without own files. They are skipped where there is no git repository, and so no `.gitignore`.
const SKIPPED: [&str; 2] = ["target", "node_modules"];

/// A repository on disk. The root of a folder outside any repository is the root of the file system.
pub struct Checkout {
    root: PathBuf,
    /// The folder in which searches begin, below the root; empty for the whole root. `None` for a file outside any repository,
    /// around which nothing is searched.
    searched: Option<String>,
    git: Option<WorkTree>,
}

impl Checkout {
    /// The repository that contains a file or a folder. Links in the path are followed.
    pub fn around(path: &Path) -> Result<Self, Error> {
        let path = path.canonicalize()?;
        let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(Path::new("/")) };
        if let Some(git) = WorkTree::around(folder) {
            return Ok(Self { root: git.root().to_owned(), searched: Some(String::new()), git: Some(git) });
        }
        let root = PathBuf::from("/");
        let searched = if path.is_dir() { Some(relative(&root, folder).ok_or_else(not_a_text)?) } else { None };
        Ok(Self { root, searched, git: None })
    }

    /// The root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it is a git repository.
    pub fn is_repository(&self) -> bool {
        self.git.is_some()
    }

    /// The path of an entry from the root. If the last part is a link, it is not followed.
    pub fn path_of(&self, path: &Path) -> Result<String, Error> {
        let whole = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => {
                let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
                parent.canonicalize()?.join(name)
            }
            _ => path.canonicalize()?,
        };
        relative(&self.root, &whole).ok_or_else(not_a_text)
    }

    /// The wanted files below a folder, sorted; and the wanted files whose path from the root is not UTF-8. `is_wanted` receives
    /// such a path with replacement characters.
    pub fn find_below(
        &self,
        folder: &str,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<String>, Vec<PathBuf>), Error> {
        let (mut found, mut unnamed) = (Vec::new(), Vec::new());
        let mut visited = 0;
        let mut open = vec![(PathBuf::from(folder), 0)];
        while let Some((folder, depth)) = open.pop() {
            for entry in std::fs::read_dir(self.root.join(&folder))? {
                visited += 1;
                if visited > MAX_ENTRIES || depth > DEEPEST {
                    return Err(Error::other(format!(
                        "the folder contains more than {MAX_ENTRIES} entries, or is nested \
                     deeper than {DEEPEST} levels"
                    )));
                }
                let entry = entry?;
                let path = folder.join(entry.file_name());
                let kind = entry.file_type()?;
                if kind.is_dir() && self.holds_own_files(&path) {
                    open.push((path, depth + 1));
                } else if kind.is_file() {
                    match path.to_str() {
                        Some(text) if is_wanted(text) && !self.ignores(text) => found.push(text.to_owned()),
                        None if is_wanted(&path.to_string_lossy()) => unnamed.push(path),
                        _ => {}
                    }
                }
            }
        }
        found.sort();
        unnamed.sort();
        Ok((found, unnamed))
    }

    /// Whether a folder belongs to this repository. Git leaves out its own folder, ignored folders, and other repositories.
    fn holds_own_files(&self, path: &Path) -> bool {
        let is_called = |name: &str| path.file_name().is_some_and(|called| called == name);
        let is_other = is_called(".git") || self.root.join(path).join(".git").exists();
        let is_left_out = match self.git {
            Some(_) => path.to_str().is_some_and(|path| self.ignores(&format!("{path}/"))),
            None => SKIPPED.into_iter().any(is_called),
        };
        !is_other && !is_left_out
    }

    /// Compares a file with its commit; `None` if the result is unknown, or there is no repository.
    pub(crate) fn held(&self, path: &str) -> Option<Committed> {
        self.git.as_ref().and_then(|git| git.held(path))
    }

    /// A regular file, for reading piece by piece; `None` if there is none.
    pub(crate) fn open(&self, path: &str) -> Result<Option<File>, Error> {
        match self.entry(path)? {
            Some(Entry::File | Entry::Ignored) => File::open(self.root.join(path)).map(Some),
            _ => Ok(None),
        }
    }

    /// The Git LFS pointer that git contains in the place of a file, or the problem with it; `None` if there is none.
    pub(super) fn committed_pointer(&self, path: &str) -> Option<Result<LfsPointer, &'static str>> {
        LfsPointer::read(&self.git.as_ref()?.committed_small(path)?)
    }

    fn ignores(&self, path: &str) -> bool {
        self.git.as_ref().is_some_and(|git| git.ignores(path))
    }

    /// The metadata at a path or, if a part of the path is a link, of that part.
    fn found(&self, path: &str) -> Result<Option<Metadata>, Error> {
        let mut way = self.root.clone();
        let mut found = None;
        for part in path.split('/') {
            way.push(part);
            match way.symlink_metadata() {
                Ok(here) if here.is_symlink() => return Ok(Some(here)),
                Ok(here) => found = Some(here),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

impl Files for Checkout {
    type Error = Error;

    fn place(&self) -> String {
        if self.git.is_some() { "in this repository".to_owned() } else { "in this folder".to_owned() }
    }

    fn is_commit(&self) -> bool {
        false
    }

    /// Outside a repository, paths begin at the root of the file system. They are shown relative to the current folder if
    /// possible.
    fn shown(&self, path: &str) -> String {
        if self.git.is_some() {
            return path.to_owned();
        }
        let whole = self.root.join(path);
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        let beside = here.ok().and_then(|here| relative(&here, &whole));
        beside.unwrap_or_else(|| whole.display().to_string())
    }

    fn entry(&self, path: &str) -> Result<Option<Entry>, Error> {
        Ok(self.found(path)?.map(|found| match found.file_type() {
            kind if kind.is_file() && self.ignores(path) => Entry::Ignored,
            kind if kind.is_file() => Entry::File,
            kind if kind.is_symlink() => Entry::Other("a symbolic link"),
            kind if kind.is_dir() => Entry::Other("a folder"),
            _ => Entry::Other("a device or a pipe"),
        }))
    }

    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(file) = self.open(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            let reason = format!("`{}` has more than {most} bytes", self.shown(path));
            return Err(Error::new(ErrorKind::FileTooLarge, reason));
        }
        Ok(Some(bytes))
    }

    fn mistake(path: &str, most: u64, error: &Error) -> Option<Diagnostic> {
        (error.kind() == ErrorKind::FileTooLarge).then(|| too_large(path, most))
    }

    /// A folder of data is read directly, because the trainer of this machine reads ignored files too.
    fn matching(&self, glob: &str) -> Result<Vec<String>, Error> {
        let folder = glob.rsplit_once('/').map_or("", |(folder, _)| folder);
        let entries = match std::fs::read_dir(self.root.join(folder)) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries.take(MAX_ENTRIES) {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if glob_matches(glob, &path) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    fn find(&self, is_wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, Error> {
        let Some(folder) = &self.searched else { return Ok(Vec::new()) };
        self.find_below(folder, is_wanted).map(|(found, _)| found)
    }
}

fn relative(root: &Path, path: &Path) -> Option<String> {
    let parts = path.strip_prefix(root).ok()?.components().map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    Some(parts.collect::<Option<Vec<&str>>>()?.join("/"))
}

fn not_a_text() -> Error {
    Error::other("the path is outside the folder, or is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_folders_are_no_files_wherever_they_are_on_the_way() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("real")).expect("a folder");
        std::fs::write(folder.path().join("real/x.csv"), "x").expect("written");
        std::os::unix::fs::symlink("real", folder.path().join("linked")).expect("linked");
        std::os::unix::fs::symlink("real/x.csv", folder.path().join("y.csv")).expect("linked");
        let checkout = Checkout::around(folder.path()).expect("a folder");
        let entry = |path: &str| {
            let path = checkout.path_of(&folder.path().join("real")).expect("a path").replace("real", path);
            checkout.entry(&path).expect("read")
        };
        assert_eq!(entry("real/x.csv"), Some(Entry::File));
        assert_eq!(entry("linked/x.csv"), Some(Entry::Other("a symbolic link")));
        assert_eq!(entry("y.csv"), Some(Entry::Other("a symbolic link")));
        assert_eq!(entry("real"), Some(Entry::Other("a folder")));
        assert_eq!(entry("real/x.csv/z"), None);
        let found = checkout.find(&|path| path.contains(".csv")).expect("found");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
