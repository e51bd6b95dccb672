//! Artifacts in a backup: all files, or only their list, each with its digest. The list has the format of `sha256sum -c`.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use slipway_contract::Digest;

use super::folder::Folder;
use super::{ArtifactError, Settings};

/// Name of the list within the backup.
pub const LIST: &str = "artifacts.sha256";
/// Folder of the files within the backup. It has the format of an artifact store.
const FILES: &str = "artifacts";
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// The form of artifacts in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inclusion {
    /// As copies.
    Copy,
    /// As hard links if both folders are on one file system, else as copies. Links need no space, but a damage of the original
    /// affects them too.
    Link,
    /// Only their names and digests: their folder has another backup.
    List,
}

/// The copied or verified files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CopiedArtifacts {
    /// Number of files.
    pub files: u64,
    /// Number of bytes.
    pub bytes: u64,
    /// Files that are damaged or missing.
    #[serde(default)]
    pub damaged: Vec<String>,
}

/// Writes the artifacts of a store into `backup`. Reports damaged weights and leaves them out.
pub fn back_up(settings: &Settings, backup: &Path, how: Inclusion) -> Result<CopiedArtifacts, ArtifactError> {
    let Settings::Folder { path: root, .. } = settings;
    let folder = Folder::new(root.clone());
    let list = backup.join(LIST);
    let failed = of_file(&list);
    let mut list = BufWriter::new(File::create(&list).map_err(&failed)?);
    let mut copied = CopiedArtifacts::default();
    let mut artifacts = folder.artifacts().map_err(of_file(root))?;
    artifacts.sort();
    for artifact in artifacts {
        for file in folder.files(&artifact).map_err(of_file(root))? {
            // The file is still being written.
            if file.name.contains('#') {
                continue;
            }
            let name = format!("sha256/{}/{}", artifact.hex(), file.name);
            let from = folder.file(&artifact, &file.name);
            let into = (how != Inclusion::List).then(|| backup.join(FILES).join(&name));
            let Some(digest) = take(&from, into.as_deref(), how == Inclusion::Link).map_err(of_file(&from))? else {
                continue;
            };
            if [super::object::WEIGHTS, super::object::PROGRAM_MODEL].contains(&&*file.name) && digest != artifact {
                copied.damaged.push(name);
                if let Some(into) = into {
                    fs::remove_file(&into).map_err(of_file(&into))?;
                }
                continue;
            }
            writeln!(list, "{}  {name}", digest.hex()).map_err(&failed)?;
            copied.files += 1;
            copied.bytes += file.bytes;
        }
    }
    list.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(&failed)?;
    Ok(copied)
}

/// Verifies the files of a backup against their digests: the copies in it or, if it only contains the list, the files of the
/// store.
pub fn verify(settings: &Settings, backup: &Path, how: Inclusion) -> Result<CopiedArtifacts, ArtifactError> {
    let Settings::Folder { path: root, .. } = settings;
    let from = if how == Inclusion::List { root.clone() } else { backup.join(FILES) };
    each(backup, |digest, name| Ok((take(&from.join(name), None, false)?.as_ref() == Some(digest), from.join(name))))
}

/// Restores the files of a backup into the store. Identical files stay; different files are set aside.
pub fn restore(settings: &Settings, backup: &Path, how: Inclusion) -> Result<CopiedArtifacts, ArtifactError> {
    if how == Inclusion::List {
        return verify(settings, backup, how);
    }
    let Settings::Folder { path: root, .. } = settings;
    fs::create_dir_all(root).map_err(of_file(root))?;
    let folder = Folder::new(root.clone());
    each(backup, |digest, name| {
        let (from, into) = (backup.join(FILES).join(name), root.join(name));
        if take(&into, None, false)?.as_ref() == Some(digest) {
            return Ok((true, into));
        }
        if let Some((artifact, file)) = parts_of(name) {
            folder.set_damaged_aside(&artifact, file, Timestamp::now())?;
        }
        let whole = take(&from, Some(&into), false)?.as_ref() == Some(digest);
        if !whole && into.exists() {
            fs::remove_file(&into)?;
        }
        Ok((whole, into))
    })
}

/// Iterates over the list of a backup. `copy_one` returns whether a file is intact, and its path.
fn each(
    backup: &Path,
    mut copy_one: impl FnMut(&Digest, &str) -> io::Result<(bool, PathBuf)>,
) -> Result<CopiedArtifacts, ArtifactError> {
    let list = backup.join(LIST);
    let failed = of_file(&list);
    let mut copied = CopiedArtifacts::default();
    for line in BufReader::new(File::open(&list).map_err(&failed)?).lines() {
        let line = line.map_err(&failed)?;
        let read = line.split_once("  ").and_then(|(hex, name)| {
            let digest = Digest::of_hex(hex).ok()?;
            parts_of(name).map(|_| (digest, name))
        });
        let Some((digest, name)) = read else {
            return Err(failed(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("expected a digest and the path of a file of an artifact, found `{line}`"),
            )));
        };
        let (whole, file) = copy_one(&digest, name).map_err(of_file(&backup.join(FILES).join(name)))?;
        if whole {
            copied.files += 1;
            copied.bytes += file.metadata().map_err(of_file(&file))?.len();
        } else {
            copied.damaged.push(name.to_owned());
        }
    }
    Ok(copied)
}

/// The artifact and the file of a name in the list; `None` if the name leads outside the store.
fn parts_of(name: &str) -> Option<(Digest, &str)> {
    let (hex, file) = name.strip_prefix("sha256/")?.split_once('/')?;
    let plain = file.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    Some((Digest::of_hex(hex).ok()?, file)).filter(|_| plain)
}

/// Reads a file, optionally writes it to `into`, and returns its digest; `None` if there is no such file.
fn take(from: &Path, into: Option<&Path>, link: bool) -> io::Result<Option<Digest>> {
    let mut reader = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut writer = match into {
        Some(into) => {
            if let Some(parent) = into.parent() {
                fs::create_dir_all(parent)?;
            }
            if link && fs::hard_link(from, into).is_ok() { None } else { Some(File::create(into)?) }
        }
        None => None,
    };
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = reader.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hasher.update(&chunk[..read]);
        if let Some(writer) = &mut writer {
            writer.write_all(&chunk[..read])?;
        }
    }
    if let Some(writer) = writer {
        writer.sync_all()?;
    }
    Ok(Some(Digest::of_hasher(hasher)))
}

fn of_file(file: &Path) -> impl Fn(io::Error) -> ArtifactError {
    let file = file.display().to_string();
    move |error| ArtifactError::File { file: file.clone(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        folder: tempfile::TempDir,
        artifact: Digest,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let artifact = Digest::of(b"weights");
            let world = Self { folder, artifact };
            let place = world.path("store/sha256").join(world.artifact.hex());
            fs::create_dir_all(place.join("evidence")).expect("a folder");
            fs::create_dir_all(world.path("backup")).expect("a folder");
            fs::write(place.join("model.safetensors"), b"weights").expect("written");
            fs::write(place.join("evidence/a.json"), b"{}").expect("written");
            world
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn store(&self, name: &str) -> Settings {
            Settings::Folder { path: self.path(name), copies: Vec::new(), uri: None }
        }
    }

    #[test]
    fn artifacts_come_back_from_a_backup_file_by_file() {
        for how in [Inclusion::Copy, Inclusion::Link] {
            let world = World::new();
            let copied = back_up(&world.store("store"), &world.path("backup"), how).expect("copied");
            assert_eq!((copied.files, copied.bytes, copied.damaged.len()), (2, 9, 0));
            assert_eq!(restore(&world.store("other"), &world.path("backup"), how).expect("restored"), copied);
            let back = world.path("other/sha256").join(world.artifact.hex()).join("evidence/a.json");
            assert_eq!(fs::read(back).expect("a file"), b"{}");
        }
    }

    #[test]
    fn damaged_files_are_named_wherever_they_are() {
        let world = World::new();
        let weights = world.path("store/sha256").join(world.artifact.hex()).join("model.safetensors");
        back_up(&world.store("store"), &world.path("backup"), Inclusion::List).expect("listed");
        fs::write(&weights, b"weightz").expect("damaged");
        let name = format!("sha256/{}/model.safetensors", world.artifact.hex());
        let found = verify(&world.store("store"), &world.path("backup"), Inclusion::List).expect("looked at");
        assert_eq!((found.files, &*found.damaged), (1, &[name.clone()][..]));
        let copied = back_up(&world.store("store"), &world.path("backup"), Inclusion::Copy).expect("copied");
        assert_eq!((copied.files, &*copied.damaged), (1, &[name][..]), "no backup holds them");
    }

    #[test]
    fn a_list_that_leads_out_of_the_store_is_refused() {
        let world = World::new();
        for name in ["../../etc/passwd", "sha256/abc/x", &format!("sha256/{}/../x", world.artifact.hex())] {
            fs::write(world.path("backup").join(LIST), format!("{}  {name}\n", world.artifact.hex())).expect("written");
            let refused = restore(&world.store("other"), &world.path("backup"), Inclusion::Copy);
            assert!(refused.expect_err("refused").to_string().contains("expected a digest and the path"), "{name}");
        }
    }
}
