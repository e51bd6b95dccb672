//! docs/next-month.md is played command by command behind docs/first-model.md, and says what it says there.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::time::Instant;

use crate::first_model::{Place, Served, steps};
use crate::init::customers;
use crate::support::DEADLINE;

/// The customers of a month behind the first ones, under the same header.
fn month(first: usize, rows: usize) -> String {
    let all = customers(first + rows);
    let mut lines = all.lines();
    let mut table = format!("{}\n", lines.next().expect("a header"));
    for line in lines.skip(first) {
        writeln!(table, "{line}").expect("written");
    }
    table
}

/// A line without what differs from one time to another: every word with a digit in it is the same.
fn shape(line: &str) -> String {
    let is_number = |word: &&str| word.chars().any(|c| c.is_ascii_digit());
    let is_digest = |word: &str| word.len() > 6 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = line.split_whitespace().map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if is_number(&word) || is_digest(bare) { "#" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The lines of a page that are not among those that came, in their order.
fn missing(said: &str, lines: &[String]) -> Option<String> {
    let mut came = said.lines().map(shape);
    lines.iter().find(|line| !came.any(|came| came == shape(line))).cloned()
}

/// Runs a command until it says these lines.
fn until_it_says(place: &Place, command: &str, says: &[String]) -> String {
    let begun = Instant::now();
    loop {
        let (done, said) = place.run(command);
        let lacks = missing(&said, says);
        if done && lacks.is_none() {
            return said;
        }
        assert!(begun.elapsed() < DEADLINE, "`{command}` does not say `{lacks:?}`: {said}");
        std::thread::yield_now();
    }
}

/// The model of the page before this one, live on a server that runs.
fn first_model() -> (Place, Served) {
    let mut place = Place::new();
    let init = place.on_our_port("slipway init customers.csv --label churned --local ../slipway-local");
    let (done, said) = place.run(&init);
    assert!(done, "{said}");
    place.export(&said);
    let serve = "exec slipway serve --config ../slipway-local/slipway-server.yaml 2>../slipway-local/server.log";
    let mut server = Served(place.shell(serve).spawn().expect("it starts"));
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let (done, said) = place.run("git commit -q -m 'A first model' && git push slipway HEAD:main");
    assert!(done, "{said}");
    let deployed = "customers: e8e514d30f9b since 2026-11-29T22:15:17Z, commit a42a71a6abb0, run 01a22960";
    until_it_says(&place, "slipway environments show staging --output text", &[deployed.to_owned()]);
    (place, server)
}

/// The identifier of the newest run.
fn newest_run(place: &Place) -> String {
    let (done, said) = place.run("slipway runs list --limit 1 --output json 2>/dev/null");
    assert!(done, "{said}");
    let list: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    list["runs"][0]["id"].as_str().expect("an identifier").to_owned()
}

#[test]
fn rows_of_the_next_month_are_added_judged_and_counted_by_the_commands_of_the_page() {
    let (place, _server) = first_model();
    std::fs::write(place.work.join("../december.csv"), month(1_500, 250)).expect("written");
    let steps = steps("docs/next-month.md");
    assert!(steps.len() >= 10, "{} commands", steps.len());
    let before = newest_run(&place);
    let mut of_the_page: Option<String> = None;
    for (command, says) in &steps {
        let waits_for_a_run = command.starts_with("slipway runs") || command.starts_with("slipway environments");
        if !waits_for_a_run {
            let (done, said) = place.run(command);
            // The hook says less where the server has not read the push yet.
            let is_read = !said.contains("was delivered; see the new runs with `slipway runs list`");
            assert!(done && (!is_read || missing(&said, says).is_none()), "`{command}` said {said}");
            continue;
        }
        let run = match &of_the_page {
            Some(run) => run.clone(),
            None => loop {
                let run = newest_run(&place);
                if run != before {
                    break run;
                }
                std::thread::yield_now();
            },
        };
        of_the_page = Some(run.clone());
        let words: Vec<&str> =
            command.split(' ').map(|word| if is_identifier(word) { run.as_str() } else { word }).collect();
        until_it_says(&place, &words.join(" "), says);
    }
}

fn is_identifier(word: &str) -> bool {
    word.len() == 36 && word.matches('-').count() == 4
}

#[test]
fn rows_that_are_used_up_are_left_out_as_the_page_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/next-month.md")).expect("the page");
    let quoted = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("what a verdict said");
    let quoted: Vec<String> = quoted.lines().map(str::to_owned).collect();
    let (place, _server) = first_model();
    let limit =
        "slipway edit policy.yaml --path spec.test_set.uses --value 2 --create --write && git commit -q -a -m Two";
    let (done, said) = place.run(&format!("{limit} && git push -q slipway HEAD:main"));
    assert!(done, "{said}");
    let mut before = newest_run(&place);
    for (first, name) in [(1_500, "december"), (1_750, "january")] {
        std::fs::write(place.work.join("../month.csv"), month(first, 250)).expect("written");
        let (done, said) = place.run(
            "awk 'NR > 1 && NR % 5 != 0' ../month.csv >> data/train.csv && awk 'NR > 1 && NR % 5 == 0' ../month.csv >> \
             data/test.csv",
        );
        assert!(done, "{said}");
        let (done, said) = place.run(&format!("git commit -q -a -m {name} && git push -q slipway HEAD:main"));
        assert!(done, "{said}");
        let run = loop {
            let run = newest_run(&place);
            if run != before {
                break run;
            }
            std::thread::yield_now();
        };
        let says =
            if name == "january" { quoted.clone() } else { vec!["run 0 of customers for staging: done".to_owned()] };
        until_it_says(&place, &format!("slipway runs show {run} --output text"), &says);
        before = run;
    }
}
