//! Who promotes: our writer as a child process, and the git command line in its two usual ways.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::repository::git;

/// This program in another role.
pub(crate) struct Part {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Part {
    pub(crate) fn start(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { child, input, output })
    }

    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.output.read_line(&mut line)? > 0, "a part of the benchmark ended early");
        Ok(line.trim_end().to_owned())
    }

    /// Asks our writer.
    pub(crate) fn ask(&mut self, request: &str) -> Result<Value> {
        let input = self.input.as_mut().context("no standard input")?;
        writeln!(input, "{request}")?;
        input.flush()?;
        Ok(serde_json::from_str(&self.line()?)?)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        drop(self.input.take());
        // A part that ended badly was noticed when it was asked.
        let _ = self.child.wait();
    }
}

/// A figure of a promotion's answer.
pub(crate) fn figure(answer: &Value, name: &str) -> Result<f64> {
    answer[name].as_f64().with_context(|| format!("no `{name}` in {answer}"))
}

/// A clone that is made for one promotion and thrown away. Milliseconds until it was pushed.
pub(crate) fn fresh_clone(url: &str, scratch: &Path, path: &str, tag: &str) -> Result<f64> {
    let folder = scratch.join("fresh");
    let begun = Instant::now();
    git(scratch, &["clone", "-q", "--depth", "1", url, &folder.display().to_string()])?;
    change(&folder, path, tag)?;
    git(&folder, &["push", "-q", "origin", "HEAD:main"])?;
    let taken = begun.elapsed().as_secs_f64() * 1e3;
    std::fs::remove_dir_all(&folder)?;
    Ok(taken)
}

/// A clone that is kept.
pub(crate) struct WarmClone {
    folder: PathBuf,
}

impl WarmClone {
    pub(crate) fn make(url: &str, folder: PathBuf) -> Result<Self> {
        let parent = folder.parent().context("a parent")?;
        git(parent, &["clone", "-q", "--single-branch", url, &folder.display().to_string()])?;
        git(&folder, &["config", "gc.auto", "0"])?;
        Ok(Self { folder })
    }

    /// One try, or as many as it takes. Milliseconds until it was pushed, and tries.
    pub(crate) fn promote(&self, path: &str, tag: &str, most: usize) -> Result<(f64, usize)> {
        let begun = Instant::now();
        for attempt in 1..=most {
            git(&self.folder, &["fetch", "-q", "origin"])?;
            git(&self.folder, &["reset", "-q", "--hard", "origin/main"])?;
            change(&self.folder, path, tag)?;
            match git(&self.folder, &["push", "-q", "origin", "HEAD:main"]) {
                Ok(_) => return Ok((begun.elapsed().as_secs_f64() * 1e3, attempt)),
                Err(error) if attempt == most => return Err(error),
                Err(_) => {}
            }
        }
        anyhow::bail!("no attempt was allowed")
    }
}

/// Writes a tag into a file and commits it.
fn change(folder: &Path, path: &str, tag: &str) -> Result<()> {
    let file = folder.join(path);
    let content = std::fs::read_to_string(&file)?;
    let content: Vec<String> = content
        .lines()
        .map(|line| if line.starts_with("  tag:") { format!("  tag: \"{tag}\"\n") } else { format!("{line}\n") })
        .collect();
    std::fs::write(&file, content.concat())?;
    git(folder, &["commit", "-q", "-a", "-m", &format!("promote {tag}")]).map(drop)
}
