//! `scripts/step.sh`, by which make and `.ci/run` show their steps, and `scripts/need.sh`, which says what is missing.

use std::path::Path;
use std::process::{Command, Output};

fn script(arguments: &[&str], times: &Path) -> Output {
    let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(arguments[0]));
    script.args(&arguments[1..]).env("STEP_TIMES", times).env_remove("STEP_NAME").output().expect("it ran")
}

fn output_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_step_shows_its_time_and_those_within_it_and_keeps_the_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let times = folder.path().join("times");
    let inner = format!("{}/scripts/step.sh", env!("CARGO_MANIFEST_DIR"));
    let done = script(&["step.sh", "outer", &inner, "inner", "echo", "hello"], &times);
    assert!(done.status.success(), "{}", output_of(&done));
    let said = output_of(&done);
    for part in ["-- outer\n-- outer / inner\nhello\n-- outer / inner: ", " s, processor ", "-- outer: "] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    let failed = script(&["step.sh", "failing", "sh", "-c", "exit 3"], &times);
    assert_eq!(failed.status.code(), Some(3), "{}", output_of(&failed));
    let times = std::fs::read_to_string(times).expect("the times");
    let lines: Vec<&str> = times.lines().collect();
    let begins = ["outer / inner: ", "outer: ", "failing: "];
    assert_eq!(lines.len(), begins.len(), "{times}");
    assert!(lines.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{times}");
    assert!(lines[2].ends_with("failed with 3"), "{times}");
}

#[test]
fn everything_that_is_missing_is_named_with_the_way_to_get_it() {
    let nowhere = Path::new("/dev/null");
    let missing = script(&["need.sh", "sh", "nothing-of-this-name", "no-such-program"], nowhere);
    assert_eq!(missing.status.code(), Some(1));
    let said = output_of(&missing);
    assert_eq!(said, "missing: nothing-of-this-name (install it), no-such-program (install it)\n");
    assert!(script(&["need.sh", "sh"], nowhere).status.success());
}
