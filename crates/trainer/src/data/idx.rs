//! Reads the IDX format of the MNIST database: two zero bytes, a type, a number of dimensions, the dimensions as big-endian
//! 32-bit numbers, then the values (yann.lecun.com/exdb/mnist, "The IDX file format"). Only unsigned bytes are supported.

use std::io::Read as _;

use slipway_contract::table::MAX_FILE_BYTES;
use slipway_contract::{Fault, FaultKind, IdxFiles, Shape, counted};
use tch::Tensor;

use super::file::{DataFile, Source};
use super::{Half, Rows, Target};

/// The type code of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;
/// The most rows of a file.
const MAX_ROWS: u64 = 100_000_000;

/// An array of bytes.
struct Array {
    dimensions: Vec<u64>,
    values: Vec<u8>,
}

/// Reads images and labels. A label is the number of its class. A fault of a file contains the key that names the file.
pub(super) fn read(source: &Source, files: &IdxFiles, half: Half, classes: &[String]) -> Result<Rows, Fault> {
    read_files(source, files, half, classes).map_err(|fault| {
        let which = if fault.file.as_ref() == Some(&files.labels) { "labels" } else { "features" };
        if fault.key.is_none() { fault.key(key_of(half, which)) } else { fault }
    })
}

fn key_of(half: Half, which: &str) -> String {
    format!("spec.data.{}.{which}", half.key())
}

fn read_files(source: &Source, files: &IdxFiles, half: Half, classes: &[String]) -> Result<Rows, Fault> {
    let open = |which: &str, path| source.read(&key_of(half, which), path);
    let features = read_array(open("features", &files.features)?)?;
    let labels = read_array(open("labels", &files.labels)?)?;
    let shape = match features.dimensions[1..] {
        [height, width] => [1, height, width].to_vec(),
        [columns] => vec![columns],
        [channels, height, width] => vec![channels, height, width],
        _ => {
            return Err(data_fault(
                &files.features,
                format!(
                    "{}, expected two to four: [rows, height, width]",
                    counted(features.dimensions.len(), "dimension")
                ),
            ));
        }
    };
    if shape.contains(&0) {
        let message = format!("rows of no values: its header says {:?}", features.dimensions);
        return Err(data_fault(&files.features, message));
    }
    let shape: Vec<u32> = shape.into_iter().map(|size| u32::try_from(size).unwrap_or(u32::MAX)).collect();
    let [rows] = labels.dimensions[..] else {
        let message = format!("{}, expected one: [rows]", counted(labels.dimensions.len(), "dimension"));
        return Err(data_fault(&files.labels, message));
    };
    if rows != features.dimensions[0] {
        let message = format!(
            "{} for the {} of `{}`",
            counted(rows, "label"),
            counted(features.dimensions[0], "row"),
            files.features
        );
        return Err(data_fault(&files.labels, message));
    }
    if rows == 0 {
        return Err(data_fault(&files.features, "no rows, expected at least one".to_owned()));
    }
    let labels = numbered(&labels.values, classes, &files.labels)?;
    let mut sizes = vec![i64::try_from(rows).unwrap_or(i64::MAX)];
    sizes.extend(shape.iter().map(|size| i64::from(*size)));
    let features = Tensor::from_slice(&features.values).reshape(sizes.as_slice());
    let target = Target::Classes { labels, classes: classes.to_vec() };
    Ok(Rows {
        features,
        shape: Shape(shape),
        target,
        columns: None,
        texts: Vec::new(),
        origin: None,
        aside: Vec::new(),
        weights: Vec::new(),
    })
}

fn data_fault(file: &str, message: String) -> Fault {
    Fault::new(FaultKind::Data, message).file(file)
}

/// Each label as an index into the classes.
fn numbered(labels: &[u8], classes: &[String], file: &str) -> Result<Vec<i64>, Fault> {
    let index: Vec<Option<i64>> = (0..=u8::MAX)
        .map(|label| {
            let at = classes.iter().position(|class| *class == label.to_string())?;
            i64::try_from(at).ok()
        })
        .collect();
    let known = |(row, label): (usize, &u8)| {
        index[usize::from(*label)].ok_or_else(|| {
            let message = format!(
                "row {row} has the label {label}, but the network has the classes 0 to {}",
                classes.len().saturating_sub(1)
            );
            let needed = labels.iter().max().map_or(0, |largest| u32::from(*largest) + 1);
            data_fault(file, message).help(format!("end with `- linear: {needed}`, an output for each class"))
        })
    };
    labels.iter().enumerate().map(known).collect()
}

fn read_array(mut file: DataFile) -> Result<Array, Fault> {
    let mut head = [0; 4];
    read_exactly(&mut file, &mut head, 0, "a header of 4 bytes")?;
    let [0, 0, kind, count] = head else {
        return Err(
            file.fault(format!("starts with the bytes {head:02x?}, expected an IDX header (two zero bytes first)"))
        );
    };
    if kind != UNSIGNED_BYTE {
        return Err(file.fault(format!("holds values of type 0x{kind:02x}, expected unsigned bytes (0x08)")));
    }
    let mut dimensions = Vec::new();
    for index in 0..u64::from(count) {
        let mut size = [0; 4];
        read_exactly(&mut file, &mut size, 4 + 4 * index, "its dimensions")?;
        dimensions.push(u64::from(u32::from_be_bytes(size)));
    }
    let header = 4 + 4 * u64::from(count);
    let expected = dimensions.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
    let Some(expected) = expected.filter(|bytes| *bytes <= MAX_FILE_BYTES) else {
        return Err(file.fault(format!("claims the dimensions {dimensions:?}, more than {MAX_FILE_BYTES} bytes")));
    };
    if dimensions.first().is_none_or(|rows| *rows > MAX_ROWS) {
        return Err(
            file.fault(format!("claims the dimensions {dimensions:?}, expected rows first, at most {MAX_ROWS}"))
        );
    }
    if file.compression.is_none() && file.size != header + expected {
        return Err(file.fault(format!(
            "{} bytes long, but its header {dimensions:?} needs {}",
            file.size,
            header + expected
        )));
    }
    Ok(Array { dimensions, values: read_values(&mut file, header, expected)? })
}

fn read_exactly(file: &mut DataFile, buffer: &mut [u8], at: u64, what: &str) -> Result<(), Fault> {
    file.reader.read_exact(buffer).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof && file.compression.is_none() {
            file.fault(format!("ends at byte {}, within {what}", file.size))
        } else {
            file.read_fault(at, &error)
        }
    })
}

/// The values. Their number must equal the one in the header. Memory grows with the bytes that are read, not with the claimed
/// number.
fn read_values(file: &mut DataFile, header: u64, expected: u64) -> Result<Vec<u8>, Fault> {
    let mut values = Vec::new();
    let read = (&mut file.reader).take(expected + 1).read_to_end(&mut values);
    let found = values.len() as u64;
    read.map_err(|error| file.read_fault(header + found, &error))?;
    match found {
        found if found < expected => {
            Err(file.fault(format!("truncated: expected {}, found {found}", counted(expected, "value"))))
        }
        found if found > expected => {
            Err(file.fault(format!("more bytes follow the {} its header names", counted(expected, "value"))))
        }
        _ => Ok(values),
    }
}
