//! Tests the search for the marks of an environment.

use slipway_contract::Digest;

use super::*;

/// Files with numbers as names. Equal contents have equal blobs.
struct Texts<'a>(&'a [&'a str]);

impl Manifests for Texts<'_> {
    fn files(&self, held: &Held) -> Result<Vec<TreeFile>, GitError> {
        let is_held = |text: &&str| held.texts.are_in(text.as_bytes());
        let meant = self.0.iter().enumerate().filter(|(_, text)| is_held(text));
        let file = |(index, text): (usize, &&str)| TreeFile {
            path: format!("apps/{index}.yaml"),
            blob: Digest::of(text.as_bytes()).to_string(),
            size: text.len() as u64,
        };
        Ok(meant.map(file).collect())
    }

    fn read(&self, file: &TreeFile) -> Result<Vec<u8>, GitError> {
        let number = file.path.trim_start_matches("apps/").trim_end_matches(".yaml");
        Ok(self.0[number.parse::<usize>().expect("a number")].as_bytes().to_vec())
    }
}

/// Files with the same content under several paths.
struct Copies<'a>(&'a str, &'a [&'a str]);

impl Manifests for Copies<'_> {
    fn files(&self, _held: &Held) -> Result<Vec<TreeFile>, GitError> {
        let blob = Digest::of(self.0.as_bytes()).to_string();
        let file = |path: &&str| TreeFile { path: (*path).to_owned(), blob: blob.clone(), size: self.0.len() as u64 };
        Ok(self.1.iter().map(file).collect())
    }

    fn read(&self, _file: &TreeFile) -> Result<Vec<u8>, GitError> {
        Ok(self.0.as_bytes().to_vec())
    }
}

#[test]
fn of_equal_files_each_is_reported_by_its_own_path() {
    let message = |text: &str, paths: &[&str]| match Marks::below(None).find(&Copies(text, paths), "digits") {
        Err(StepError::Refused { reason, .. }) => reason,
        other => format!("{other:?}"),
    };
    // The valid path comes first.
    let reason = message(&marked("none"), &["a.yaml", "staging/n\u{fffd}me.yaml"]);
    let expected = "the environment cannot be edited: staging/n\u{fffd}me.yaml: the path of this file is not UTF-8";
    assert!(reason.starts_with(expected), "{reason}");
    let near = "digest: none # {'slipway': 'digits:digest'}\n";
    let marks = Marks::below(Some("b"));
    let refused = marks.find(&Copies(near, &["a/x.yaml", "b/x.yaml"]), "digits").expect_err("a near miss");
    assert!(matches!(refused, StepError::Refused { reason, .. } if reason.contains("edited: b/x.yaml:1:")));
}

fn of(manifests: &[&str]) -> Result<DeployedArtifact, String> {
    match Marks::below(None).find(&Texts(manifests), "digits") {
        Ok(marked) => Ok(marked.deployed),
        Err(StepError::Refused { reason, .. }) => Err(reason),
        Err(other) => Err(format!("{other:?}")),
    }
}

fn marked(value: &str) -> String {
    format!("digest: {value} # {{\"slipway\": \"digits:digest\"}}\n")
}

#[test]
fn several_marks_with_one_value_name_one_champion() {
    let digest = Digest::of(b"weights");
    let text = marked(digest.as_str());
    assert_eq!(of(&[&text, &text, "other: file"]), Ok(DeployedArtifact::Artifact(digest)));
}

#[test]
fn before_the_first_promotion_there_is_no_champion() {
    assert_eq!(of(&[&marked("none"), &marked("\"\"")]), Ok(DeployedArtifact::Nothing));
}

#[test]
fn a_value_that_is_no_digest_is_never_taken_for_no_champion() {
    for text in [&["v1"][..], &["sha256:123"], &[Digest::of(b"a").as_str(), Digest::of(b"b").as_str()]] {
        let texts: Vec<String> = text.iter().map(|value| marked(value)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert!(matches!(of(&texts), Ok(DeployedArtifact::Unclear(_))), "{texts:?}");
    }
}

#[test]
fn an_environment_without_a_mark_for_the_model_is_refused_with_the_mark_to_put() {
    for text in [
        "kind: Deployment\n",
        "digest: none # {\"slipway\": \"other:digest\"}\n",
        "run: x # {\"slipway\": \"digits:run\"}\n",
    ] {
        let reason = of(&[text]).expect_err(text);
        assert!(reason.contains("`# {\"slipway\": \"digits:digest\"}`"), "{reason}");
    }
}

#[test]
fn a_broken_file_stops_only_the_models_it_could_be_about() {
    let broken = "a: [ # {\"slipway\": \"digits:digest\"}\n";
    let reason = of(&[&marked("none"), broken]).expect_err("broken");
    assert!(reason.starts_with("the environment cannot be edited: apps/1.yaml:"), "{reason}");
    let other = "a: [ # {\"slipway\": \"other:digest\"}\n";
    assert_eq!(of(&[&marked("none"), other]), Ok(DeployedArtifact::Nothing));
}

#[test]
fn a_place_that_only_seems_to_be_marked_stops_its_model_and_no_other() {
    let near = "uri: none # {'slipway': 'digits:uri'}\n";
    let reason = of(&[&marked("none"), near]).expect_err("it would stay behind");
    assert!(reason.starts_with("the environment cannot be edited: apps/1.yaml:1:"), "{reason}");
    assert!(reason.contains("`# {\"slipway\": \"digits:uri\"}`"), "{reason}");
    assert_eq!(of(&[&marked("none"), "uri: none # Slipway: other:uri\n"]), Ok(DeployedArtifact::Nothing));
}

#[test]
fn a_place_that_could_not_take_its_value_stops_its_model_before_anything_is_trained() {
    let values = Values {
        uri: "s3://models/a".to_owned(),
        digest: Digest::of(b"").to_string(),
        version: "20261124-3f9a1c2b7d10".to_owned(),
        run: "r".to_owned(),
    };
    let rehearsed = |text: &str| {
        let texts = [&*marked("none"), text];
        match Marks::below(None).dry_run(&Texts(&texts), "digits", &values) {
            Err(StepError::Refused { reason, .. }) => reason,
            done => format!("{:?}", done.map(drop)),
        }
    };
    for (text, said) in [
        ("version: 1 # {\"slipway\": \"digits:version\"}\n", "apps/1.yaml:1:10: this value is a number"),
        ("args: [--model=none] # {\"slipway\": \"digits:uri\"}\n", "--model="),
        ("uri: x # {\"slipway\": \"digits:uri\", \"prefix\": \"MODEL=\"}\n", "MODEL="),
    ] {
        let reason = rehearsed(text);
        assert!(reason.starts_with("the environment cannot be edited: ") && reason.contains(said), "{reason}");
    }
    assert_eq!(rehearsed("a: --m=none # {\"slipway\": \"other:uri\"}\n"), "Ok(())", "another model's place");
}

#[test]
fn marks_outside_of_the_folder_and_pointers_of_lfs_are_named() {
    let text = marked("none");
    let texts = [text.as_str(), "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"];
    let reason = |folder, texts: &[&str]| match Marks::below(folder).find(&Texts(texts), "digits") {
        Err(StepError::Refused { reason, .. }) => reason,
        other => format!("{other:?}"),
    };
    let elsewhere = reason(Some("Apps"), &texts);
    assert!(elsewhere.contains("`apps/0.yaml` has one, but it is outside `folder: Apps`"), "{elsewhere}");
    let pointer = reason(None, &texts[1..]);
    assert!(pointer.contains("of `apps/0.yaml`, git has only a Git LFS pointer"), "{pointer}");
}

#[test]
fn only_the_folder_of_the_environment_is_read() {
    let text = marked("none");
    let texts = [text.as_str()];
    assert!(Marks::below(Some("apps")).find(&Texts(&texts), "digits").is_ok());
    assert!(Marks::below(Some("app")).find(&Texts(&texts), "digits").is_err());
    assert_eq!(Marks::below(None).models(&Texts(&texts)).expect("models").len(), 1);
    let in_file = |path: &str| Marks::below(None).models_in(&Texts(&texts), &[path.to_owned()]).expect("models").len();
    assert_eq!((in_file("apps/0.yaml"), in_file("apps/1.yaml")), (1, 0));
}

fn refusal_of(manifests: &[&str]) -> String {
    of(manifests).expect_err("refused")
}

#[test]
fn a_mark_of_a_misspelt_model_stops_the_model_that_is_meant() {
    for slip in ["dgits", "digtis", "Digits", "digitss", "digit-s"] {
        let text = format!("a: 1\nuri: none # {{\"slipway\": \"{slip}:uri\"}}\n");
        let reason = refusal_of(&[&marked("none"), &text]);
        assert!(reason.starts_with("the environment cannot be edited: apps/1.yaml:2:"), "{reason}");
        assert!(reason.contains("`# {\"slipway\": \"digits:uri\"}`"), "{reason}");
    }
    let with_prefix = "uri: M=none # {\"slipway\": \"digts:uri\", \"prefix\": \"M=\"}\n";
    assert!(refusal_of(&[&marked("none"), with_prefix]).contains("\"digits:uri\", \"prefix\": \"M=\"}`"));
    // A model with a marked digest is a model of its own. So is a name that is not close to the model's name.
    let other = "digest: none # {\"slipway\": \"digts:digest\"}\nuri: none # {\"slipway\": \"digts:uri\"}\n";
    assert_eq!(of(&[&marked("none"), other]), Ok(DeployedArtifact::Nothing));
    assert_eq!(of(&[&marked("none"), "uri: none # {\"slipway\": \"digits-eu:uri\"}\n"]), Ok(DeployedArtifact::Nothing));
    let close = Marks::below(None).close_names(&Texts(&[&marked("none"), other]), "digits").expect("read");
    assert_eq!((close.len(), &*close[0].0), (2, "digts"));
    let in_use = other.replacen("none", Digest::of(b"a").as_str(), 1);
    assert_eq!(Marks::below(None).close_names(&Texts(&[&marked("none"), &in_use]), "digits").expect("read"), []);
}

#[test]
fn a_model_without_a_digest_is_reported_with_the_name_that_may_be_meant() {
    let slip = "digest: none # {\"slipway\": \"digtis:digest\"}\n";
    let reason = refusal_of(&[slip, "uri: none # {\"slipway\": \"digits:uri\"}\n"]);
    assert!(reason.contains("but no `digest`") && reason.contains("`# {\"slipway\": \"digits:digest\"}`"), "{reason}");
    assert!(reason.contains("in `apps/0.yaml` on line 1"), "{reason}");
    assert!(refusal_of(&[slip]).contains("in `apps/0.yaml` on line 1"));
}

#[test]
fn what_mentions_us_in_any_form_stops_before_training() {
    for comment in [
        "{'slipway': 'digits:image'}",
        "{'slipway': 'digits'}",
        "{'slipway': 'flux:digits:uri'}",
        "slipway: digits/uri",
        "slipway.dev: digits:uri",
        "SLIPWAY: digits:uri",
        "{slipway: {model: digits, field: uri}}",
        "{\"slipwya\": \"digits:uri\"}",
        "{\"slipway\": \"flux:digits:uri\"}",
        "{\"slipway\": [\"digits:uri\"]}",
        "{\"slipway\": null}",
    ] {
        let reason = refusal_of(&[&marked("none"), &format!("uri: none # {comment}\n")]);
        assert!(reason.starts_with("the environment cannot be edited: apps/1.yaml:1:11: "), "{comment}: {reason}");
        assert!(reason.contains("`# {\"slipway\": \""), "{comment}: {reason}");
    }
    for text in
        ["a: b # managed by slipway, see docs\n", "a: b # {\"owner\": \"slipway\"}\n", "# Slipway: models\na: b\n"]
    {
        assert_eq!(of(&[&marked("none"), text]), Ok(DeployedArtifact::Nothing), "{text}");
    }
}

#[test]
fn what_names_nobody_stops_only_models_that_are_marked_there() {
    let nameless = "uri: none # {'slipway': 'uri'}\n";
    assert!(refusal_of(&[&marked("none"), nameless]).contains("apps/1.yaml:1:11"));
    let unmarked = Marks::below(None).find_if_marked(&Texts(&[nameless]), "digits");
    assert!(matches!(unmarked, Ok(Err(Unmarked::Nowhere { close: None }))));
}

#[test]
fn a_pointer_in_the_place_of_a_manifest_stops_what_is_marked_beside_it() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let reason = refusal_of(&[&marked("none"), pointer]);
    assert!(reason.contains("apps/1.yaml: git has only a Git LFS pointer"), "{reason}");
    let beside = Copies(pointer, &["logo.png", "models/weights.bin"]);
    assert!(!Marks::below(None).models(&beside).expect("read").contains("digits"));
}

#[test]
fn what_an_environment_names_does_not_hang_on_other_mistakes_there() {
    let digest = Digest::of(b"weights");
    let deployed = |texts: &[&str]| match Marks::below(None).deployed(&Texts(texts), "digits") {
        Ok(deployed) => format!("{deployed:?}"),
        Err(StepError::Refused { reason, .. }) => reason,
        Err(other) => format!("{other:?}"),
    };
    let text = marked(digest.as_str());
    let whole = format!("{:?}", DeployedArtifact::Artifact(digest));
    assert_eq!(deployed(&[&text, "uri: none # {'slipway': 'digits:uri'}\n"]), whole);
    assert_eq!(deployed(&[&text, "uri: none # {\"slipway\": \"digts:uri\"}\n"]), whole);
    assert!(deployed(&[&text, "digest: x # {'slipway': 'digits:digest'}\n"]).contains("apps/1.yaml:1:"));
    assert!(deployed(&[&text, "a: [ # {\"slipway\": \"digits:uri\"}\n"]).contains("apps/1.yaml:1:"));
}

#[test]
fn a_manifest_in_utf16_is_named_as_such() {
    let text = String::from_utf8(marked("none").encode_utf16().flat_map(u16::to_le_bytes).collect()).expect("ASCII");
    let reason = refusal_of(&[&marked("none"), &text]);
    assert!(reason.contains("apps/1.yaml: the file is UTF-16, expected UTF-8"), "{reason}");
}
