//! Reads a policy file strictly, reads the policies that it extends, and reports all mistakes at once.

use std::cell::Cell;
use std::collections::BTreeMap;

use jiff::civil::Date;
use slipway_contract::metrics::Subject;
use slipway_contract::{API_VERSION, Digest};

use slipway_domain::{Diagnostic, Position};
use slipway_yaml::{EmptyKey, Segment};

use super::checks::Check;
use super::entry::A_CHECK;
use super::exception::Exception;
use super::file::{PolicyFile, PolicyKind, PolicySpec, Severity};
use super::test_set::{Adaptivity, Feedback, TestSet};
use super::{Policy, shipped};

/// The most checks of a policy, because each may need a bootstrap.
const MAX_CHECKS: usize = 100;

/// A valid policy. Its parts replace mistakes while the rest of a file is checked.
const SAMPLE: &str = "
apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {name: sample}
spec: {checks: [{leakage: {}}]}
";

/// The most policies that one policy may extend, and the longest chain of them.
const MAX_EXTENDED: usize = 10;
const MAX_STEPS: usize = 5;

/// The most files that are read for one policy. Policies that extend each other would otherwise be read without end.
const MAX_FOUND: usize = 100;

/// Finds another policy by its path relative to the file that names it. Returns its name and its text, or why it was not found.
pub type Find<'find> = &'find dyn Fn(&str, &str) -> Result<(String, String), String>;

/// The JSON Schema of a policy file.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(PolicyFile)
}

impl Policy {
    /// Reads a policy that extends only shipped policies. `file` is its name in diagnostics and verdicts. A check that could
    /// never fail, or never pass, is a mistake.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        Self::read_with(file, text, &|_, _| Err("only policies that ship with Slipway can be extended here".to_owned()))
    }

    /// Reads a policy. `find` returns the policies that it extends.
    pub fn read_with(file: &str, text: &str, find: Find<'_>) -> Result<Self, Vec<Diagnostic>> {
        let found = Cell::new(0);
        let bounded = |from: &str, path: &str| match found.replace(found.get() + 1) {
            ..MAX_FOUND => find(from, path),
            _ => Err(format!("more than {MAX_FOUND} files would be read; extend fewer")),
        };
        read_one(file, text, &bounded, &[])
    }
}

/// Whether a key without a value is at the place of a name. A name is taken as written: a column may be called `null`.
fn is_a_name(key: &EmptyKey) -> bool {
    let Some(Segment::Key(name)) = key.path.segments().last() else { return false };
    let above: Vec<&str> = key.path.segments().iter().rev().skip(1).filter_map(Segment::key).collect();
    let is_name = matches!(
        (name.as_str(), above.as_slice()),
        (_, ["where", "slice", "checks", "spec"])
            | ("by", ["slice", "checks", "spec"])
            | ("column", ["drift", "checks", "spec"])
            | ("group_by", ["checks", "spec"])
            | ("model" | "check", ["exceptions", "spec"])
            | ("name", ["metadata"])
    );
    is_name && !key.is_left_out()
}

/// Reads a policy. `above` are the files that extend it, the outermost first.
fn read_one(file: &str, text: &str, find: Find<'_>, above: &[String]) -> Result<Policy, Vec<Diagnostic>> {
    let slipway_yaml::Recovered { value, mut mistakes, guesses } =
        slipway_yaml::read_all::<PolicyFile>(file, text, SAMPLE, &is_a_name);
    for mistake in &mut mistakes {
        mistake.help.get_or_insert_with(|| A_CHECK.to_owned());
    }
    let Some(written) = value else { return Err(mistakes) };
    let tree = slipway_yaml::Tree::parse(file, text).map_err(|mistake| vec![mistake])?;
    let mut reader = Reader { file, tree, mistakes, guesses };
    let PolicyFile { api_version, kind: PolicyKind::Policy, metadata, spec } = written;
    let PolicySpec { extends, confidence, test_set, checks: entries, without_champion, exceptions } = spec;
    if api_version != API_VERSION {
        reader.refuse("apiVersion", format!("`{api_version}` is not known, expected `{API_VERSION}`"), "");
    }
    if !(0.5..1.0).contains(&confidence) {
        let message = format!("{confidence} is out of range, expected 0.5 up to (not including) 1");
        reader.refuse("spec.confidence", message, "0.95 is usual");
    }
    if let Some(rule) = test_set {
        reader.test_set(rule);
    }
    let extended = reader.extended(&extends, find, above);
    let inherited: Vec<Check> = extended.iter().flat_map(|policy| policy.checks.clone()).collect();
    let count = inherited.len() + entries.len();
    // A policy that could not be extended is reported already.
    let is_whole = extended.len() == extends.len();
    if (count == 0 && is_whole) || count > MAX_CHECKS {
        reader.refuse("spec.checks", format!("{count} checks, expected 1 to {MAX_CHECKS}"), A_CHECK);
    }
    let only_warn = entries.iter().all(|entry| entry.severity == Severity::Warn);
    let entries = entries.into_iter().take(MAX_CHECKS).enumerate();
    let own: Vec<Check> = entries.filter_map(|(index, entry)| reader.check(index, entry)).collect();
    if only_warn && !own.is_empty() && inherited.iter().all(|check| check.only_warns) {
        let help = "leave `severity: warn` out of a check that has to hold";
        reader.refuse("spec.checks", "this policy could never refuse: every check only warns", help);
    }
    reader.same_names(&own);
    let checks = reader.merged(inherited, own);
    reader.contradictions(&checks);
    reader.one_task(&checks);
    let exceptions = exceptions.into_iter().enumerate();
    let exceptions: Vec<Exception> =
        exceptions.filter_map(|(index, entry)| reader.exception(index, entry, &checks)).collect();
    if !reader.mistakes.is_empty() {
        return Err(reader.mistakes);
    }
    let inherits_approval = extended.iter().find_map(|policy| policy.approval_without_champion.clone());
    let approval_without_champion = if without_champion.require_approval {
        Some(format!("{file}:{}", reader.line_of("spec.without_champion")))
    } else {
        inherits_approval
    };
    let inherited = extended.iter().filter_map(|policy| policy.test_set);
    let test_set = inherited.chain(test_set).reduce(TestSet::and);
    let policy = Policy {
        name: metadata.name,
        file: file.to_owned(),
        digest: digest_of(text, &extended),
        confidence: extended.iter().map(|policy| policy.confidence).fold(confidence, f64::max),
        test_set,
        checks,
        approval_without_champion,
        exceptions,
    };
    match policy.too_many_uses() {
        None => Ok(policy),
        Some((message, help)) => {
            reader.refuse("spec.test_set.uses", message, help);
            Err(reader.mistakes)
        }
    }
}

/// The digest of the text, and of the extended policies if there are any.
fn digest_of(text: &str, extended: &[Policy]) -> Digest {
    if extended.is_empty() {
        return Digest::of(text.as_bytes());
    }
    let digests: Vec<&str> = extended.iter().map(|policy| policy.digest.as_str()).collect();
    Digest::of(format!("{text}\n{}", digests.join("\n")).as_bytes())
}

/// A file being read, with the mistakes found so far.
pub(super) struct Reader<'file> {
    pub(super) file: &'file str,
    tree: slipway_yaml::Tree,
    mistakes: Vec<Diagnostic>,
    /// The parts that are guesses in place of a mistake.
    guesses: slipway_yaml::Guesses,
}

impl Reader<'_> {
    /// Adds a mistake at a path in the file.
    pub(super) fn refuse(&mut self, path: &str, message: impl Into<String>, help: &str) {
        if self.guesses.touch(path) {
            return;
        }
        let position = self.tree.position_of(path);
        let mistake = Diagnostic::new(self.file, message).at(position);
        self.mistakes.push(if help.is_empty() { mistake } else { mistake.help(help) });
    }

    /// The line of a path.
    pub(super) fn line_of(&self, path: &str) -> usize {
        self.tree.position_of(path).map_or(1, |position| position.line)
    }

    /// The texts at a path, or below a key there, as written. Empty if there is nothing.
    pub(super) fn texts(&self, path: &str, key: Option<&str>) -> Vec<String> {
        let path: slipway_yaml::Path = path.parse().unwrap_or_default();
        let path = key.map_or(path.clone(), |key| path.then(Segment::Key(key.to_owned())));
        self.tree.texts(&path).unwrap_or_default()
    }

    /// The positions of the keys of a check that may not fit a model.
    pub(super) fn places(&self, path: &str) -> BTreeMap<&'static str, Position> {
        let keys = [
            "metric",
            "expression",
            "drift",
            "slice",
            "group_by",
            "at_least",
            "at_most",
            "between",
            "no_worse_than_champion",
            "better_than_champion",
            "better_than_baseline",
        ];
        keys.into_iter().filter_map(|key| Some((key, self.tree.position_of(&format!("{path}.{key}"))?))).collect()
    }

    /// Adds a mistake if the length of a text is not allowed.
    pub(super) fn has_length(&mut self, path: &str, what: &str, text: &str, most: usize) {
        let length = text.trim().chars().count();
        if !(1..=most).contains(&length) {
            self.refuse(path, format!("{what} of {length} characters, expected 1 to {most}"), "");
        }
    }

    /// Parses a date.
    pub(super) fn date(&mut self, path: &str, text: &str) -> Option<Date> {
        let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
        if date.is_none() {
            let shown: String = text.chars().take(40).collect();
            self.refuse(path, format!("`{shown}` is no day, expected one such as 2026-12-31"), "");
        }
        date
    }

    /// Rejects a rule for the test set without a valid guarantee.
    fn test_set(&mut self, rule: TestSet) {
        if !(1..=TestSet::MAX_USES).contains(&rule.uses()) {
            let message = format!("{} uses, expected 1 to {}", rule.uses(), TestSet::MAX_USES);
            self.refuse("spec.test_set.uses", message, "20 are usual: after them fresh rows are needed");
        }
        let name = match rule.adaptivity() {
            Adaptivity::None => return,
            Adaptivity::FirstChange => "first_change",
            Adaptivity::Full => "full",
        };
        if rule.feedback() == Feedback::Figures {
            let message = format!("`adaptivity: {name}` came with `feedback: figures`, expected `feedback: verdict`");
            let help = "authors who see figures can learn more from each use than the error budget is divided by";
            self.refuse("spec.test_set.adaptivity", message, help);
        }
    }

    fn extended(&mut self, extends: &[String], find: Find<'_>, above: &[String]) -> Vec<Policy> {
        let mut policies = Vec::new();
        if extends.len() > MAX_EXTENDED {
            let message = format!("{} policies, expected at most {MAX_EXTENDED}", extends.len());
            self.refuse("spec.extends", message, "");
            return policies;
        }
        let chain: Vec<String> = above.iter().cloned().chain([self.file.to_owned()]).collect();
        if chain.len() > MAX_STEPS && !extends.is_empty() {
            let message = format!("a chain of more than {MAX_STEPS} steps: {}", chain.join(" extends "));
            self.refuse("spec.extends", message, "extend the policies at its end directly");
            return policies;
        }
        for (index, name) in extends.iter().enumerate() {
            let path = format!("spec.extends[{index}]");
            let found = match name.strip_prefix("slipway:") {
                Some(shipped) => shipped::text_of(shipped).map(|text| (name.clone(), text.to_owned())),
                None => find(self.file, name),
            };
            let read = found.map_err(|why| (why, None)).and_then(|(file, text)| {
                if let Some(begin) = chain.iter().position(|above| *above == file) {
                    let circle = chain[begin..].iter().cloned().chain([file]).collect::<Vec<_>>();
                    return Err((format!("it extends itself: {}", circle.join(" extends ")), None));
                }
                read_one(&file, &text, find, &chain)
                    .map_err(|mistakes| ("it has mistakes".to_owned(), mistakes.into_iter().next()))
            });
            match read {
                Ok(policy) => policies.push(policy),
                Err((why, mistake)) => {
                    self.refuse(&path, format!("`{name}` cannot be extended: {why}"), "");
                    self.mistakes.extend(mistake);
                }
            }
        }
        policies
    }

    fn same_names(&mut self, checks: &[Check]) {
        for (index, check) in checks.iter().enumerate() {
            let earlier = checks[..index].iter().find(|earlier| earlier.name.is_some() && earlier.name == check.name);
            if let (Some(name), Some(earlier)) = (&check.name, earlier) {
                let message = format!("the name `{name}` is taken by the check on line {}", earlier.line);
                let index = self.index_of(check.line);
                self.refuse(&format!("spec.checks[{index}].name"), message, "every check has its own name, or none");
            }
        }
    }

    /// The inherited checks, each replaced by an own check of the same name if that is at least as strict.
    fn merged(&mut self, mut inherited: Vec<Check>, own: Vec<Check>) -> Vec<Check> {
        let mut added = Vec::new();
        for check in own {
            let place = inherited.iter().position(|other| other.name.is_some() && other.name == check.name);
            match place {
                Some(place) if check.is_as_strict_as(&inherited[place]) => inherited[place] = check,
                Some(place) => {
                    let Check { file, line, .. } = &inherited[place];
                    let message = format!("this is milder than the check of the same name, {file}:{line}");
                    let help =
                        "what is extended can be tightened, never loosened: measure the same, and ask for as much";
                    let index = self.index_of(check.line);
                    self.refuse(&format!("spec.checks[{index}]"), message, help);
                }
                None => added.push(check),
            }
        }
        inherited.append(&mut added);
        inherited
    }

    /// Rejects checks that cannot all pass.
    fn contradictions(&mut self, checks: &[Check]) {
        use slipway_domain::Requirement::{AtLeast, AtMost};
        for upper in checks {
            let AtMost(most) = upper.requirement else {
                continue;
            };
            let lower = checks.iter().find(|lower| {
                lower.subject == upper.subject && matches!(lower.requirement, AtLeast(least) if least >= most)
            });
            if let (Some(lower), Some(metric)) = (lower, upper.metric()) {
                let message =
                    format!("{metric} could never be at most {most} and hold the check on line {} as well", lower.line);
                let index = self.index_of(upper.line);
                self.refuse(&format!("spec.checks[{index}].at_most"), message, "keep one of the two");
            }
        }
    }

    fn index_of(&self, line: usize) -> usize {
        (0..MAX_CHECKS).find(|index| self.line_of(&format!("spec.checks[{index}]")) == line).unwrap_or(0)
    }

    /// Rejects metrics that no single model can have.
    fn one_task(&mut self, checks: &[Check]) {
        let of = |subject: Subject| {
            checks.iter().find(|check| check.metric().is_some_and(|metric| metric.subject() == subject))
        };
        let (Some(classes), Some(numbers)) = (of(Subject::Classes), of(Subject::Numbers)) else {
            return;
        };
        let (later, earlier) = if classes.line > numbers.line { (classes, numbers) } else { (numbers, classes) };
        let names = [later, earlier].map(Check::measure);
        let message = format!(
            "{} does not fit {} on line {}: one is for classification, the other for regression",
            names[0], names[1], earlier.line
        );
        let index = self.index_of(later.line);
        self.refuse(&format!("spec.checks[{index}].metric"), message, "a model has one task; write a policy for each");
    }
}
