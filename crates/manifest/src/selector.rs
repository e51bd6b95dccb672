//! Selects a document of a file: `kind=Deployment,name=api`.

use std::fmt;
use std::str::FromStr;

use slipway_yaml::{Kind, Node, Path, Tree};

use super::refusal::Refusal;

/// The properties that a document must have. Without any, the file must contain one document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector(Vec<(Property, String)>);

/// A property of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property {
    ApiVersion,
    Kind,
    Name,
    Namespace,
}

/// A text that is not a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a selector: {problem}, as in `kind=Deployment,name=api`")]
pub struct NotASelector {
    text: String,
    problem: &'static str,
}

impl Property {
    const ALL: [Self; 4] = [Self::ApiVersion, Self::Kind, Self::Name, Self::Namespace];

    fn as_str(self) -> &'static str {
        match self {
            Self::ApiVersion => "apiVersion",
            Self::Kind => "kind",
            Self::Name => "name",
            Self::Namespace => "namespace",
        }
    }

    /// The value of the property in a document.
    fn of(self, tree: &Tree, document: usize) -> Option<&str> {
        let path = match self {
            Self::ApiVersion => "apiVersion",
            Self::Kind => "kind",
            Self::Name => "metadata.name",
            Self::Namespace => "metadata.namespace",
        };
        tree.find(document, &path.parse::<Path>().ok()?)?.node.scalar()
    }
}

impl Selector {
    /// The only document with these properties.
    pub(super) fn choose(&self, file: &str, tree: &Tree) -> Result<usize, Refusal> {
        let documents = tree.documents().iter().enumerate().filter(|(_, node)| !is_empty(node));
        let mut matching = documents.clone().map(|(index, _)| index).filter(|index| self.matches(tree, *index));
        match (matching.next(), matching.next()) {
            (Some(only), None) => Ok(only),
            (Some(first), Some(second)) => {
                let lines = [first, second].map(|index| tree.position(tree.documents()[index].span.start));
                Err(Refusal::several_documents(file, lines, self))
            }
            (None, _) => {
                let found: Vec<String> = documents.map(|(index, node)| described(tree, index, node)).collect();
                Err(Refusal::no_document(file, self, &found))
            }
        }
    }

    /// Whether a document has all properties.
    pub(super) fn matches(&self, tree: &Tree, document: usize) -> bool {
        self.0.iter().all(|(property, wanted)| property.of(tree, document) == Some(wanted))
    }
}

fn is_empty(node: &Node) -> bool {
    node.is_left_out() && matches!(node.kind, Kind::Scalar { .. })
}

/// `Deployment/api on line 3`, with `?` for missing properties.
fn described(tree: &Tree, document: usize, node: &Node) -> String {
    let line = tree.position(node.span.start).line;
    let word = |property: Property| property.of(tree, document).unwrap_or("?");
    format!("{}/{} on line {line}", word(Property::Kind), word(Property::Name))
}

impl FromStr for Selector {
    type Err = NotASelector;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |problem| NotASelector { text: text.chars().take(80).collect(), problem };
        let mut properties: Vec<(Property, String)> = Vec::new();
        for part in text.split(',') {
            let (name, value) =
                part.split_once('=').ok_or_else(|| refuse("expected `PROPERTY=VALUE`, several joined by `,`"))?;
            let property = Property::ALL.into_iter().find(|property| property.as_str() == name.trim());
            let property = property.ok_or_else(|| refuse("expected `apiVersion`, `kind`, `name` or `namespace`"))?;
            if value.trim().is_empty() {
                return Err(refuse("expected a value after each `=`"));
            }
            if properties.iter().any(|(earlier, _)| *earlier == property) {
                return Err(refuse("expected each property once"));
            }
            properties.push((property, value.trim().to_owned()));
        }
        Ok(Self(properties))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (property, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}={value}", property.as_str())?;
        }
        Ok(())
    }
}
