//! Lines that look like a mark and are none: a promotion that passes them by would change half of what belongs together.

mod mention;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeSet, HashSet};

use slipway_yaml::{Comment, Tree};

use super::marker::{MARK_TOKEN, is_model_name, mark_of};
use mention::WORD;
pub(super) use mention::{Manner, Mention};

/// Where a text stands that mentions us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MentionContext {
    /// In a comment behind a value or a key.
    Beside,
    /// In a comment on a line of its own, where people write prose.
    Alone,
    /// In the text of a value, where nothing is a comment.
    Within,
}

/// A line that mentions us, and holds no mark that is read as one.
#[derive(Debug, Clone)]
pub(super) struct Near {
    /// The byte at which the comment begins, or our name in a text.
    pub(super) offset: usize,
    pub(super) mention: Mention,
    pub(super) context: MentionContext,
    /// Whether the line holds a mark as it has to be written, in a place where it is no comment.
    pub(super) is_sound_text: bool,
}

impl Near {
    /// Whether it looks like a mark, whichever models there are.
    pub(super) fn is_sure(&self) -> bool {
        let names_both = self.mention.model.is_some() && self.mention.field.is_some() && !self.mention.is_loose;
        match self.context {
            MentionContext::Beside => self.mention.manner > Manner::Prose,
            MentionContext::Alone => self.mention.manner == Manner::Written && names_both,
            MentionContext::Within => self.mention.manner > Manner::Prose && names_both,
        }
    }

    /// Whether it looks like a mark once one of its words is known to name a model.
    pub(super) fn is_sure_of_a_model(&self) -> bool {
        match self.context {
            MentionContext::Beside => true,
            MentionContext::Alone => self.mention.manner == Manner::Written,
            MentionContext::Within => self.mention.manner > Manner::Prose,
        }
    }
}

/// The lines of a file that mention us in a comment or in a text, and are no marks.
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

/// Lines that mention us outside of comments. One in which nothing looks like a comment has to say `slipway: MODEL:FIELD`.
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

/// What a mark that cannot be read seems to ask for.
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

/// The words of all lines of a text that seem to hold marks, where the text is not read as YAML.
pub(super) fn words_of_unparsed(text: &str) -> BTreeSet<String> {
    let comments = text.split(['\n', '\r']).filter_map(|line| line.split_once('#'));
    let mentions = comments.filter_map(|(_, comment)| {
        Mention::read(comment).filter(|mention| mention.manner > Manner::Prose && mention.model.is_some())
    });
    mentions.flat_map(|mention| mention.words).collect()
}
