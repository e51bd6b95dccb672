//! What is listed of the markers in a file.

use crate::domain::Position;
use crate::manifest::{Field, Marker, markers};

#[test]
fn every_marker_is_listed_with_its_value_and_place() {
    let text = "a: old # {\"slipway\": \"fashion:version\"}\nb:\n- \"s3://ü\" # {\"slipway\": \"mnist-2:uri\", \"x\": 1}\n---\nc: 7 # {\"slipway\": \"f:run\"}\n";
    let marker = |model: &str, field, value: &str, line, column| Marker {
        model: model.to_owned(),
        field,
        value: value.to_owned(),
        position: Position { line, column },
    };
    assert_eq!(
        markers("app.yaml", text.as_bytes()).unwrap(),
        [
            marker("fashion", Field::Version, "old", 1, 4),
            marker("mnist-2", Field::Uri, "s3://ü", 3, 3),
            marker("f", Field::Run, "7", 5, 4),
        ]
    );
}

#[test]
fn a_file_without_markers_lists_none() {
    assert_eq!(markers("app.yaml", b"a: [broken"), Ok(Vec::new()));
    assert_eq!(markers("app.yaml", b"a: \"slipway\" # {\"other\": 1}"), Ok(Vec::new()));
}

#[test]
fn a_model_name_is_a_label_of_at_most_63_characters() {
    let named = |name: &str| markers("a.yaml", format!("a: x # {{\"slipway\": \"{name}:run\"}}").as_bytes());
    for name in ["a", "7", "a-b", "a--b", &"a".repeat(63)] {
        assert_eq!(named(name).unwrap()[0].model, name);
    }
    for name in ["", "-a", "a-", "A", "a.b", "a_b", "ä", " a", &"a".repeat(64)] {
        assert!(named(name).is_err(), "{name}");
    }
}
