//! Reads the marks of one file from its content and its path.

use slipway_domain::Diagnostic;
use slipway_manifest::{Inspection, Marker, inspect};

use super::searched::is_pointer;

/// The marks of one file, and the faults that make marks unusable.
pub(crate) struct FileMarks {
    pub(crate) inspection: Inspection,
    /// Whether git holds only a Git LFS pointer of the file.
    pub(crate) is_pointer: bool,
    /// Why the file cannot be written, whatever its content is.
    unwritable: Option<Diagnostic>,
}

impl FileMarks {
    pub(crate) fn of(path: &str, content: &[u8]) -> Self {
        let inspection = inspect(path, content);
        Self { inspection, is_pointer: is_pointer(content), unwritable: not_utf8(path) }
    }

    /// The marks of a model.
    pub(crate) fn of_model<'marks>(&'marks self, model: &'marks str) -> impl Iterator<Item = &'marks Marker> {
        self.inspection.markers.iter().filter(move |marker| marker.model == model)
    }

    /// The fault to report to a model if some of its marks cannot be used. A fault that names no model is reported only to models
    /// with other marks.
    pub(crate) fn fault_for(
        &self,
        model: &str,
        is_known: &dyn Fn(&str) -> bool,
        is_marked: bool,
    ) -> Option<Diagnostic> {
        let unwritable = self.unwritable.clone().filter(|_| self.of_model(model).next().is_some());
        let faults = self.inspection.faults.iter().filter(|fault| is_marked || !fault.names_nobody());
        unwritable.or_else(|| faults.into_iter().find_map(|fault| fault.concerning(model, is_known)))
    }

    /// A fault that could hide which artifact is named for a model.
    pub(crate) fn hides_digest(&self, model: &str) -> Option<Diagnostic> {
        let unwritable = self.unwritable.clone().filter(|_| self.of_model(model).next().is_some());
        let faults = self.inspection.faults.iter().filter(|fault| fault.hides_a_digest() && !fault.names_nobody());
        unwritable.or_else(|| faults.into_iter().find_map(|fault| fault.concerning(model, &|_| true)))
    }
}

/// The fault of a file whose path is not UTF-8. Its marks could be found, but the file could not be written. Here such a path
/// contains replacement characters.
pub fn not_utf8(path: &str) -> Option<Diagnostic> {
    let message = "the path of this file is not UTF-8, so its marks cannot be used";
    path.contains('\u{fffd}').then(|| Diagnostic::new(path, message).help("rename the file or its folder"))
}
