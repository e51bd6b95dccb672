//! `slipway check` says what a server would say: the same mistakes, at the same places, in forms for people and programs.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{slipway, small_files};

fn check(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(slipway()).arg("check").args(arguments).current_dir(folder).output().expect("it ran")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A git repository with the small model.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let git = Command::new("git").args(["init", "-q", "."]).current_dir(folder.path()).status().expect("git");
    assert!(git.success());
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    for (path, content) in small_files() {
        std::fs::write(folder.path().join(path), content).expect("written");
    }
    folder
}

fn rewrite(folder: &Path, file: &str, old: &str, new: &str) {
    let text = std::fs::read_to_string(folder.join(file)).expect("a text");
    assert!(text.contains(old), "{old}");
    std::fs::write(folder.join(file), text.replace(old, new)).expect("written");
}

#[test]
fn a_whole_repository_is_checked_from_any_folder_of_it() {
    let folder = repository();
    let sound = check(folder.path(), &[]);
    assert_eq!(sound.status.code(), Some(0), "{}", said(&sound));
    assert!(said(&sound).contains("2 files checked: no mistakes"), "{}", said(&sound));
    let env = folder.path().join("env");
    std::fs::create_dir(&env).expect("a folder");
    std::fs::write(
        env.join("app.yaml"),
        "digest: none # {\"slipway\": \"digits:digest\"}\nuri: none # {'slipway': 'digits:uri'}\n",
    )
    .expect("written");
    std::fs::write(folder.path().join("data/slipway.yml"), "kind: Model\n").expect("written");
    for (here, named) in
        [(folder.path(), ["env/app.yaml:2:", "data/slipway.yml: this file is not read"]), (&env, ["app.yaml:2:", ""])]
    {
        let checked = check(here, &[]);
        assert_eq!(checked.status.code(), Some(2));
        for expected in named {
            assert!(said(&checked).contains(expected), "expected `{expected}`, came: {}", said(&checked));
        }
    }
}

#[test]
fn data_are_read_as_the_trainer_reads_them() {
    let folder = repository();
    let truncated = std::fs::read(folder.path().join("data/train-images")).expect("images")[..5000].to_vec();
    std::fs::write(folder.path().join("data/train-images"), truncated).expect("written");
    let checked = check(folder.path(), &[]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(said(&checked).contains("data/train-images: 5000 bytes long, but its header"), "{}", said(&checked));
    let unread = check(folder.path(), &["--no-data"]);
    assert_eq!(unread.status.code(), Some(0), "{}", said(&unread));
}

#[test]
fn diagnostics_are_written_for_annotations_with_paths_of_the_repository() {
    let folder = repository();
    rewrite(folder.path(), "slipway.yaml", "epochs: 4", "epochs: 0");
    rewrite(folder.path(), "slipway.yaml", "batch_size: 50", "batch_size: fifty");
    std::fs::create_dir(folder.path().join("below")).expect("a folder");
    let below = folder.path().join("below");
    let github = check(&below, &["--output", "github", ".."]);
    let lines: Vec<String> = String::from_utf8_lossy(&github.stdout).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{}", said(&github));
    assert!(lines.iter().all(|line| line.starts_with("::error file=slipway.yaml,line=16,col=")), "{lines:?}");
    let sarif = check(&below, &["--output", "sarif", ".."]);
    let log: serde_json::Value = serde_json::from_slice(&sarif.stdout).expect("JSON");
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "slipway.yaml", "{log:#}");
    let json = check(&below, &["--output", "json", ".."]);
    let checked: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&checked["files"], &checked["diagnostics"][0]["line"]), (&2.into(), &16.into()), "{checked:#}");
    assert_eq!(checked["findings"], checked["diagnostics"], "the deprecated name stays for one release");
}

#[test]
fn a_policy_that_leaves_the_repository_is_refused_as_by_a_server() {
    let outer = tempfile::tempdir().expect("a folder");
    let folder = repository();
    let base = outer.path().join("base.yaml");
    std::fs::copy(folder.path().join("policy.yaml"), &base).expect("copied");
    let up = "../".repeat(folder.path().components().count() + 3);
    rewrite(folder.path(), "policy.yaml", "spec:\n", &format!("spec:\n  extends: [\"{up}{}\"]\n", base.display()));
    let checked = check(folder.path(), &["--no-data"]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(said(&checked).contains("the path leaves the repository"), "{}", said(&checked));
}

#[test]
fn training_by_hand_says_what_a_server_would_refuse() {
    let folder = repository();
    rewrite(folder.path(), "slipway.yaml", "\"data/**\"", "\"data/t\"");
    let mut train = Command::new(slipway());
    train.args(["train", "--threads", "1"]).current_dir(folder.path());
    let trained = train.output().expect("it ran");
    assert_eq!(trained.status.code(), Some(0), "{}", said(&trained));
    let expected = "warning: a server would refuse this: slipway.yaml:9:23: spec.data.train.features: no glob in \
                    `spec.paths` matches `data/train-images`";
    assert!(said(&trained).contains(expected), "{}", said(&trained));
}

#[test]
fn marks_of_an_environment_that_could_not_be_followed_are_found_whatever_the_files_are_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |file: &str, content: &str| std::fs::write(folder.path().join(file), content).expect("written");
    write("good.yaml", "digest: none # {\"slipway\": \"churn:digest\"}\n");
    write("part.yaml", "args: [--model=none] # {\"slipway\": \"churn:uri\"}\n");
    write("number.YML", "version: 1 # {\"slipway\": \"churn:version\"}\n");
    write("Kustomization", "images:\n- newTag: none # {'slipway': 'churn:version'}\n");
    write("latest.yaml", "digest: latest # {\"slipway\": \"trees:digest\"}\n");
    write("README.md", "Put `# {'slipway': 'churn:uri'}` behind the value.\n");
    let output = check(folder.path(), &["."]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in [
        "part.yaml:1:8: ",
        "number.YML:1:10: ",
        "Kustomization:2:",
        "latest.yaml:1:9: the marked `digest` names no artifact",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("README.md") && !said.contains("good.yaml"), "{said}");
}

#[test]
fn outside_of_a_repository_files_are_called_as_they_are_called_beside_the_model() {
    let folder = repository();
    std::fs::remove_dir_all(folder.path().join(".git")).expect("removed");
    rewrite(folder.path(), "slipway.yaml", "policy: policy.yaml", "policy: policies/own.yaml");
    let said = said(&check(folder.path(), &["--no-data", "slipway.yaml"]));
    assert!(said.contains("the file `policies/own.yaml` does not exist in this folder"), "{said}");
}

#[test]
fn what_is_written_once_and_merged_is_sound_and_its_mistakes_are_where_they_are_written() {
    let folder = repository();
    let model = std::fs::read_to_string(folder.path().join("slipway.yaml")).expect("a model");
    let line = model.lines().find(|line| line.trim_start().starts_with("training:")).expect("training").to_owned();
    let merged =
        "  training:\n    <<: *usual\n    optimizer: {adam: {learning_rate: 1e-3}}\n    epochs: 4\n    seed: 7";
    let head = "x-usual: &usual\n  epochs: 1\n  batch_size: 50\n";
    std::fs::write(folder.path().join("slipway.yaml"), format!("{head}{}", model.replace(&line, merged)))
        .expect("written");
    let policy = "x-floor: &floor {metric: accuracy}\napiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: digits}\n\
                  spec:\n  checks:\n    - {<<: *floor, at_least: 0.5}\n    - {<<: *floor, no_worse_than_champion: {margin: 0.05}}\n";
    std::fs::write(folder.path().join("policy.yaml"), policy).expect("written");
    let sound = check(folder.path(), &[]);
    assert_eq!(sound.status.code(), Some(0), "{}", said(&sound));
    rewrite(folder.path(), "slipway.yaml", "batch_size: 50", "batch_size: many");
    rewrite(folder.path(), "policy.yaml", "{metric: accuracy}", "{metric: acuracy}");
    let output = said(&check(folder.path(), &[]));
    assert!(output.contains("slipway.yaml:3:15: expected a whole number"), "{output}");
    rewrite(folder.path(), "slipway.yaml", "batch_size: many", "batch_size: 50");
    let output = said(&check(folder.path(), &[]));
    assert!(output.contains("policy.yaml:1:26: unknown value `acuracy`"), "{output}");
    rewrite(folder.path(), "slipway.yaml", "<<: *usual", "<<: 7");
    let output = said(&check(folder.path(), &[]));
    assert!(
        output.contains("`<<` merges mappings, expected a mapping or a list of mappings, found a single value"),
        "{output}"
    );
}

#[test]
fn training_by_hand_names_files_as_they_are_called_there() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    for (path, content) in small_files() {
        std::fs::write(folder.path().join(path), content).expect("written");
    }
    rewrite(folder.path(), "policy.yaml", "0.7", "0.9999");
    let mut train = Command::new(slipway());
    let output = train.args(["train", "--threads", "1"]).current_dir(folder.path()).output().expect("it ran");
    assert!(said(&output).contains("warning: a server would refuse this: policy.yaml:7:"), "{}", said(&output));
}

/// What is said of a folder that holds these files, with the exit code.
fn checked(files: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, content) in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("written");
    }
    let output = check(folder.path(), &["."]);
    (output.status.code(), said(&output))
}

const DIGEST: &str = "digest: none # {\"slipway\": \"churn:digest\"}\n";

#[test]
fn a_misspelt_model_and_one_without_a_digest_are_found_in_an_environment() {
    for slip in ["chrun", "chum", "churns"] {
        let (code, said) =
            checked(&[("a.yaml", DIGEST), ("b.yaml", &format!("uri: none # {{\"slipway\": \"{slip}:uri\"}}\n"))]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("b.yaml:1:6: ") && said.contains("`# {\"slipway\": \"churn:uri\"}`"), "{said}");
    }
    let (code, said) = checked(&[("a.yaml", "uri: none # {\"slipway\": \"churn:uri\"}\n")]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("a.yaml:1:6: `churn` is marked, but not its `digest`"), "{said}");
    assert!(said.contains("`# {\"slipway\": \"churn:digest\"}`"), "{said}");
    // Models of one family are no slips of one another.
    let family = "a: none # {\"slipway\": \"churn-eu:digest\"}\nb: none # {\"slipway\": \"churn-us:digest\"}\n";
    let (code, said) = checked(&[("a.yaml", family)]);
    assert!(code == Some(0) && !said.contains("warning"), "{said}");
    let (code, said) = checked(&[("a.yaml", DIGEST), ("b.yaml", &DIGEST.replace("churn", "chrun"))]);
    assert!(code == Some(0) && said.contains("warning: b.yaml:1:9: the name `chrun` is similar to `churn`"), "{said}");
}

#[test]
fn all_mistakes_of_a_manifest_are_found() {
    let text = format!(
        "{DIGEST}a: x # {{\"slipway\": \"churn:digset\"}}\nb: x # {{\"slipway\": \"chu rn:uri\"}}\n\
         c: x # {{\"slipway\": [1,2]}}\nd: x # {{\"slipway\": {{\"a\": 1}}}}\ne: none-gpu # {{\"slipway\": \"churn:uri\"}}\n\
         f: 1 # {{\"slipway\": \"churn:version\"}}\ng: x # slipway: churn/uri\n"
    );
    let (code, said) = checked(&[("a.yaml", &text)]);
    assert_eq!(code, Some(2));
    for line in 2..=8 {
        assert_eq!(said.matches(&format!("a.yaml:{line}:")).count(), 1, "{line}: {said}");
    }
    let (_, said) = checked(&[("a.yaml", &format!("{DIGEST}b: [x\n"))]);
    assert!(said.contains("a.yaml:2:") && said.contains("invalid YAML") && !said.contains("within a text"), "{said}");
}

#[test]
fn what_could_be_a_manifest_is_named_whatever_keeps_it_from_being_read() {
    use std::os::unix::ffi::OsStrExt as _;
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let (code, said) = checked(&[("a.yaml", pointer)]);
    assert!(code == Some(2) && said.contains("a.yaml: git has only a Git LFS pointer"), "{said}");
    let (code, said) = checked(&[("a.yaml", DIGEST), ("logo.png", pointer)]);
    assert!(code == Some(0), "{said}");
    let (code, said) = checked(&[("a.yaml", DIGEST), ("b.yaml", "uri: none # {'SLIPWAY': 'churn:uri'}\n")]);
    assert!(code == Some(2) && said.contains("b.yaml:1:11: "), "{said}");
    let folder = tempfile::tempdir().expect("a folder");
    let utf16: Vec<u8> = format!("\u{feff}{DIGEST}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("wide.yaml"), utf16).expect("written");
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"n\xffme.yaml"));
    std::fs::write(odd, DIGEST).expect("written");
    let output = check(folder.path(), &["."]);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("wide.yaml: the file is UTF-16, expected UTF-8"), "{text}");
    assert!(text.contains("n\u{fffd}me.yaml: the path of this file is not UTF-8"), "{text}");
}

#[test]
fn a_folder_without_anything_of_ours_is_said_to_hold_none() {
    for files in [&[][..], &[("a.yaml", "a: b\n")], &[("a.yaml", "a: b # managed by slipway, see docs\n")]] {
        let (code, said) = checked(files);
        assert!(code == Some(2) && said.contains("no model, policy or mark was found in `.`"), "{said}");
    }
}

#[test]
fn a_policy_with_a_mistake_and_an_unknown_kind_are_found_in_a_folder() {
    let broken = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: a}\nspec: {checks: [{metric: accuracy, at_least: 0.5, slice:}\n";
    let (code, said) = checked(&[("policies/broken.yaml", broken)]);
    assert!(code == Some(2) && said.contains("policies/broken.yaml:"), "{said}");
    let misspelt = "apiVersion: slipway.dev/v1alpha1\nkind: Polcy\nmetadata: {name: a}\n";
    let (code, said) = checked(&[("policies/kind.yaml", misspelt)]);
    assert!(code == Some(2) && said.contains("unknown kind `Polcy`"), "{said}");
    assert!(said.contains("did you mean `Policy`?"), "{said}");
}

#[test]
fn what_training_wrote_beside_a_model_is_no_mistake() {
    let written = |kind: &str| format!("{{\"apiVersion\": \"slipway.dev/v1alpha1\", \"kind\": \"{kind}\"}}");
    let kinds = ["ModelCard", "TrainingReport", "EvaluationReport", "Signature", "ExportReport"];
    let [card, training, evaluation, signature, export] = kinds.map(written);
    let files = [
        ("out/card.json", &*card),
        ("out/training.json", &training),
        ("out/evaluation/report.json", &evaluation),
        ("out/signature.json", &signature),
        ("out/export.json", &export),
    ];
    let (code, said) = checked(&[&files[..], &[("a.yaml", DIGEST)]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 file checked: no mistakes"), "{said}");
}

#[test]
fn a_policy_of_another_tool_is_no_policy_of_ours() {
    let kyverno =
        "apiVersion: kyverno.io/v1\nkind: Policy\nmetadata: {name: a}\nuri: none # {\"slipway\": \"churn:uri\"}\n";
    let (_, said) = checked(&[("policies/kyverno.yaml", kyverno), ("a.yaml", DIGEST)]);
    assert!(!said.contains("spec") && !said.contains("unknown key"), "{said}");
}

#[test]
fn dates_that_have_passed_are_warned_of() {
    let policy = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: a}\nspec:\n  checks:\n  \
                  - {name: base, metric: accuracy, at_least: 0.5, expires: 2020-12-01}\n";
    let (code, said) = checked(&[("policies/old.yaml", policy)]);
    assert!(code == Some(0) && said.contains("the check ended on 2020-12-01"), "{said}");
}

#[test]
fn a_file_that_is_too_large_is_a_mistake_and_the_others_are_checked() {
    let large = format!("# {}\n", "x".repeat(2 << 20));
    let (code, said) = checked(&[("other/slipway.yaml", &large), ("b.yaml", "uri: none # {'SLIPWAY': 'churn:uri'}\n")]);
    assert!(code == Some(2) && said.contains("other/slipway.yaml: the file has more than 1024 KiB"), "{said}");
    assert!(said.contains("b.yaml:1:11: "), "{said}");
}
