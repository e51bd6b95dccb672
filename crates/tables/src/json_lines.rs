//! JSON lines: one object in each line, as a row of a table. The keys of the first line are the columns.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read};

use csv::StringRecord;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use slipway_contract::table::{self, MAX_FILE_BYTES, MAX_RECORD_BYTES};
use slipway_contract::{Fault, counted};

use crate::Step;

/// The help text for a line that is no row.
const FORM: &str = "write one object in each line: `{\"size\": 30, \"district\": \"Mitte\"}`; in pandas \
                    `to_json(…, orient=\"records\", lines=True)`";

/// A file of JSON lines.
pub(crate) struct JsonLines {
    name: String,
    reader: BufReader<Box<dyn Read>>,
    pub(crate) header: Vec<String>,
    places: HashMap<String, usize>,
    line: u64,
    left: u64,
    text: Vec<u8>,
    /// Whether `text` is the line of the first row, which was read for its keys.
    is_read: bool,
    cells: Vec<Option<String>>,
    pub(crate) row: StringRecord,
}

impl JsonLines {
    /// Opens a decompressed file. The columns are those of `header`, or the keys of the first line.
    pub(crate) fn open(reader: Box<dyn Read>, name: &str, header: Option<&[String]>) -> Result<Self, Fault> {
        let mut lines = Self {
            name: name.to_owned(),
            reader: BufReader::with_capacity(1 << 16, reader),
            header: Vec::new(),
            places: HashMap::new(),
            line: 0,
            left: MAX_FILE_BYTES,
            text: Vec::new(),
            is_read: false,
            cells: Vec::new(),
            row: StringRecord::new(),
        };
        match header {
            Some(header) => lines.header = header.to_vec(),
            None if lines.next_line()? => {
                lines.is_read = true;
                lines.header = lines.keys()?;
            }
            None => {}
        }
        if let Some(fault) = table::unusable_header(name, &lines.header) {
            return Err(fault);
        }
        lines.places = lines.header.iter().cloned().zip(0..).collect();
        lines.cells.resize_with(lines.header.len(), || None);
        Ok(lines)
    }

    fn fault(&self, message: &str) -> Fault {
        table::fault_at(&self.name, self.line, format!("line {}: {message}", self.line)).help(FORM)
    }

    /// Reads the next line with content into `text`; `false` at the end of the file.
    fn next_line(&mut self) -> Result<bool, Fault> {
        loop {
            self.text.clear();
            self.line += 1;
            let most = self.left.min(MAX_RECORD_BYTES) + 1;
            let read = (&mut self.reader).take(most).read_until(b'\n', &mut self.text);
            let read = read.map_err(|error| {
                let message = format!("line {}: cannot be read: {error}", self.line);
                table::fault_at(&self.name, self.line, message)
            })? as u64;
            if read == most {
                let message =
                    format!("more than {} in one line, or {MAX_FILE_BYTES} in all", counted(most - 1, "byte"));
                return Err(self.fault(&message));
            }
            self.left -= read;
            if read == 0 {
                return Ok(false);
            }
            if self.line == 1 && self.text.starts_with(b"\xef\xbb\xbf") {
                self.text.drain(..3);
            }
            if self.line == 1 && self.text.starts_with(b"[") {
                return Err(self.fault("found a JSON array, expected one object in each line"));
            }
            if !self.text.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn keys(&self) -> Result<Vec<String>, Fault> {
        let object: Object<'_> = serde_json::from_slice(&self.text).map_err(|error| self.fault(&said(&error)))?;
        Ok(object.0.into_iter().map(|(key, _)| key.trim().to_owned()).collect())
    }

    /// Reads the next row into `row`.
    pub(crate) fn advance(&mut self) -> Result<Step, Fault> {
        if !std::mem::take(&mut self.is_read) && !self.next_line()? {
            return Ok(Step::End);
        }
        let text = std::mem::take(&mut self.text);
        let filled = self.fill(&text);
        self.text = text;
        Ok(match filled {
            Ok(()) => Step::Row(self.line.into()),
            Err(fault) => Step::Broken(fault),
        })
    }

    fn fill(&mut self, text: &[u8]) -> Result<(), Fault> {
        let object: Object<'_> = serde_json::from_slice(text).map_err(|error| self.fault(&said(&error)))?;
        self.cells.fill(None);
        for (key, value) in object.0 {
            let Some(place) = self.places.get(key.trim()).copied() else {
                let message =
                    format!("the key `{}` is not in the first line, which names the columns", table::shown(&key));
                return Err(self.fault(&message).help("add the key to the first line, with `null` if it has no value"));
            };
            let value = text_of(value.get()).map_err(|found| {
                let message = format!(
                    "column `{}`: found {found}, expected a text, a number or a truth value",
                    table::shown(&key)
                );
                self.fault(&message).help("write a column for each part of it")
            })?;
            if self.cells[place].replace(value).is_some() {
                return Err(self.fault(&format!("the key `{}` occurs twice", table::shown(&key))));
            }
        }
        self.row.clear();
        for cell in &mut self.cells {
            self.row.push_field(cell.as_deref().unwrap_or_default());
        }
        if self.row.as_slice().contains('\0') {
            return Err(self.fault("found a NUL character, expected text"));
        }
        Ok(())
    }
}

/// The text of a value: of a number as it is written, so that no digit is lost. Null is a missing value.
fn text_of(value: &str) -> Result<String, &'static str> {
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str(value).map_err(|_| "a text that is not Unicode"),
        Some(b'{') => Err("an object"),
        Some(b'[') => Err("an array"),
        Some(b'n') => Ok(String::new()),
        _ => Ok(value.to_owned()),
    }
}

/// What is wrong with a line, without the position that its parser counts in the line alone.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    format!("found no JSON object at column {}: {text}", error.column())
}

/// The keys and values of an object in their order.
struct Object<'text>(Vec<(Cow<'text, str>, &'text RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    entries.push((key.0, map.next_value()?));
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// A key, borrowed if it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'text>(#[serde(borrow)] Cow<'text, str>);
