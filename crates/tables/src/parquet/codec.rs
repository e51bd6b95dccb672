//! Decompresses pages of a parquet file within limits. If a page states its size, the size is checked before memory is allocated.
//! If it does not, decompression stops at the limit.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use ruzstd::decoding::StreamingDecoder;
use slipway_contract::counted;

use super::PageError;

/// The most bytes that all pages of a file may expand to.
const MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// The most bytes of one decompressed page. Writers create pages of one megabyte by default.
const MAX_PAGE_BYTES: u64 = 256 * 1024 * 1024;

/// The largest factor by which Snappy can expand: three bytes encode a copy of 64 bytes.
const MAX_SNAPPY: u64 = 22;

/// The largest factor by which LZ4 can expand: each byte of a length adds at most 255.
const MAX_LZ4: u64 = 255;

/// The remaining bytes that all pages of a file may expand to. The total equals the limit for an uncompressed file.
#[derive(Debug, Clone)]
pub struct Room(Arc<AtomicU64>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(MAX_BYTES)))
    }
}

impl Room {
    /// Decompresses a page, or the compressed part of it.
    pub(crate) fn expand(&self, codec: Compression, bytes: &Bytes) -> Result<Bytes, PageError> {
        let left = self.0.load(Ordering::Relaxed);
        let most = MAX_PAGE_BYTES.min(left);
        let expanded = match codec {
            Compression::UNCOMPRESSED => return Ok(bytes.clone()),
            Compression::SNAPPY => snappy(bytes, most),
            Compression::LZ4_RAW => lz4(bytes, most),
            Compression::GZIP(_) => whole(MultiGzDecoder::new(bytes.as_ref()), most),
            Compression::ZSTD(_) => match StreamingDecoder::new(bytes.as_ref()) {
                Ok(stream) => whole(stream, most),
                Err(error) => Err(Failure::Broken(error.to_string())),
            },
            Compression::LZO | Compression::BROTLI(_) | Compression::LZ4 => {
                return Err(PageError::Codec { codec: name(codec) });
            }
        };
        match expanded {
            Ok(expanded) => {
                self.0.store(left.saturating_sub(expanded.len() as u64), Ordering::Relaxed);
                Ok(Bytes::from(expanded))
            }
            Err(Failure::Broken(why)) => Err(PageError::BrokenPage { codec: name(codec), why }),
            Err(Failure::TooMuch) if most < MAX_PAGE_BYTES => {
                Err(PageError::Expands { what: "all pages together expand", most: MAX_BYTES })
            }
            Err(Failure::TooMuch) => Err(PageError::Expands { what: "a page expands", most: MAX_PAGE_BYTES }),
        }
    }
}

/// The codec's name without its level, which the file does not contain.
fn name(codec: Compression) -> &'static str {
    match codec {
        Compression::UNCOMPRESSED => "no codec",
        Compression::SNAPPY => "SNAPPY",
        Compression::GZIP(_) => "GZIP",
        Compression::LZO => "LZO",
        Compression::BROTLI(_) => "BROTLI",
        Compression::LZ4 => "LZ4 of Hadoop",
        Compression::ZSTD(_) => "ZSTD",
        Compression::LZ4_RAW => "LZ4_RAW",
    }
}

enum Failure {
    TooMuch,
    Broken(String),
}

/// Snappy data begin with the decompressed length.
fn snappy(bytes: &[u8], most: u64) -> Result<Vec<u8>, Failure> {
    let broken = |error: snap::Error| Failure::Broken(error.to_string());
    let claimed = snap::raw::decompress_len(bytes).map_err(broken)?;
    if claimed as u64 > most {
        return Err(Failure::TooMuch);
    }
    if claimed as u64 > MAX_SNAPPY.saturating_mul(bytes.len() as u64) {
        let length = counted(bytes.len(), "byte");
        return Err(Failure::Broken(format!("a block of {length} states a decompressed length of {claimed}")));
    }
    let mut expanded = vec![0; claimed];
    let written = snap::raw::Decoder::new().decompress(bytes, &mut expanded).map_err(broken)?;
    expanded.truncate(written);
    Ok(expanded)
}

/// An LZ4 block does not contain its decompressed length. The buffer is as large as the block can expand to, up to the limit.
fn lz4(bytes: &[u8], most: u64) -> Result<Vec<u8>, Failure> {
    let possible = MAX_LZ4.saturating_mul(bytes.len() as u64).saturating_add(64);
    let mut room = vec![0; usize::try_from(possible.min(most)).unwrap_or(usize::MAX)];
    match lz4_flex::block::decompress_into(bytes, &mut room) {
        Ok(written) => Ok(room[..written].to_vec()),
        Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) if possible > most => Err(Failure::TooMuch),
        Err(error) => Err(Failure::Broken(error.to_string())),
    }
}

/// Reads a stream to its end, but at most one byte more than the limit.
fn whole(stream: impl Read, most: u64) -> Result<Vec<u8>, Failure> {
    let mut expanded = Vec::new();
    stream.take(most + 1).read_to_end(&mut expanded).map_err(|error| Failure::Broken(error.to_string()))?;
    if expanded.len() as u64 > most { Err(Failure::TooMuch) } else { Ok(expanded) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_expands_beyond_the_limit_is_refused_whichever_codec_it_is() {
        let zeros = vec![0; 1 << 20];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&zeros).expect("written");
        let compressed: [(&str, Vec<u8>); 4] = [
            ("SNAPPY", snap::raw::Encoder::new().compress_vec(&zeros).expect("compressed")),
            ("LZ4_RAW", lz4_flex::block::compress(&zeros)),
            ("GZIP", gzip.finish().expect("compressed")),
            ("ZSTD", ruzstd::encoding::compress_to_vec(&zeros[..], ruzstd::encoding::CompressionLevel::Fastest)),
        ];
        for (name, bytes) in compressed {
            let codec = match name {
                "SNAPPY" => Compression::SNAPPY,
                "LZ4_RAW" => Compression::LZ4_RAW,
                "GZIP" => Compression::GZIP(parquet::basic::GzipLevel::default()),
                _ => Compression::ZSTD(parquet::basic::ZstdLevel::default()),
            };
            let room = Room::default();
            let bytes = Bytes::from(bytes);
            assert_eq!(room.expand(codec, &bytes).expect("expanded"), zeros, "{name}");
            assert_eq!(room.0.load(Ordering::Relaxed), MAX_BYTES - (1 << 20), "{name}");
            let little = Room(Arc::new(AtomicU64::new((1 << 20) - 1)));
            let refusal = little.expand(codec, &bytes).expect_err("a refusal").to_string();
            assert!(refusal.contains("all pages together expand to more than"), "{name}: {refusal}");
            let half = bytes.slice(..bytes.len() / 2);
            let refusal = room.expand(codec, &half).expect_err("a refusal").to_string();
            assert!(refusal.contains(&format!("is not valid {name}")), "{name}: {refusal}");
        }
    }

    #[test]
    fn a_length_that_the_bytes_cannot_stand_for_is_refused_before_it_is_allocated() {
        // Five bytes claim 256 MiB.
        let claim = Bytes::from_static(&[0x80, 0x80, 0x80, 0x80, 0x01]);
        let refusal = Room::default().expand(Compression::SNAPPY, &claim).expect_err("a refusal").to_string();
        assert!(refusal.contains("a block of 5 bytes states a decompressed length of 268435456"), "{refusal}");
        let more = Bytes::from_static(&[0x81, 0x80, 0x80, 0x80, 0x01]);
        let refusal = Room::default().expand(Compression::SNAPPY, &more).expect_err("a refusal").to_string();
        assert!(refusal.contains("a page expands to more than 268435456 bytes"), "{refusal}");
    }
}
