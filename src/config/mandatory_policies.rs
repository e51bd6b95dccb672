//! Mandatory policies: policies of the platform owner, read and checked together with the settings.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Problems;
use slipway_gate::policy::Policy;

/// Maximum number of mandatory policies. Each one is applied to every model.
const MAX_MANDATORY_POLICIES: usize = 20;

/// Policies that judge every model.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PoliciesFile {
    /// Policy files whose checks must always hold; a model's policy cannot loosen them. They are read with the settings.
    #[schemars(length(max = 20))]
    #[serde(alias = "floors")]
    pub(super) mandatory: Vec<String>,
}

/// Reads the mandatory policies, relative to the folder of the settings. Mistakes in them are added to `problems` with their own
/// positions. A policy keeps its name from the settings, so that verdicts do not reveal where the server stores its files.
pub(super) fn read(file: &PoliciesFile, folder: &Path, problems: &mut Problems) -> Vec<Policy> {
    let PoliciesFile { mandatory: mandatory_policies } = file;
    if mandatory_policies.len() > MAX_MANDATORY_POLICIES {
        problems.add(
            "policies.mandatory",
            format!("{} policies, expected at most {MAX_MANDATORY_POLICIES}", mandatory_policies.len()),
        );
        return Vec::new();
    }
    let text_of = |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string());
    let find = |from: &str, path: &str| {
        let name = Path::new(from).with_file_name(path).display().to_string();
        let text = text_of(&name)?;
        Ok((name, text))
    };
    let mut read = Vec::with_capacity(mandatory_policies.len());
    for (index, name) in mandatory_policies.iter().enumerate() {
        let key = format!("policies.mandatory[{index}]");
        if mandatory_policies[..index].contains(name) {
            problems.add(&key, format!("the policy `{name}` occurs twice"));
            continue;
        }
        let text = text_of(name).map_err(|error| format!("`{name}` cannot be read: {error}"));
        let Some(text) = problems.take(&key, text) else { continue };
        match Policy::read_with(name, &text, &find) {
            Ok(policy) => read.push(policy),
            Err(mistakes) => problems.found.extend(mistakes),
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANDATORY_POLICY: &str = "apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {name: floor}
spec:
  extends: [shared/base.yaml]
  checks:
    - {metric: accuracy, at_least: 0.5}
";

    fn read_from(mandatory_policies: &[&str]) -> (Vec<Policy>, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("floors/shared")).expect("a folder");
        let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).expect("written");
        write("floors/all.yaml", MANDATORY_POLICY);
        write("floors/shared/base.yaml", &MANDATORY_POLICY.replace("  extends: [shared/base.yaml]\n", ""));
        write("floors/broken.yaml", &MANDATORY_POLICY.replace("at_least: 0.5", "at_least: 1.5"));
        let text = format!("policies:\n  mandatory: [{}]\n", mandatory_policies.join(", "));
        let mut problems = Problems {
            name: "server.yaml".to_owned(),
            text,
            found: Vec::new(),
            guesses: slipway_yaml::Guesses::default(),
        };
        let file = PoliciesFile {
            mandatory: mandatory_policies.iter().map(|&mandatory_policy| mandatory_policy.to_owned()).collect(),
        };
        let read = read(&file, folder.path(), &mut problems);
        (read, problems.found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_mandatory_policy_is_read_with_what_it_extends_and_is_called_as_the_file_names_it() {
        let (mandatory_policies, problems) = read_from(&["floors/all.yaml"]);
        assert_eq!((mandatory_policies.len(), problems), (1, Vec::new()));
    }

    #[test]
    fn a_mandatory_policy_that_is_broken_missing_or_named_twice_is_a_mistake_at_its_place() {
        let (_, problems) =
            read_from(&["floors/broken.yaml", "floors/gone.yaml", "floors/all.yaml", "floors/all.yaml"]);
        let [broken, missing, twice] = &problems[..] else { panic!("{problems:?}") };
        assert!(broken.starts_with("floors/broken.yaml:7:36: this check could never pass"), "{broken}");
        assert!(
            missing.starts_with("server.yaml:2:35: policies.mandatory[1]: `floors/gone.yaml` cannot be read"),
            "{missing}"
        );
        assert_eq!(twice, "server.yaml:2:70: policies.mandatory[3]: the policy `floors/all.yaml` occurs twice");
    }
}
