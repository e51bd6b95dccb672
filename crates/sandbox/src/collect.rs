//! Takes the outputs of a program that has ended. The program is not trusted: links are not followed, and only regular files with
//! one name and a bounded size are copied.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, unlinkat};

use crate::spec::{INNER_OUTPUT, Spec};

/// Copies each output into the folder `taken`. Returns the reasons why outputs were not taken.
pub(crate) fn take(spec: &Spec, taken: &OwnedFd) -> Vec<String> {
    let root =
        match rustix::fs::open(INNER_OUTPUT, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Ok(root) => root,
            Err(error) => return vec![format!("the folder of outputs cannot be opened: {error}")],
        };
    let mut left = spec.limits.output;
    let mut refused = Vec::new();
    for (index, name) in spec.outputs.iter().enumerate() {
        match open_output(&root, name, left) {
            Ok((file, size)) => {
                left -= size;
                if let Err(error) = copy(file, size, taken, &index.to_string()) {
                    refused.push(format!("`{name}` cannot be copied: {error}"));
                }
            }
            Err(reason) => refused.push(format!("`{name}` {reason}")),
        }
    }
    refused
}

/// Opens a regular file of at most `most` bytes without following links.
fn open_output(root: &OwnedFd, name: &str, most: u64) -> Result<(File, u64), String> {
    let missing = |error: rustix::io::Errno| match error {
        rustix::io::Errno::NOENT => "does not exist, expected a file that the program writes".to_owned(),
        rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR => {
            "is reached by a link, expected a regular file".to_owned()
        }
        error => format!("cannot be opened: {error}"),
    };
    let mut folder = None;
    let mut parts = Path::new(name).components().peekable();
    while let Some(part) = parts.next() {
        let std::path::Component::Normal(part) = part else { return Err("is not a plain relative path".to_owned()) };
        let at = folder.as_ref().unwrap_or(root).as_fd();
        if parts.peek().is_some() {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            folder = Some(openat(at, part, flags, Mode::empty()).map_err(missing)?);
            continue;
        }
        // Without a wait for the other end of a FIFO.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(at, part, flags, Mode::empty()).map_err(missing)?;
        let found = fstat(&file).map_err(missing)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile if found.st_nlink == 1 => {}
            FileType::RegularFile => return Err("has several names (hard links), expected one".to_owned()),
            FileType::Directory => return Err("is a folder, expected a regular file: pack it into one file".to_owned()),
            _ => return Err("is a device, a pipe or a socket, expected a regular file".to_owned()),
        }
        let size = u64::try_from(found.st_size).unwrap_or(u64::MAX);
        if size > most {
            return Err(format!(
                "has {size} bytes, expected at most {most}: raise `output` of this source's `commands`"
            ));
        }
        return Ok((File::from(file), size));
    }
    Err("is not a plain relative path".to_owned())
}

fn copy(file: File, size: u64, folder: &OwnedFd, name: &str) -> std::io::Result<()> {
    let mut target = create(folder, name)?;
    std::io::copy(&mut file.take(size), &mut target)?;
    target.sync_all()
}

fn create(folder: &OwnedFd, name: &str) -> std::io::Result<File> {
    let _ = unlinkat(folder, name, AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    Ok(File::from(openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?))
}

/// Writes a file of the sandbox's folder.
pub(crate) fn write(folder: &OwnedFd, name: &str, content: &[u8]) -> std::io::Result<()> {
    create(folder, name)?.write_all(content)
}
