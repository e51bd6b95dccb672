//! Shows a verdict: plain text for terminals, Markdown for forges. JSON is the verdict's own form.

mod markdown;
mod text;

#[cfg(test)]
mod tests;

pub use markdown::markdown;
pub use text::text;
