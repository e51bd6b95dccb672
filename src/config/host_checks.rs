//! Checks that the files and folders of the settings exist on this machine. Such mistakes belong to an installation, not to the
//! file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Problems, Settings};

/// Adds missing files and folders to the problems, each at its key.
pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let slipway_executor::Settings::Local { trainer, sandbox, .. } = &settings.executor;
    for (name, source) in &settings.sources {
        if source.commands.is_some()
            && let Some(reason) = not_a_program(sandbox)
        {
            let shown = sandbox.display();
            let help = "help: put `slipway-sandbox` into the folder of `slipway`; `slipway doctor` shows more";
            let problem = format!("the sandbox `{shown}` {reason}, so the commands of `{name}` cannot run\n  {help}");
            problems.add("sources", problem);
        }
    }
    if let Some(reason) = not_a_program(trainer) {
        let shown = trainer.display();
        let help = "help: set `executor.local.trainer`, or put `slipway-trainer` into the folder of `slipway`; \
         `slipway doctor` shows more";
        problems.add(
            "executor.local.trainer",
            format!("the trainer `{shown}` {reason}, so no model can be trained\n  {help}"),
        );
    }
    check_git_server(settings, problems);
    let slipway_artifacts::Settings::Folder { path, copies, .. } = &settings.artifacts;
    let mut folder = |key: &str, path: &Path| {
        if let Some(file) = path.ancestors().find(|part| part.exists()).filter(|part| !part.is_dir()) {
            problems.add(
                key,
                format!("`{}` is a file, so the folder `{}` cannot be created", file.display(), path.display()),
            );
        }
    };
    folder("state", &settings.state);
    folder("artifacts.folder", path);
    for (index, copy) in copies.iter().enumerate() {
        if !copy.is_dir() {
            let problem =
                format!("the folder `{}` does not exist, so no artifact can be copied from it", copy.display());
            problems.add(&format!("artifacts.copies[{index}]"), problem);
        }
    }
}

/// Checks the folder of the git server's repositories. The server does not create it, because an empty folder would hide a wrong
/// path.
fn check_git_server(settings: &Settings, problems: &mut Problems) {
    if let Some(git) = settings.git_server.as_ref().filter(|git| !git.folder.is_dir()) {
        let what =
            format!("the folder `{}` does not exist, so no repository can be served from it", git.folder.display());
        problems.add("git_server.folder", what);
    }
}

fn not_a_program(path: &Path) -> Option<&'static str> {
    match path.metadata() {
        Err(_) => Some("does not exist"),
        Ok(found) if !found.is_file() => Some("is not a file"),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Some("is not executable"),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check as check_file;

    /// Returns the problems of settings in a folder with a secret.
    fn problems(settings: &str) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secret"), "a secret that is long enough").expect("written");
        std::fs::write(folder.path().join("slipway-server.yaml"), settings).expect("written");
        let problems = check_file(&folder.path().join("slipway-server.yaml"));
        problems.iter().map(|problem| problem.to_string().replace(&*folder.path().to_string_lossy(), "")).collect()
    }

    const SETTINGS: &str = "apiVersion: slipway.dev/v1alpha1
kind: Server
listen: localhost:8420
state: ./state
executor: {local: {trainer: /bin/true}}
sources:
  - {name: models, forge: plain, url: \"http://127.0.0.1:1/m.git\", secret: {file: ./secret}, environment: staging}
environments:
  - {name: staging, url: \"http://127.0.0.1:1/e.git\"}
";

    #[test]
    fn sound_settings_have_no_mistakes_and_may_listen_at_localhost() {
        assert_eq!(problems(SETTINGS), [""; 0]);
    }

    #[test]
    fn a_trainer_and_folders_that_are_not_there_are_reported_at_their_keys() {
        let settings = SETTINGS.replace("/bin/true", "./nothing").replace("state: ./state", "state: ./secret/state");
        let problems = problems(&format!("{settings}artifacts: {{folder: ./artifacts, copies: [./gone]}}\n"));
        let expected = [
            "/slipway-server.yaml:5:29: executor.local.trainer: the trainer `/./nothing` does not exist",
            "/slipway-server.yaml:4:8: state: `/./secret` is a file",
            "/slipway-server.yaml:10:43: artifacts.copies[0]: the folder `/./gone` does not exist",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problems, expected) in problems.iter().zip(expected) {
            assert!(problems.starts_with(expected), "expected `{expected}`, came `{problems}`");
        }
    }

    #[test]
    fn two_parts_that_listen_at_one_address_are_refused_at_the_key() {
        let git_server = |listen: &str, address: &str| {
            let settings = SETTINGS.replace("listen: localhost:8420", &format!("listen: \"{listen}\""));
            let problems = problems(&format!(
                "{settings}git_server: {{folder: ., listen: \"{address}\", credentials: {{username: a, password: {{file: \
                 ./secret}}}}}}\n"
            ));
            problems.iter().filter(|problem| problem.contains(":10:")).cloned().collect::<Vec<_>>()
        };
        for listen in ["localhost:8420", "127.0.0.1:8420", "0.0.0.0:8420", "[::]:8420"] {
            let problems = git_server(listen, "127.0.0.1:8420");
            assert_eq!(problems.len(), 1, "{listen}: {problems:#?}");
            let expected = "git_server.listen: the server listens at `";
            assert!(problems[0].contains(expected) && problems[0].contains("`127.0.0.1:8421`"), "{}", problems[0]);
        }
        assert_eq!(git_server("0.0.0.0:8420", "127.0.0.1:8421"), [""; 0]);
    }

    #[test]
    fn approvals_that_are_not_possible_are_counted() {
        let settings = SETTINGS.replace("e.git\"}", "e.git\", approvals: {number: 2, by: [kim]}}");
        let problems = problems(&format!("{settings}people: [{{name: kim}}]\n"));
        let expected = "environments[0].approvals.number: 2 approvals are not possible with 1 person";
        assert!(problems.len() == 1 && problems[0].contains(expected), "{problems:#?}");
    }

    #[test]
    fn a_wrong_date_of_a_freeze_is_reported_with_the_forms_that_are_read() {
        let freeze = |from: &str, until: &str| {
            let freeze = format!(", freezes: [{{from: {from}, until: {until}, reason: holidays}}]}}\n");
            problems(&SETTINGS.replace("e.git\"}\n", &format!("e.git\"{freeze}")))
        };
        assert_eq!(freeze("2026-12-20", "2027-01-02"), [""; 0]);
        assert_eq!(freeze("2026-12-24", "2026-12-24"), [""; 0], "a whole day");
        assert_eq!(freeze("2026-12-20T08:00:00Z", "2027-01-02T08:00:00+01:00"), [""; 0]);
        for (from, until, came, help) in [
            ("24.12.2026", "2027-01-02", "24.12.2026", "its beginning in UTC"),
            ("2026-12-20", "tomorrow", "tomorrow", "its end in UTC"),
            ("2026-12-20", "\"2026-12-24 18:00\"", "2026-12-24 18:00", "`2026-12-24T18:00:00Z`"),
            ("2026-12-20", "2h", "2h", "`slipway hold ENVIRONMENT --until 2h`"),
        ] {
            let problems = freeze(from, until);
            assert_eq!(problems.len(), 1, "{problems:#?}");
            for part in ["/slipway-server.yaml:9:", "`2026-12-24`", "RFC 3339", help, &format!("came `{came}`")] {
                assert!(problems[0].contains(part), "{part}: {}", problems[0]);
            }
        }
        let turned = freeze("2027-01-02", "2026-12-20");
        assert!(turned.len() == 1 && turned[0].contains("freezes[0]: the freeze ends before it begins"), "{turned:#?}");
    }

    #[test]
    fn settings_under_the_names_of_the_release_before_are_read() {
        let problems = problems(&format!(
            "{SETTINGS}limits: {{runs_of_a_repository: 4, look_for_missed_pushes: 5m, look_at_environments: 30s}}\n\
             retention: {{runs: {{of_a_model: 5}}, artifacts: {{of_a_model: 5, kept_back: 1d}}}}\npolicies: {{floors: []}}\n"
        ));
        assert!(problems.is_empty(), "{problems:#?}");
    }

    #[test]
    fn mistakes_of_all_parts_are_found_at_once() {
        let settings = SETTINGS
            .replace("localhost:8420", "example.org:8420")
            .replace("forge: plain", "forge: github, branch: \"a..b\"")
            .replace("secret: {file: ./secret}", "secret: {file: ./nothing}")
            .replace("e.git\"}", "e.git\", branch: \"-x\"}");
        let problems = problems(&format!(
            "{settings}limits: {{lease: 1s, reconcile_interval: 1s}}\nretention: {{audit: {{count: 1}}}}\n"
        ));
        for expected in [
            "/slipway-server.yaml:3:9: `example.org:8420` is not a listen address",
            "sources[0].branch:",
            "sources[0].secret:",
            "environments[0].branch:",
            "limits.lease:",
            "limits.reconcile_interval:",
            "retention.audit.count:",
        ] {
            assert_eq!(
                problems.iter().filter(|problem| problem.contains(expected)).count(),
                1,
                "{expected}: {problems:#?}"
            );
        }
        assert_eq!(problems.len(), 7, "{problems:#?}");
    }
}
