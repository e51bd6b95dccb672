//! What has to be true after a push, looked up in git and on the API. Every wrong thing is named, not only the first.

use anyhow::{Result, bail};
use serde_json::Value;
use slipway_testkit::demo::World;

use crate::act::text;

/// What was found to be wrong.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn unless(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.0.push(otherwise());
        }
    }

    fn into_result(self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        bail!("\n  - {}", self.0.join("\n  - "))
    }
}

/// A refusal whose reason names metric, bound, threshold, policy file and line, with an environment that stood still.
pub(crate) fn refusal(run: &Value, before: &str, after: &str) -> Result<()> {
    let (state, reason) = (text(run, "state"), text(run, "reason"));
    let mut problems = Problems::default();
    problems.unless(state == "refused", || format!("expected a refusal, the run is {state}: {reason}"));
    problems.unless(before == after, || format!("the environment moved from {before} to {after}, expected it to stay"));
    for part in ["accuracy", "with 95 % confidence", "at least 0.", "policies/", ".yaml:"] {
        problems.unless(reason.contains(part), || format!("the reason does not say `{part}`: {reason}"));
    }
    problems.into_result()
}

/// One commit on the environment that says why and changes marked values only.
pub(crate) async fn promotion(world: &World, run: &Value, before: &str, after: &str, compared: bool) -> Result<()> {
    let (state, artifact) = (text(run, "state"), text(run, "artifact"));
    let mut problems = Problems::default();
    problems.unless(state == "done", || format!("expected a promotion, the run is {state}: {}", text(run, "reason")));
    if before == after {
        problems.unless(false, || format!("the environment stayed at {before}"));
        return problems.into_result();
    }
    problems.unless(text(run, "promotion_commit") == after, || {
        format!("the API names another commit than the environment's tip {after}")
    });
    let commits = world.environment.commits(&format!("{before}..{after}")).await?;
    problems.unless(commits == [after], || format!("expected one commit on {before}, found {commits:?}"));
    message(&world.environment.message(after).await?, artifact, compared, &mut problems);
    let changed = world.environment.diff(before, after, &["--unified=0"]).await?;
    diff(&changed, artifact, &mut problems);
    problems.into_result()
}

fn message(message: &str, artifact: &str, compared: bool, problems: &mut Problems) {
    for trailer in ["Promotion", "Model", "Run", "Artifact", "Evidence", "Source"] {
        problems.unless(message.contains(&format!("\nSlipway-{trailer}: ")), || {
            format!("the commit lacks the trailer Slipway-{trailer}")
        });
    }
    problems.unless(!artifact.is_empty() && message.contains(artifact), || {
        format!("the commit does not name the artifact `{artifact}`")
    });
    problems.unless(!compared || message.contains("the champion's"), || {
        format!("the commit lacks the comparison with the champion: {message}")
    });
}

/// Only marked lines may have changed, in all three manifests, and only before their marks.
fn diff(diff: &str, artifact: &str, problems: &mut Problems) {
    let files = diff.lines().filter(|line| line.starts_with("+++ ")).count();
    problems.unless(files == 3, || format!("expected changes in three files, found {files}"));
    let (old, new) = (changed_lines(diff, '-'), changed_lines(diff, '+'));
    problems.unless(old.len() == new.len() && !new.is_empty(), || {
        format!("expected changed lines only, found {} gone and {} new", old.len(), new.len())
    });
    problems.unless(new.iter().any(|line| line.contains(artifact)), || {
        format!("no manifest names the artifact `{artifact}`")
    });
    for (old, new) in old.iter().zip(&new) {
        let same = match (old.split_once("# {"), new.split_once("# {")) {
            (Some((old, old_mark)), Some((new, new_mark))) => old_mark == new_mark && key(old) == key(new),
            _ => false,
        };
        problems.unless(same, || format!("more than a marked value changed: `{old}` became `{new}`"));
    }
}

fn changed_lines(diff: &str, sign: char) -> Vec<&str> {
    let head = sign.to_string().repeat(3);
    let changed = diff.lines().filter(|line| line.starts_with(sign) && !line.starts_with(&head));
    changed.map(|line| &line[1..]).collect()
}

fn key(line: &str) -> Option<&str> {
    line.split_once(':').map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SOUND: &str = "\
+++ b/a
-  uri: none # {\"slipway\": \"digits:uri\"}
+  uri: file:///sha256:1 # {\"slipway\": \"digits:uri\"}
+++ b/b
-  digest: none # {\"slipway\": \"digits:digest\"}
+  digest: sha256:1 # {\"slipway\": \"digits:digest\"}
+++ b/c
-  version: none # {\"slipway\": \"digits:version\"}
+  version: '1' # {\"slipway\": \"digits:version\"}
";
    const REASON: &str =
        "accuracy is at most 0.136 with 95 % confidence; the policy asks for at least 0.92 (policies/digits.yaml:8)";

    fn found(text: &str) -> Vec<String> {
        let mut problems = Problems::default();
        diff(text, "sha256:1", &mut problems);
        problems.0
    }

    #[test]
    fn changed_values_before_their_marks_are_all_there_may_be() {
        assert_eq!(found(SOUND), Vec::<String>::new());
    }

    #[test]
    fn a_changed_line_without_a_mark_is_named() {
        let text = SOUND.replace("  version: '1' # {\"slipway\": \"digits:version\"}", "  replicas: 9");
        let [problem] = &found(&text)[..] else { panic!("one problem") };
        assert!(problem.ends_with("became `  replicas: 9`"), "{problem}");
    }

    #[test]
    fn a_changed_key_and_a_changed_mark_are_named() {
        assert_eq!(found(&SOUND.replace("+  digest", "+  digests")).len(), 1);
        assert_eq!(found(&SOUND.replace("'1' # {\"slipway\": \"digits", "'1' # {\"slipway\": \"other")).len(), 1);
    }

    #[test]
    fn a_refusal_names_metric_bound_threshold_file_and_line() {
        refusal(&json!({"state": "refused", "reason": REASON}), "a", "a").expect("as described");
    }

    #[test]
    fn every_wrong_thing_is_named_not_only_the_first() {
        let error = refusal(&json!({"state": "done", "reason": "accuracy is fine"}), "a", "b").expect_err("wrong");
        let error = error.to_string();
        for part in ["expected a refusal, the run is done", "moved from a to b", "does not say `policies/`"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
