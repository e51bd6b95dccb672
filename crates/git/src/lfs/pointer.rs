//! Reads pointers of Git LFS (git-lfs/docs/spec.md, "The Pointer").

/// The beginning of every pointer of version 1.
const VERSION: &str = "version https://git-lfs.github.com/spec/v1";

/// Maximum size of a pointer according to its specification.
const MAX_BYTES: usize = 1024;

/// What a pointer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LfsPointer {
    /// SHA-256 of the object: 64 lower-case hexadecimal digits.
    pub oid: String,
    /// Size of the object in bytes.
    pub size: u64,
}

/// Whether the content of a file is that of a pointer, valid or not.
fn is_pointer(content: &[u8]) -> bool {
    content.len() <= MAX_BYTES && content.starts_with(VERSION.as_bytes())
}

impl LfsPointer {
    /// Reads the content of a file as a pointer; `None` if it is another file. The error is a short description of the problem.
    pub fn read(content: &[u8]) -> Option<Result<Self, &'static str>> {
        is_pointer(content).then(|| Self::parse(content))
    }

    /// Reads a pointer; the error is a short description of the problem.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(content).map_err(|_| "it is not UTF-8")?;
        let mut lines = text.lines();
        if lines.next() != Some(VERSION) || content.len() > MAX_BYTES {
            return Err("it is not of version 1");
        }
        let (mut oid, mut size) = (None, None);
        for line in lines {
            match line.split_once(' ').ok_or("a line has no value")? {
                ("oid", value) if oid.is_none() => oid = Some(sha256(value)?),
                ("size", value) if size.is_none() => size = Some(number(value)?),
                (key, _) if key.starts_with("ext-") => return Err("it needs an extension of Git LFS"),
                _ => return Err("it has an unknown or repeated line"),
            }
        }
        Ok(Self { oid: oid.ok_or("it has no `oid`")?, size: size.ok_or("it has no `size`")? })
    }
}

fn sha256(value: &str) -> Result<String, &'static str> {
    let digits = value.strip_prefix("sha256:").ok_or("its `oid` is not a SHA-256")?;
    let is_valid = digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_valid { Ok(digits.to_owned()) } else { Err("its `oid` does not have 64 hexadecimal digits") }
}

fn number(value: &str) -> Result<u64, &'static str> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| is_plain).ok_or("its `size` is not a number of bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_names_an_object_and_its_size() {
        let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        let text = format!("{VERSION}\noid sha256:{oid}\nsize 12345\n");
        assert_eq!(LfsPointer::parse(text.as_bytes()), Ok(LfsPointer { oid: oid.to_owned(), size: 12_345 }));
        assert!(is_pointer(text.as_bytes()));
    }

    #[test]
    fn broken_pointers_are_refused_with_the_reason() {
        let oid = "a".repeat(64);
        for (rest, problem) in [
            (format!("oid sha256:{}\nsize 1\n", "A".repeat(64)), "64 hexadecimal digits"),
            ("oid sha256:0\nsize 1\n".to_owned(), "64 hexadecimal digits"),
            ("oid md5:0\nsize 1\n".to_owned(), "not a SHA-256"),
            (format!("oid sha256:{oid}\nsize -1\n"), "not a number"),
            (format!("oid sha256:{oid}\nsize +1\n"), "not a number"),
            (format!("oid sha256:{oid}\nsize 99999999999999999999\n"), "not a number"),
            (format!("oid sha256:{oid}\n"), "no `size`"),
            ("size 1\n".to_owned(), "no `oid`"),
            (format!("oid sha256:{oid}\noid sha256:{oid}\nsize 1\n"), "repeated line"),
            (format!("ext-0-crypt sha256:{oid}\noid sha256:{oid}\nsize 1\n"), "an extension"),
            ("oid\n".to_owned(), "no value"),
        ] {
            let text = format!("{VERSION}\n{rest}");
            let error = LfsPointer::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(problem), "{rest}: {error}");
        }
        assert!(LfsPointer::parse(&[VERSION.as_bytes(), b"\n\xff"].concat()).is_err());
        assert!(!is_pointer(b"label,x\n") && !is_pointer(&[VERSION.as_bytes(), &[b'x'; 2000]].concat()));
    }
}
