//! `slipway edit`: one guarded edit of one manifest, printed or written in place.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::exit::{self, Exit, Failure};
use super::form::LocalFormat;
use super::output::{text, things};
use slipway_manifest::{Edit as Wanted, Edited, Mark, Place, Refusal, Selector};

/// Change one value of a YAML file and keep every other byte, or refuse with a reason.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("place").required(true)))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Edit {
    /// The file
    file: PathBuf,
    /// The document to edit, by `apiVersion`, `kind`, `name` and `namespace`, as in `kind=Deployment,name=api`
    #[arg(long, value_name = "PROPERTY=VALUE,…", default_value = "", hide_default_value = true, value_parser = selector)]
    select: Selector,
    /// The value, by its path from the top, as in `spec.template.spec.containers[name=server].image`
    #[arg(long, group = "place")]
    path: Option<slipway_yaml::Path>,
    /// Every value with the comment `# {"slipway": "MODEL:FIELD"}`
    #[arg(long, group = "place", value_name = "MODEL:FIELD")]
    marker: Option<Mark>,
    /// The new value
    #[arg(long, allow_hyphen_values = true)]
    value: String,
    /// Add the keys of the path that do not exist, also below a key without a value. An added value is a number or a truth value
    /// where it is written as one (`3`, `0.5`, `true`), and text otherwise; in labels, annotations, tags and versions, and
    /// wherever else Kubernetes expects text, it is text
    #[arg(long, requires = "path")]
    create: bool,
    /// An added value is text, also if it is written as a number or a truth value
    #[arg(long, requires = "create")]
    text: bool,
    /// Allow a change of a value that aliases use elsewhere; it changes there as well
    #[arg(long)]
    anchored: bool,
    /// Change the file instead of printing the result; with JSON or YAML output, the changes are always printed
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    format: LocalFormat,
}

fn selector(text: &str) -> Result<Selector, slipway_manifest::NotASelector> {
    if text.is_empty() { Ok(Selector::default()) } else { text.parse() }
}

impl Edit {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { file, select, path, marker, value, create, text, anchored, write, format } = self;
        let place = match (path, marker) {
            (Some(path), _) => Place::Path(path),
            (None, Some(mark)) => Place::Mark(mark),
            (None, None) => return Err(exit::invalid("expected `--path` or `--marker`")),
        };
        let name = file.display().to_string();
        let content = read(&file).map_err(|error| exit::invalid(format!("{name}: {error}")))?;
        let wanted = Wanted { selector: select, place, value, create, text, anchored };
        let edited = slipway_manifest::edit(&name, &content, &wanted).map_err(refused)?;
        let written = write && !edited.changes.is_empty();
        if written {
            replace(&file, &edited.content).map_err(|error| exit::invalid(format!("{name}: {error}")))?;
        }
        if write || !format.is_text() {
            format.show(&document(&name, &edited, written), |document, _| as_text(document))?;
        } else {
            let printed = std::io::stdout().lock().write_all(&edited.content);
            printed.map_err(|error| exit::invalid(format!("standard output: {error}")))?;
        }
        Ok(Exit::Done)
    }
}

/// Converts a refusal: a failed guard is a defect of Slipway, and everything else is about the file, the path or the value.
fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Guard(_) => exit::defect(refusal),
        _ => exit::invalid(refusal),
    }
}

/// Reads a file, at most as much as is needed to refuse it for its size.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut content = Vec::new();
    let limit = slipway_yaml::MAX_BYTES as u64 + 1;
    std::fs::File::open(file)?.take(limit).read_to_end(&mut content)?;
    Ok(content)
}

/// Replaces the file atomically and keeps its permissions, so that no reader sees partial content.
fn replace(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let file = file.canonicalize()?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut next = tempfile::NamedTempFile::new_in(folder)?;
    next.write_all(content)?;
    next.as_file().set_permissions(file.metadata()?.permissions())?;
    next.as_file().sync_all()?;
    next.persist(&file)?;
    Ok(())
}

/// Returns the changes, written or planned, as a document.
fn document(name: &str, edited: &Edited<'_>, written: bool) -> Value {
    let changes = edited.changes.iter().map(|change| {
        json!({
            "line": change.position.line, "column": change.position.column,
            "place": change.place.to_string(), "old": change.old, "new": change.new
        })
    });
    json!({"file": name, "written": written, "changes": changes.collect::<Vec<_>>()})
}

fn as_text(document: &Value) -> String {
    let name = text(document, "file");
    let line = |change: &Value| {
        let at = format!("{name}:{}:{}", change["line"], change["column"]);
        let [place, new] = ["place", "new"].map(|key| text(change, key));
        match change["old"].as_str() {
            Some(old) => format!("{at}: {place} changed from `{old}` to `{new}`"),
            None => format!("{at}: {place} was added: `{new}`"),
        }
    };
    let lines: Vec<String> = things(document, "changes").iter().map(line).collect();
    if lines.is_empty() { format!("{name}: nothing to change") } else { lines.join("\n") }
}
