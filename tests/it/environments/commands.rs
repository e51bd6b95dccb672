//! Commands as people type them: runs without a push, forms of answers, words in either order, short digests and times.

use super::world::{command, done, refused, start};
use crate::support::{Bench, DEADLINE, text};

/// What a command says on standard output and on standard error.
async fn said(bench: &Bench, arguments: &[&str]) -> (String, String) {
    let output = command(bench, arguments).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {err}");
    (out.into_owned(), err.into_owned())
}

/// What a refused command says on standard error, with nothing on standard output.
async fn refused_in_silence(bench: &Bench, arguments: &[&str]) -> String {
    let output = command(bench, arguments).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    said
}

#[tokio::test]
async fn a_run_is_begun_without_a_push_and_shown_in_every_form() {
    let bench = start(&[("staging", "")], "").await;
    let first = bench.promote_a_first_model().await;
    let source = text(&first, "source").to_owned();
    let started = done(&bench, &["runs", "start", &source, "digits"]).await;
    let id = text(&started, "id").to_owned();
    assert_eq!((&started["head"], &started["base"]), (&first["head"], &first["base"]), "{started:#}");
    let ended = |run: &serde_json::Value| run["id"] == *id && text(run, "state") == "done";
    bench.api().wait_for_run("the run's end", DEADLINE, ended).await.expect("it ends");
    assert!(refused(&bench, &["runs", "start", &source, "nobody"]).await.contains("there is no model `nobody`"));
    assert!(refused(&bench, &["runs", "start", "nowhere", "digits"]).await.contains("there is no source `nowhere`"));
    let unknown = "1".repeat(40);
    let reason = refused(&bench, &["runs", "start", &source, "digits", "--revision", &unknown]).await;
    assert!(reason.contains("is not a revision of the branch `main`"), "{reason}");

    let (list, _) = said(&bench, &["runs", "list", "--output", "text"]).await;
    assert!(list.contains("ENVIRONMENT") && list.contains("AGE") && list.contains("staging"), "{list}");
    let (wide, _) = said(&bench, &["runs", "list", "-o", "wide"]).await;
    assert!(wide.contains(text(&first, "head")) && wide.contains("ARTIFACT"), "{wide}");
    let (yaml, _) = said(&bench, &["runs", "list", "-o", "yaml"]).await;
    assert!(yaml.contains("runs:\n") && yaml.contains(&format!("id: {id}")), "{yaml}");
    let (shown, _) = said(&bench, &["runs", "show", text(&first, "id"), "-o", "text"]).await;
    assert!(shown.contains("for staging: done") && shown.contains("  next: ") && shown.contains("accuracy"), "{shown}");
    let (log, _) = said(&bench, &["runs", "log", text(&first, "id"), "-o", "text"]).await;
    assert!(log.contains("reading data") && !log.contains("{\"event\""), "{log}");
    let head = bench.push_with("epochs: 4", "epochs: 5").await;
    let second = bench.end_of(&head).await;
    let explained = done(&bench, &["runs", "explain", text(&second, "id")]).await;
    let differences = explained["differences"].as_array().expect("differences");
    assert_eq!(differences, &["spec.training.epochs: 4 before, 5 now"], "{explained:#}");
    let retried = done(&bench, &["runs", "retry", "--all"]).await;
    assert_eq!(retried["runs"].as_array().map(Vec::len), Some(0), "{retried:#}");
    bench.finish().await;
}

#[tokio::test]
async fn words_in_the_other_order_short_digests_and_spans_of_time_are_understood() {
    let bench = start(&[("staging", "")], "").await;
    let first = bench.promote_a_first_model().await;
    let (held, warning) = said(&bench, &["hold", "staging", "digits", "--reason", "look", "--until", "2h"]).await;
    assert!(held.contains("\"model\": \"digits\"") && held.contains("\"until\": \"2"), "{held}");
    assert!(warning.contains("used as `digits staging`"), "{warning}");
    let (_, warning) = said(&bench, &["release", "digits", "staging"]).await;
    assert_eq!(warning, "");
    // A hold on a misspelt name would hold nothing.
    for command in [&["hold", "digitz", "staging", "--reason", "look"][..], &["promote", "digitz", "staging"]] {
        let unknown = refused(&bench, command).await;
        assert!(unknown.contains("`staging` has no model `digitz`; did you mean `digits`?"), "{unknown}");
    }
    // An empty list would hide a misspelt name.
    for command in [
        &["environments", "history", "digitz", "staging"][..],
        &["release", "digitz", "staging"],
        &["approve", "digitz", "staging"],
        &["rollback", "digitz", "staging", "--reason", "odd"],
        &["runs", "list", "--model", "digitz"],
        &["runs", "list", "--model", "digitz", "--output", "text"],
        &["runs", "list", "--model", "digitz", "--watch"],
        &["runs", "retry", "--all", "--model", "digitz"],
        &["runs", "start", text(&first, "source"), "digitz"],
        &["reject", text(&first, "source"), "digitz", text(&first, "artifact"), "--reason", "bad"],
    ] {
        let output = refused_in_silence(&bench, command).await;
        assert!(output.contains("`digitz`") && output.contains("did you mean `digits`?"), "{command:?}: {output}");
    }
    for command in [
        &["runs", "list", "--source", "digitz"][..],
        &["runs", "list", "--source", "digitz", "--model", "digits"],
        &["runs", "start", "digitz", "digits"],
        &["deliveries", "list", "--source", "digitz"],
        &["reports", "list", "--source", "digitz"],
        &["reports", "retry", "--source", "digitz"],
    ] {
        let output = refused_in_silence(&bench, command).await;
        let expected = format!("there is no source `digitz`; did you mean `{}`?", text(&first, "source"));
        assert!(output.contains(&expected), "{command:?}: {output}");
    }
    for command in [
        &["environments", "show", "stagign"][..],
        &["environments", "show", "stagign", "--at", "2030-01-01"],
        &["environments", "history", "digits", "stagign"],
        &["hold", "stagign", "--reason", "look"],
        &["approve", "digits", "stagign"],
    ] {
        let output = refused_in_silence(&bench, command).await;
        let expected = "there is no environment `stagign`; did you mean `staging`?";
        assert!(output.contains(expected), "{command:?}: {output}");
    }
    let far = refused_in_silence(&bench, &["runs", "list", "--model", "nobody"]).await;
    assert!(far.contains("names a model `nobody`; known: `digits`"), "{far}");
    // A filter that nothing fits is no misspelt name.
    assert_eq!(
        done(&bench, &["runs", "list", "--model", "digits", "--state", "failed"]).await["runs"],
        serde_json::json!([])
    );
    said(&bench, &["hold", "staging", "--reason", "all of it"]).await;
    said(&bench, &["release", "staging"]).await;
    let artifact = text(&first, "artifact");
    let short = &artifact["sha256:".len()..][..10];
    let source = text(&first, "source");
    let none = refused(&bench, &["reject", source, "digits", "0123456789abc", "--reason", "bad"]).await;
    assert!(none.contains("no artifact has a digest that begins with"), "{none}");
    let (rejected, _) = said(&bench, &["reject", source, "digits", short, "--reason", "bad"]).await;
    assert!(rejected.contains(artifact), "{rejected}");
    bench.finish().await;
}
