//! Replays the committed corpus of every target: what was found once stays found.

use std::path::Path;

use slipway_fuzz::TARGETS;

#[test]
fn every_input_of_the_corpus_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, run) in TARGETS {
        let mut inputs: Vec<_> = std::fs::read_dir(corpus.join(name))
            .unwrap_or_else(|error| panic!("{name} has no corpus: {error}"))
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert!(!inputs.is_empty(), "{name} has an empty corpus");
        inputs.sort();
        for input in inputs {
            let bytes = std::fs::read(&input).expect("an input");
            let survived = std::panic::catch_unwind(|| run(&bytes));
            assert!(survived.is_ok(), "{}", input.display());
        }
    }
}

#[test]
fn every_folder_of_the_corpus_belongs_to_a_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in std::fs::read_dir(corpus).expect("a corpus").flatten() {
        let name = entry.file_name();
        assert!(slipway_fuzz::target(&name.to_string_lossy()).is_some(), "{name:?}");
    }
}
