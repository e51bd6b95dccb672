//! The messages of refusals of edits with an explicit place: a selector, a path or a mark.

use crate::marker::Mark;
use crate::selector::Selector;
use slipway_domain::{Diagnostic, Position};
use slipway_yaml::{Kind, Node, Path, Segment, suggestion};

use super::Refusal;
use super::of_file::on_line;

/// The most names that a message lists.
const MAX_NAMES: usize = 8;

impl Refusal {
    pub(crate) fn no_document(file: &str, selector: &Selector, found: &[String]) -> Self {
        let wanted = selector.to_string();
        let wanted = if wanted.is_empty() { "a document".to_owned() } else { format!("a document with {wanted}") };
        let (came, help) = if found.is_empty() {
            let help = "the first key of an empty file is added with `--create`, and without `--select`";
            ("an empty file".to_owned(), help)
        } else {
            (listed(found), "select one of the file's documents, as in `--select kind=Deployment,name=api`")
        };
        let diagnostic = Diagnostic::new(file, format!("expected {wanted}, came {came}"));
        Self::NothingSelected(diagnostic.at(Position { line: 1, column: 1 }).help(help))
    }

    pub(crate) fn several_documents(file: &str, at: [Position; 2], selector: &Selector) -> Self {
        let [first, second] = at;
        let which = selector.to_string();
        let which = if which.is_empty() { String::new() } else { format!(" with {which}") };
        Self::SeveralSelected(
            Diagnostic::new(
                file,
                format!("expected one document{which}, came a second; the first begins on line {}", first.line),
            )
            .at(second)
            .help("select more closely, as in `--select kind=Deployment,name=api,namespace=web`"),
        )
    }

    pub(crate) fn no_such_mark(file: &str, mark: &Mark, selector: &Selector) -> Self {
        let which = selector.to_string();
        let which = if which.is_empty() { String::new() } else { format!(" in a document with {which}") };
        Self::NothingSelected(
            Diagnostic::new(file, format!("expected a marker for `{mark}`{which}, came none"))
                .at(Position { line: 1, column: 1 })
                .help(format!("put `# {{\"slipway\": \"{mark}\"}}` behind the value, on its line")),
        )
    }

    /// A key that does not exist. `keys` are the existing keys, if the key could be added beside them.
    pub(crate) fn missing_key(file: &str, at: Position, path: &Path, key: &str, keys: Option<&[String]>) -> Self {
        let help = match keys.map(|keys| suggestion(key, keys)) {
            Some(Some(close)) => format!("did you mean `{close}`? `--create` adds a key that is to be new"),
            Some(None) => "correct the path, or add the key with `--create`".to_owned(),
            None => "correct the path; list items below a new key are not created".to_owned(),
        };
        let message = format!("`{path}` leads to nothing: there is no key `{key}` here");
        Self::Missing(Diagnostic::new(file, message).at(at).help(help))
    }

    pub(crate) fn missing_item(file: &str, at: Position, path: &Path, index: usize, count: usize) -> Self {
        Self::Missing(
            Diagnostic::new(file, format!("`{path}` has no item {index}, it holds {count}, counted from 0"))
                .at(at)
                .help("name an item that is there; items are not created"),
        )
    }

    pub(crate) fn no_such_item(
        file: &str,
        at: Position,
        path: &Path,
        (key, value): (&str, &str),
        values: &[&str],
    ) -> Self {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        let came = if values.is_empty() { format!("items without `{key}`") } else { listed(&values) };
        Self::Missing(
            Diagnostic::new(file, format!("`{path}` has no item whose `{key}` is `{value}`, it holds {came}"))
                .at(at)
                .help("name an item that is there; items are not created"),
        )
    }

    pub(crate) fn several_items(
        file: &str,
        at: Position,
        path: &Path,
        (key, value): (&str, &str),
        first: usize,
    ) -> Self {
        Self::SeveralSelected(
            Diagnostic::new(
                file,
                format!("`{path}` has a second item whose `{key}` is `{value}`, the first is on line {first}"),
            )
            .at(at)
            .help("choose by number, as in `[0]`, or by a key that tells the items apart"),
        )
    }

    pub(crate) fn path_through_alias(file: &str, at: Position, path: &Path, anchor: Option<Position>) -> Self {
        let help = format!(
            "write the value out here, or let the path lead to its anchor{} and change it for all with `--anchored`",
            on_line(anchor)
        );
        let message = format!("`{path}` is an alias, and the path goes on through it");
        Self::Alias(Diagnostic::new(file, message).at(at).help(help))
    }

    pub(crate) fn wrong_step(file: &str, at: Position, path: &Path, node: &Node, next: &Segment) -> Self {
        let wanted = match next {
            Segment::Key(key) => format!("a mapping with the key `{key}`"),
            Segment::Index(index) => format!("a list with an item {index}"),
            Segment::Item { key, value } => format!("a list with an item whose `{key}` is `{value}`"),
        };
        let help = match next {
            _ if node.is_null() => "write the list there by hand first: items are not created",
            _ => "write keys with dots, and items as `[0]` or `[name=server]`, with any key",
        };
        let message = format!("`{path}` is {}, expected {wanted}", called(node));
        Self::WrongStep(Diagnostic::new(file, message).at(at).help(help))
    }

    pub(crate) fn merged(file: &str, at: Position, path: &Path, key: &str) -> Self {
        Self::Merged(
            Diagnostic::new(file, format!("`{key}` is in `{path}` only through this merge key (`<<`)"))
                .at(at)
                .help("write the key out here by hand, or edit the place it is merged from"),
        )
    }

    pub(crate) fn path_to_collection(file: &str, at: Position, path: &Path, node: &Node) -> Self {
        Self::NotAScalar(
            Diagnostic::new(file, format!("`{path}` is {}, expected a single value", called(node)))
                .at(at)
                .help("let the path go on to the value that is meant"),
        )
    }

    pub(crate) fn left_out(file: &str, at: Position, path: &Path) -> Self {
        Self::NoValue(
            Diagnostic::new(file, format!("`{path}` has no value yet, so its kind cannot be told"))
                .at(at)
                .help("give it its first value with `--create`"),
        )
    }

    /// A path through a list in a file without values.
    pub(crate) fn no_list_to_begin_with(file: &str, path: &Path) -> Self {
        let message = format!("`{path}` cannot be added: the file holds no values, and items of lists are not created");
        Self::NotCreatable(
            Diagnostic::new(file, message)
                .at(Position { line: 1, column: 1 })
                .help("write the list by hand first, or a path of keys alone"),
        )
    }

    pub(crate) fn not_creatable(file: &str, at: Position, path: &Path, problem: &str) -> Self {
        Self::NotCreatable(
            Diagnostic::new(file, format!("`{path}` cannot be added: {problem}"))
                .at(at)
                .help("add it by hand once; after that it can be edited"),
        )
    }
}

/// A list of a few names, with the number of the others.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn called(node: &Node) -> &'static str {
    match node.kind {
        _ if node.is_left_out() => "empty",
        _ if node.is_null() => "`null`",
        Kind::Scalar { .. } => "a single value",
        Kind::Mapping { .. } => "a mapping",
        Kind::Sequence { .. } => "a list",
        Kind::Alias(_) => "an alias",
    }
}
