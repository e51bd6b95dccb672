//! What should be a mark and cannot be followed: whom it concerns, and the mark that would be.

use std::collections::BTreeSet;

use slipway_domain::{Diagnostic, Position};

use super::field::Field;
use super::marker::{Mark, is_model_name, written};
use super::names::is_slip_of;
use super::near::{Manner, Mention};
use super::within::Around;

/// A place that should be followed, and cannot be; or a file in which no place can.
#[derive(Debug, Clone)]
pub struct MarkFault {
    /// What is wrong. Of a line the mended mark is not in it: that depends on the models there are.
    pub(super) diagnostic: Diagnostic,
    pub(super) about: About,
}

/// What is wrong with marks.
#[derive(Debug, Clone)]
pub(super) enum About {
    /// A mark that can be read, in a place where it cannot be followed.
    Mark(Mark),
    /// A line that cannot be read as a mark.
    Line(Box<Line>),
    /// A file that cannot be read, with the words of the lines that seem to be marks.
    File(BTreeSet<String>),
    /// More than is listed.
    Everybody,
}

/// A line that seems to be a mark.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) mention: Mention,
    /// Whether it looks like a mark, whichever models there are.
    pub(super) is_sure: bool,
    /// Whether it does where one of its words names a model.
    pub(super) is_sure_of_a_model: bool,
    /// What it says stands around the value.
    pub(super) around: Around,
    /// The key that the line's value belongs to.
    pub(super) key: Option<String>,
    pub(super) fault: Fault,
}

/// What is wrong with a line that seems to be a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is written as marks are, and wrong within.
    Within,
    /// It is right, and stands where nothing is a comment.
    InText,
    /// It is written otherwise.
    Form,
}

impl MarkFault {
    /// What is told to a model that the fault could concern; `None` if it cannot. `is_known` says which other names are models of
    /// their own: what names one of them is no misspelt name of this model.
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

    /// What is told where these models are known; `None` if it is nothing but prose then.
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

    /// Whether nothing tells which model it is about, so that it could be any.
    pub fn names_nobody(&self) -> bool {
        match &self.about {
            About::Line(line) => line.is_sure && line.mention.model.is_none(),
            About::Everybody => true,
            About::Mark(_) | About::File(_) => false,
        }
    }

    /// Whether it could hide which artifact is named: a digest that is not read, or all of a file.
    pub fn hides_a_digest(&self) -> bool {
        match &self.about {
            About::Mark(mark) => mark.field == Field::Digest,
            About::Line(line) => line.field().map_or(line.fault == Fault::Within, |field| field == Field::Digest),
            About::File(_) | About::Everybody => true,
        }
    }

    /// Whether it may be the mark of a model's digest, whichever model it is of.
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
        let mended = mended(model, line.field(), &line.around);
        let help = match (line.fault, line.mention.manner) {
            (Fault::Within, _) => format!("write {mended} and nothing after it"),
            (Fault::InText, _) => format!("give the value a line of its own in YAML, with {mended} behind it"),
            (Fault::Form, Manner::Prose) => {
                format!("write {mended} behind the value, on its line, or leave out `slipway` if no mark is meant")
            }
            (Fault::Form, _) => format!("write {mended} behind the value, on its line"),
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

    /// Whether it is prose with a sign of marks behind a value, and one of its words is nearly a model's name.
    fn is_misspelt_prose(&self, model: &str) -> bool {
        let is_prose = !self.is_sure && self.is_sure_of_a_model && self.mention.manner == Manner::Prose;
        is_prose && self.mention.has_signs && self.mention.misspells(model)
    }

    /// The field that it names, or else the one that the key of its value is called by.
    fn field(&self) -> Option<Field> {
        let key = self.key.as_deref().unwrap_or_default();
        let called = || Field::ALL.into_iter().find(|field| key.ends_with(field.as_str()));
        self.mention.only_field().or_else(called).or_else(|| key.ends_with("tag").then_some(Field::Version))
    }
}

/// The mark that would be followed, as a message says it; with a word on what has to be filled in.
pub(super) fn mended(model: Option<&str>, field: Option<Field>, around: &Around) -> String {
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
