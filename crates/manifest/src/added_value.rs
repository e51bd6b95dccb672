//! Decides whether an added value is a number, a truth value or text. There is no old value whose type it could keep.

use slipway_yaml::{Node, Path, Segment, Style, is_plain_text};

use super::render::{double_quoted, is_number_to_all};
use super::splice::Addition;

/// Endings of keys whose value, or whose mapping's values, are text in Kubernetes, Kustomize and Helm, whatever they look like: a
/// chart turns the tag `20261124` into `2.0261124e+07`.
const TEXT_MAPPINGS: [&str; 3] = ["annotations", "labels", "selector"];
const TEXT_KEYS: [&str; 5] = ["tag", "version", "revision", "digest", "sha"];
/// Kinds with text alone in `data`.
const TEXT_DATA: [&str; 2] = ["ConfigMap", "Secret"];

impl Addition {
    /// The value `value` that a path leads to in a document, under `keys`, the last keys of the path. It is text if `is_text`.
    pub(super) fn new(keys: &[String], value: &str, path: &Path, document: Option<&Node>, is_text: bool) -> Self {
        let is_typed = !is_text && is_typed(value) && !needs_text(path, document);
        let style = if is_typed || is_plain_text(value) { Style::Plain } else { Style::DoubleQuoted };
        Self { keys: keys.to_vec(), value: value.to_owned(), style, is_typed, flow: false }
    }

    /// The same, within braces. In JSON every text is quoted.
    pub(super) fn in_braces(&self, is_json: bool) -> Self {
        let style = if is_json && !self.is_typed { Style::DoubleQuoted } else { self.style };
        Self { flow: true, style, ..self.clone() }
    }

    /// The value as it is written.
    pub(super) fn written(&self) -> String {
        match self.style {
            Style::Plain => self.value.clone(),
            _ => double_quoted(&self.value),
        }
    }
}

/// Whether a text is a number or a truth value to every reader, and comes back in the same spelling: `1.10` would become `1.1`.
fn is_typed(value: &str) -> bool {
    let is_canonical = value != "-0" && !(value.contains('.') && value.ends_with('0'));
    matches!(value, "true" | "false") || (is_number_to_all(value) && is_canonical)
}

/// Whether a value must be text at the end of a path, whatever it looks like.
fn needs_text(path: &Path, document: Option<&Node>) -> bool {
    let segments = path.segments();
    let key_at = |from_end: usize| segments.len().checked_sub(from_end).and_then(|index| segments[index].key());
    let ends = |key: Option<&str>, endings: &[&str]| {
        let key = key.unwrap_or_default().to_ascii_lowercase();
        endings.iter().any(|ending| key.ends_with(ending))
    };
    let is_variable = key_at(1) == Some("value")
        && key_at(3) == Some("env")
        && segments
            .len()
            .checked_sub(2)
            .is_some_and(|index| matches!(segments[index], Segment::Item { .. } | Segment::Index(_)));
    let is_data = match document.and_then(|document| document.says("kind")) {
        Some(kind) if TEXT_DATA.contains(&kind) => {
            matches!(segments, [first, ..] if matches!(first.key(), Some("data" | "stringData")))
        }
        _ => false,
    };
    is_variable || is_data || ends(key_at(2), &TEXT_MAPPINGS) || ends(key_at(1), &TEXT_KEYS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipway_yaml::Tree;

    fn written(path: &str, value: &str, document: &str) -> String {
        let tree = Tree::parse("app.yaml", document).expect("YAML");
        let path: Path = path.parse().expect("a path");
        Addition::new(&[], value, &path, tree.documents().first(), false).written()
    }

    #[test]
    fn a_plain_number_or_truth_value_keeps_its_type() {
        for value in ["3", "0", "-1", "0.5", "-0.25", "100000", "true", "false"] {
            assert_eq!(written("spec.replicas", value, "a: b"), value);
        }
    }

    #[test]
    fn what_readers_read_differently_is_text() {
        for value in ["1.10", "2.0", "-0", "007", "1e3", "0x1f", "1_000", "+1", ".5", "1.", "12:30", "1234567890123456"]
        {
            assert_eq!(written("spec.replicas", value, "a: b"), format!("\"{value}\""));
        }
        for value in ["yes", "no", "on", "True", "null", "~", "", "2026-01-31", "1,5"] {
            assert_eq!(written("spec.replicas", value, "a: b"), format!("\"{value}\""));
        }
        assert_eq!(written("spec.replicas", "v3", "a: b"), "v3");
    }

    #[test]
    fn a_number_is_text_where_kubernetes_and_charts_expect_text() {
        for path in [
            "metadata.annotations[\"example.org/build\"]",
            "metadata.labels.build",
            "commonLabels.build",
            "spec.selector.matchLabels.build",
            "spec.template.spec.nodeSelector.zone",
            "spec.containers[name=web].env[name=BUILD].value",
            "spec.containers[0].env[1].value",
            "image.tag",
            "images[name=app].newTag",
            "appVersion",
        ] {
            assert_eq!(written(path, "7", "kind: Deployment"), "\"7\"", "{path}");
        }
        assert_eq!(written("data.batch", "7", "kind: ConfigMap"), "\"7\"");
        assert_eq!(written("data.batch", "7", "kind: Values"), "7");
        assert_eq!(written("env.value", "7", "kind: Values"), "7");
        assert_eq!(written("labels", "7", "kind: Values"), "7");
    }
}
