//! Recognises safetensors by the first bytes, before a library reads the file.

/// The longest accepted header in bytes; the library of the format has the same limit.
const MAX_HEADER_LENGTH: u64 = 100_000_000;

/// The format of a file with `length` bytes that begins with `start`, if it is not safetensors.
///
/// Safetensors (github.com/huggingface/safetensors, "Format"): eight bytes little-endian header length, then a JSON object of
/// that length, then the tensors.
pub(super) fn not_safetensors(start: &[u8], length: u64) -> Option<&'static str> {
    match start {
        [] => return Some("empty"),
        [b'P', b'K', 3, 4, ..] => return Some("a zip archive (PyTorch's `.pt` or TorchScript)"),
        [0x80, 2..=5, ..] => return Some("a Python pickle"),
        [0x1f, 0x8b, ..] => return Some("a gzip archive"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => return Some("a NumPy array"),
        [0x89, b'H', b'D', b'F', ..] => return Some("an HDF5 file"),
        _ => {}
    }
    let Some((header, rest)) = start.split_first_chunk::<8>() else {
        return Some("too short for a header");
    };
    let header = u64::from_le_bytes(*header);
    if header > MAX_HEADER_LENGTH || header.checked_add(8).is_none_or(|end| end > length) {
        return Some("a file whose first eight bytes are not the length of a header");
    }
    if rest.first() == Some(&b'{') { None } else { Some("a file without a JSON header") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start_with(header: u64, rest: &[u8]) -> Vec<u8> {
        [&header.to_le_bytes()[..], rest].concat()
    }

    #[test]
    fn a_header_of_json_that_fits_the_file_is_safetensors() {
        assert_eq!(not_safetensors(&start_with(2, b"{}"), 10), None);
    }

    #[test]
    fn everything_else_is_named() {
        for (start, length, word) in [
            (&b""[..], 0, "empty"),
            (b"PK\x03\x04abcdefgh", 100, "zip"),
            (b"\x80\x02}q\x00", 100, "pickle"),
            (b"\x1f\x8b\x08", 100, "gzip"),
            (b"\x93NUMPY\x01\x00", 100, "NumPy"),
            (b"\x89HDF\r\n\x1a\n", 100, "HDF5"),
            (b"abc", 3, "short"),
            (&start_with(3, b"{}"), 10, "first eight bytes"),
            (&start_with(u64::MAX, b"{}"), 10, "first eight bytes"),
            (&start_with(2, b"[]"), 10, "JSON header"),
        ] {
            let found = not_safetensors(start, length).expect(word);
            assert!(found.contains(word), "{found}");
        }
    }
}
