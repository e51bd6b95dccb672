//! Renders a verdict: plain text for terminals, Markdown for forges, an image, and `JUnit` XML for CI. The JSON form is the
//! verdict itself. Texts that the author of a pull request controls are escaped everywhere, so that they cannot become markup.

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

/// A bound of an interval, or `…` for an open bound.
fn bound(value: Option<f64>) -> String {
    value.map_or_else(|| "…".to_owned(), |value| format!("{value:.4}"))
}
