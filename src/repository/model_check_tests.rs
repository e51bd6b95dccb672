//! Tests of the checks of a model against the files beside it.

use std::path::Path;

use super::*;

const MODEL: &str = "apiVersion: slipway.dev/v1alpha1\nkind: Model\nmetadata: {name: churn}\nspec:\n  \
    paths: [\"slipway.yaml\", \"data/**\"]\n  task: classification\n  \
    data: {format: csv, label: y, train: {file: data/train.csv}, test: {file: data/test.csv}}\n  \
    model: {sequential: [{linear: 2}]}\n  \
    training: {optimizer: {adam: {learning_rate: 1e-2}}, epochs: 1, batch_size: 8}\n  \
    policy: policy.yaml\n";
const POLICY: &str = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: churn}\n\
    spec: {checks: [{metric: accuracy, at_least: 0.6}]}\n";

/// The mistakes in a repository with the model `churn`, after a change.
fn mistakes_of(change: impl FnOnce(&Path)) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).expect("written");
    std::fs::create_dir_all(folder.path().join("data")).expect("a folder");
    std::fs::create_dir_all(folder.path().join(".git/objects")).expect("a folder");
    std::fs::create_dir_all(folder.path().join(".git/refs")).expect("a folder");
    write(".git/HEAD", "ref: refs/heads/main\n");
    write("slipway.yaml", MODEL);
    write("policy.yaml", POLICY);
    for half in ["train", "test"] {
        write(&format!("data/{half}.csv"), &format!("x,y\n{}", "1,a\n2,b\n".repeat(100)));
    }
    change(folder.path());
    let checkout = Checkout::around(folder.path()).expect("a folder");
    assert!(checkout.is_repository());
    let (diagnostics, _) = Repository::open(&checkout).expect("readable").check_model("slipway.yaml");
    diagnostics.mistakes.iter().map(ToString::to_string).collect()
}

fn rewrite(folder: &Path, file: &str, old: &str, new: &str) {
    let text = std::fs::read_to_string(folder.join(file)).expect("a text");
    assert!(text.contains(old), "{old}");
    std::fs::write(folder.join(file), text.replace(old, new)).expect("written");
}

#[test]
fn a_path_in_another_form_is_the_same_path() {
    for (old, new) in [
        ("\"data/**\"", "\"./data/**\""),
        ("\"data/**\"", "\"data/\""),
        ("file: data/train.csv", "file: ./data/train.csv"),
        ("file: data/train.csv", "file: data//train.csv"),
        ("policy: policy.yaml", "policy: ./policy.yaml"),
    ] {
        let mistakes = mistakes_of(|folder| rewrite(folder, "slipway.yaml", old, new));
        assert_eq!(mistakes, [""; 0], "{new}");
    }
}

#[test]
fn data_that_the_trainer_would_not_get_is_reported_at_its_key() {
    let of = |change: &dyn Fn(&Path)| mistakes_of(change).join("\n");
    let message = of(&|folder| rewrite(folder, "slipway.yaml", "\"data/**\"", "\"data/test.csv\""));
    assert!(
        message
            .starts_with("slipway.yaml:7:47: spec.data.train.file: no glob in `spec.paths` matches `data/train.csv`"),
        "{message}"
    );
    let message = of(&|folder| rewrite(folder, "slipway.yaml", "\"data/**\"", "\"Data/**\""));
    assert!(
        message.contains("use the same upper and lower case in `spec.paths`: `Data/**` only differs in case"),
        "{message}"
    );
    let message = of(&|folder| rewrite(folder, "slipway.yaml", "file: data/train.csv", "file: data/Train.csv"));
    assert!(message.contains("did you mean `data/train.csv`?"), "{message}");
    let linked = |folder: &Path| {
        std::fs::rename(folder.join("data/train.csv"), folder.join("data/real.csv")).expect("renamed");
        std::os::unix::fs::symlink("real.csv", folder.join("data/train.csv")).expect("linked");
    };
    assert!(of(&linked).contains("`data/train.csv` is a symbolic link, expected a regular file"), "{}", of(&linked));
    let folder_instead = |folder: &Path| {
        std::fs::remove_file(folder.join("data/train.csv")).expect("removed");
        std::fs::create_dir(folder.join("data/train.csv")).expect("a folder");
    };
    assert!(of(&folder_instead).contains("`data/train.csv` is a folder"), "{}", of(&folder_instead));
    let ignored = |folder: &Path| std::fs::write(folder.join(".gitignore"), "data/\n").expect("written");
    assert!(of(&ignored).contains("git ignores `data/train.csv`"), "{}", of(&ignored));
}

#[test]
fn a_name_belongs_to_one_model_of_a_repository_however_it_is_written() {
    for (one, other) in [("churn", "churn"), ("2024", "\"2024\""), ("1e3", "1e3"), ("\"null\"", "null")] {
        let mistakes = mistakes_of(|folder| {
            rewrite(folder, "slipway.yaml", "name: churn", &format!("name: {one}"));
            std::fs::create_dir(folder.join("second")).expect("a folder");
            let second = MODEL.replace("name: churn", &format!("name: {other}"));
            std::fs::write(folder.join("second/slipway.yaml"), second).expect("written");
        });
        let expected = format!("the model in `second/slipway.yaml` has the same name `{}`", one.trim_matches('"'));
        assert!(mistakes.len() == 1 && mistakes[0].contains(&expected), "{mistakes:?}");
    }
}

#[test]
fn a_name_that_is_taken_is_reported_beside_other_mistakes() {
    let mistakes = mistakes_of(|folder| {
        std::fs::create_dir(folder.join("second")).expect("a folder");
        std::fs::write(folder.join("second/slipway.yaml"), MODEL).expect("written");
        rewrite(folder, "slipway.yaml", "epochs: 1", "epochs: one");
    });
    assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    assert!(mistakes[1].starts_with("slipway.yaml:3:18: metadata.name: the model in"), "{mistakes:?}");
}

#[test]
fn outside_of_a_repository_the_other_model_of_a_name_is_named_by_its_whole_path() {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["one", "other"] {
        std::fs::create_dir(folder.path().join(part)).expect("a folder");
        std::fs::write(folder.path().join(part).join("slipway.yaml"), MODEL).expect("written");
    }
    let checkout = Checkout::around(folder.path()).expect("a folder");
    let file = checkout.path_of(&folder.path().join("one/slipway.yaml")).expect("a path");
    let repository = Repository::open(&checkout).expect("readable");
    let taken = repository.check_model(&file).0.mistakes.into_iter().map(|mistake| mistake.message);
    let whole = folder.path().canonicalize().expect("a path").join("other/slipway.yaml");
    let expected = format!("the model in `{}` has the same name", whole.display());
    assert!(taken.into_iter().any(|message| message.contains(&expected)), "{expected}");
}

#[test]
fn a_policy_stays_in_its_repository() {
    let mistakes = mistakes_of(|folder| {
        rewrite(
            folder,
            "policy.yaml",
            "spec: {checks: [{metric: accuracy, at_least: 0.6}]}",
            "spec: {extends: [\"../base.yaml\"]}",
        );
    });
    assert!(mistakes.len() == 1 && mistakes[0].contains("the path leaves the repository"), "{mistakes:?}");
    let mistakes = mistakes_of(|folder| rewrite(folder, "slipway.yaml", "policy: policy.yaml", "policy: none.yaml"));
    assert!(
        mistakes[0].starts_with("slipway.yaml:10:11: spec.policy: the file `none.yaml` does not exist"),
        "{mistakes:?}"
    );
}
