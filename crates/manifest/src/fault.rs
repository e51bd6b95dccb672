//! Faults of marks: texts that look like marks and cannot be followed, the models that they concern, and the corrected mark.

use std::collections::BTreeSet;

use slipway_domain::{Diagnostic, Position};

use super::field::Field;
use super::marker::{Mark, is_model_name, written};
use super::names::is_slip_of;
use super::near::{Manner, Mention};
use super::within::Around;

/// A mark that cannot be followed, or a file in which no mark can be followed.
#[derive(Debug, Clone)]
pub struct MarkFault {
    /// The diagnostic. For [`About::Line`] it does not contain the corrected mark, which depends on the known models.
    pub(super) diagnostic: Diagnostic,
    pub(super) about: About,
}

/// The subject of a fault.
#[derive(Debug, Clone)]
pub(super) enum About {
    /// A mark that can be parsed, at a place where it cannot be followed.
    Mark(Mark),
    /// A line that cannot be parsed as a mark.
    Line(Box<Line>),
    /// A file that cannot be parsed, with the words of the lines that look like marks.
    File(BTreeSet<String>),
    /// More faults than are listed.
    Everybody,
}

/// A line that looks like a mark.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) mention: Mention,
    /// Whether it looks like a mark for any set of models.
    pub(super) is_sure: bool,
    /// Whether it looks like a mark if one of its words is the name of a model.
    pub(super) is_sure_of_a_model: bool,
    /// The prefix and the suffix in it.
    pub(super) around: Around,
    /// The key of the line's value.
    pub(super) key: Option<String>,
    pub(super) fault: Fault,
}

/// The fault of a line that looks like a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It has the form of a mark, with a mistake in its content.
    Within,
    /// It is correct, but stands within a text and is not a comment.
    InText,
    /// It has another form.
    Form,
}

impl MarkFault {
    /// The diagnostic for a model that the fault may concern; `None` if it cannot concern it. `is_known` returns whether another
    /// name is a model. Such a name is not taken for a misspelt name of this model.
    pub fn concerning(&self, model: &str, is_known: &dyn Fn(&str) -> bool) -> Option<Diagnostic> {
        match &self.about {
            About::Mark(mark) => {
                let is_meant = mark.model == model || (!is_known(&mark.model) && is_slip_of(&mark.model, model));
                is_meant.then(|| self.diagnostic.clone())
            }
            About::File(words) => words.contains(model).then(|| self.diagnostic.clone()),
            About::Everybody => Some(self.diagnostic.clone()),
            About::Line(line) => line.concerns(model, is_known).then(|| self.diagnose(line, Some(model))),
        }
    }

    /// The diagnostic for these known models; `None` if the line is prose for them.
    pub fn among(&self, known: &BTreeSet<String>) -> Option<Diagnostic> {
        let About::Line(line) = &self.about else { return Some(self.diagnostic.clone()) };
        let by_form = line.mention.model.as_deref();
        let named = by_form.filter(|model| known.contains(*model));
        let named = named.or_else(|| known.iter().map(String::as_str).find(|model| line.mention.names(model)));
        match named {
            Some(model) => (line.is_sure || line.is_sure_of_a_model).then(|| self.diagnose(line, Some(model))),
            None if line.is_sure => {
                let meant = by_form.and_then(|name| known.iter().find(|known| is_slip_of(name, known)));
                let meant = meant.map(String::as_str).or(by_form.filter(|model| is_model_name(model)));
                Some(self.diagnose(line, meant))
            }
            None => {
                known.iter().find(|model| line.is_misspelt_prose(model)).map(|model| self.diagnose(line, Some(model)))
            }
        }
    }

    /// Whether it names no model, so that it may concern any.
    pub fn names_nobody(&self) -> bool {
        match &self.about {
            About::Line(line) => line.is_sure && line.mention.model.is_none(),
            About::Everybody => true,
            About::Mark(_) | About::File(_) => false,
        }
    }

    /// Whether it may hide the artifact that is named: a digest that cannot be read, or a whole file.
    pub fn hides_a_digest(&self) -> bool {
        match &self.about {
            About::Mark(mark) => mark.field == Field::Digest,
            About::Line(line) => line.field().map_or(line.fault == Fault::Within, |field| field == Field::Digest),
            About::File(_) | About::Everybody => true,
        }
    }

    /// Whether it may be about the model: it names the model, it is in a file that names it, or it may concern all models.
    pub fn mentions(&self, model: &str) -> bool {
        match &self.about {
            About::Mark(mark) => mark.model == model,
            About::Line(line) => line.mention.names(model),
            About::File(words) => words.contains(model),
            About::Everybody => true,
        }
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.diagnostic.position
    }

    fn diagnose(&self, line: &Line, model: Option<&str>) -> Diagnostic {
        let corrected = corrected(model, line.field(), &line.around);
        let help = match (line.fault, line.mention.manner) {
            (Fault::Within, _) => format!("write {corrected} and nothing after it"),
            (Fault::InText, _) => format!("give the value a line of its own in YAML, with {corrected} behind it"),
            (Fault::Form, Manner::Prose) => {
                format!("write {corrected} behind the value, on its line, or leave out `slipway` if no mark is meant")
            }
            (Fault::Form, _) => format!("write {corrected} behind the value, on its line"),
        };
        self.diagnostic.clone().help(help)
    }
}

impl Line {
    fn concerns(&self, model: &str, is_known: &dyn Fn(&str) -> bool) -> bool {
        if self.mention.names(model) {
            return self.is_sure || self.is_sure_of_a_model;
        }
        let names_another = || self.mention.words.iter().any(|word| is_known(word));
        match &self.mention.model {
            Some(named) => self.is_sure && !is_known(named) && is_slip_of(named, model),
            None if self.is_sure => !names_another(),
            None => self.is_misspelt_prose(model) && !names_another(),
        }
    }

    /// Whether it is prose with a sign of marks after a value, and one of its words is similar to the model's name.
    fn is_misspelt_prose(&self, model: &str) -> bool {
        let is_prose = !self.is_sure && self.is_sure_of_a_model && self.mention.manner == Manner::Prose;
        is_prose && self.mention.has_signs && self.mention.misspells(model)
    }

    /// The field that it names, otherwise the field that the key of its value ends with.
    fn field(&self) -> Option<Field> {
        let key = self.key.as_deref().unwrap_or_default();
        let called = || Field::ALL.into_iter().find(|field| key.ends_with(field.as_str()));
        self.mention.only_field().or_else(called).or_else(|| key.ends_with("tag").then_some(Field::Version))
    }
}

/// The corrected mark for a message, with an explanation of its placeholders.
pub(super) fn corrected(model: Option<&str>, field: Option<Field>, around: &Around) -> String {
    let mark = written(model, field, around);
    let fields = Field::ALL.map(Field::as_str);
    let [others @ .., last] = &fields;
    let fields = format!("`{}` or `{last}` for `FIELD`", others.join("`, `"));
    match (model, field) {
        (Some(_), Some(_)) | (None, None) => format!("`{mark}`"),
        (Some(_), None) => format!("`{mark}` with {fields}"),
        (None, Some(_)) => format!("`{mark}` with the model's name for `MODEL`"),
    }
}
