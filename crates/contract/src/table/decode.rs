//! Converts text in the encodings of tables to UTF-8 while it is read.
//!
//! Bytes that are not valid in the encoding become the byte 0xFF, which is nowhere valid in UTF-8. So the reader of records
//! reports them with their line, as it does for a file that claims to be UTF-8.

use std::io::Read;

use crate::Encoding;

/// What stands for invalid bytes: a byte that UTF-8 does not contain.
const INVALID: u8 = 0xff;
/// The bytes that are decoded at a time.
const CHUNK: usize = 1 << 14;
/// The characters of the bytes 0x80 to 0x9F in Windows-1252 (WHATWG Encoding, index-windows-1252). Those of 0 are not assigned.
const WINDOWS_1252: [u16; 32] = [
    0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0, 0,
    0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
];
/// The byte order marks of UTF-16.
const LITTLE_ENDIAN: [u8; 2] = [0xff, 0xfe];
const BIG_ENDIAN: [u8; 2] = [0xfe, 0xff];

/// The encoding that the byte order mark at the beginning of a file shows; `None` if there is none.
pub fn encoding_of_mark(start: &[u8]) -> Option<Encoding> {
    if start.starts_with(super::records::BYTE_ORDER_MARK) {
        Some(Encoding::Utf8)
    } else if start.starts_with(&LITTLE_ENDIAN) || start.starts_with(&BIG_ENDIAN) {
        Some(Encoding::Utf16)
    } else {
        None
    }
}

/// A reader of text in another encoding that returns it as UTF-8.
pub(super) struct Decoder<R> {
    reader: R,
    encoding: Encoding,
    is_little_endian: bool,
    /// The bytes that are read and not decoded: part of a character, and the half of a surrogate pair.
    rest: Vec<u8>,
    /// The decoded bytes from `next` on that are not returned yet.
    decoded: Vec<u8>,
    next: usize,
    at_end: bool,
}

impl<R: Read> Decoder<R> {
    /// Decodes what `reader` returns. `start` is the beginning of the file, which was read before; the byte order mark of UTF-16
    /// in it decides the byte order.
    pub(super) fn new(reader: R, encoding: Encoding, start: &[u8]) -> Self {
        let is_little_endian = start.starts_with(&LITTLE_ENDIAN);
        Self { reader, encoding, is_little_endian, rest: Vec::new(), decoded: Vec::new(), next: 0, at_end: false }
    }

    fn fill(&mut self) -> std::io::Result<()> {
        self.decoded.clear();
        self.next = 0;
        let mut chunk = [0; CHUNK];
        let read = self.reader.read(&mut chunk)?;
        self.at_end = read == 0;
        match self.encoding {
            Encoding::Utf16 => self.decode_utf16(&chunk[..read]),
            Encoding::Utf8 | Encoding::Windows1252 | Encoding::Latin1 => {
                for byte in &chunk[..read] {
                    self.push(single_byte(self.encoding, *byte));
                }
            }
        }
        Ok(())
    }

    fn decode_utf16(&mut self, read: &[u8]) {
        self.rest.extend_from_slice(read);
        let rest = std::mem::take(&mut self.rest);
        let unit = |place: usize| {
            let pair = [*rest.get(place)?, *rest.get(place + 1)?];
            Some(if self.is_little_endian { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
        };
        let mut place = 0;
        let mut characters = Vec::with_capacity(rest.len() / 2);
        while let Some(first) = unit(place) {
            let (character, length) = match (first, unit(place + 2)) {
                (0xd800..=0xdbff, None) if !self.at_end => break,
                (0xd800..=0xdbff, Some(second @ 0xdc00..=0xdfff)) => {
                    (char::decode_utf16([first, second]).next().and_then(Result::ok), 4)
                }
                (first, _) => (char::from_u32(first.into()), 2),
            };
            characters.push(character);
            place += length;
        }
        let left = rest[place..].to_vec();
        for character in characters {
            self.push(character);
        }
        if self.at_end {
            if !left.is_empty() {
                self.push(None);
            }
        } else {
            self.rest = left;
        }
    }

    fn push(&mut self, character: Option<char>) {
        match character {
            Some(character) => self.decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            None => self.decoded.push(INVALID),
        }
    }
}

/// The character of a byte. ISO 8859-1 has only control characters from 0x80 to 0x9F, which no table contains.
fn single_byte(encoding: Encoding, byte: u8) -> Option<char> {
    match byte {
        0x80..=0x9f if encoding == Encoding::Latin1 => None,
        0x80..=0x9f => char::from_u32(WINDOWS_1252[usize::from(byte - 0x80)].into()).filter(|c| *c != '\0'),
        byte => Some(char::from(byte)),
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.encoding == Encoding::Utf8 {
            return self.reader.read(buffer);
        }
        while self.next == self.decoded.len() && !self.at_end {
            self.fill()?;
        }
        let length = buffer.len().min(self.decoded.len() - self.next);
        buffer[..length].copy_from_slice(&self.decoded[self.next..self.next + length]);
        self.next += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text, read in pieces of every size.
    fn decoded(bytes: &[u8], encoding: Encoding, start: &[u8]) -> Vec<u8> {
        let whole = |piece: usize| {
            struct Pieces<'a>(&'a [u8], usize);
            impl Read for Pieces<'_> {
                fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                    let length = self.1.min(buffer.len()).min(self.0.len());
                    buffer[..length].copy_from_slice(&self.0[..length]);
                    self.0 = &self.0[length..];
                    Ok(length)
                }
            }
            let mut text = Vec::new();
            Decoder::new(Pieces(bytes, piece), encoding, start).read_to_end(&mut text).expect("read");
            text
        };
        let expected = whole(usize::MAX);
        for piece in 1..6 {
            assert_eq!(whole(piece), expected);
        }
        expected
    }

    #[test]
    fn utf_16_of_both_byte_orders_is_the_same_text() {
        let text = "größe,😀\n1,2\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decoded(&little, Encoding::Utf16, &LITTLE_ENDIAN), text.as_bytes());
        assert_eq!(decoded(&big, Encoding::Utf16, &BIG_ENDIAN), text.as_bytes());
    }

    #[test]
    fn half_a_character_of_utf_16_is_invalid() {
        assert_eq!(decoded(&[0x61, 0, 0x62], Encoding::Utf16, &LITTLE_ENDIAN), [b'a', INVALID]);
        assert_eq!(decoded(&[0x3d, 0xd8, 0x61, 0], Encoding::Utf16, &LITTLE_ENDIAN), [INVALID, b'a']);
        assert_eq!(decoded(&[0x61, 0, 0x3d, 0xd8], Encoding::Utf16, &LITTLE_ENDIAN), [b'a', INVALID]);
    }

    #[test]
    fn each_byte_of_the_single_byte_encodings_is_a_character_or_invalid() {
        assert_eq!(decoded(b"\x80 \x96 \xe9", Encoding::Windows1252, &[]), "€ – é".as_bytes());
        assert_eq!(decoded(b"a\x81", Encoding::Windows1252, &[]), [b'a', INVALID]);
        assert_eq!(decoded(b"\xe9", Encoding::Latin1, &[]), "é".as_bytes());
        assert_eq!(decoded(b"\x80", Encoding::Latin1, &[]), [INVALID]);
    }
}
