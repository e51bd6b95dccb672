//! Merge keys of YAML 1.1 (yaml.org/type/merge.html). `<<: *defaults` adds the keys of another mapping, `<<: [*a, *b]` those of
//! several. A mapping's own keys take precedence, wherever they stand. Of several mappings the earlier one takes precedence.
//!
//! The expansion of values is bounded when the tree is built: an alias counts there as the value that it stands for.

use std::collections::HashMap;

use slipway_domain::Diagnostic;

use super::tree::{Entry, Kind, Node, Style, Tree};

/// The merge key.
const MERGE: &str = "<<";
/// The prefix of keys at the top level that only contain values for references.
const EXTENSION: &str = "x-";

/// The values with anchors, by the number of the anchor.
pub(super) type Anchors<'tree> = HashMap<usize, &'tree Node>;

impl Tree {
    /// All anchors of a text.
    pub(super) fn anchors(&self) -> Anchors<'_> {
        let mut found = HashMap::new();
        let mut open: Vec<&Node> = self.documents().iter().collect();
        while let Some(node) = open.pop() {
            if let Some(anchor) = node.anchor {
                found.insert(anchor, node);
            }
            open.extend(children(node));
        }
        found
    }

    /// Whether the first document must be expanded before it can be deserialized.
    pub(super) fn is_written_short(&self) -> bool {
        let mut open: Vec<&Node> = self.documents().first().into_iter().collect();
        let root = open.first().copied();
        if root.is_some_and(|root| entries(root).iter().any(|entry| is_extension(&entry.key))) {
            return true;
        }
        while let Some(node) = open.pop() {
            if entries(node).iter().any(|entry| is_merge(&entry.key)) {
                return true;
            }
            open.extend(children(node));
        }
        false
    }

    /// A diagnostic for every merge key of the first document whose value is not a mapping or a list of mappings.
    pub(super) fn wrong_merges(&self, file: &str) -> Vec<Diagnostic> {
        let anchors = self.anchors();
        let mut wrong = Vec::new();
        let mut open: Vec<&Node> = self.documents().first().into_iter().collect();
        while let Some(node) = open.pop() {
            for entry in entries(node).iter().filter(|entry| is_merge(&entry.key)) {
                if let Some(came) = not_merged(&entry.value, &anchors) {
                    let message = format!(
                        "`<<` merges mappings, expected a mapping or a list of mappings, found \
                     {came}"
                    );
                    let help = "write `<<: *name` for a mapping with the anchor `&name`, or `<<: [*one, *other]` for \
                     several";
                    wrong.push(Diagnostic::new(file, message).at(self.position(entry.value.span.start)).help(help));
                }
            }
            open.extend(children(node));
        }
        wrong.sort_by_key(|mistake| mistake.position);
        wrong
    }

    /// The entry of a mapping with this key: its own, or the first that is merged into it.
    pub(super) fn entry_of<'tree>(&'tree self, mapping: &'tree Node, key: &str) -> Option<&'tree Entry> {
        let own = entries(mapping);
        own.iter().find(|entry| entry.key.scalar() == Some(key) && !is_merge(&entry.key)).or_else(|| {
            let merged = own.iter().filter(|entry| is_merge(&entry.key)).flat_map(|entry| self.merged(&entry.value));
            merged.into_iter().find_map(|mapping| self.entry_of(mapping, key))
        })
    }

    /// The mappings that the value of a merge key refers to.
    fn merged<'tree>(&'tree self, value: &'tree Node) -> Vec<&'tree Node> {
        let Some(value) = self.behind(value) else { return Vec::new() };
        match &value.kind {
            Kind::Sequence { items, .. } => items.iter().filter_map(|item| self.behind(item)).collect(),
            _ => vec![value],
        }
    }
}

/// Whether a key is a merge key. `"<<"` in quotes is an ordinary key.
pub(super) fn is_merge(key: &Node) -> bool {
    let is_plain = matches!(&key.kind, Kind::Scalar { style: Style::Plain, .. });
    key.scalar() == Some(MERGE) && is_plain && key.tag.as_deref().is_none_or(|tag| !tag.ends_with("str"))
}

/// Whether a key at the top level only contains values for references.
pub(super) fn is_extension(key: &Node) -> bool {
    key.scalar().is_some_and(|key| key.starts_with(EXTENSION))
}

/// Describes a value that cannot be merged; `None` if it can.
fn not_merged(value: &Node, anchors: &Anchors<'_>) -> Option<&'static str> {
    let behind = |node| follow(node, anchors);
    match &behind(value)?.kind {
        Kind::Mapping { .. } => None,
        Kind::Sequence { items, .. } => {
            let all =
                items.iter().all(|item| behind(item).is_some_and(|item| matches!(item.kind, Kind::Mapping { .. })));
            (!all).then_some("a list with other values")
        }
        Kind::Scalar { .. } | Kind::Alias(_) => Some("a single value"),
    }
}

/// The value that an alias refers to. Any other value is returned itself.
pub(super) fn follow<'tree>(node: &'tree Node, anchors: &Anchors<'tree>) -> Option<&'tree Node> {
    match node.kind {
        Kind::Alias(anchor) => anchors.get(&anchor).copied(),
        _ => Some(node),
    }
}

fn entries(node: &Node) -> &[Entry] {
    match &node.kind {
        Kind::Mapping { entries, .. } => entries,
        _ => &[],
    }
}

fn children(node: &Node) -> Vec<&Node> {
    match &node.kind {
        Kind::Mapping { entries, .. } => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
        Kind::Sequence { items, .. } => items.iter().collect(),
        Kind::Scalar { .. } | Kind::Alias(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use super::super::{read, read_all};

    type Numbers = BTreeMap<String, BTreeMap<String, u32>>;

    fn numbers(text: &str) -> Result<Numbers, String> {
        read("f.yaml", text).map_err(|mistake| mistake.to_string())
    }

    fn row(values: &[(&str, u32)]) -> BTreeMap<String, u32> {
        values.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    }

    #[test]
    fn own_keys_win_over_merged_ones_and_earlier_mappings_over_later_ones() {
        let text = "x-a: &a {one: 1, two: 2}\nx-b: &b {two: 20, three: 30}\n\
                    after: {<<: *a, two: 9}\nbefore: {two: 9, <<: *a}\nlist: {<<: [*a, *b]}\nturned: {<<: [*b, *a]}\n\
                    inline: {<<: {one: 7}, two: 8}\nchain: &c {<<: *a, four: 4}\nof: {<<: *c}\n";
        let read = numbers(text).expect("sound");
        for (name, expected) in [
            ("after", &[("one", 1), ("two", 9)][..]),
            ("before", &[("one", 1), ("two", 9)]),
            ("list", &[("one", 1), ("two", 2), ("three", 30)]),
            ("turned", &[("one", 1), ("two", 20), ("three", 30)]),
            ("inline", &[("one", 7), ("two", 8)]),
            ("of", &[("one", 1), ("two", 2), ("four", 4)]),
        ] {
            assert_eq!(read[name], row(expected), "{name}");
        }
        assert!(!read.contains_key("x-a"));
    }

    #[test]
    fn a_merge_key_in_quotes_is_a_key() {
        let read = numbers("a: {\"<<\": 1}\nb: {<<: {c: 2}}\n").expect("sound");
        assert_eq!((&read["a"], &read["b"]), (&row(&[("<<", 1)]), &row(&[("c", 2)])));
    }

    #[test]
    fn what_is_no_mapping_cannot_be_merged() {
        for (text, expected) in [
            (
                "a: &a 1\nb:\n  <<: *a\n",
                "f.yaml:3:7: `<<` merges mappings, expected a mapping or a list of mappings, \
             found a single value",
            ),
            (
                "b: {<<: [1]}\n",
                "f.yaml:1:9: `<<` merges mappings, expected a mapping or a list of mappings, found a \
             list with other values",
            ),
            ("b: {<<: }\n", "`<<` merges mappings, expected a mapping or a list of mappings, found a single value"),
            ("b: {<<: {c: 1}, <<: {d: 1}}\n", "duplicate key `<<`"),
            ("b: &b {<<: *b}\n", "this alias refers to a value that contains it"),
        ] {
            let said = numbers(text).expect_err(text);
            assert!(said.contains(expected), "expected `{expected}`, found `{said}`");
        }
    }

    #[test]
    fn a_mistake_in_what_is_merged_is_reported_where_it_is_written() {
        let said = numbers("x-a: &a\n  one: 1\n  two: many\nb:\n  <<: *a\n  three: 3\n").expect_err("a mistake");
        assert!(said.starts_with("f.yaml:3:8: expected a whole number"), "{said}");
        let sample = "b: {one: 1}\n";
        let found = read_all::<Numbers>("f.yaml", "b: {<<: [7], one: 1}\nc: {two: x}\n", sample, &|_| false).mistakes;
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("f.yaml:1:9: `<<`") && found[1].starts_with("f.yaml:2:10: expected"), "{found:?}");
    }

    #[test]
    fn texts_of_merged_values_keep_their_spelling() {
        let tree = super::Tree::parse("f", "x-a: &a {name: 2.10}\nmetadata: {<<: *a}\n").expect("YAML");
        let texts = tree.texts(&"metadata.name".parse().expect("a path"));
        assert_eq!(texts, Some(vec!["2.10".to_owned()]));
    }

    #[test]
    fn what_multiplies_or_nests_without_end_is_refused_in_time() {
        let mut bomb = "x-0: &a0 {k: {j: 1}}\n".to_owned();
        for level in 1..40 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            let _ = writeln!(bomb, "x-{level}: &a{level} {{<<: [{aliases}], k{level}: {{j: 1}}}}");
        }
        assert!(numbers(&bomb).expect_err("a bomb").contains("more than 200000 values"));
        let mut deep = "x-0: &a0 {k: 1}\n".to_owned();
        for level in 1..20_000 {
            let _ = writeln!(deep, "x-{level}: &a{level} {{k: *a{}}}", level - 1);
        }
        assert!(numbers(&deep).expect_err("too deep").contains("nested too deep"));
        let mut wide = "x-0: &a0 {k: 1}\n".to_owned();
        for row in 0..20_000 {
            let _ = writeln!(wide, "r{row}: {{<<: *a0}}");
        }
        assert_eq!(numbers(&wide).expect("many rows").len(), 20_000);
    }
}
