//! Decompresses files that are compressed by their content, not by their name, within limits.

use std::io::{BufRead, BufReader, Error, Read, Result};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use slipway_contract::table::GZIP;

/// The magic bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Beyond so many bytes, a file may only expand by this factor. Tables of people expand by less than 100.
const FREE_BYTES: u64 = 256 << 20;
const MAX_FACTOR: u64 = 500;
/// The most bytes that a zstd decoder produces before they are returned.
const STEP: usize = 1 << 16;

/// The compression of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip (RFC 1952).
    Gzip,
    /// zstd (RFC 8878).
    Zstd,
}

impl Compression {
    /// The compression that the first bytes of a file show; `None` if it is not compressed.
    pub fn of(start: &[u8]) -> Option<Self> {
        if start.starts_with(&GZIP) {
            Some(Self::Gzip)
        } else if start.starts_with(&ZSTD) {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The content of a file of `size` bytes with this compression. A file that expands beyond all measure is an error.
pub fn unpack(file: impl Read + 'static, size: u64, compression: Option<Compression>) -> Box<dyn Read> {
    let file = BufReader::with_capacity(1 << 16, file);
    let reader: Box<dyn Read> = match compression {
        None => return Box::new(file),
        Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(file)),
        Some(Compression::Zstd) => Box::new(Frames { file, decoder: FrameDecoder::new(), is_open: false }),
    };
    Box::new(Bounded { reader, left: FREE_BYTES.max(size.saturating_mul(MAX_FACTOR)) })
}

/// A reader that returns an error beyond a limit.
struct Bounded {
    reader: Box<dyn Read>,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.reader.read(buffer)?;
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| {
            Error::other(format!("the file expands to more than {MAX_FACTOR} times its size, expected a table"))
        })?;
        Ok(read)
    }
}

/// The frames of a zstd file, one after the other. Their checksums are verified.
struct Frames<R> {
    file: BufReader<R>,
    decoder: FrameDecoder,
    is_open: bool,
}

impl<R: Read> Frames<R> {
    /// Opens the next frame with content; `false` at the end of the file.
    fn open(&mut self) -> Result<bool> {
        loop {
            if self.file.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.file) {
                Ok(()) => {
                    self.is_open = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    std::io::copy(&mut (&mut self.file).take(length.into()), &mut std::io::sink())?;
                }
                Err(error) => return Err(Error::other(error)),
            }
        }
    }

    fn verify(&self) -> Result<()> {
        match self.decoder.get_checksum_from_data() {
            Some(stated) if Some(stated) != self.decoder.get_calculated_checksum() => {
                Err(Error::other("the checksum differs from that of the content"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.is_open {
                if self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    let step = BlockDecodingStrategy::UptoBytes(STEP);
                    self.decoder.decode_blocks(&mut self.file, step).map_err(Error::other)?;
                }
                let read = self.decoder.read(buffer)?;
                if read > 0 {
                    return Ok(read);
                }
                if !self.decoder.is_finished() {
                    continue;
                }
                self.verify()?;
                self.is_open = false;
            } else if !self.open()? {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("written");
        encoder.finish().expect("compressed")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn unpacked(bytes: Vec<u8>) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        let (size, compression) = (bytes.len() as u64, Compression::of(&bytes));
        unpack(std::io::Cursor::new(bytes), size, compression).read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn the_content_is_the_same_however_it_is_compressed_and_in_several_parts() {
        let text: Vec<u8> = (0..60_000).flat_map(|row| format!("{row},{}\n", row * 7 % 13).into_bytes()).collect();
        assert_eq!(unpacked(text.clone()).expect("plain"), text);
        assert_eq!(unpacked(gzip(&text)).expect("gzip"), text);
        assert_eq!(unpacked(zstd(&text)).expect("zstd"), text);
        let (first, second) = text.split_at(100_000);
        // A frame to skip (RFC 8878, section 3.1.2) stands between two frames.
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        assert_eq!(unpacked([zstd(first), skipped, zstd(second)].concat()).expect("zstd"), text);
        assert_eq!(unpacked([gzip(first), gzip(second)].concat()).expect("gzip"), text);
    }

    #[test]
    fn a_file_that_is_cut_or_changed_is_an_error() {
        let text: Vec<u8> = (0..3_000).flat_map(|row| format!("{row},{}\n", row * 7 % 13).into_bytes()).collect();
        for packed in [gzip(&text), zstd(&text)] {
            assert!(unpacked(packed[..packed.len() - 1].to_vec()).is_err());
            assert!(unpacked(packed[..packed.len() / 2].to_vec()).is_err());
            let mut changed = packed.clone();
            let middle = changed.len() / 2;
            changed[middle] ^= 1;
            assert!(unpacked(changed).is_err());
        }
    }

    #[test]
    fn a_bomb_is_refused_long_before_its_end() {
        let zeros = vec![0; 1 << 20];
        let one = zstd(&zeros);
        let bomb: Vec<u8> = one.iter().copied().cycle().take(one.len() * 400).collect();
        let refusal = unpacked(bomb).expect_err("a refusal").to_string();
        assert_eq!(refusal, "the file expands to more than 500 times its size, expected a table");
    }
}
