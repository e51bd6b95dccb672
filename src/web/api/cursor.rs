//! Places in lists, as texts that callers hand back without looking into them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::web::problem::Problem;

/// A place as a text.
pub(super) fn write(place: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).expect("a place is made of texts and numbers"))
}

/// The place that a text names.
pub(super) fn read<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place.map(Some).ok_or_else(|| Problem::bad_request("`cursor` is none that this list answered with `next`"))
}

/// The rows of one page, and the place where the next begins. One row more than the page holds was asked for.
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
