//! A repository's folder on this machine: where it begins, and what git keeps out of it.

use std::path::{Path, PathBuf};

use git2::Repository;

/// The working folder of a repository.
pub struct WorkTree {
    repository: Repository,
    root: PathBuf,
}

impl WorkTree {
    /// The working folder that a folder is in; `None` where there is none, or git cannot read it.
    pub fn around(folder: &Path) -> Option<Self> {
        let repository = Repository::discover(folder).ok()?;
        let root = repository.workdir()?.canonicalize().ok()?;
        Some(Self { repository, root })
    }

    /// Its topmost folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether git leaves a path out of commits: it is ignored, and was not added nevertheless. A folder ends with `/`.
    pub fn ignores(&self, path: &str) -> bool {
        let added = self.repository.index().is_ok_and(|index| {
            if path.ends_with('/') {
                index.find_prefix(path).is_ok()
            } else {
                index.get_path(Path::new(path), 0).is_some()
            }
        });
        !added && self.repository.status_should_ignore(Path::new(path)).unwrap_or(false)
    }
}
