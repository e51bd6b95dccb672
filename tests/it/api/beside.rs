//! `slipway tokens` and `slipway audit`: beside the server, on its store.

use serde_json::Value;

use super::world::{ApiWorld, output_of};

fn printed(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn a_token_is_made_shown_once_listed_and_revoked() {
    let world = ApiWorld::started().await;
    let made = world.beside(&["tokens", "create", "anna", "--source", "digits", "--expires-in", "90d"]).await;
    assert_eq!(made.status.code(), Some(0), "{}", output_of(&made));
    let secret = printed(&made);
    assert!(secret.starts_with("slipway_") && secret.lines().count() == 1, "nothing but the token is on its output");
    let api = world.unauthenticated().with_token(&secret);
    assert_eq!(api.get("/api/v1/runs").await.expect("an answer").status, 200);
    let again = world.beside(&["tokens", "create", "anna"]).await;
    assert_eq!(again.status.code(), Some(2), "{}", output_of(&again));
    assert!(output_of(&again).contains("a token `anna` already exists"), "{}", output_of(&again));
    let listed = world.beside(&["tokens", "list"]).await;
    let list: Value = serde_json::from_str(&printed(&listed)).expect("JSON in a pipe");
    assert_eq!(list["tokens"][0]["name"], "anna");
    assert_eq!(list["tokens"][0]["sources"], serde_json::json!(["digits"]));
    assert!(!printed(&listed).contains(&secret));
    let revoked = world.beside(&["tokens", "revoke", "anna"]).await;
    assert_eq!(revoked.status.code(), Some(0), "{}", output_of(&revoked));
    assert_eq!(api.get("/api/v1/runs").await.expect("an answer").status, 401);
    assert_eq!(world.beside(&["tokens", "revoke", "anna"]).await.status.code(), Some(2));
    let audited = world.audited().await;
    let actions: Vec<(&str, &str)> = audited.iter().map(|(actor, action, ..)| (&**actor, &**action)).collect();
    let expected = [
        ("command line", "token.create"),
        ("command line", "token.create.refused"),
        ("command line", "token.revoke"),
        ("anyone", "refused"),
        ("command line", "token.revoke.refused"),
    ];
    assert_eq!(actions, expected, "{audited:#?}");
    world.finish().await;
}

#[tokio::test]
async fn tokens_that_make_no_sense_are_not_made() {
    let world = ApiWorld::new("").await;
    for (arguments, expected) in [
        (&["anna", "--source", "nobody"][..], "no source `nobody`, only digits, fashion"),
        (&["anna", "--role", "admin", "--source", "digits"], "the role `admin` covers all sources"),
        (&["anna", "--role", "king"], "is not a role"),
        (&["anna", "--expires-in", "0s"], "expected a time in the future"),
        (&["two words"], "is not a valid name of a token"),
        (&["settings"], "the token in the server's settings"),
    ] {
        let refused = world.beside(&[&["tokens", "create"], arguments].concat()).await;
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", output_of(&refused));
        assert!(output_of(&refused).contains(expected), "{arguments:?}: {}", output_of(&refused));
        assert_eq!(printed(&refused), "");
    }
    assert_eq!(world.store.tokens().await.expect("tokens"), []);
    assert_eq!(world.audited().await, []);
}

#[tokio::test]
async fn a_changed_missing_or_moved_entry_of_the_audit_log_is_found_and_named() {
    let world = ApiWorld::new("").await;
    for name in ["a", "b", "c", "d"] {
        assert_eq!(world.beside(&["tokens", "create", name]).await.status.code(), Some(0));
    }
    let sound = world.beside(&["audit", "verify"]).await;
    assert_eq!(sound.status.code(), Some(0), "{}", output_of(&sound));
    let answer: Value = serde_json::from_str(&printed(&sound)).expect("JSON in a pipe");
    let digest = answer["digest"].as_str().expect("a digest").to_owned();
    assert_eq!(answer["entries"], 4);
    let listed = world.beside(&["audit", "list", "--after", "3"]).await;
    let list: Value = serde_json::from_str(&printed(&listed)).expect("JSON in a pipe");
    assert_eq!(list["entries"][0]["digest"], *digest);
    // What comes after the kept digest is no fault; that it is gone is one.
    assert_eq!(world.beside(&["tokens", "create", "e"]).await.status.code(), Some(0));
    let kept = world.beside(&["audit", "verify", "--expect", &digest]).await;
    assert_eq!(kept.status.code(), Some(0), "{}", output_of(&kept));
    let url = format!("sqlite://{}", world.path("state/slipway.db").display());
    let mut connection = <sqlx::AnyConnection as sqlx::Connection>::connect(&url).await.expect("a connection");
    for (statement, expected) in [
        ("UPDATE audit SET detail = 'nothing' WHERE number = 2", "entry 2 was changed"),
        ("DELETE FROM audit WHERE number = 2", "entry 2 is missing"),
        ("UPDATE audit SET previous = digest WHERE number = 2", "entry 2 was changed"),
        (
            "UPDATE audit SET number = CASE number WHEN 2 THEN 3 WHEN 3 THEN -2 END WHERE number IN (2, 3)",
            "entry 2 is missing",
        ),
    ] {
        sqlx::query("CREATE TEMPORARY TABLE kept AS SELECT * FROM audit").execute(&mut connection).await.expect("kept");
        let tampered = sqlx::query(statement).execute(&mut connection).await;
        if tampered.is_ok() {
            let found = world.beside(&["audit", "verify"]).await;
            assert_eq!(found.status.code(), Some(1), "{statement}: {}", output_of(&found));
            assert!(output_of(&found).contains(expected), "{statement}: {}", output_of(&found));
        }
        for restore in ["DELETE FROM audit", "INSERT INTO audit SELECT * FROM kept", "DROP TABLE kept"] {
            sqlx::query(restore).execute(&mut connection).await.expect("restored");
        }
    }
    sqlx::query("DELETE FROM audit WHERE number > 3").execute(&mut connection).await.expect("cut off");
    assert_eq!(world.beside(&["audit", "verify"]).await.status.code(), Some(0), "an end that is gone leaves no trace");
    let cut = world.beside(&["audit", "verify", "--expect", &digest]).await;
    assert_eq!(cut.status.code(), Some(1), "{}", output_of(&cut));
    assert!(output_of(&cut).contains("the end of the log was removed"), "{}", output_of(&cut));
}
