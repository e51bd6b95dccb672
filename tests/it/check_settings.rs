//! `slipway check --remotes` asks git servers for the repositories, branches and folders that server settings name.

use std::process::Command;

use crate::support::{Bench, DEFAULT_SETTINGS, slipway};

#[tokio::test]
async fn repositories_branches_and_folders_that_settings_name_are_asked_for() {
    let bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let file = bench.world.config();
    let sound = std::fs::read_to_string(&file).expect("settings");
    let check = async |settings: &str, more: &[&str]| {
        std::fs::write(&file, settings).expect("written");
        let mut command = Command::new(slipway());
        command.arg("check").arg(&file).args(more);
        let output = tokio::task::spawn_blocking(move || command.output().expect("it ran")).await.expect("it ran");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = check(&sound, &["--remotes"]).await;
    assert_eq!(code, Some(0), "{said}");
    for (old, new, expected) in [
        ("models.git", "nothing.git", "sources[0].url"),
        ("{name: staging,", "{name: staging, branch: nowhere,", "environments[0].branch"),
        (
            "{name: staging,",
            "{name: staging, folder: nowhere,",
            "environments[0].folder: branch `main` has no folder `nowhere`",
        ),
        ("environment.git", "nothing.git", "environments[0].url"),
    ] {
        let wrong = sound.replacen(old, new, 1);
        assert_ne!(wrong, sound);
        let line = wrong.lines().position(|line| line.contains(new)).expect("a line") + 1;
        let (code, said) = check(&wrong, &["--remotes"]).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected) && said.contains(&format!(":{line}:")), "{expected}: {said}");
        assert_eq!(check(&wrong, &[]).await.0, Some(0), "without asking, nothing is known of it");
    }
}

#[tokio::test]
async fn a_model_file_that_says_to_be_server_settings_is_read_as_a_model_and_sends_nothing_anywhere() {
    let bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let file = bench.world.config().with_file_name("slipway.yaml");
    std::fs::write(&file, settings.replacen("models.git", "nothing.git", 1)).expect("written");
    let mut command = Command::new(slipway());
    command.arg("check").arg(&file).arg("--remotes");
    let output = tokio::task::spawn_blocking(move || command.output().expect("it ran")).await.expect("it ran");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.contains("sources[0].url") && said.contains("slipway.yaml"), "{said}");
}
