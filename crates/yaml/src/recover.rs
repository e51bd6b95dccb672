//! Finds all mistakes of a document. It replaces each by a guess, so that the rest can be read.

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use slipway_domain::Diagnostic;

use super::draft::Draft;
use super::empty::{EmptyKey, empty_keys};
use super::path::{Path, Segment};
use super::read::{Slip, deserialize, duplicate, explain, one_document, read, written_out};
use super::tree::Tree;

/// The most mistakes of one document. Each costs one more pass.
const MAX_MISTAKES: usize = 50;
/// The largest text that is read more than once, in bytes. Files written by people are smaller.
const MAX_RECOVERED_BYTES: usize = 64 << 10;

/// The result of reading a document.
#[derive(Debug)]
pub struct Recovered<T> {
    /// The value, with guesses in place of mistakes; `None` if no value could be constructed.
    pub value: Option<T>,
    /// All mistakes, in the order in which they were found.
    pub mistakes: Vec<Diagnostic>,
    /// The parts of the value that are guesses.
    pub guesses: Guesses,
}

/// The paths of a document where guesses replace mistakes. Further mistakes there are not the author's.
#[derive(Debug, Clone, Default)]
pub struct Guesses(Vec<Path>);

impl Guesses {
    /// Whether a guess contains the value at a path, is contained in it, or equals it.
    pub fn touch(&self, path: &str) -> bool {
        path.parse().is_ok_and(|path| self.are_related_to(&path))
    }

    fn are_related_to(&self, path: &Path) -> bool {
        let starts = |long: &Path, short: &Path| long.segments().starts_with(short.segments());
        self.0.iter().any(|guess| starts(path, guess) || starts(guess, path))
    }
}

/// Reads exactly one document like [`read`](super::read), and continues after a mistake. Guesses are taken from `sample`, a valid
/// document. A key without a value is a mistake, unless `may_be_empty` returns true for it.
pub fn read_all<T: DeserializeOwned>(
    file: &str,
    text: &str,
    sample: &str,
    may_be_empty: &dyn Fn(&EmptyKey) -> bool,
) -> Recovered<T> {
    let nothing = |mistake| Recovered { value: None, mistakes: vec![mistake], guesses: Guesses::default() };
    let tree = match Tree::parse(file, text).and_then(|tree| one_document(file, &tree).map(|()| tree)) {
        Ok(tree) => tree,
        Err(mistake) => return nothing(mistake),
    };
    let duplicates = tree.duplicate_keys(0);
    let merges = tree.wrong_merges(file);
    let draft = Draft::of(&tree);
    let mut empty = empty_keys(&draft);
    empty.retain(|key| !may_be_empty(key));
    if duplicates.is_empty()
        && merges.is_empty()
        && empty.is_empty()
        && let Ok(value) = deserialize(&written_out(&tree, text))
    {
        return Recovered { value: Some(value), mistakes: Vec::new(), guesses: Guesses::default() };
    }
    if text.len() > MAX_RECOVERED_BYTES {
        if let Some(key) = empty.first() {
            return nothing(key.diagnostic(file, &tree));
        }
        return match read(file, text) {
            Ok(value) => Recovered { value: Some(value), mistakes: Vec::new(), guesses: Guesses::default() },
            Err(mistake) => nothing(mistake),
        };
    }
    let has_duplicates = !duplicates.is_empty();
    let duplicates = duplicates.into_iter().map(|(earlier, again)| duplicate(file, &tree, earlier, again));
    let mistakes = duplicates.chain(merges).collect();
    let sample = Tree::parse("sample", sample).map_or_else(|_| Draft::Mapping(Vec::new()), |tree| Draft::of(&tree));
    let mut mending = Mending { draft, sample, mistakes, guesses: Guesses::default(), repaired: HashSet::new() };
    for key in empty {
        mending.fill(key.diagnostic(file, &tree), key.path);
    }
    mending.read(file, &tree, has_duplicates)
}

/// A document that is being repaired.
struct Mending {
    draft: Draft,
    sample: Draft,
    mistakes: Vec<Diagnostic>,
    guesses: Guesses,
    /// Values that were replaced, so that the same replacement is not tried twice.
    repaired: HashSet<Path>,
}

impl Mending {
    fn read<T: DeserializeOwned>(mut self, file: &str, tree: &Tree, has_duplicates: bool) -> Recovered<T> {
        let mut value = None;
        for _ in 0..MAX_MISTAKES {
            match deserialize(&self.draft.text()) {
                Ok(read) => {
                    value = Some(read);
                    break;
                }
                Err((path, error)) => {
                    // If a key occurs twice, it is unknown which one is meant.
                    let is_known = !has_duplicates || tree.leads_to(0, &path);
                    let (mistake, slip) = explain(file, tree, &path, &error);
                    let repaired = if is_known { self.mend(mistake, slip) } else { self.replace(path) };
                    if !repaired {
                        break;
                    }
                }
            }
        }
        Recovered { value, mistakes: self.mistakes, guesses: self.guesses }
    }

    /// Records a mistake unless an earlier guess caused it, and repairs it. Returns whether it succeeded.
    fn mend(&mut self, mistake: Diagnostic, slip: Slip) -> bool {
        match slip {
            Slip::Key { start, meant } => {
                if !self.mistakes.contains(&mistake) {
                    self.mistakes.push(mistake);
                }
                if let Some(meant) = meant
                    && let Some(Segment::Key(name)) = meant.segments().last()
                    && self.draft.rename_key(start, name)
                {
                    self.guesses.0.push(meant);
                    return true;
                }
                self.draft.remove_key(start)
            }
            Slip::Missing(mapping, name) => {
                let key = mapping.then(Segment::Key(name));
                if self.guesses.0.contains(&key) {
                    return self.replace(mapping);
                }
                self.mistakes.push(mistake);
                let guess = self.sample.at(&key).cloned();
                self.guesses.0.push(key.clone());
                match guess {
                    Some(guess) => self.draft.put(&key, guess),
                    None => self.replace(mapping),
                }
            }
            Slip::Value(path) => {
                // A mistake in an anchored value is reported once, not for every alias.
                if !self.guesses.are_related_to(&path) && !self.mistakes.contains(&mistake) {
                    self.mistakes.push(mistake);
                }
                self.replace(path)
            }
            Slip::Text => {
                if self.mistakes.is_empty() {
                    self.mistakes.push(mistake);
                }
                false
            }
        }
    }

    /// Records that a key has no value, and adds a guess if the sample has one.
    fn fill(&mut self, mistake: Diagnostic, path: Path) {
        // A mistake in an anchored value is reported once, not for every alias.
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
        // Without a guess the key stays. The next pass shows whether its name is known.
        if let Some(guess) = self.sample.at(&path).cloned() {
            self.draft.put(&path, guess);
        }
        self.guesses.0.push(path);
    }

    /// Replaces a value, or the smallest possible part around it, by a guess.
    fn replace(&mut self, path: Path) -> bool {
        let mut path = path;
        loop {
            self.guesses.0.push(path.clone());
            if self.repaired.insert(path.clone()) {
                let guess = self.sample.at(&path).cloned();
                if guess.is_some_and(|guess| self.draft.put(&path, guess)) || self.draft.remove(&path) {
                    return true;
                }
            }
            let Some((_, above)) = path.segments().split_last() else { return false };
            path = above.iter().cloned().fold(Path::root(), |path, segment| path.then(segment));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Model {
        name: String,
        epochs: u32,
        batch: u32,
        #[serde(default)]
        rate: Option<f64>,
        data: Data,
        layers: Vec<Layer>,
        #[serde(default)]
        labels: BTreeMap<String, String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "format", rename_all = "snake_case", deny_unknown_fields)]
    enum Data {
        Csv { file: String },
        Idx { labels: String },
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Layer {
        Relu,
        Linear(u32),
    }

    const SAMPLE: &str = "name: x\nepochs: 1\nbatch: 1\ndata: {format: csv, file: x}\nlayers: [{linear: 2}]\n";

    fn shown(text: &str) -> (Option<Model>, Vec<String>) {
        let Recovered { value, mistakes, .. } = read_all("slipway.yaml", text, SAMPLE, &|_| false);
        (
            value,
            mistakes.iter().map(|mistake| mistake.to_string().lines().next().unwrap_or_default().to_owned()).collect(),
        )
    }

    #[test]
    fn all_mistakes_are_found_each_at_its_place() {
        let (value, mistakes) = shown(
            "name: 2024\nepocs: 4\nbatch: many\nrate: fast\ncolour: red\ndata: {format: csv, file: [a]}\n\
             layers:\n  - relu\n  - liner: 3\n  - linear: wide\nlabels: {a: b}\n",
        );
        assert_eq!(
            mistakes,
            [
                "slipway.yaml:2:1: unknown key `epocs`, expected one of `name`, `epochs`, `batch`, `rate`, `data`, `layers`, \
                 `labels`",
                "slipway.yaml:3:8: expected a whole number from 0 to 4294967295 for `batch`, found the text `many`",
                "slipway.yaml:4:7: expected a number for `rate`, found the text `fast`",
                "slipway.yaml:5:1: unknown key `colour`, expected one of `name`, `epochs`, `batch`, `rate`, `data`, `layers`, \
                 `labels`",
                "slipway.yaml:6:27: expected a text for `data.file`, found a list",
                "slipway.yaml:9:5: unknown key `liner`, expected one of `relu`, `linear`",
                "slipway.yaml:10:13: expected a whole number from 0 to 4294967295 for `layers[2].linear`, found the text `wide`",
            ]
        );
        let value = value.expect("a guess");
        assert_eq!((&*value.name, value.epochs, value.layers.len()), ("2024", 4, 3));
        assert_eq!(value.layers[0], Layer::Relu);
        assert!(value.rate.is_none() && value.batch == 1 && value.labels.len() == 1);
        assert!(matches!(value.data, Data::Csv { file } if file == "x"));
    }

    #[test]
    fn a_mistake_is_reported_once_and_not_for_what_follows_from_it() {
        let (value, mistakes) = shown("name: x\nbatch: 1\ndata: {format: parquet, rows: 3}\nlayers: 7\n");
        let expected = [
            "slipway.yaml:3:16: unknown value `parquet`",
            "slipway.yaml:4:9: expected a list",
            "slipway.yaml:1:1: missing key `epochs`",
        ];
        assert_eq!(mistakes.len(), expected.len(), "{mistakes:?}");
        for (mistake, expected) in mistakes.iter().zip(expected) {
            assert!(mistake.starts_with(expected), "expected `{expected}`, found `{mistake}`");
        }
        assert!(value.is_some());
    }

    #[test]
    fn every_key_that_is_written_twice_is_reported_beside_the_others() {
        let (_, mistakes) =
            shown("name: x\nname: y\nepochs: e\nbatch: b\nbatch: 2\ndata: {format: idx, labels: l}\nlayers: []\n");
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        assert!(mistakes[0].contains("duplicate key `name`") && mistakes[1].contains("duplicate key `batch`"));
        assert!(mistakes[2].starts_with("slipway.yaml:3:9:"), "{mistakes:?}");
        let Data::Idx { labels } =
            shown("name: x\nepochs: 1\nbatch: 2\ndata: {format: idx, labels: l}\nlayers: []\n").0.expect("sound").data
        else {
            panic!("another format")
        };
        assert_eq!(labels, "l");
    }

    #[test]
    fn a_text_larger_than_people_write_is_read_once() {
        let labels: Vec<String> = (0..4_000).map(|number| format!("  label{number}: value")).collect();
        let labels = labels.join("\n");
        let text =
            format!("name: x\nepochs: a\nbatch: b\ndata: {{format: idx, labels: l}}\nlayers: []\nlabels:\n{labels}\n");
        assert!(text.len() > MAX_RECOVERED_BYTES);
        assert_eq!(shown(&text).1.len(), 1);
        assert!(shown(&text.replace("epochs: a", "epochs: 1").replace("batch: b", "batch: 2")).0.is_some());
    }

    #[test]
    fn what_is_no_document_has_one_mistake() {
        for text in ["", "a: [", "just a text", "[1, 2]", "a: 1\n---\nb: 2\n"] {
            let (_, mistakes) = shown(text);
            assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
        }
    }
}
