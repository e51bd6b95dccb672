//! Models that a program of their repository trains: from the push to the promotion, and what is refused.

use serde_json::Value;

use crate::support::{Bench, DEFAULT_SETTINGS, PROGRAM_MODEL, program_files, table, text};

/// A server that allows commands, with the model in its work tree.
async fn bench() -> Bench {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    write(&bench);
    bench.set_unhooked("commands: {allowed: true, memory: 512MiB, deadline: 1m}").await;
    bench
}

fn write(bench: &Bench) {
    for (path, content) in program_files() {
        bench.world.work.write(path, content).expect("written");
    }
}

impl Bench {
    /// Gives the source another setting, and starts the server.
    async fn set_unhooked(&mut self, setting: &str) {
        let before = std::fs::read_to_string(self.world.config()).expect("settings");
        let after = before.replacen("environment: staging", &format!("environment: staging, {setting}"), 1);
        std::fs::write(self.world.config(), after).expect("written");
        self.restart(&[]).await;
    }

    /// Pushes the model of the program with one text replaced, and waits for its end.
    async fn judge(&self, old: &str, new: &str) -> Value {
        assert!(PROGRAM_MODEL.contains(old));
        self.world.work.write("slipway.yaml", PROGRAM_MODEL.replace(old, new)).expect("written");
        let head = self.push(&format!("{old} -> {new}")).await;
        self.end_of(&head).await
    }

    async fn log_of(&self, run: &Value) -> String {
        let path = format!("/api/v1/runs/{}/log", text(run, "id"));
        self.api().get(&path).await.expect("a log").text
    }
}

#[tokio::test]
async fn a_program_is_trained_in_the_sandbox_judged_and_promoted() {
    let bench = bench().await;
    let first = bench.judge("seed: 7", "seed: 8").await;
    assert_eq!(text(&first, "state"), "done", "{first:#}");
    assert_eq!(bench.promotions().await, 1);
    let log = bench.log_of(&first).await;
    assert!(log.contains("seed 8 of 400 rows") && log.contains("\"epoch\\\":1") || log.contains("0.25"), "{log}");
    let artifact = text(&first, "artifact").trim_start_matches("sha256:").to_owned();
    let stored = bench.world.folder.join("state/artifacts/sha256").join(&artifact);
    let model = std::fs::read_to_string(stored.join("model.bin")).expect("the model");
    assert!(model.contains("threshold"), "{model}");

    // The champion is compared by the predictions of its own run, as long as the test rows are the same.
    let second = bench.judge("shift: 0.5", "shift: 0.45").await;
    assert_eq!(text(&second, "state"), "done", "{second:#}");
    let checks = second["verdict"]["checks"].to_string();
    assert!(checks.contains("champion") && second["champion"] == first["artifact"], "{second:#}");

    // On other test rows they say nothing, and the reason says what to do.
    bench.world.work.write("data/test.csv", table(310, 100_000)).expect("written");
    let third = bench.judge("shift: 0.5", "shift: 0.4").await;
    assert_ne!(text(&third, "state"), "done", "{third:#}");
    let whole = third.to_string();
    assert!(whole.contains("they are on other test rows") && whole.contains("evaluation: {command"), "{third:#}");

    // A command for the evaluation predicts them with either model.
    let evaluated = "evaluation: {metrics: [log_loss], command: [python3, train.py]}";
    let fourth = bench.judge("evaluation: {metrics: [log_loss]}", evaluated).await;
    assert_eq!(text(&fourth, "state"), "done", "{fourth:#}");
    assert_eq!(fourth["champion"], second["artifact"]);
    bench.finish().await;
}

#[tokio::test]
async fn a_source_that_may_run_no_commands_is_refused_before_training() {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    write(&bench);
    bench.restart(&[]).await;
    let head = bench.push("a program").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "refused", "{run:#}");
    let reason = text(&run, "reason");
    assert!(reason.starts_with("slipway.yaml:9:"), "{reason}");
    assert!(reason.contains("the server's settings do not allow commands for the source `digits`"), "{reason}");
    assert_eq!(bench.promotions().await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_program_that_fails_leaves_its_last_lines_as_the_reason() {
    let bench = bench().await;
    for (program, expected) in [
        ("import sys\nprint('line one')\nsys.exit('no rows today')\n", "exit code 1"),
        (
            "import os\nprint('no rows today')\nos.symlink('/etc/passwd', '/slipway/output/predictions.csv')\n",
            "is reached by a link",
        ),
        ("print('no rows today')\nhog = bytearray(1 << 30)\n", "MemoryError"),
        (
            "import os\nfor key in ('MODEL', 'PREDICTIONS'):\n    path = os.environ[f'SLIPWAY_{key}_OUTPUT']\n    \
             os.makedirs(os.path.dirname(path), exist_ok=True)\n    open(path, 'w').write('row,prediction\\n0,maybe\\n')\n",
            "299 of 300 test rows have no prediction",
        ),
    ] {
        bench.world.work.write("train.py", program).expect("written");
        let head = bench.push(expected).await;
        let run = bench.end_of(&head).await;
        assert_ne!(text(&run, "state"), "done", "{run:#}");
        assert!(text(&run, "reason").contains(expected), "{expected}: {run:#}");
    }
    assert_eq!(bench.promotions().await, 0);
    bench.finish().await;
}
