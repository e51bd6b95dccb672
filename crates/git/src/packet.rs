//! Packets of git's protocols (gitprotocol-common(5), "pkt-line"): four hexadecimal digits of length, then that many bytes.

use std::io;
use std::io::Read;

/// The maximum packet length of the protocol, including the length field.
const MAX_PACKET_BYTES: usize = 65_520;

/// The packet that ends a section.
pub(super) const FLUSH: &[u8] = b"0000";

/// The packet between a command of version 2 and its arguments (gitprotocol-v2(5), "delim-pkt").
pub(super) const DELIMITER: &[u8] = b"0001";

/// A packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// The end of a section.
    Flush,
    Data(&'a [u8]),
}

/// Why the next packet could not be read.
#[derive(Debug)]
pub(super) enum PacketError {
    /// The connection failed, or ended within a packet.
    Broken(io::Error),
    /// The bytes are not a packet.
    Malformed(&'static str),
    /// The data exceeds the limit.
    TooMuch(u64),
}

/// Appends a packet; the payload must fit into one packet.
pub(super) fn write(into: &mut Vec<u8>, payload: &[u8]) {
    let length = payload.len() + 4;
    assert!(length <= MAX_PACKET_BYTES, "a packet of {length} bytes");
    into.extend_from_slice(format!("{length:04x}").as_bytes());
    into.extend_from_slice(payload);
}

/// Reads packets up to a limit of bytes.
pub(super) struct Packets<R> {
    reader: R,
    buffer: Vec<u8>,
    limit: u64,
    left: u64,
}

impl<R: Read> Packets<R> {
    /// Creates a reader without reading anything.
    pub(super) fn new(reader: R, limit: u64) -> Self {
        Self { reader, buffer: Vec::new(), limit, left: limit }
    }

    /// The next packet; `None` at the end of the input.
    pub(super) fn next(&mut self) -> Result<Option<Packet<'_>>, PacketError> {
        let mut length = [0; 4];
        let mut filled = 0;
        while filled < length.len() {
            match self.reader.read(&mut length[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(PacketError::Broken(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(PacketError::Broken(error)),
            }
        }
        let digits = std::str::from_utf8(&length).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let length = digits.and_then(|text| usize::from_str_radix(text, 16).ok());
        let length = length.ok_or(PacketError::Malformed("a packet without a length"))?;
        self.left = self.left.checked_sub(length as u64).ok_or(PacketError::TooMuch(self.limit))?;
        match length {
            0 => Ok(Some(Packet::Flush)),
            1..=3 => Err(PacketError::Malformed("a packet of an unexpected kind")),
            _ if length > MAX_PACKET_BYTES => Err(PacketError::Malformed("a packet that exceeds the maximum length")),
            _ => {
                self.buffer.resize(length - 4, 0);
                self.reader.read_exact(&mut self.buffer).map_err(PacketError::Broken)?;
                Ok(Some(Packet::Data(&self.buffer)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Option<Vec<u8>>>, String> {
        let mut packets = Packets::new(bytes, 64);
        let mut all = Vec::new();
        loop {
            match packets.next() {
                Ok(Some(Packet::Flush)) => all.push(None),
                Ok(Some(Packet::Data(bytes))) => all.push(Some(bytes.to_vec())),
                Ok(None) => return Ok(all),
                Err(PacketError::Broken(error)) => return Err(error.kind().to_string()),
                Err(PacketError::Malformed(problem)) => return Err(problem.to_owned()),
                Err(PacketError::TooMuch(limit)) => return Err(format!("more than {limit}")),
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut bytes = Vec::new();
        write(&mut bytes, b"");
        write(&mut bytes, b"hello\n");
        bytes.extend_from_slice(FLUSH);
        assert_eq!(bytes, b"0004000ahello\n0000");
        assert_eq!(read(&bytes), Ok(vec![Some(Vec::new()), Some(b"hello\n".to_vec()), None]));
    }

    #[test]
    fn what_is_no_packet_is_distinguished_from_what_was_cut() {
        for (bytes, problem) in [
            (&b"<htm"[..], "a packet without a length"),
            (b"+00a", "a packet without a length"),
            (b"0002", "a packet of an unexpected kind"),
            (b"00", "unexpected end of file"),
            (b"000ahel", "unexpected end of file"),
            (b"0fff", "more than 64"),
        ] {
            assert_eq!(read(bytes).unwrap_err(), problem);
        }
    }
}
