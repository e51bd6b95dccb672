//! Lists the marks of a file: those that can be followed, and every line that looks like a mark and cannot be followed.

use slipway_domain::Diagnostic;
use slipway_yaml::Tree;

use super::edit::read;
use super::encoding::{from_utf16, is_utf16};
use super::fault::{About, Fault, Line, MarkFault};
use super::marked::{Marked, Unfollowed, each_marked};
use super::marker::{Mark, Marker, around_of, may_hold_markers};
use super::near::{MentionContext, Near, lines_near, mention_of, words_of_unparsed};
use super::refusal::Refusal;
use super::target::Sharing;
use super::within::Around;

/// The most faults that are listed for one file.
const MAX_FAULTS: usize = 1_000;

/// The marks of a file.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// The marks that can be followed, in the order of the file.
    pub markers: Vec<Marker>,
    /// The texts that look like marks and cannot be followed, and the faults that prevent reading the file.
    pub faults: Vec<MarkFault>,
}

/// Finds the marks of a file, and every line that looks like one.
pub fn inspect(file: &str, content: &[u8]) -> Inspection {
    let tree = match read(file, content) {
        Ok(tree) => tree,
        Err(refusal) => {
            return Inspection { markers: Vec::new(), faults: unread(content, &refusal).into_iter().collect() };
        }
    };
    let (mut markers, mut faults) = (Vec::new(), Vec::new());
    for found in each_marked(file, &tree, Sharing::Never, |_| true) {
        match found {
            Ok(marked) => markers.push(marker(&tree, marked)),
            Err(unfollowed) => faults.push(fault_of(&tree, unfollowed)),
        }
    }
    faults.extend(lines_near(&tree).into_iter().map(|near| fault_near(file, &tree, near)));
    faults.sort_by_key(MarkFault::position);
    if faults.len() > MAX_FAULTS {
        faults.truncate(MAX_FAULTS);
        faults.push(too_many(file));
    }
    Inspection { markers, faults }
}

/// Every marker of a file, in its order. One marker that cannot be followed refuses the whole file.
pub fn markers(file: &str, content: &[u8]) -> Result<Vec<Marker>, Refusal> {
    if !may_hold_markers(content) {
        return Ok(Vec::new());
    }
    let tree = read(file, content)?;
    let all = each_marked(file, &tree, Sharing::Never, |_| true);
    all.into_iter().map(|found| found.map(|marked| marker(&tree, marked)).map_err(|one| one.refusal)).collect()
}

fn marker(tree: &Tree, Marked { mark: Mark { model, field }, around, target }: Marked<'_>) -> Marker {
    // A value that contains more than its mark names is rejected when it is written. It does not prevent reading.
    let value = around.within(target.value).unwrap_or(target.value).to_owned();
    Marker { model, field, value, position: tree.position(target.node.span.start), around }
}

/// The fault that prevents reading the file, if a line of it looks like a mark.
fn unread(content: &[u8], refusal: &Refusal) -> Option<MarkFault> {
    let text = if is_utf16(content) { from_utf16(content) } else { String::from_utf8_lossy(content).into_owned() };
    let words = words_of_unparsed(&text);
    (!words.is_empty()).then(|| MarkFault { diagnostic: refusal.diagnostic().clone(), about: About::File(words) })
}

fn fault_of(tree: &Tree, Unfollowed { comment, mark, refusal }: Unfollowed<'_>) -> MarkFault {
    let about = match mark {
        Some(mark) => About::Mark(mark),
        None => About::Line(Box::new(Line {
            mention: mention_of(comment),
            is_sure: true,
            is_sure_of_a_model: true,
            around: around_of(&comment.text),
            key: key_before(tree, comment.span.start),
            fault: Fault::Within,
        })),
    };
    MarkFault { diagnostic: refusal.diagnostic().clone(), about }
}

fn fault_near(file: &str, tree: &Tree, near: Near) -> MarkFault {
    let (is_sure, is_sure_of_a_model) = (near.is_sure(), near.is_sure_of_a_model());
    let key = match near.context {
        MentionContext::Beside => key_before(tree, near.offset),
        MentionContext::Alone | MentionContext::Within => None,
    };
    let message = if near.is_sound_text {
        "this mark stands within a text, where it is no comment"
    } else {
        "this looks like a mark, and is none that is followed"
    };
    let line = Line {
        mention: near.mention,
        is_sure,
        is_sure_of_a_model,
        around: Around::default(),
        key,
        fault: if near.is_sound_text { Fault::InText } else { Fault::Form },
    };
    MarkFault {
        diagnostic: Diagnostic::new(file, message).at(tree.position(near.offset)),
        about: About::Line(Box::new(line)),
    }
}

/// The key on the line of a comment.
fn key_before(tree: &Tree, offset: usize) -> Option<String> {
    let (key, _) = tree.line_before(offset).split_once(':')?;
    Some(key.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
}

fn too_many(file: &str) -> MarkFault {
    let message = format!("more than {MAX_FAULTS} lines of this file look like marks, and are none that are followed");
    let diagnostic = Diagnostic::new(file, message).help("mend the lines that are told first");
    MarkFault { diagnostic, about: About::Everybody }
}
