//! Parses a text that contains the name Slipway in any form: the model and the field that it seems to mark.

use crate::field::Field;
use crate::names::is_slip_of;

use super::words::{Word, Words};

/// The word that identifies a mention of a mark, in any case.
pub(crate) const WORD: &str = "slipway";
/// Words that label the next one, as in `{model: churn, field: uri}`.
const LABELS: [&str; 8] = ["model", "field", "name", "value", "key", "kind", "mark", "marker"];
/// The top-level domains that may follow the product's name and a dot.
const DOMAINS: [&str; 3] = ["dev", "io", "com"];

/// How similar a text is to a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Manner {
    /// It contains the product's name.
    Prose,
    /// It contains `MODEL:FIELD`.
    Alike,
    /// It begins like a mark.
    Written,
}

/// A text that contains the product's name, and the mark that it seems to be.
#[derive(Debug, Clone)]
pub(crate) struct Mention {
    /// Its words in lower case, without the product's name.
    pub(crate) words: Vec<String>,
    /// The model that its form names, if there is one.
    pub(crate) model: Option<String>,
    /// The field that it names.
    pub(crate) field: Option<Field>,
    pub(crate) manner: Manner,
    /// Whether it contains a sign of marks: a quote, a brace, a colon, an equals sign.
    pub(crate) has_signs: bool,
    /// Whether `MODEL:FIELD` directly follows the product's name and a colon.
    pub(crate) is_strict: bool,
    /// Whether only spaces separate model and field, as in a sentence.
    pub(crate) is_loose: bool,
}

/// `MODEL:FIELD`, or a similar pair.
struct Pair {
    model: usize,
    field: Field,
    /// Whether a colon or a similar sign joins the two.
    is_joined: bool,
    is_exact: bool,
    is_loose: bool,
}

impl Mention {
    /// Parses a text, if it contains the product's name. `text` begins after the `#` of its comment.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let is_foreign = is_of_another_tool(text)?;
        let words = Words::of(text);
        let (product, is_exact) = words.product()?;
        let is_braced = words.text_begins_with_brace() && !is_foreign;
        let begins = product == 0;
        let is_attached = words.is_attached(product);
        let pair = pair_in(&words, product, is_braced, is_attached);
        let is_tag = pair.is_none() && words.is_image_tag(product);
        let is_written = (begins && (is_attached || pair.is_some())) || is_braced;
        let manner = match &pair {
            _ if is_foreign || is_tag => Manner::Prose,
            _ if is_written => Manner::Written,
            Some(pair) if pair.is_joined => Manner::Alike,
            _ => Manner::Prose,
        };
        if !is_exact && (pair.is_none() || manner == Manner::Prose) {
            return None;
        }
        let is_strict = pair.as_ref().is_some_and(|pair| {
            pair.is_exact && pair.is_joined && pair.model == product + 1 && words.is_joined(product)
        });
        let is_loose = !is_braced && pair.as_ref().is_some_and(|pair| pair.is_loose);
        let (model, field) = match pair {
            Some(pair) => (Some(words.text(pair.model)), Some(pair.field)),
            None if manner == Manner::Written => lone_names(&words, product, is_braced),
            None => (None, None),
        };
        let has_signs = words.has_signs() && !is_foreign;
        Some(Self { words: words.all_but(product), model, field, manner, has_signs, is_strict, is_loose })
    }

    /// The mention of a mark that cannot be parsed at all.
    pub(crate) fn of_nobody() -> Self {
        let (words, manner) = (Vec::new(), Manner::Written);
        Self { words, model: None, field: None, manner, has_signs: true, is_strict: false, is_loose: false }
    }

    /// The field that its form names, or else the only field among its words.
    pub(crate) fn only_field(&self) -> Option<Field> {
        let mut fields = self.words.iter().filter_map(|word| Field::from_name(word));
        let only = fields.next().filter(|_| fields.next().is_none());
        self.field.or(only)
    }

    /// Whether one of its words is a misspelling of a model's name.
    pub(crate) fn misspells(&self, model: &str) -> bool {
        self.words.iter().any(|word| is_slip_of(word, model))
    }

    /// Whether its words contain a model's name, written as one word or as two.
    pub(crate) fn names(&self, model: &str) -> bool {
        let is_model = |two: &[String]| two.concat() == model || two.join("-") == model;
        self.words.iter().any(|word| word == model) || self.words.windows(2).any(is_model)
    }
}

/// Whether a text is the JSON of another tool, which may contain the product's name as a value. `None` if it cannot be meant for
/// Slipway, such as `{"$imagepolicy": "flux-system:slipway"}`.
fn is_of_another_tool(text: &str) -> Option<bool> {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text.trim()) else { return Some(false) };
    let is_ours = |key: &String| {
        let key = key.to_lowercase();
        key.contains(WORD) || strsim::osa_distance(key.trim(), WORD) <= 1
    };
    if object.keys().any(is_ours) {
        return Some(false);
    }
    (!object.keys().any(|key| key.starts_with('$'))).then_some(true)
}

/// The first pair with an existing field, otherwise the first with a misspelt one.
fn pair_in(words: &Words, product: usize, is_braced: bool, is_attached: bool) -> Option<Pair> {
    let is_name = |word: &Word| Field::from_name(&word.text).is_none();
    let meant: Vec<usize> = (0..words.len()).filter(|index| is_meant(words, *index, product)).collect();
    let pairs = |misspelt: bool| {
        meant.windows(2).find_map(|both| {
            let [model, at] = both else { return None };
            let is_joined = words.are_joined(*model, *at);
            let is_beside = *model == product + 1 && words.touch(*model, *at);
            let is_near = is_joined || (*model > product && (is_braced || is_attached || is_beside));
            let word = &words.get(*at).text;
            let field = if misspelt {
                Field::ALL.into_iter().find(|field| (is_joined || is_braced) && is_slip(word, field.as_str()))
            } else {
                Field::from_name(word)
            }?;
            let is_pair = is_near && is_name(words.get(*model));
            let is_loose = words.are_spaced(*model, *at);
            is_pair.then_some(Pair { model: *model, field, is_joined, is_exact: !misspelt, is_loose })
        })
    };
    pairs(false).or_else(|| pairs(true))
}

/// Whether a word may be the name of a model or of a field.
fn is_meant(words: &Words, index: usize, product: usize) -> bool {
    let word = &words.get(index).text;
    let is_label = LABELS.contains(&word.as_str()) && words.is_joined(index);
    let is_domain = index == product + 1 && DOMAINS.contains(&word.as_str()) && words.follows_dot(index);
    index != product && !is_label && !is_domain
}

/// The model and the field of a text without a pair: the only words of their kinds after the product's name.
fn lone_names(words: &Words, product: usize, is_braced: bool) -> (Option<String>, Option<Field>) {
    let behind = (product + 1..words.len()).filter(|index| is_meant(words, *index, product));
    let field_of = |word: &str| {
        let misspelt = || Field::ALL.into_iter().find(|field| is_braced && is_slip(word, field.as_str()));
        Field::from_name(word).or_else(misspelt)
    };
    let (mut models, mut fields) = (Vec::new(), Vec::new());
    for index in behind {
        match field_of(&words.get(index).text) {
            Some(field) => fields.push(field),
            None if may_be_name(&words.get(index).text) => models.push(index),
            None => {}
        }
    }
    let model = match &models[..] {
        [only] => Some(*only),
        // The second word is a field that does not exist.
        [first, second, ..] if fields.is_empty() && words.are_joined(*first, *second) => Some(*first),
        _ => None,
    };
    (model.map(|index| words.text(index)), fields.first().copied())
}

/// Whether a single word may be a model's name. Numbers and words for null are not.
fn may_be_name(word: &str) -> bool {
    word.contains(char::is_alphabetic) && !matches!(word, "null" | "none")
}

/// Whether a word begins like a known one and differs by one edit, or by two if it is long.
fn is_slip(word: &str, known: &str) -> bool {
    let allowed = if known.len() <= 3 { 1 } else { 2 };
    word.get(..1) == known.get(..1) && strsim::osa_distance(word, known) <= allowed
}
