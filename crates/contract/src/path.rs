//! Normalises paths and globs of `slipway.yaml` so that they can be compared with the files of a repository.

use crate::{DataSpec, Model};

impl Model {
    /// The same model with normalised paths: `./data//x` becomes `data/x`, and the glob `data/` becomes `data/**`. Git and globs
    /// match only this form, while a file system accepts all forms.
    #[must_use]
    pub fn with_plain_paths(mut self) -> Self {
        for glob in &mut self.spec.paths {
            *glob = if glob.ends_with('/') { format!("{}/**", plain(glob)) } else { plain(glob) };
        }
        for path in self.spec.data.files_mut() {
            *path = plain(path);
        }
        self.spec.policy = plain(&self.spec.policy);
        self.spec.training.lock_file = self.spec.training.lock_file.take().map(|path| plain(&path));
        self
    }
}

impl DataSpec {
    /// Every file.
    fn files_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Idx { train, test, .. } => {
                vec![&mut train.features, &mut train.labels, &mut test.features, &mut test.labels]
            }
            Self::Csv(table) | Self::Jsonl(table) | Self::Parquet(table) => {
                let files = [&mut table.train, &mut table.test, &mut table.rows, &mut table.recent];
                files.into_iter().flatten().map(|file| &mut file.file).collect()
            }
        }
    }
}

/// The path without empty and `.` parts. A path of such parts alone is returned unchanged.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.is_empty() { path.to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_say_nothing_are_left_out() {
        for (path, expected) in [
            ("data/train.csv", "data/train.csv"),
            ("./data//train.csv", "data/train.csv"),
            ("data/./train.csv/", "data/train.csv"),
            ("data/**", "data/**"),
            (".", "."),
            (".hidden/x", ".hidden/x"),
        ] {
            assert_eq!(plain(path), expected);
        }
    }
}
