//! The marks of a file with their scalars.

use slipway_yaml::{Comment, Tree};

use super::edit::Wanted;
use super::explicit::Place;
use super::marker::{Mark, MarkRequest, mark_of};
use super::refusal::Refusal;
use super::target::{Sharing, Target, Targets};
use super::within::Around;

/// A marker with its scalar.
pub(super) struct Marked<'tree> {
    pub(super) mark: Mark,
    /// The prefix and suffix of the value in the scalar.
    pub(super) around: Around,
    pub(super) target: Target<'tree>,
}

/// A marker that cannot be followed.
pub(super) struct Unfollowed<'tree> {
    pub(super) comment: &'tree Comment,
    /// The mark, if it can be parsed.
    pub(super) mark: Option<Mark>,
    pub(super) refusal: Refusal,
}

impl<'tree> Marked<'tree> {
    /// The new text of its scalar. A scalar that contains more than the marker names is rejected, because the rest would be lost.
    /// If it contains the new value already, nothing is lost.
    pub(super) fn wanted(self, file: &str, tree: &Tree, new: &str) -> Result<Wanted<'tree>, Refusal> {
        let Self { mark, around, target } = self;
        let at = tree.position(target.node.span.start);
        let Some(value) = around.within(target.value) else {
            return Err(Refusal::not_around(file, at, &around, target.value));
        };
        if new != value
            && let Some(more) = around.more(mark.field, value)
        {
            return Err(Refusal::part_of_value(file, at, &mark, &more, target.value));
        }
        Ok(Wanted { new: around.around(new), place: Place::Mark(mark), target })
    }
}

/// The wanted markers with their scalars, if all of them can be followed.
pub(super) fn marked<'tree>(
    file: &'tree str,
    tree: &'tree Tree,
    sharing: Sharing,
    is_wanted: impl Fn(&Mark) -> bool,
) -> Result<Vec<Marked<'tree>>, Refusal> {
    each_marked(file, tree, sharing, is_wanted).into_iter().collect::<Result<_, _>>().map_err(|one| one.refusal)
}

/// Every wanted marker, and every marker that cannot be parsed, in the order of the file.
pub(super) fn each_marked<'tree>(
    file: &'tree str,
    tree: &'tree Tree,
    sharing: Sharing,
    is_wanted: impl Fn(&Mark) -> bool,
) -> Vec<Result<Marked<'tree>, Unfollowed<'tree>>> {
    let targets = Targets::of(file, tree, sharing);
    let follow = |comment: &'tree Comment| {
        let unfollowed = |mark, refusal| Unfollowed { comment, mark, refusal };
        match mark_of(comment)? {
            Err(bad) => {
                let at = tree.position(comment.span.start);
                Some(Err(unfollowed(None, Refusal::bad_marker(file, at, comment, &bad))))
            }
            Ok(MarkRequest { mark, .. }) if !is_wanted(&mark) => None,
            Ok(MarkRequest { mark, around }) => Some(match targets.beside(comment) {
                Ok(target) => Ok(Marked { mark, around, target }),
                Err(refusal) => Err(unfollowed(Some(mark), refusal)),
            }),
        }
    };
    tree.comments().iter().filter_map(follow).collect()
}
