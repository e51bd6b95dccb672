//! What is listed of the markers in a file.

use std::collections::BTreeSet;

use crate::tests::values;
use crate::within::Around;
use crate::{Field, MarkFault, Marker, inspect, markers, set, unfit};
use slipway_domain::Position;

#[test]
fn every_marker_is_listed_with_its_value_and_place() {
    let text = "a: old # {\"slipway\": \"fashion:version\"}\nb:\n- \"s3://ü\" # {\"slipway\": \"mnist-2:uri\", \"x\": 1}\n---\nc: 7 # {\"slipway\": \"f:run\"}\n";
    let marker = |model: &str, field, value: &str, line, column| Marker {
        model: model.to_owned(),
        field,
        value: value.to_owned(),
        position: Position { line, column },
        around: Around::default(),
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
fn a_misspelt_key_of_a_marker_is_an_error_and_keys_of_other_tools_are_not() {
    let with = |key: &str| markers("a.yaml", format!("a: x # {{\"slipway\": \"f:run\", \"{key}\": \"y\"}}").as_bytes());
    for key in ["x", "$imagepolicy", "description", "prefix", "suffix"] {
        assert!(!format!("{:?}", with(key)).contains("did you mean"), "{key}");
    }
    for (key, right) in [("prefx", "prefix"), ("Prefix", "prefix"), ("sufix", "suffix")] {
        let said = format!("{:?}", with(key));
        assert!(said.contains(&format!("unknown key `{key}`, did you mean `{right}`?")), "{said}");
    }
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

#[test]
fn what_a_marker_says_stands_around_its_value_stays() {
    let text = "args:\n- --model=none # {\"slipway\": \"fashion:uri\", \"prefix\": \"--model=\"}\n\
                image: \"repo:none-gpu\" # {\"slipway\": \"fashion:version\", \"prefix\": \"repo:\", \"suffix\": \"-gpu\"}\n\
                pin: repo@none # {\"slipway\": \"fashion:digest\", \"prefix\": \"repo@\"}\n";
    let found = markers("app.yaml", text.as_bytes()).unwrap();
    assert!(found.iter().all(|marker| marker.value == "none"), "{found:?}");
    let edited = set("app.yaml", text.as_bytes(), "fashion", &values()).unwrap();
    let now = std::str::from_utf8(&edited.content).unwrap();
    for line in [
        "- \"--model=s3://models/fashion/9f86d081\" #",
        "image: \"repo:v12-gpu\" #",
        "pin: repo@sha256:9f86d081884c7d65 #",
    ] {
        assert!(now.contains(line), "{line} in {now}");
    }
    let again = set("app.yaml", &edited.content, "fashion", &values()).unwrap();
    assert_eq!((again.changes.len(), again.places), (0, 3), "what is written can be followed again");
    let found = markers("app.yaml", &edited.content).unwrap();
    assert_eq!(found[2].value, values().digest);
}

/// What is told of a file where no model is known, by the beginning of each.
fn faults(content: &[u8]) -> Vec<String> {
    let none = BTreeSet::new();
    inspect("app.yaml", content).faults.iter().filter_map(|fault| fault.among(&none)).map(|it| it.to_string()).collect()
}

#[test]
fn every_mistake_of_a_file_is_found_beside_its_good_marks() {
    let text = "a: x # {\"slipway\": \"churn:digset\"}\nb: x # {\"slipway\": \"chu rn:uri\"}\nc: x # {\"slipway\": [1, 2]}\n\
                d: x # {\"slipway\": {\"a\": 1}}\n# {\"slipway\": \"churn:run\"}\ne: x # {\"slipway\": \"churn:version\"}\n\
                f: [x, y] # {\"slipway\": \"churn:uri\"}\ng: x # {'slipway': 'churn:uri'}\n";
    let shown = faults(text.as_bytes());
    let lines: Vec<&str> = shown.iter().filter_map(|shown| shown.split(':').nth(1)).collect();
    assert_eq!(lines, ["1", "2", "3", "4", "5", "7", "8"], "{shown:#?}");
    assert!(shown[0].contains("`# {\"slipway\": \"churn:digest\"}`"), "{}", shown[0]);
    let inspected = inspect("app.yaml", text.as_bytes());
    assert_eq!(inspected.markers.len(), 1);
    let concern = |model: &str| {
        let is_about = |fault: &&MarkFault| !fault.names_nobody() && fault.concerning(model, &|_| false).is_some();
        inspected.faults.iter().filter(is_about).count()
    };
    assert_eq!((concern("churn"), concern("digits")), (5, 0));
}

#[test]
fn every_place_that_could_not_take_a_value_is_found() {
    let text = "a: 1 # {\"slipway\": \"churn:version\"}\nb: none-gpu # {\"slipway\": \"churn:uri\"}\n\
                c: true # {\"slipway\": \"digits:run\"}\nd: none # {\"slipway\": \"digits:digest\"}\n";
    let refused: Vec<String> = unfit("app.yaml", text.as_bytes(), &values()).iter().map(ToString::to_string).collect();
    assert_eq!(refused.len(), 3, "{refused:#?}");
    for (refusal, said) in refused.iter().zip(["1:4: this value is a number", "2:4: `none-gpu`", "3:4: this value"]) {
        assert!(refusal.contains(said), "{refusal}");
    }
    assert!(refused[1].contains("\"suffix\": \"-gpu\""), "{}", refused[1]);
    assert_eq!(unfit("app.yaml", b"a: [", &values()), []);
}

#[test]
fn of_a_file_that_is_no_yaml_that_is_reported_and_no_good_mark_is_blamed() {
    let good = "a: none # {\"slipway\": \"churn:digest\"}\n";
    for (text, said) in [
        (format!("{good}b: [x\n"), "app.yaml:2:"),
        (format!("{good}b: {{{{ .Values.x }}}}\n"), "template"),
        (format!("{good}b: x: y\n"), "app.yaml:2:"),
        (format!("{good}b: \"x\n"), "app.yaml:2:"),
        ("b: [x\na: none # {'slipway': 'churn:digest'}\n".to_owned(), "invalid YAML"),
    ] {
        let shown = faults(text.as_bytes());
        assert_eq!(shown.len(), 1, "{text}: {shown:?}");
        assert!(shown[0].contains(said) && !shown[0].contains("within a text"), "{text}: {shown:?}");
        let inspected = inspect("app.yaml", text.as_bytes());
        assert!(inspected.faults[0].concerning("churn", &|_| false).is_some());
        assert!(inspected.faults[0].concerning("digits", &|_| false).is_none());
    }
    for text in ["b: [x # managed by slipway, see docs\n", "b: [x\n", "# {\"other\": 1}\nb: [x\n"] {
        assert_eq!(faults(text.as_bytes()), [""; 0], "{text}");
    }
}

#[test]
fn what_is_no_utf8_is_called_what_it_is() {
    let text = "a: none # {\"slipway\": \"churn:digest\"}\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect();
    for content in [little, big] {
        assert_eq!(faults(&content), ["app.yaml: the file is UTF-16, expected UTF-8\n  help: save the file as UTF-8"]);
        assert!(inspect("app.yaml", &content).faults[0].concerning("churn", &|_| false).is_some());
    }
    let latin = [text.as_bytes(), b"b: gr\xf6\xdfe\n"].concat();
    assert_eq!(faults(&latin), ["app.yaml:2:6: the file is not UTF-8\n  help: save the file as UTF-8"]);
}
