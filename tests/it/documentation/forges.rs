//! docs/forges.md shows what docs/forges.yaml says, and every test that is named there exists.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::block::{is_current, table};
use super::{read, sources};

const FORGES: [(&str, &str); 7] = [
    ("plain", "plain"),
    ("github-app", "GitHub, App"),
    ("github-token", "GitHub, token"),
    ("gitlab", "GitLab"),
    ("gitea", "Gitea"),
    ("forgejo", "Forgejo"),
    ("bitbucket", "Bitbucket"),
];
const SECTIONS: [(&str, &str); 5] = [
    ("deliveries", "Deliveries"),
    ("reports", "Reports"),
    ("commands", "Commands and permissions"),
    ("requests", "Pull requests"),
    ("preflight", "Preflight checks"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    features: Vec<Feature>,
    promises: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    #[serde(rename = "feature")]
    title: String,
    section: String,
    forges: BTreeMap<String, Support>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Support {
    #[serde(rename = "support")]
    is_supported: bool,
    note: Option<String>,
    #[serde(default)]
    tests: Vec<String>,
}

impl Support {
    fn cell(&self) -> String {
        match (self.is_supported, &self.note) {
            (false, _) => "–".to_owned(),
            (true, None) => "✓".to_owned(),
            (true, Some(note)) => note.clone(),
        }
    }
}

fn matrix() -> Matrix {
    serde_yaml::from_str(&read("docs/forges.yaml")).expect("docs/forges.yaml")
}

#[test]
fn the_matrix_of_forges_shows_its_data() {
    let matrix = matrix();
    let known = |feature: &Feature| SECTIONS.iter().any(|(section, _)| *section == feature.section);
    assert!(matrix.features.iter().all(known), "a feature is in no section");
    let mut head = vec!["feature"];
    head.extend(FORGES.map(|(_, title)| title));
    let sections = SECTIONS.map(|(section, title)| {
        let features = matrix.features.iter().filter(|feature| feature.section == section);
        let rows: Vec<Vec<String>> = features
            .map(|feature| {
                assert_eq!(feature.forges.len(), FORGES.len(), "`{}` leaves a forge out", feature.title);
                let cells = FORGES.iter().map(|(forge, _)| feature.forges[*forge].cell());
                std::iter::once(feature.title.clone()).chain(cells).collect()
            })
            .collect();
        format!("### {title}\n\n{}", table(&head, &rows))
    });
    is_current("docs/forges.md", "forges", &sections.join("\n\n"));
}

#[test]
fn every_test_that_the_matrix_of_forges_names_exists() {
    let sources = sources();
    let matrix = matrix();
    let of_features = matrix.features.iter().flat_map(|feature| feature.forges.values()).flat_map(|cell| &cell.tests);
    let named: Vec<&String> = of_features.chain(&matrix.promises).collect();
    assert!(named.len() > 100, "only {} tests are named", named.len());
    for name in named {
        assert!(sources.defined.contains(name), "there is no test `{name}`");
    }
}
