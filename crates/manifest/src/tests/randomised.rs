//! Mutations of the corpus: whatever becomes of a file, an edit changes what it names, or refuses.
//!
//! The same numbers come every time. More of them: `SLIPWAY_ROUNDS=1000000 cargo test -p slipway-manifest randomised`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_yaml::Value;

use crate::tests::corpus;
use crate::{Edit, Edited, Refusal, Values, edit, markers, set};

/// What YAML is made of: mutations put it anywhere.
const PIECES: [&str; 32] = [
    "\n",
    "\r\n",
    "  ",
    "\t",
    ": ",
    "- ",
    "? ",
    "#",
    " # ",
    "&a ",
    "*a",
    "!!str ",
    "<<: *a",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "\u{feff}",
    "\u{85}",
    "é",
    "🚢",
    "~",
    "# {\"slipway\": \"fashion:version\"}",
];

/// A generator of numbers: xorshift64* (Vigna 2016). Tests need the same numbers every time, not good ones.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % limit.max(1)
    }

    /// A file with one to four pieces put in, taken out, doubled or moved.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let start = self.below(bytes.len() + 1);
            let end = (start + self.below(8)).min(bytes.len());
            match self.below(5) {
                0 => drop(bytes.drain(start..end)),
                1 => {
                    let piece = bytes[start..end].to_vec();
                    let at = self.below(bytes.len() + 1);
                    drop(bytes.splice(at..at, piece));
                }
                2 if !bytes.is_empty() => {
                    let at = self.below(bytes.len());
                    bytes[at] = u8::try_from(self.below(256)).unwrap();
                }
                _ => drop(bytes.splice(start..start, PIECES[self.below(PIECES.len())].bytes())),
            }
        }
    }
}

/// What the second parser reads, with every scalar's kind; `None` where it reads nothing.
fn documents(bytes: &[u8]) -> Option<Vec<Value>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).ok()).collect()
}

/// How many values differ, one that is only in one of both counted with all that it holds as one.
fn differences(one: &Value, other: &Value) -> usize {
    match (one, other) {
        (Value::Mapping(one), Value::Mapping(other)) => {
            let (one, mut other): (Vec<_>, Vec<_>) = (one.iter().collect(), other.iter().collect());
            let added = other.len().abs_diff(one.len());
            other.truncate(one.len());
            let pairs = one.iter().zip(&other);
            added + pairs.map(|(one, other)| usize::from(one.0 != other.0) + differences(one.1, other.1)).sum::<usize>()
        }
        (Value::Sequence(one), Value::Sequence(other)) if one.len() == other.len() => {
            one.iter().zip(other).map(|(one, other)| differences(one, other)).sum()
        }
        (Value::Tagged(one), Value::Tagged(other)) if one.tag == other.tag => differences(&one.value, &other.value),
        _ => usize::from(one != other),
    }
}

fn begins_a_line_with_a_tab(bytes: &[u8]) -> bool {
    let begins = |line: &[u8]| line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).any(|byte| *byte == b'\t');
    bytes.split(|byte| matches!(byte, b'\n' | b'\r')).any(begins)
}

/// Checks an edit without the guard's help: what it changed, and that it changed nothing else.
fn judge(before: &[u8], result: &Result<Edited<'_>, Refusal>) {
    match result {
        // Parsers differ over tabs that begin a line, depending on what stands above: the guard is what catches those.
        Err(Refusal::Guard(_)) if begins_a_line_with_a_tab(before) => {}
        Err(Refusal::Guard(caught)) => panic!("{caught}\n{:?}", String::from_utf8_lossy(before)),
        Err(refusal) => assert!(refusal.diagnostic().help.is_some(), "{refusal}"),
        Ok(edited) if edited.changes.is_empty() => assert_eq!(*edited.content, *before),
        Ok(edited) => {
            assert!(matches!(edited.content, Cow::Owned(_)));
            // Another document of the file may be beyond the second parser, before as after.
            let Some((old, new)) = documents(before).zip(documents(&edited.content)) else {
                return assert_eq!(documents(before), None);
            };
            assert_eq!(old.len(), new.len());
            let changed: usize = old.iter().zip(&new).map(|(old, new)| differences(old, new)).sum();
            assert!(changed <= edited.changes.len(), "{:?} {:?}", String::from_utf8_lossy(before), edited);
        }
    }
}

#[test]
fn no_mutation_of_the_corpus_makes_an_edit_change_something_else() {
    let rounds = std::env::var_os("SLIPWAY_ROUNDS").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(6_000);
    let seeds: Vec<(Vec<u8>, Edit)> = corpus::cases().map(|(_, case)| (case.file(), case.edit())).collect();
    let values = Values { version: "v2".to_owned(), ..Values::default() };
    let mut numbers = Numbers(0x5119_3a7f);
    let mut done = 0;
    for _ in 0..rounds {
        let (seed, _) = &seeds[numbers.below(seeds.len())];
        let (_, wanted) = &seeds[numbers.below(seeds.len())];
        let (_, its_own) = seeds.iter().find(|(bytes, _)| bytes == seed).unwrap();
        let wanted = if numbers.below(3) == 0 { wanted } else { its_own };
        let mut bytes = seed.clone();
        numbers.mutate(&mut bytes);
        let result = edit("app.yaml", &bytes, wanted);
        done += usize::from(result.as_ref().is_ok_and(|edited| !edited.changes.is_empty()));
        judge(&bytes, &result);
        judge(&bytes, &set("app.yaml", &bytes, "fashion", &values));
        let _ = markers("app.yaml", &bytes);
    }
    assert!(done > rounds / 20, "{done} of {rounds} mutated files were edited, expected a twentieth at least");
}
