//! What a command shows, compared with what a page shows of it: word by word, but for what differs each time.

/// A line without what differs from one time to another: identifiers, digests, times, sizes, and the digits of measured figures.
/// Words, whole numbers and the form of everything stay.
pub(crate) fn shape(line: &str) -> String {
    let words: Vec<String> = line.split_whitespace().map(word).collect();
    let mut shaped: Vec<String> = Vec::new();
    for word in words {
        // `706 B` or `4.0 KiB`.
        match shaped.last_mut() {
            Some(number) if is_unit(&word) && is_number(number) => "SIZE".clone_into(number),
            _ => shaped.push(word),
        }
    }
    shaped.join(" ")
}

fn is_unit(word: &str) -> bool {
    ["B", "KiB", "MiB", "GiB"].contains(&word.trim_end_matches(|c: char| c.is_ascii_punctuation()))
}

fn is_number(word: &str) -> bool {
    let bare = word.trim_start_matches('(');
    bare.starts_with(|c: char| c.is_ascii_digit() || c == '#')
        && bare.chars().all(|c| c.is_ascii_digit() || "#.".contains(c))
}

/// A word with its parts shaped: runs of letters, digits and what joins them in times, identifiers and figures.
fn word(text: &str) -> String {
    let mut shaped = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if first.is_ascii_alphanumeric() {
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-:.".contains(c))).unwrap_or(rest.len())
        } else {
            rest.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(rest.len())
        };
        let (part, after) = rest.split_at(end);
        shaped.push_str(&if first.is_ascii_alphanumeric() { token(part) } else { part.to_owned() });
        rest = after;
    }
    shaped
}

fn token(text: &str) -> String {
    let kept = text.trim_end_matches(['.', ':', '-']);
    let behind = &text[kept.len()..];
    let is_hex = |text: &str| text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let groups: Vec<&str> = kept.split('-').collect();
    let is_id = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(|group| is_hex(group));
    let is_version =
        groups.len() == 2 && groups[0].len() == 8 && digits(groups[0]) && groups[1].len() == 12 && is_hex(groups[1]);
    let is_time = kept.len() >= 20 && kept.ends_with('Z') && kept.as_bytes()[10] == b'T';
    let digest = kept.strip_prefix("sha256:").filter(|digest| digest.len() >= 7 && is_hex(digest));
    let shaped = if digest.is_some() {
        "sha256:HEX".to_owned()
    } else if is_id {
        "ID".to_owned()
    } else if is_version {
        "VERSION".to_owned()
    } else if is_time {
        "TIME".to_owned()
    } else if kept.len() >= 7 && is_hex(kept) {
        "HEX".to_owned()
    } else if let Some((_, part)) = kept.split_once('.').filter(|(whole, part)| digits(whole) && digits(part)) {
        // A figure: as many digits behind the point, and one or many before it.
        format!("#.{}", "#".repeat(part.len()))
    } else {
        kept.to_owned()
    };
    shaped + behind
}

/// What a page shows and a command did not say; `None` if they agree. A line `…` stands for any lines, and `…` at the end of a
/// line for its rest. Blank lines count for nothing.
pub(crate) fn difference(shown: &[String], said: &str) -> Option<String> {
    let said: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut came = said.iter();
    let mut may_skip = false;
    for line in shown.iter().map(|line| line.trim_end()).filter(|line| !line.is_empty()) {
        if line.trim() == "…" {
            may_skip = true;
            continue;
        }
        loop {
            match came.next() {
                Some(came) if agree(line, came) => break,
                Some(_) if may_skip => {}
                Some(came) => return Some(format!("expected `{line}`\n    came `{came}`")),
                None => return Some(format!("expected `{line}`, and nothing more came")),
            }
        }
        may_skip = false;
    }
    match came.next() {
        Some(more) if !may_skip => Some(format!("`{more}` came as well")),
        _ => None,
    }
}

fn agree(shown: &str, came: &str) -> bool {
    match shown.strip_suffix('…') {
        Some(begin) => shape(came).starts_with(shape(begin).trim_end()),
        None => shape(shown) == shape(came),
    }
}

#[test]
fn what_differs_each_time_counts_for_nothing() {
    for (one, other) in [
        ("run 01a22960-71bc-705f-89da-f52ce8745662", "run 01990d3e-0000-7aaa-8bbb-0123456789ab"),
        ("[main (root-commit) cb08c12] A", "[main (root-commit) 1234567] A"),
        ("since 2026-11-29T22:15:17Z, commit a42a71a6abb0,", "since 2025-01-02T03:04:05.678901Z, commit 0123456789ab,"),
        ("accuracy: 0.9610 on 1000 test rows", "accuracy: 0.9585 on 1000 test rows"),
        ("epoch 1 of 4: loss 1.0768, (1.0 s)", "epoch 1 of 4: loss 0.9000, (12.3 s)"),
        ("runs            2       76.0 KiB", "runs 2 4.0 KiB"),
        ("2  256 B  706 B", "2  1 B  9.9 KiB"),
        ("holds 20261124-3f9a1c2b7d10; x", "holds 20250101-000000000000; x"),
        ("sha256:3f9a1c2b7d10 in out", "sha256:a42a71a6abb0 in out"),
    ] {
        assert_eq!(shape(one), shape(other));
    }
}

#[test]
fn words_whole_numbers_and_forms_count() {
    for (one, other) in [
        ("2 files checked: no mistakes", "3 files checked: no mistakes"),
        ("accuracy: 0.9610", "accuracy: 0.961"),
        ("accuracy: 0.9610 on 1000 test rows", "accuracy: 0.9610 on 1000 training rows"),
        ("done since 2026-11-29T22:15:17Z", "done on 2026-11-29T22:15:17Z"),
        ("slipway.yaml:27:56: unknown key", "slipway.yaml:27:57: unknown key"),
        ("`staging` names it", "`production` names it"),
        ("run 01a22960-71bc-705f-89da-f52ce8745662", "run 01a22960"),
        ("passed: 2 of 2 checks", "refused: 2 of 2 checks"),
        ("25 B", "25 K"),
        ("default", "efault"),
    ] {
        assert_ne!(shape(one), shape(other));
    }
}

#[test]
fn dots_stand_for_lines_or_for_the_rest_of_one() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let said = "one\n\ntwo of 3\nthree\n";
    for shown in ["one\ntwo of 3\nthree", "one\n…\nthree", "…\nthree", "one\n…", "one\ntwo …\nthree", "…\ntwo of 3\n…"]
    {
        assert_eq!(difference(&lines(shown), said), None, "{shown}");
    }
    for shown in
        ["one", "one\nthree", "two of 3\nthree", "…\nfour", "one\ntwo of 4\n…", "one\ntwo of 3\nthree\nfour", "…\ntwo"]
    {
        assert!(difference(&lines(shown), said).is_some(), "{shown}");
    }
}
