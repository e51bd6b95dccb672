//! Properties of edits at paths, over whole generated manifests: nested, in block and flow style, oddly indented.

use std::ops::Range;

use proptest::prelude::*;
use serde::Deserialize;
use serde_yaml::Value;

use crate::tests::properties::scalar;
use crate::{Edit, Place, Refusal, Selector, edit};
use slipway_yaml::{Path, Segment};

/// A value of a generated manifest. Within a flow collection everything is flow.
#[derive(Debug, Clone)]
enum Shape {
    Scalar(String),
    Mapping { flow: bool, keys: Vec<usize>, values: Vec<Shape> },
    List { flow: bool, items: Vec<Shape> },
}

fn shape() -> impl Strategy<Value = Shape> {
    scalar().prop_map(Shape::Scalar).prop_recursive(4, 24, 4, |inner| {
        let values = prop::collection::vec(inner, 1..4);
        let keys = prop::collection::vec(0..KEYS.len(), 4);
        prop_oneof![
            (any::<bool>(), keys, values.clone()).prop_map(|(flow, keys, values)| Shape::Mapping {
                flow,
                keys,
                values
            }),
            (any::<bool>(), values).prop_map(|(flow, items)| Shape::List { flow, items }),
        ]
    })
}

fn mapping() -> impl Strategy<Value = Shape> {
    (prop::collection::vec(0..KEYS.len(), 4), prop::collection::vec(shape(), 1..4))
        .prop_map(|(keys, values)| Shape::Mapping { flow: false, keys, values })
}

/// Keys as they are written, `0` standing for a number that makes them differ; and as they read.
const KEYS: [(&str, &str); 5] =
    [("k0", "k0"), ("\"k.0\"", "k.0"), ("'ключ 0'", "ключ 0"), ("größe0", "größe0"), ("\"a\\\"0\"", "a\"0")];

/// How a manifest is laid out.
#[derive(Debug, Clone)]
struct Layout {
    step: usize,
    list_step: usize,
    windows: bool,
    mark: bool,
    unended: bool,
}

fn layout() -> impl Strategy<Value = Layout> {
    (1..6_usize, 0..4_usize, any::<[bool; 3]>()).prop_map(|(step, list_step, [windows, mark, unended])| Layout {
        step,
        list_step,
        windows,
        mark,
        unended,
    })
}

/// The text of a manifest, with the places of its scalars and the paths of its mappings.
#[derive(Default)]
struct Written {
    text: String,
    scalars: Vec<(Path, Range<usize>)>,
    mappings: Vec<Path>,
}

impl Written {
    fn of(shape: &Shape, layout: &Layout, before: &[&str]) -> Self {
        let mut written = Self::default();
        if layout.mark {
            written.text.push('\u{feff}');
        }
        for line in before {
            written.line(line, layout);
        }
        written.line("# head", layout);
        written.block(shape, 0, &Path::root(), layout);
        if layout.unended {
            let end = written.text.trim_end_matches(['\r', '\n']).len();
            written.text.truncate(end);
        }
        written
    }

    fn line(&mut self, text: &str, layout: &Layout) {
        self.text.push_str(text);
        self.end(layout);
    }

    fn end(&mut self, layout: &Layout) {
        self.text.push_str(if layout.windows { "\r\n" } else { "\n" });
    }

    /// A collection in lines; the first line's indentation is already there when `indentation` is where the text stands.
    fn block(&mut self, shape: &Shape, indentation: usize, path: &Path, layout: &Layout) {
        let count = match shape {
            Shape::Mapping { values, .. } => values.len(),
            Shape::List { items, .. } => items.len(),
            Shape::Scalar(_) => 0,
        };
        if matches!(shape, Shape::Mapping { .. }) {
            self.mappings.push(path.clone());
        }
        for index in 0..count {
            if index > 0 || !self.text.ends_with("- ") {
                self.text.push_str(&" ".repeat(indentation));
            }
            let (child, path, deeper) = match shape {
                Shape::Mapping { keys, values, .. } => {
                    let path = self.key(keys, index, path);
                    let deeper = match &values[index] {
                        Shape::List { .. } => indentation + layout.list_step,
                        _ => indentation + layout.step,
                    };
                    (&values[index], path, deeper)
                }
                Shape::List { items, .. } => {
                    self.text.push_str("- ");
                    (&items[index], path.then(Segment::Index(index)), indentation + 2)
                }
                Shape::Scalar(_) => return,
            };
            self.value(child, deeper, &path, layout);
        }
    }

    fn value(&mut self, shape: &Shape, indentation: usize, path: &Path, layout: &Layout) {
        match shape {
            Shape::Mapping { flow: false, .. } | Shape::List { flow: false, .. } => {
                if !self.text.ends_with("- ") {
                    self.end(layout);
                }
                self.block(shape, indentation, path, layout);
            }
            _ => {
                if !self.text.ends_with(' ') {
                    self.text.push(' ');
                }
                self.flow(shape, path);
                let comment = ["", " # note", "   # {\"$imagepolicy\": \"a:b\"}"][self.text.len() % 3];
                self.line(comment, layout);
            }
        }
    }

    fn flow(&mut self, shape: &Shape, path: &Path) {
        match shape {
            Shape::Scalar(text) => {
                let start = self.text.len();
                self.text.push_str(text);
                self.scalars.push((path.clone(), start..self.text.len()));
            }
            Shape::Mapping { keys, values, .. } => {
                self.mappings.push(path.clone());
                self.text.push('{');
                for (index, value) in values.iter().enumerate() {
                    self.text.push_str(if index == 0 { "" } else { ", " });
                    let path = self.key(keys, index, path);
                    self.text.push(' ');
                    self.flow(value, &path);
                }
                self.text.push('}');
            }
            Shape::List { items, .. } => {
                self.text.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.text.push_str(if index == 0 { "" } else { ",  " });
                    self.flow(item, &path.then(Segment::Index(index)));
                }
                self.text.push(']');
            }
        }
    }

    fn key(&mut self, keys: &[usize], index: usize, path: &Path) -> Path {
        let (written, read) = KEYS[keys[index]];
        let number = index.to_string();
        self.text.push_str(&written.replace('0', &number));
        self.text.push(':');
        path.then(Segment::Key(read.replace('0', &number)))
    }
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text.trim_start_matches('\u{feff}'))
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

fn at<'value>(root: &'value mut Value, path: &Path) -> &'value mut Value {
    path.segments().iter().fold(root, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key.as_str()).unwrap(),
        Segment::Index(index) => value.get_mut(*index).unwrap(),
        Segment::Item { value, .. } => panic!("no item is named, came {value}"),
    })
}

fn wanted(path: Path, value: &str, create: bool) -> Edit {
    let (selector, place) = (Selector::default(), Place::Path(path));
    Edit { selector, place, value: value.to_owned(), create, text: false, anchored: false }
}

#[test]
fn bytes_behind_an_edit_that_one_parser_cannot_read_any_more_are_reported_as_such() {
    let refusal = edit("app.yaml", b"a\n\t", &wanted(".".parse().unwrap(), "", false)).unwrap_err();
    insta::assert_snapshot!(refusal, @"
    app.yaml:1:1: parsers disagree about this document, one of them says: found character that cannot start any token
      help: write the document in plainer YAML
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_edit_at_a_path_changes_one_scalar(
        shape in mapping(),
        layout in layout(),
        which in any::<prop::sample::Index>(),
        value in "[ -~é🚢]{0,12}",
    ) {
        let written = Written::of(&shape, &layout, &[]);
        let (path, span) = which.get(&written.scalars).clone();
        let edited = edit("app.yaml", written.text.as_bytes(), &wanted(path.clone(), &value, false)).unwrap();
        let after = String::from_utf8(edited.content.into_owned()).unwrap();
        prop_assert!(after.starts_with(&written.text[..span.start]));
        prop_assert!(after.ends_with(&written.text[span.end..]));
        let mut expected = documents(&written.text);
        *at(expected.last_mut().unwrap(), &path) = Value::String(value);
        prop_assert_eq!(documents(&after), expected);
    }

    #[test]
    fn an_addition_adds_one_entry_and_no_other_byte(
        shape in mapping(),
        layout in layout(),
        which in any::<prop::sample::Index>(),
        keys in prop::collection::vec("new[ -~é]{0,6}", 1..3),
        value in "[ -~é🚢]{0,12}",
    ) {
        let written = Written::of(&shape, &layout, &[]);
        let parent = which.get(&written.mappings).clone();
        let path = keys.iter().fold(parent.clone(), |path, key| path.then(Segment::Key(key.clone())));
        let wanted = Edit { text: true, ..wanted(path.clone(), &value, true) };
        let edited = edit("app.yaml", written.text.as_bytes(), &wanted).unwrap();
        let after = String::from_utf8(edited.content.into_owned()).unwrap();
        let common = |pairs: &mut dyn Iterator<Item = (u8, u8)>| pairs.take_while(|(a, b)| a == b).count();
        let before = written.text.as_bytes();
        let head = common(&mut before.iter().copied().zip(after.bytes()));
        let tail = common(&mut before.iter().rev().copied().zip(after.bytes().rev()));
        prop_assert!(head + tail >= before.len(), "only bytes were added");
        let mut expected = documents(&written.text);
        let nested = keys.iter().skip(1).rev().fold(Value::String(value), |inner, key| {
            Value::Mapping([(Value::String(key.clone()), inner)].into_iter().collect())
        });
        let Value::Mapping(entries) = at(expected.last_mut().unwrap(), &parent) else { panic!("a mapping") };
        entries.insert(Value::String(keys[0].clone()), nested);
        prop_assert_eq!(documents(&after), expected);
    }

    #[test]
    fn other_documents_stay(shape in mapping(), layout in layout(), value in "[a-z ]{0,8}") {
        let written = Written::of(&shape, &layout, &["other: [1, x] # {\"note\": 1}", "kind: Other", "---"]);
        let added: Path = "added".parse().unwrap();
        let selector = "kind=Other".parse().unwrap();
        let wanted = Edit { selector, text: true, ..wanted(added, &value, true) };
        let edited = edit("app.yaml", written.text.as_bytes(), &wanted).unwrap();
        let mut expected = documents(&written.text);
        let Value::Mapping(entries) = &mut expected[0] else { panic!("a mapping") };
        entries.insert("added".into(), value.into());
        prop_assert_eq!(documents(std::str::from_utf8(&edited.content).unwrap()), expected);
    }

    #[test]
    fn no_text_makes_an_edit_at_a_path_panic_or_trip_the_guard(
        text in "([-a-c:#&*!|>'\"{}\\[\\],? \n\r\t\u{feff}]|\n[ ]{0,3}|a: |- |<<: |\\? |---\n){0,24}",
        path in prop::sample::select(vec!["a", "a.b", "a.b.c", "[0]", "a[0]", "b", ".", "c.d", "[name=a].b"]),
        value in "[ -~é]{0,8}",
        create in any::<bool>(),
    ) {
        match edit("app.yaml", text.as_bytes(), &wanted(path.parse().unwrap(), &value, create)) {
            Ok(edited) => prop_assert!(edited.changes.len() <= 1),
            Err(refusal) => prop_assert!(!matches!(refusal, Refusal::Guard(_)), "{}", refusal),
        }
    }
}
