//! Detects and decodes UTF-16, which editors on Windows write.

/// The byte order marks of UTF-16, little-endian and big-endian.
const MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];
/// The number of bytes that are examined to detect UTF-16 without a byte order mark.
const PROBED_BYTES: usize = 64;

/// Whether a text is UTF-16: it begins with a byte order mark, or every other byte of its beginning is zero, as for ASCII
/// letters.
pub(super) fn is_utf16(content: &[u8]) -> bool {
    content.get(..2).is_some_and(|begin| MARKS.iter().any(|mark| mark == begin)) || zeros(content).is_some()
}

/// Decodes UTF-16. Invalid units become replacement characters.
pub(super) fn from_utf16(content: &[u8]) -> String {
    let little = match content.get(..2) {
        Some(begin) if begin == MARKS[0] => true,
        Some(begin) if begin == MARKS[1] => false,
        _ => zeros(content) == Some(1),
    };
    let units = content.as_chunks::<2>().0.iter();
    let units = units.map(|pair| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) });
    char::decode_utf16(units).map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The byte of each pair, first or second, that is zero in the whole beginning of a text.
fn zeros(content: &[u8]) -> Option<usize> {
    let pairs = content.get(..PROBED_BYTES.min(content.len())).unwrap_or_default().as_chunks::<2>().0;
    let is_letter = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    [0, 1]
        .into_iter()
        .find(|zero| !pairs.is_empty() && pairs.iter().all(|pair| pair[*zero] == 0 && is_letter(pair[1 - zero])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_is_recognised_with_a_mark_and_without() {
        let text = "a: b # größe\n";
        let bytes = |from: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(from).collect::<Vec<u8>>();
        let (little, big) = (bytes(u16::to_le_bytes), bytes(u16::to_be_bytes));
        for (mark, content) in [(MARKS[0], &little), (MARKS[1], &big)] {
            let whole = [mark.as_slice(), content].concat();
            assert!(is_utf16(&whole) && from_utf16(&whole).ends_with(text));
        }
        let plain: Vec<u8> = "a: b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(is_utf16(&plain) && from_utf16(&plain) == "a: b\n");
        for text in [&b""[..], b"a", b"a: b", b"\0\0", b"\0", "größe".as_bytes()] {
            assert!(!is_utf16(text), "{text:?}");
        }
    }
}
