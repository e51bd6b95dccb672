//! Finds lines that look like marks but are not. A promotion that ignores them would change only some of the values that belong
//! together.

mod mention;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeSet, HashSet};

use slipway_yaml::{Comment, Tree};

use super::marker::{MARK_TOKEN, is_model_name, mark_of};
use mention::WORD;
pub(super) use mention::{Manner, Mention};

/// The context of a text that mentions Slipway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MentionContext {
    /// In a comment after a value or a key.
    Beside,
    /// In a comment on a line of its own, where people write prose.
    Alone,
    /// In the text of a value, where there are no comments.
    Within,
}

/// A line that mentions Slipway and contains no valid mark.
#[derive(Debug, Clone)]
pub(super) struct Near {
    /// The byte offset of the comment, or of the name in a text.
    pub(super) offset: usize,
    pub(super) mention: Mention,
    pub(super) context: MentionContext,
    /// Whether the line contains a correct mark at a place where it is not a comment.
    pub(super) is_sound_text: bool,
}

impl Near {
    /// Whether it looks like a mark for any set of models.
    pub(super) fn is_sure(&self) -> bool {
        let names_both = self.mention.model.is_some() && self.mention.field.is_some() && !self.mention.is_loose;
        match self.context {
            MentionContext::Beside => self.mention.manner > Manner::Prose,
            MentionContext::Alone => self.mention.manner == Manner::Written && names_both,
            MentionContext::Within => self.mention.manner > Manner::Prose && names_both,
        }
    }

    /// Whether it looks like a mark if one of its words is the name of a model.
    pub(super) fn is_sure_of_a_model(&self) -> bool {
        match self.context {
            MentionContext::Beside => true,
            MentionContext::Alone => self.mention.manner == Manner::Written,
            MentionContext::Within => self.mention.manner > Manner::Prose,
        }
    }
}

/// The lines of a file that mention Slipway in a comment or in a text and are not marks.
pub(super) fn lines_near(tree: &Tree) -> Vec<Near> {
    let comments = tree.comments().iter().filter_map(|comment| of_comment(tree, comment));
    comments.chain(within_texts(tree)).collect()
}

fn of_comment(tree: &Tree, comment: &Comment) -> Option<Near> {
    if mark_of(comment).is_some() {
        return None;
    }
    let mention = Mention::read(&comment.text)?;
    let is_alone = tree.line_before(comment.span.start).trim_start_matches('\u{feff}').trim().is_empty();
    let context = if is_alone { MentionContext::Alone } else { MentionContext::Beside };
    Some(Near { offset: comment.span.start, mention, context, is_sound_text: false })
}

/// Lines that mention Slipway outside comments. A line without a `#` must contain `slipway: MODEL:FIELD`.
fn within_texts(tree: &Tree) -> Vec<Near> {
    let lower = tree.text().to_ascii_lowercase();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (offset, _) in lower.match_indices(WORD) {
        let next = tree.comments().partition_point(|comment| comment.span.start <= offset);
        let before = next.checked_sub(1).map(|index| &tree.comments()[index]);
        if before.is_some_and(|comment| offset < comment.span.end) || !seen.insert(tree.line_of(offset)) {
            continue;
        }
        let end = tree.text()[offset..].find(['\n', '\r']).map_or(tree.text().len(), |length| offset + length);
        let end = tree.comments().get(next).map_or(end, |comment| end.min(comment.span.start));
        let start = offset - tree.line_before(offset).len();
        let line = &tree.text()[start..end];
        // A line that is commented out together with its mark marks nothing.
        let alone = line.trim_start().strip_prefix('#');
        let comment = alone.or_else(|| line[..offset - start].rfind('#').map(|sign| &line[sign + 1..]));
        let mention = match comment {
            Some(comment) => {
                Mention::read(comment).filter(|mention| alone.is_none() || mention.manner == Manner::Written)
            }
            None => Mention::read(&line[offset - start..]).filter(|mention| mention.is_strict),
        };
        let is_sound_text = comment.is_some_and(|comment| comment.contains(MARK_TOKEN));
        found.extend(mention.map(|mention| Near { offset, mention, context: MentionContext::Within, is_sound_text }));
    }
    found
}

/// The mention in a mark that cannot be parsed.
pub(super) fn mention_of(comment: &Comment) -> Mention {
    let mut mention = Mention::read(&comment.text).unwrap_or_else(Mention::of_nobody);
    if mention.model.is_none() {
        let payload: Option<serde_json::Value> = serde_json::from_str(comment.text.trim()).ok();
        let text = payload.as_ref().and_then(|payload| payload.get("slipway")?.as_str());
        let model = text.and_then(|text| text.split(':').next()).map(str::trim).filter(|model| is_model_name(model));
        mention.model = model.map(str::to_owned);
    }
    mention
}

/// The words of all lines that look like marks, in a text that cannot be parsed as YAML.
pub(super) fn words_of_unparsed(text: &str) -> BTreeSet<String> {
    let comments = text.split(['\n', '\r']).filter_map(|line| line.split_once('#'));
    let mentions = comments.filter_map(|(_, comment)| {
        Mention::read(comment).filter(|mention| mention.manner > Manner::Prose && mention.model.is_some())
    });
    mentions.flat_map(|mention| mention.words).collect()
}
