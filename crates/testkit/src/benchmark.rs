//! How benchmarks tell what they found: to people, to programs, and on their page.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// The commit that is checked out in `root`, by its first twelve digits.
pub fn commit(root: &Path) -> Result<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(root).output()?;
    ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Says the text, writes the figures to `target/bench/NAME.json` and, if asked, the text into `docs/benchmarks.md`, between the
/// marks of `bench-NAME`.
pub fn finish(root: &Path, name: &str, figures: &Value, text: &str, record: bool) -> Result<()> {
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{name}.json")), format!("{figures:#}\n"))?;
    say(text);
    if record {
        let [begin, end] = ["begin", "end"].map(|word| format!("<!-- bench-{name}: {word} -->"));
        let path = root.join("docs/benchmarks.md");
        let page = std::fs::read_to_string(&path)?;
        let (before, rest) = page.split_once(&begin).with_context(|| format!("no `{begin}` in docs/benchmarks.md"))?;
        let (_, after) = rest.split_once(&end).with_context(|| format!("no `{end}` in docs/benchmarks.md"))?;
        std::fs::write(path, format!("{before}{begin}\n{}\n{end}{after}", text.trim_end()))?;
    }
    Ok(())
}

/// Writes a line to standard output, at once.
pub fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    // A reader that went away ends nothing but the reading.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
