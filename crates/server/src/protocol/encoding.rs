//! Compressed bodies, within a limit of the bytes that come out.

use std::io::{Read, Write as _};

use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::refusal::Refusal;

/// Answers below this size in bytes stay plain: they fit one packet anyway.
const SMALL: usize = 1_024;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `gzip`.
    Gzip,
    /// `deflate`, which is zlib.
    Deflate,
}

impl Encoding {
    /// Its name in headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// The encoding of a header `Content-Encoding`; `None` for a plain body.
    ///
    /// # Errors
    /// The encoding is another one.
    pub fn of_content(header: &str) -> Result<Option<Self>, Refusal> {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" => Ok(Some(Self::Gzip)),
            "deflate" => Ok(Some(Self::Deflate)),
            _ => Err(Refusal::encoding("the content encoding is unknown, expected `gzip`, `deflate` or none")),
        }
    }

    /// The plain bytes of a body.
    ///
    /// # Errors
    /// The body is not encoded so, or has more than `limit` bytes.
    pub fn decode(self, body: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
        let mut plain = Vec::new();
        let reader: Box<dyn Read + '_> = match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(body)),
            Self::Deflate => Box::new(ZlibDecoder::new(body)),
        };
        let read = reader.take(limit as u64 + 1).read_to_end(&mut plain);
        read.map_err(|error| Refusal::invalid(format!("the body is not {}: {error}", self.name())))?;
        if plain.len() > limit {
            return Err(Refusal::too_large(format!("the body has more than {limit} bytes once it is unpacked")));
        }
        Ok(plain)
    }

    /// The compressed bytes of an answer, unless it is so small that nothing is gained.
    pub fn encode(self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() < SMALL {
            return None;
        }
        let encoded = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(plain).and_then(|()| encoder.finish())
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(plain).and_then(|()| encoder.finish())
            }
        };
        Some(encoded.expect("writing to memory does not fail"))
    }
}

/// The encoding that a header `Accept-Encoding` names first.
pub fn accepted(header: &str) -> Option<Encoding> {
    match header.split(',').next().unwrap_or_default().trim() {
        "gzip" => Some(Encoding::Gzip),
        "deflate" => Some(Encoding::Deflate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_unpacked_within_the_limit() {
        for encoding in [Encoding::Gzip, Encoding::Deflate] {
            let packed = encoding.encode(&vec![b'a'; 100_000]).expect("it is large");
            assert_eq!(encoding.encode(b"small"), None);
            assert!(packed.len() < 1_000);
            assert_eq!(encoding.decode(&packed, 100_000).expect("plain").len(), 100_000);
            assert_eq!(encoding.decode(&packed, 99_999).expect_err("refused").status, 413);
            assert_eq!(encoding.decode(b"plain", 100).expect_err("refused").status, 400);
            assert_eq!(encoding.decode(&packed[..packed.len() - 5], 100_000).expect_err("refused").status, 400);
        }
        assert_eq!(Encoding::of_content("br").expect_err("refused").status, 415);
    }
}
