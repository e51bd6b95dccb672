//! Shows a verdict: plain text for terminals, Markdown for forges, a picture, and `JUnit` XML for CI. JSON is the verdict's own
//! form. What a change could have chosen is escaped everywhere: it must not become markup.

mod junit;
mod markdown;
mod svg;
mod text;
mod xml;

#[cfg(test)]
mod tests;

pub use junit::junit;
pub use markdown::{escaped, markdown};
pub use svg::svg;
pub use text::{text, text_with};
pub use xml::escaped as xml;

/// A bound of an interval, or the sign for its being open.
fn bound(value: Option<f64>) -> String {
    value.map_or_else(|| "…".to_owned(), |value| format!("{value:.4}"))
}
