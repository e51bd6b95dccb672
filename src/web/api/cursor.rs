//! Encodes positions in lists as opaque texts for callers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::web::problem::Problem;

/// Encodes a position.
pub(super) fn write(place: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).expect("a place is made of texts and numbers"))
}

/// Decodes a position.
pub(super) fn read<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place.map(Some).ok_or_else(|| Problem::bad_request("`cursor` is none that this list answered with `next`"))
}

/// Cuts rows to one page, and returns the position where the next page begins. The query returns one row more than a page
/// contains.
pub(super) fn cut<T, P: Serialize>(rows: &mut Vec<T>, limit: u32, place: impl Fn(&T) -> P) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if rows.len() <= limit {
        return None;
    }
    rows.truncate(limit);
    rows.last().map(|last| write(&place(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_and_anything_else_is_refused() {
        let text = write(&(17_u64, "a name"));
        assert_eq!(read::<(u64, String)>(Some(&text)).expect("a place"), Some((17, "a name".to_owned())));
        assert_eq!(read::<u64>(None).expect("none"), None);
        for wrong in ["", "!", &text[1..], &write(&"another list's")] {
            assert!(read::<(u64, String)>(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_full_page_has_a_next_one() {
        let mut rows = vec![1, 2, 3];
        assert_eq!(cut(&mut rows, 3, |row| *row), None);
        assert_eq!(cut(&mut rows, 2, |row| *row), Some(write(&2)));
        assert_eq!(rows, [1, 2]);
    }
}
