//! Licence expressions of SPDX, as far as packages use them: names, `AND`, `OR`, `WITH`, brackets, and the old `/` for `OR`.

/// An expression, with brackets resolved.
#[derive(Debug, PartialEq)]
pub(super) enum Licence {
    Name(String),
    All(Vec<Licence>),
    Any(Vec<Licence>),
}

impl Licence {
    /// Reads an expression, or says what was found in place of a name.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let mut words = spaced.split_whitespace().peekable();
        let licence = any(&mut words)?;
        match words.next() {
            None => Ok(licence),
            Some(word) => Err(format!("`{word}` behind the end of `{text}`")),
        }
    }

    /// Whether somebody may use it who accepts only some licences.
    pub(super) fn is_satisfied(&self, accepts: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Name(name) => accepts(name),
            Self::All(parts) => parts.iter().all(|part| part.is_satisfied(accepts)),
            Self::Any(parts) => parts.iter().any(|part| part.is_satisfied(accepts)),
        }
    }
}

type Words<'w> = std::iter::Peekable<std::str::SplitWhitespace<'w>>;

fn any(words: &mut Words) -> Result<Licence, String> {
    joined(words, "OR", all, Licence::Any)
}

fn all(words: &mut Words) -> Result<Licence, String> {
    joined(words, "AND", one, Licence::All)
}

fn joined(
    words: &mut Words,
    by: &str,
    part: fn(&mut Words) -> Result<Licence, String>,
    join: fn(Vec<Licence>) -> Licence,
) -> Result<Licence, String> {
    let first = part(words)?;
    let mut parts = vec![first];
    while words.next_if_eq(&by).is_some() {
        parts.push(part(words)?);
    }
    Ok(if parts.len() > 1 { join(parts) } else { parts.remove(0) })
}

fn one(words: &mut Words) -> Result<Licence, String> {
    match words.next() {
        Some("(") => {
            let inner = any(words)?;
            words.next_if_eq(&")").map(|_| inner).ok_or_else(|| "a bracket that is not closed".to_owned())
        }
        None | Some("AND" | "OR" | "WITH" | ")") => Err("no name of a licence".to_owned()),
        Some(name) if words.next_if_eq(&"WITH").is_some() => {
            let exception = words.next().ok_or("no name behind `WITH`")?;
            Ok(Licence::Name(format!("{name} WITH {exception}")))
        }
        Some(name) => Ok(Licence::Name(name.to_owned())),
    }
}

#[test]
fn expressions_are_satisfied_as_spdx_says() {
    let accepts = |name: &str| ["MIT", "ISC"].contains(&name);
    for (text, expected) in [
        ("MIT", true),
        ("Apache-2.0", false),
        ("MIT/Apache-2.0", true),
        ("Apache-2.0 OR MIT", true),
        ("Apache-2.0 AND MIT", false),
        // AND binds closer than OR.
        ("Apache-2.0 AND MIT OR ISC", true),
        ("ISC AND (Apache-2.0 OR MIT)", true),
        ("(ISC OR MIT) AND Apache-2.0", false),
        ("MIT WITH LLVM-exception", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
    ] {
        assert_eq!(Licence::read(text).expect(text).is_satisfied(&accepts), expected, "{text}");
    }
    for text in ["", "MIT OR", "(MIT", "MIT)", "MIT ISC", "AND MIT", "MIT WITH"] {
        assert!(Licence::read(text).is_err(), "{text}");
    }
}
