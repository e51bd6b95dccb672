//! What looks like a mark, and what does not.

use crate::inspect;

/// What is told of a file in which these models are known, each by its first line and by its mended mark.
fn shown(text: &str, models: &[&str]) -> Vec<String> {
    let known = models.iter().map(|model| (*model).to_owned()).collect();
    let inspected = inspect("app.yaml", text.as_bytes());
    inspected.faults.iter().filter_map(|fault| fault.among(&known)).map(|shown| shown.to_string()).collect()
}

/// Whether a promotion of the model would be stopped.
fn stops(text: &str, model: &str) -> bool {
    inspect("app.yaml", text.as_bytes()).faults.iter().any(|fault| fault.concerning(model, &|_| false).is_some())
}

const NEAR: [&str; 46] = [
    "{'slipway': 'churn:uri'}",
    "{“slipway”: “churn:uri”}",
    "slipway: churn:uri",
    "{\"Slipway\": \"churn:uri\"}",
    "{\"SLIPWAY\": \"churn:uri\"}",
    "{\"slipway \": \"churn:uri\"}",
    "see {\"slipway\": \"churn:uri\"}",
    "SLIPWAY:churn:uri",
    "«slipway»: «churn:uri»",
    "{'slipway': 'churn:urii'}",
    "{'slipway': 'churn:url'}",
    "slipway churn:uri",
    "{'slipway': 'churn: uri'}",
    "{'slipway': 'churn :uri'}",
    "{'slipway': 'flux:churn:uri'}",
    "{'slipway': 'churn-uri', 'model': 'churn', 'field': 'uri'}",
    "slipway: churn/uri",
    "slipway: churn.uri",
    "slipway: churn uri",
    "slipway: churn -> uri",
    "slipway churn/uri",
    "slipway=churn:uri",
    "slipway = churn:uri",
    "slipway -> churn:uri",
    "slipway → churn:uri",
    "slipway：churn:uri",
    "slipway：churn：uri",
    "slipway.dev: churn:uri",
    "slipway.dev/uri: churn",
    "{slipway: churn:uri}",
    "{slipway: {model: churn, field: uri}}",
    "{\"slipway\" \"churn:uri\"}",
    "{\"slipwya\": \"churn:uri\"}",
    "{\"slip-way\": \"churn:uri\"}",
    "{'sliway': 'churn:uri'}",
    "slippway: churn:uri",
    "[slipway] churn:uri",
    "@slipway(churn:uri)",
    "(slipway: churn:uri)",
    "<slipway>churn:uri</slipway>",
    "slipway-churn:uri",
    "model of slipway, churn:uri",
    "churn:uri (slipway)",
    "slipway: model=churn field=uri",
    "slipway, model: churn, field: uri",
    "slipway writes churn:uri here",
];

#[test]
fn what_looks_like_a_mark_is_reported_with_the_mended_one() {
    for comment in NEAR {
        let text = format!("a: 1\nuri: none # {comment}\n");
        let found = shown(&text, &["churn"]);
        assert_eq!(found.len(), 1, "{comment}: {found:?}");
        assert!(found[0].starts_with("app.yaml:2:11: "), "{comment}: {found:?}");
        assert!(found[0].contains("`# {\"slipway\": \"churn:uri\"}`"), "{comment}: {found:?}");
        assert!(stops(&text, "churn"), "{comment}");
        assert!(!stops(&text, "digits"), "{comment}");
    }
}

#[test]
fn a_near_miss_without_a_field_names_the_fields() {
    for comment in ["{'slipway': 'churn'}", "slipway: churn", "{slipway: {model: churn}}", "slipway serves churn"] {
        let found = shown(&format!("key: none # {comment}\n"), &["churn"]);
        assert_eq!(found.len(), 1, "{comment}");
        let expected = "`# {\"slipway\": \"churn:FIELD\"}` with `uri`, `digest`, `version` or `run` for `FIELD`";
        assert!(found[0].contains(expected), "{found:?}");
        // The key of the line may say it.
        let found = shown(&format!("storageUri: none # {comment}\n"), &["churn"]);
        assert!(found[0].contains("`# {\"slipway\": \"churn:uri\"}`"), "{found:?}");
    }
}

#[test]
fn a_near_miss_of_a_misspelt_model_stops_that_model() {
    for comment in ["{'slipway': 'chrun:uri'}", "slipway: chum:uri", "{'slipway': 'Churn:uri'}", "slipway = churn_:uri"]
    {
        let text = format!("uri: none # {comment}\n");
        assert!(stops(&text, "churn"), "{comment}");
        assert!(shown(&text, &["churn"])[0].contains("`# {\"slipway\": \"churn:uri\"}`"), "{comment}");
    }
    let prose = "uri: none # managed by slipway: the chrun model\n";
    assert!(stops(prose, "churn") && shown(prose, &["churn"])[0].contains("`# {\"slipway\": \"churn:uri\"}`"));
    assert!(!stops("uri: none # managed by slipway, the chrun model\n", "churn"), "without a sign it is prose");
    let inspected = inspect("app.yaml", b"uri: none # {'slipway': 'chrun:uri'}\n");
    let is_chrun = |name: &str| name == "chrun";
    assert!(inspected.faults[0].concerning("churn", &is_chrun).is_none(), "a model of that name is known");
}

#[test]
fn a_near_miss_that_names_nobody_could_be_about_everybody() {
    for comment in ["{'slipway': 'uri'}", "slipway: digest", "{slipway}", "slipway="] {
        let text = format!("uri: none # {comment}\n");
        let inspected = inspect("app.yaml", text.as_bytes());
        assert!(inspected.faults.iter().any(crate::MarkFault::names_nobody), "{comment}");
        assert!(stops(&text, "churn") && shown(&text, &[]).len() == 1, "{comment}");
    }
}

#[test]
fn lines_of_their_own_and_of_blocks_are_near_misses_where_they_are_written_as_marks() {
    for line in ["# slipway: churn:uri", "# {'slipway': 'churn:uri'}", "## {slipway: {model: churn, field: uri}}"] {
        assert_eq!(shown(&format!("a: 1\n{line}\nuri: none\n"), &["churn"]).len(), 1, "{line}");
    }
    let block = "data:\n  serving.yaml: |\n    uri: none # {\"slipway\": \"churn:uri\"}\n\
                 real: none # {\"slipway\": \"churn:digest\"}\n";
    let found = shown(block, &["churn"]);
    assert!(found.len() == 1 && found[0].contains("within a text") && found[0].starts_with("app.yaml:3:"), "{found:?}");
    for text in [
        "uri: 'none # {\"slipway\": \"churn:uri\"}'\n",
        "a: |\n  uri: none # {'slipway': 'churn:uri'}\n",
        "a: >\n  uri: none # slipway -> churn:uri\n",
        "a: |\n  uri: none # {'slipway': 'churn'}\n",
        "a: \"slipway: churn:uri\"\n",
        "slipway: churn:uri\n",
    ] {
        assert_eq!(shown(text, &["churn"]).len(), 1, "{text}");
    }
}

#[test]
fn marks_prose_and_names_are_no_near_misses() {
    for text in [
        "uri: none # {\"slipway\": \"churn:uri\"}\n",
        "uri: MODEL=none # {\"slipway\": \"churn:uri\", \"prefix\": \"MODEL=\"}\n",
        "# uri: none # {\"slipway\": \"churn:uri\"}\nuri: none\n",
        "#uri: none # {'slipway': 'churn:uri'}\nuri: none\n",
        "# Slipway writes these values; see docs.\n",
        "# the mark {\"slipway\": \"churn:uri\"} stands behind a value\n",
        "# slipway: see the docs\na: b\n",
        "# Slipway: how models get here\na: b\n",
        "a: b # managed by slipway, see docs\n",
        "a: b # Slipway sets the digest\n",
        "a: b # slipway's version of it\n",
        "a: b # don't touch, slipway does\n",
        "a: b # see https://slipway.dev/docs?a=b\n",
        "a: b # see docs/slipway.yaml: there\n",
        "a: b # note: managed by slipway\n",
        "a: b # was slipway:1.2.3\n",
        "a: b # slipway:1.2.3\n",
        "a: b # {\"owner\": \"slipway\"}\n",
        "a: b # {\"$imagepolicy\": \"flux-system:slipway:tag\"}\n",
        "a: b # the slipway of the harbour = closed\n",
        "a: b # shipway: closed\n",
        "apiVersion: slipway.dev/v1alpha1\nslipway.dev/run: none\n",
        "image: ghcr.io/team/slipway:version\n",
        "slipway: {url: http://slipway:8420}\n",
        "image: registry/slipway:5000:run1\n",
        "a: |\n  # slipway: writes here\n  # Slipway: the digest\n  x: y # managed by slipway: see docs\n",
    ] {
        assert_eq!(shown(text, &["churn"]), [""; 0], "{text}");
        assert!(!stops(text, "churn"), "{text}");
    }
}

#[test]
fn long_and_many_lines_are_read_within_bounds() {
    let long = format!("a: b # slipway: {}\n", "churn:uri ".repeat(100_000));
    assert_eq!(shown(&long, &["churn"]).len(), 1);
    let many = "a: b # slipway\n- c # {'slipway': 'churn:uri'}\n".replace("a: b # slipway\n", "").repeat(20_000);
    let inspected = inspect("app.yaml", many.as_bytes());
    assert!(inspected.faults.len() <= 1_001, "{}", inspected.faults.len());
    assert!(inspected.faults.iter().all(|fault| fault.concerning("churn", &|_| false).is_some()));
}
