//! First runs: of models that were there before the server was, begun by a person from a shorthand of everything.

use serde_json::Value;

use crate::environments::world::{command, done, refused};
use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, text};

/// What a command says on standard output and on standard error, in text.
async fn said(bench: &Bench, arguments: &[&str]) -> (String, String) {
    let output = command(bench, &[arguments, &["-o", "text"]].concat()).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {err}");
    (out.into_owned(), err.into_owned())
}

#[tokio::test]
async fn a_repository_with_models_in_it_lists_their_first_runs_until_somebody_begins_them() {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let head = bench.push("models that nobody trained here").await;
    bench.restart(&[]).await;
    let shows_first_run = |answer: &slipway_testkit::Answer| answer.json["models"][0]["state"] == "new";
    let answer =
        bench.api().wait_for("the offer", "/api/v1/models", DEADLINE, shows_first_run).await.expect("an offer");
    let model = &answer.json["models"][0];
    assert_eq!((text(model, "source"), text(model, "model")), ("digits", "digits"), "{model:#}");
    assert_eq!((&model["newest_run"], text(&model["first_run"], "file")), (&Value::Null, "slipway.yaml"), "{model:#}");
    let (list, _) = said(&bench, &["models", "list"]).await;
    assert!(list.contains("new") && list.contains("slipway runs start digits digits"), "{list}");
    let (_, hint) = said(&bench, &["runs", "list"]).await;
    assert!(
        hint.contains("1 model has no run yet: start the first run with `slipway runs start digits digits`"),
        "{hint}"
    );
    let metrics = bench.api().get("/metrics").await.expect("metrics").text;
    assert!(metrics.contains("slipway_models_without_runs{source=\"digits\"} 1"), "{metrics}");
    let errors = bench.server().errors();
    assert!(errors.contains("models of `digits` have no run yet: digits"), "{errors}");

    // It outlives the server, and nothing is trained by itself.
    bench.restart(&[]).await;
    let answer = bench.api().get("/api/v1/models").await.expect("models");
    assert_eq!(answer.json["models"][0]["state"], "new", "{}", answer.text);
    assert!(bench.api().runs().await.expect("runs").is_empty());

    let started = done(&bench, &["runs", "start", "digits", "digits", "--revision", &head[..7].to_uppercase()]).await;
    assert_eq!(text(&started["transitions"][0], "cause"), "started by token settings", "{started:#}");
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    let answer = bench.api().get("/api/v1/models").await.expect("models");
    let model = &answer.json["models"][0];
    assert_eq!((text(model, "state"), &model["first_run"]), ("done", &Value::Null), "{model:#}");
    bench.finish().await;
}

#[tokio::test]
async fn a_run_and_a_revision_are_named_by_their_first_digits() {
    let bench = Bench::start().await;
    let first = bench.promote_a_first_model().await;
    let (id, head) = (text(&first, "id"), text(&first, "head"));
    let short = &id[..23];
    let shown = done(&bench, &["runs", "show", &short.to_uppercase()]).await;
    assert_eq!(shown["id"], id);
    for action in ["log", "explain"] {
        done(&bench, &["runs", action, short]).await;
    }
    assert!(refused(&bench, &["runs", "retry", short]).await.contains("is done, not stalled"));
    let watched = command(&bench, &["runs", "show", short, "--watch"]).await;
    assert_eq!(watched.status.code(), Some(0), "{}", String::from_utf8_lossy(&watched.stderr));
    assert!(
        refused(&bench, &["runs", "show", "00000000"]).await.contains("no run's identifier begins with `00000000`")
    );
    assert!(refused(&bench, &["runs", "show", "0000000"]).await.contains("its first 8 digits or more"));
    assert!(refused(&bench, &["runs", "show", "latest"]).await.contains("`latest` is not an identifier of a run"));
    let again = refused(&bench, &["promote", "digits", "staging", "--run", short]).await;
    assert!(again.contains("names the artifact of run"), "{again}");

    for revision in ["main", "refs/heads/main", "HEAD", &head[..9]] {
        let started = done(&bench, &["runs", "start", "digits", "digits", "--revision", revision]).await;
        assert_eq!(started["head"], head, "{revision}");
    }
    let listed = done(&bench, &["runs", "list", "--head", &head[..7].to_uppercase()]).await;
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(5), "{listed:#}");
    // Runs that began within a minute have their first digits in common.
    let answer = bench.api().get(&format!("/api/v1/runs/{}", &id[..8])).await.expect("an answer");
    assert!(matches!(answer.status, 200 | 409), "{}", answer.text);
    if answer.status == 409 {
        assert!(text(&answer.json, "detail").contains(&format!("{} of digits", text(&listed["runs"][0], "id"))));
    }
    let no_revision = |text: &'static str| {
        let bench = &bench;
        async move { refused(bench, &["runs", "start", "digits", "digits", "--revision", text]).await }
    };
    assert!(no_revision("abcdef").await.contains("`abcdef` is not a revision of the branch `main`"));
    assert!(no_revision("nowhere").await.contains("the first 7 or more digits of one of its commits, or a branch"));
    assert!(no_revision("a..b").await.contains("is not a revision of the branch"));
    bench.world.work.git(&["checkout", "-q", "-b", "idea"]).await.expect("a branch");
    bench.world.work.write("idea.txt", "an idea").expect("written");
    bench.world.work.commit("an idea").await.expect("a commit");
    assert!(bench.world.work.push("idea").await.expect("pushed").success());
    assert!(no_revision("idea").await.contains("which `main` does not contain yet"));

    let query = bench.api().get("/api/v1/runs?limit=many").await.expect("an answer");
    assert_eq!(
        (query.status, text(&query.json, "detail")),
        (400, "the query cannot be read: `limit`: expected a whole number from 0 on",)
    );
    let all = done(&bench, &["runs", "list"]).await;
    for run in all["runs"].as_array().expect("runs") {
        let id = text(run, "id").to_owned();
        let ended =
            |run: &Value| run["id"] == *id && !matches!(text(run, "state"), "queued" | "training" | "evaluating");
        bench.api().wait_for_run("it ends", DEADLINE, ended).await.expect("it ends");
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_file_that_names_no_model_is_reported_as_a_file_with_a_mistake() {
    let bench = Bench::start().await;
    bench.promote_a_first_model().await;
    bench.world.work.write("broken/slipway.yaml", "a: [\n").expect("written");
    let bad = crate::support::MODEL.replace("name: digits", "name: Bad_Name");
    bench.world.work.write("named/slipway.yaml", bad).expect("written");
    let (head, said_to_pusher) = bench.world.push("two files with mistakes").await.expect("pushed");
    assert!(!said_to_pusher.contains("on its way"), "{said_to_pusher}");
    for file in ["broken/slipway.yaml", "named/slipway.yaml"] {
        let line = format!("slipway: {file} contains no valid model name, so nothing is trained: slipway runs show ");
        assert!(said_to_pusher.contains(&line), "{said_to_pusher}");
        assert!(said_to_pusher.contains(&format!("a mistake in {file}:")), "{said_to_pusher}");
        let ended =
            |run: &Value| run["head"] == head.as_str() && run["file"] == file && text(run, "state") == "refused";
        let run = bench.api().wait_for_run("a refusal", DEADLINE, ended).await.expect("refused");
        assert_eq!(run["model"], Value::Null, "{run:#}");
        assert!(text(&run, "reason").starts_with(file), "{run:#}");
        let (shown, _) = said(&bench, &["runs", "show", text(&run, "id")]).await;
        assert!(shown.contains(&format!("of the file {file}, which contains no valid model: refused")), "{shown}");
    }
    let (models, _) = said(&bench, &["models", "list"]).await;
    assert!(models.contains("digits") && !models.contains("slipway.yaml"), "{models}");
    let (runs, _) = said(&bench, &["runs", "list"]).await;
    let of_files: Vec<&str> = runs.lines().filter(|line| line.contains("refused")).collect();
    assert_eq!(of_files.len(), 2, "{runs}");
    assert!(of_files.iter().all(|line| line.split_whitespace().nth(2) == Some("–")), "{runs}");
    bench.finish().await;
}

#[tokio::test]
async fn whoever_pushes_reads_that_a_push_was_skipped_and_that_its_revert_is_not() {
    let bench = Bench::start().await;
    bench.promote_a_first_model().await;
    let work = &bench.world.work;
    work.write("slipway.yaml", crate::support::MODEL.replace("epochs: 4", "epochs: 6")).expect("written");
    let (head, skipped) = bench.world.push("Six epochs [skip slipway]").await.expect("pushed");
    let line = format!("skipped: nothing is trained, because the message of {} contains [skip slipway]", &head[..12]);
    assert!(skipped.contains(&line), "{skipped}");
    work.git(&["revert", "--no-edit", "HEAD"]).await.expect("reverted");
    let head = work.head().await.expect("a commit");
    assert!(work.push("main").await.expect("pushed").success());
    let run = bench.end_of(&head).await;
    assert_eq!(run["head"], head.as_str(), "what takes a skipped commit back is judged");
    bench.finish().await;
}
