//! Templates of a team for promotion commits: a subject and a paragraph with placeholders, and a sign-off.

/// The value that a placeholder of a template stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Model,
    Environment,
    Version,
    Artifact,
    Run,
    Source,
    Revision,
}

impl Value {
    const ALL: [(&'static str, Self); 7] = [
        ("model", Self::Model),
        ("environment", Self::Environment),
        ("version", Self::Version),
        ("artifact", Self::Artifact),
        ("run", Self::Run),
        ("source", Self::Source),
        ("revision", Self::Revision),
    ];
}

/// The values of one promotion.
#[derive(Debug, Clone, Copy)]
pub struct CommitValues<'a> {
    /// The model.
    pub model: &'a str,
    /// The environment.
    pub environment: &'a str,
    /// The version of the model.
    pub version: &'a str,
    /// The digest of the artifact.
    pub artifact: &'a str,
    /// The run.
    pub run: &'a str,
    /// The source's name.
    pub source: &'a str,
    /// The revision that was trained, in full.
    pub revision: &'a str,
}

/// A text with placeholders, as in `deploy({environment}): {model} {version}`. `{{` and `}}` stand for braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Value),
}

/// Error: the text is not a valid template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotATemplate(String);

/// The maximum length in characters of a subject as written in the settings, and of a paragraph.
const MAX_SUBJECT_LENGTH: usize = 200;
const MAX_BODY_LENGTH: usize = 4_000;

impl Template {
    /// Parses the template of a commit's first line.
    pub fn subject(text: &str) -> Result<Self, NotATemplate> {
        if text.trim().is_empty() || text.contains(['\n', '\r']) {
            return Err(NotATemplate("expected one line that is not empty".to_owned()));
        }
        Self::of(text.trim(), MAX_SUBJECT_LENGTH)
    }

    /// Parses the template of a paragraph of a commit. A line must not look like a trailer of a promotion.
    pub fn body(text: &str) -> Result<Self, NotATemplate> {
        if let Some(line) = text.lines().find(|line| line.trim_start().to_ascii_lowercase().starts_with("slipway-")) {
            return Err(NotATemplate(format!("`{line}` looks like a trailer that only Slipway writes")));
        }
        Self::of(text.trim(), MAX_BODY_LENGTH)
    }

    fn of(text: &str, longest: usize) -> Result<Self, NotATemplate> {
        let length = text.chars().count();
        if length > longest {
            return Err(NotATemplate(format!("the text has {length} characters, expected at most {longest}")));
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(NotATemplate("the text contains control characters".to_owned()));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
                parts.push(Part::Text(format!("{before}{}", &brace[..1])));
                rest = after;
                continue;
            }
            let Some(inner) = brace.strip_prefix('{') else {
                // A `}` without a `{` stands for itself, as in earlier versions.
                parts.push(Part::Text(format!("{before}}}")));
                rest = &brace[1..];
                continue;
            };
            let unclosed = || NotATemplate("a `{` has no matching `}`; write `{{` for a literal brace".to_owned());
            let (name, after) = inner.split_once('}').ok_or_else(unclosed)?;
            let value = Value::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value);
            let value = value.ok_or_else(|| {
                let known = Value::ALL.map(|(known, _)| format!("`{{{known}}}`")).join(", ");
                NotATemplate(format!("unknown placeholder `{{{name}}}`, expected one of {known}"))
            })?;
            parts.extend([Part::Text(before.to_owned()), Part::Value(value)]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The text with the values of a promotion filled in.
    pub fn fill(&self, values: &CommitValues<'_>) -> String {
        let CommitValues { model, environment, version, artifact, run, source, revision } = values;
        let mut filled = String::new();
        for part in &self.0 {
            let text: &str = match part {
                Part::Text(text) => text,
                Part::Value(Value::Model) => model,
                Part::Value(Value::Environment) => environment,
                Part::Value(Value::Version) => version,
                Part::Value(Value::Artifact) => artifact,
                Part::Value(Value::Run) => run,
                Part::Value(Value::Source) => source,
                Part::Value(Value::Revision) => revision,
            };
            filled.push_str(text);
        }
        filled
    }
}

/// Templates for the promotion commits of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitTemplates {
    /// The first line, instead of `Promote MODEL to ENVIRONMENT`.
    pub subject: Option<Template>,
    /// The first line of a rollback, instead of `Roll MODEL in ENVIRONMENT back`.
    pub rollback_subject: Option<Template>,
    /// A paragraph after the results of the checks.
    pub body: Option<Template>,
    /// Whether a line `Signed-off-by` contains the author (Developer Certificate of Origin).
    pub sign_off: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: CommitValues<'_> = CommitValues {
        model: "churn",
        environment: "staging",
        version: "20261124-3f9a1c2b7d10",
        artifact: "sha256:0",
        run: "r",
        source: "team-a",
        revision: "abc",
    };

    #[test]
    fn values_stand_where_the_template_names_them() {
        let template =
            Template::subject("deploy({environment}): {model} {version} [{source}@{revision}]").expect("one");
        assert_eq!(template.fill(&VALUES), "deploy(staging): churn 20261124-3f9a1c2b7d10 [team-a@abc]");
        assert_eq!(Template::subject("as it is").expect("one").fill(&VALUES), "as it is");
        assert_eq!(Template::subject("see x} {model}").expect("one").fill(&VALUES), "see x} churn");
        assert_eq!(Template::subject("{{{model}}} {{}}").expect("one").fill(&VALUES), "{churn} {}");
    }

    #[test]
    fn what_is_no_template_is_refused_with_the_reason() {
        for (refused, said) in [
            (Template::subject(" "), "one line that is not empty"),
            (Template::subject("a\nb"), "one line"),
            (
                Template::subject("{modell}"),
                "unknown placeholder `{modell}`, expected one of `{model}`, `{environment}`",
            ),
            (Template::subject("{model"), "has no matching `}`"),
            (Template::subject(&"x".repeat(201)), "201 characters, expected at most 200"),
            (Template::body("x\n Slipway-Run: 1"), "looks like a trailer that only Slipway writes"),
            (Template::body("\u{7}"), "control characters"),
        ] {
            let reason = refused.expect_err(said).to_string();
            assert!(reason.contains(said), "{reason}");
        }
    }
}
