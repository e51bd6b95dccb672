//! The values of a tensor as raw little-endian bytes: Triton's binary tensor data extension.

use crate::tensor::{DataType, Values};

/// Bytes of the length before each text.
const LENGTH: usize = 4;

macro_rules! numbers {
    ($bytes:expr, $kind:ty) => {
        $bytes.as_chunks::<{ size_of::<$kind>() }>().0.iter().map(|bytes| <$kind>::from_le_bytes(*bytes)).collect()
    };
}

/// Reads a tensor of `total` values.
pub(super) fn read(bytes: &[u8], data_type: DataType, total: usize) -> Result<Values, String> {
    if let Some(width) = width(data_type) {
        let expected = total.checked_mul(width);
        if expected != Some(bytes.len()) {
            let expected = expected.map_or_else(|| "fewer values".to_owned(), |expected| format!("{expected} bytes"));
            return Err(format!("expected {expected} for {total} values of {data_type}, found {} bytes", bytes.len()));
        }
    }
    Ok(match data_type {
        DataType::Bool => Values::Bool(bytes.iter().map(|byte| *byte != 0).collect()),
        DataType::Uint8 => Values::Uint8(bytes.to_vec()),
        DataType::Uint16 => Values::Uint16(numbers!(bytes, u16)),
        DataType::Uint32 => Values::Uint32(numbers!(bytes, u32)),
        DataType::Uint64 => Values::Uint64(numbers!(bytes, u64)),
        DataType::Int8 => Values::Int8(numbers!(bytes, i8)),
        DataType::Int16 => Values::Int16(numbers!(bytes, i16)),
        DataType::Int32 => Values::Int32(numbers!(bytes, i32)),
        DataType::Int64 => Values::Int64(numbers!(bytes, i64)),
        DataType::Fp32 => Values::Fp32(numbers!(bytes, f32)),
        DataType::Fp64 => Values::Fp64(numbers!(bytes, f64)),
        DataType::Bytes => Values::Bytes(texts(bytes, total)?),
    })
}

/// The size of a value in bytes; texts have their own.
fn width(data_type: DataType) -> Option<usize> {
    Some(match data_type {
        DataType::Bool | DataType::Uint8 | DataType::Int8 => 1,
        DataType::Uint16 | DataType::Int16 => 2,
        DataType::Uint32 | DataType::Int32 | DataType::Fp32 => 4,
        DataType::Uint64 | DataType::Int64 | DataType::Fp64 => 8,
        DataType::Bytes => return None,
    })
}

fn texts(mut bytes: &[u8], total: usize) -> Result<Vec<String>, String> {
    let mut texts = Vec::with_capacity(total.min(bytes.len() / LENGTH));
    while let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((text, rest)) = rest.split_at_checked(length) else {
            return Err(format!(
                "text {} has a length of {length} bytes, and {} bytes follow",
                texts.len(),
                rest.len()
            ));
        };
        let text = std::str::from_utf8(text).map_err(|_| format!("text {} is not UTF-8", texts.len()))?;
        if text.contains('\0') {
            return Err(format!("text {} contains the character U+0000", texts.len()));
        }
        texts.push(text.to_owned());
        bytes = rest;
    }
    if !bytes.is_empty() || texts.len() != total {
        return Err(format!(
            "expected {total} texts, each after its length in {LENGTH} bytes, found {} and {} bytes more",
            texts.len(),
            bytes.len()
        ));
    }
    Ok(texts)
}

/// Appends a tensor's values.
pub(super) fn write(values: &Values, to: &mut Vec<u8>) {
    match values {
        Values::Bool(list) => to.extend(list.iter().map(|value| u8::from(*value))),
        Values::Uint8(list) => to.extend_from_slice(list),
        Values::Uint16(list) => to.extend(list.iter().flat_map(|value| value.to_le_bytes())),
        Values::Uint32(list) => to.extend(list.iter().flat_map(|value| value.to_le_bytes())),
        Values::Uint64(list) => to.extend(list.iter().flat_map(|value| value.to_le_bytes())),
        Values::Int8(list) => to.extend(list.iter().flat_map(|value| value.to_le_bytes())),
        Values::Int16(list) => to.extend(list.iter().flat_map(|value| value.to_le_bytes())),
        Values::Int32(list) => to.extend(list.iter().flat_map(|value| value.to_le_bytes())),
        Values::Int64(list) => to.extend(list.iter().flat_map(|value| value.to_le_bytes())),
        Values::Fp32(list) => to.extend(list.iter().flat_map(|value| value.to_le_bytes())),
        Values::Fp64(list) => to.extend(list.iter().flat_map(|value| value.to_le_bytes())),
        Values::Bytes(list) => {
            for text in list {
                // A request's texts are below the limit of bodies, and a model's are its classes.
                to.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                to.extend_from_slice(text.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_type_are_read_as_they_were_written() {
        for values in [
            Values::Bool(vec![true, false]),
            Values::Uint8(vec![0, 255]),
            Values::Uint16(vec![1, u16::MAX]),
            Values::Uint32(vec![1, u32::MAX]),
            Values::Uint64(vec![1, u64::MAX]),
            Values::Int8(vec![-128, 127]),
            Values::Int16(vec![i16::MIN, 2]),
            Values::Int32(vec![i32::MIN, 2]),
            Values::Int64(vec![i64::MIN, 2]),
            Values::Fp32(vec![1.5, -0.0]),
            Values::Fp64(vec![1e-300, f64::MAX]),
            Values::Bytes(vec![String::new(), "größe".to_owned()]),
        ] {
            let mut bytes = Vec::new();
            write(&values, &mut bytes);
            assert_eq!(read(&bytes, values.data_type(), 2), Ok(values));
        }
    }

    #[test]
    fn bytes_that_do_not_fit_are_refused() {
        assert!(read(&[0; 7], DataType::Fp32, 2).expect_err("refused").contains("expected 8 bytes"));
        assert!(read(&[0; 8], DataType::Fp64, usize::MAX).expect_err("refused").contains("fewer values"));
        for (bytes, problem) in [
            (&[9, 0, 0, 0, b'a'][..], "a length of 9 bytes, and 1 bytes follow"),
            (&[255, 255, 255, 255], "a length of 4294967295 bytes"),
            (&[1, 0, 0, 0, b'a', 7], "found 1 and 1 bytes more"),
            (&[1, 0, 0, 0, 0xff], "not UTF-8"),
            (&[1, 0, 0, 0, 0], "U+0000"),
            (&[0, 0, 0, 0, 0, 0, 0, 0], "found 2"),
        ] {
            let refused = read(bytes, DataType::Bytes, 1).expect_err("refused");
            assert!(refused.contains(problem), "{refused}");
        }
    }
}
