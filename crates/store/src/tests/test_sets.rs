//! Tests of test sets: each question is one use, independent of the caller, and rows are recognised by their content.

use slipway_contract::Digest;
use sqlx::Row as _;

use super::{World, name, on_both_databases};
use crate::{Alike, NewUse, Store};
use slipway_domain::{PartUsage, RowsEnd, RunId, SourceName, TestSetUsage};

/// A use of rows by a run.
struct SampleUse {
    run: RunId,
    source: SourceName,
    set: Digest,
    rows: Vec<u64>,
    alike: Alike,
    columns: Vec<String>,
    question: Digest,
    candidate: Digest,
    figures: bool,
}

impl SampleUse {
    fn new(question: &str, rows: &[u64]) -> Self {
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        let set = Digest::of(format!("{sorted:?}").as_bytes());
        let (run, question) = (RunId::new(), Digest::of(question.as_bytes()));
        let candidate = question.clone();
        Self {
            run,
            source: name("models"),
            set,
            rows: rows.to_vec(),
            alike: Alike::default(),
            columns: Vec::new(),
            question,
            candidate,
            figures: true,
        }
    }

    /// The same candidate as in another question.
    fn about(self, other: &Self) -> Self {
        Self { candidate: other.candidate.clone(), ..self }
    }

    fn of_model<'a>(&'a self, model: &'a str) -> NewUse<'a> {
        let Self { run, source, set, rows, alike, columns, question, candidate, figures } = self;
        NewUse { run: *run, source, model, set, rows, alike, columns, question, candidate, figures: *figures }
    }

    async fn noted(&self, store: &Store) -> TestSetUsage {
        store.record_use(&self.of_model("churn")).await.expect("noted")
    }
}

async fn rows_stored(world: &World, select: &'static str) -> i64 {
    let row = sqlx::query(select).fetch_one(&world.store.database.pool).await.expect("counted");
    row.try_get("count").expect("a count")
}

fn uses(usage: &TestSetUsage) -> Vec<u32> {
    usage.parts.iter().map(|part| part.uses).collect()
}

on_both_databases! {
    async fn each_question_is_one_use_whichever_run_asks_and_however_often(world: World) {
        let first = SampleUse::new("first", &[1, 2, 3]);
        assert_eq!(uses(&first.noted(&world.store).await), [0]);
        assert_eq!(uses(&first.noted(&world.store).await), [0], "a step that is done again");
        let other = world.another().await;
        assert_eq!(uses(&first.noted(&other).await), [0], "another server that takes the run over");
        other.close().await;
        let second = SampleUse::new("second", &[1, 2, 3]);
        assert_eq!(uses(&second.noted(&world.store).await), [1]);
        let again = SampleUse::new("first", &[1, 2, 3]);
        assert_eq!(uses(&again.noted(&world.store).await), [0], "another run that asks the same");
        assert_eq!(uses(&SampleUse::new("third", &[1, 2, 3]).noted(&world.store).await), [2]);
        let world = world.reopened().await;
        assert_eq!(uses(&second.noted(&world.store).await), [1], "after a restart");
        assert_eq!(uses(&SampleUse::new("fourth", &[1, 2, 3]).noted(&world.store).await), [3]);
    }

    async fn a_set_is_known_by_what_is_in_its_rows_and_added_rows_are_fresh(world: World) {
        SampleUse::new("first", &[1, 2, 3]).noted(&world.store).await;
        assert_eq!(uses(&SampleUse::new("second", &[3, 1, 2]).noted(&world.store).await), [1], "in another order");
        let added = SampleUse::new("third", &[9, 1, 8, 2, 3]).noted(&world.store).await;
        assert_eq!(added.of_row, [0, 1, 0, 1, 1]);
        assert_eq!(uses(&added), [0, 2]);
        // A subset of the old rows is as old as all of them.
        assert_eq!(uses(&SampleUse::new("fourth", &[2]).noted(&world.store).await), [3]);
        assert_eq!(uses(&SampleUse::new("fifth", &[8]).noted(&world.store).await), [1]);
        let fresh = SampleUse::new("sixth", &[70, 71, 70]).noted(&world.store).await;
        assert_eq!((uses(&fresh), fresh.of_row), (vec![0], vec![0, 0, 0]));
    }

    async fn rows_that_are_written_otherwise_are_as_old_as_they_were_also_beside_an_older_server(world: World) {
        // An older server stores rows only by their first digests.
        SampleUse::new("by an older server", &[1, 2]).noted(&world.store).await;
        let alike = |first: u64| Alike { kept: vec![vec![first, first + 1]], sought: Vec::new() };
        let same = SampleUse { alike: alike(100), ..SampleUse::new("the same rows", &[1, 2]) };
        assert_eq!(uses(&same.noted(&world.store).await), [1]);
        let fresh = SampleUse { alike: alike(200), ..SampleUse::new("other rows", &[3, 4]) };
        assert_eq!(uses(&fresh.noted(&world.store).await), [0]);
        let other_form = SampleUse { alike: alike(200), ..SampleUse::new("written otherwise", &[13, 14]) };
        assert_eq!(uses(&other_form.noted(&world.store).await), [1]);
        let sought = Alike { kept: vec![vec![300, 301]], sought: vec![vec![200, 201]] };
        let more_columns = SampleUse { alike: sought, ..SampleUse::new("with a column more", &[23, 24]) };
        assert_eq!(uses(&more_columns.noted(&world.store).await), [2]);
        assert_eq!(uses(&SampleUse::new("by an older server again", &[3, 4]).noted(&world.store).await), [3]);
        // The rows of the older server have other digests since their second use.
        let renamed = SampleUse { alike: alike(100), ..SampleUse::new("the same rows, written otherwise", &[51, 52]) };
        assert_eq!(uses(&renamed.noted(&world.store).await), [2]);
    }

    async fn rows_that_are_changed_again_and_again_are_as_old_as_they_were(world: World) {
        // Digests by name and by position. A column is renamed: the positions stay the same.
        let alike = |named: u64, placed: u64, sought: &[u64]| Alike {
            kept: [named, placed].map(|first| vec![first, first + 1]).to_vec(),
            sought: sought.iter().map(|first| vec![*first, first + 1]).collect(),
        };
        let first = SampleUse { alike: alike(10, 20, &[]), ..SampleUse::new("a, b", &[1, 2]) };
        assert_eq!(uses(&first.noted(&world.store).await), [0]);
        let renamed = SampleUse { alike: alike(110, 20, &[]), ..SampleUse::new("x, b", &[101, 102]) };
        assert_eq!(uses(&renamed.noted(&world.store).await), [1]);
        // A column is added: the sought digest is the digest by name of the renamed table.
        let added = SampleUse { alike: alike(210, 220, &[110]), ..SampleUse::new("x, b, c", &[201, 202]) };
        assert_eq!(uses(&added.noted(&world.store).await), [2]);
        let world = world.reopened().await;
        let renamed = SampleUse { alike: alike(310, 220, &[]), ..SampleUse::new("x, b, d", &[301, 302]) };
        assert_eq!(uses(&renamed.noted(&world.store).await), [3]);
        let with_more = SampleUse { alike: alike(410, 420, &[310]), ..SampleUse::new("x, b, d, e", &[401, 402]) };
        assert_eq!(uses(&with_more.noted(&world.store).await), [4]);
        // Each set has its digests once, independent of the number of uses.
        let rows = rows_stored(&world, "SELECT COUNT(*) AS count FROM test_row_forms").await;
        let again = SampleUse { alike: alike(410, 420, &[310]), ..SampleUse::new("again", &[401, 402]) };
        assert_eq!(uses(&again.noted(&world.store).await), [5]);
        assert_eq!((rows, rows_stored(&world, "SELECT COUNT(*) AS count FROM test_row_forms").await), (5, 5));
    }

    async fn rows_that_an_earlier_version_counted_keep_their_uses_and_are_known_again(world: World) {
        SampleUse::new("first", &[1, 2]).noted(&world.store).await;
        SampleUse::new("second", &[1, 2, 3]).noted(&world.store).await;
        for undo in [
            "DROP TABLE test_row_forms", "DROP TABLE test_set_columns",
            "DELETE FROM _sqlx_migrations WHERE version = 18",
        ] {
            world.tamper(undo).await;
        }
        let world = world.reopened().await;
        let alike = |first: u64| Alike { kept: vec![vec![first, first + 1, first + 2]], sought: Vec::new() };
        let again = SampleUse { alike: alike(10), ..SampleUse::new("third", &[1, 2, 3]) };
        let usage = again.noted(&world.store).await;
        assert_eq!((uses(&usage), usage.of_row), (vec![2, 1], vec![0, 0, 1]));
        let renamed = SampleUse { alike: alike(10), ..SampleUse::new("written otherwise", &[51, 52, 53]) };
        let usage = renamed.noted(&world.store).await;
        assert_eq!((uses(&usage), usage.of_row), (vec![3, 2], vec![0, 0, 1]));
    }

    async fn older_servers_count_one_digest_for_each_row(world: World) {
        let alike = |first: u64| Alike { kept: vec![vec![first, first + 1], vec![first + 2, first + 3]], sought: vec![] };
        let fresh = SampleUse { alike: alike(10), ..SampleUse::new("first", &[1, 2]) };
        fresh.noted(&world.store).await;
        SampleUse { alike: alike(10), ..SampleUse::new("written otherwise", &[5, 6]) }.noted(&world.store).await;
        let rows = "SELECT CAST(SUM(LENGTH(hashes)) / 8 AS BIGINT) AS count FROM test_rows";
        assert_eq!(rows_stored(&world, rows).await, 2);
        let forms = "SELECT CAST(SUM(LENGTH(hashes)) / 8 AS BIGINT) AS count FROM test_row_forms";
        assert_eq!(rows_stored(&world, forms).await, 4 + 2);
    }

    async fn other_digests_that_another_server_stores_after_the_lookup_are_seen_before_any_rows_are_added(world: World) {
        let alike = |named: u64, placed: u64| Alike { kept: vec![vec![named], vec![placed]], sought: vec![] };
        SampleUse { alike: alike(10, 20), ..SampleUse::new("a", &[1]) }.noted(&world.store).await;
        // It shares nothing with the first table, and the digest by name with the second.
        let third = SampleUse { alike: alike(11, 21), ..SampleUse::new("third", &[3]) };
        let lookup = world.store.look_up_rows(&third.of_model("churn")).await.expect("looked up");
        let other = world.another().await;
        let second = SampleUse { alike: alike(11, 20), ..SampleUse::new("second", &[2]) };
        assert_eq!(uses(&second.noted(&other).await), [1]);
        let stale = world.store.record_use_after(lookup, &third.of_model("churn")).await.expect("asked");
        assert_eq!(stale, None);
        assert_eq!(uses(&third.noted(&world.store).await), [2]);
        other.close().await;
    }

    async fn columns_of_test_tables_are_remembered_the_latest_first(world: World) {
        let columns = async || world.store.test_columns(&name("models"), "churn").await.expect("read");
        assert_eq!(columns().await, [[""; 0]; 0]);
        for number in 0..12_u64 {
            let names: Vec<String> = (0..=number).map(|column| format!("c{column:02}")).collect();
            let rows = [number * 10];
            SampleUse { columns: names, ..SampleUse::new(&format!("question {number}"), &rows) }.noted(&world.store).await;
        }
        let known = columns().await;
        assert_eq!(known.len(), 8, "{known:?}");
        assert!(known.iter().any(|names| names.len() == 12) && known.iter().all(|names| names.len() > 1), "{known:?}");
        assert!(world.store.test_columns(&name("others"), "churn").await.expect("read").is_empty());
    }

    async fn models_and_sources_use_up_their_own_test_sets(world: World) {
        let first = SampleUse::new("first", &[1, 2]);
        first.noted(&world.store).await;
        let of_model = world.store.record_use(&SampleUse::new("second", &[1, 2]).of_model("fraud")).await.expect("noted");
        assert_eq!(uses(&of_model), [0]);
        let elsewhere = SampleUse { source: name("others"), ..SampleUse::new("third", &[1, 2]) };
        assert_eq!(uses(&elsewhere.noted(&world.store).await), [0]);
    }

    async fn what_was_shown_and_what_passed_is_remembered_and_rows_are_used_up_for_good(world: World) {
        let rows = [u64::MAX, 0, 7];
        let first = SampleUse { figures: false, ..SampleUse::new("first", &rows) };
        let part = first.noted(&world.store).await.parts[0].part;
        world.store.record_use_outcome(&first.of_model("churn"), true, &[]).await.expect("settled");
        let seen = SampleUse::new("second", &rows).noted(&world.store).await;
        assert_eq!(seen.parts, [PartUsage { part, uses: 1, figures: false, passed: true, retired: false }]);
        let seen = SampleUse::new("third", &rows).noted(&world.store).await;
        assert_eq!(seen.parts, [PartUsage { part, uses: 2, figures: true, passed: true, retired: false }]);
        let is_used_up = async |set: &Digest| world.store.is_used_up(&name("models"), "churn", set).await.expect("asked");
        assert!(!is_used_up(&first.set).await);
        let end = RowsEnd { part, but_for_candidate: false };
        world.store.record_use_outcome(&first.of_model("churn"), true, &[end]).await.expect("settled");
        assert!(is_used_up(&first.set).await);
        let more = SampleUse::new("fourth", &[0, 7, 8]);
        more.noted(&world.store).await;
        assert!(!is_used_up(&more.set).await && !is_used_up(&Digest::of(b"unknown")).await);
    }

    async fn rows_that_are_used_up_are_shown_so_to_every_later_question_and_to_no_earlier_one(world: World) {
        let rows = [4, 5, 6];
        let retired = |usage: &TestSetUsage| usage.parts[0].retired;
        let (early, last) = (SampleUse::new("early", &rows), SampleUse::new("last", &rows));
        early.noted(&world.store).await;
        let part = last.noted(&world.store).await.parts[0].part;
        let end = RowsEnd { part, but_for_candidate: false };
        world.store.record_use_outcome(&last.of_model("churn"), false, &[end]).await.expect("settled");
        assert!(!retired(&last.noted(&world.store).await), "a step that is done again");
        assert!(!retired(&early.noted(&world.store).await), "a question that was asked before");
        assert!(retired(&SampleUse::new("later", &rows).noted(&world.store).await));
        assert!(retired(&SampleUse::new("about the same", &rows).about(&last).noted(&world.store).await));
        let world = world.reopened().await;
        let added = SampleUse::new("with added rows", &[4, 7]).noted(&world.store).await;
        assert_eq!(added.parts.iter().map(|part| part.retired).collect::<Vec<_>>(), [true, false]);
    }

    async fn a_pass_uses_rows_up_for_every_candidate_but_its_own(world: World) {
        let rows = [1, 2];
        let staging = SampleUse::new("in staging", &rows);
        let part = staging.noted(&world.store).await.parts[0].part;
        let but = RowsEnd { part, but_for_candidate: true };
        world.store.record_use_outcome(&staging.of_model("churn"), true, &[but]).await.expect("settled");
        let other = SampleUse::new("another candidate", &rows).noted(&world.store).await.parts[0];
        assert!(other.retired && other.passed, "{other:?}");
        let production = SampleUse::new("in production", &rows).about(&staging);
        let seen = production.noted(&world.store).await.parts[0];
        assert_eq!((seen.retired, seen.passed, seen.uses), (false, false, 2), "{seen:?}");
        assert!(world.store.is_used_up(&name("models"), "churn", &staging.set).await.expect("asked"));
        // The last permitted use ends the rows for that candidate too, and a repeated step is still that use.
        let all = RowsEnd { part, but_for_candidate: false };
        world.store.record_use_outcome(&production.of_model("churn"), true, &[all, but]).await.expect("settled");
        assert!(!production.noted(&world.store).await.parts[0].retired);
        let again = SampleUse::new("after the champion moved", &rows).about(&staging).noted(&world.store).await.parts[0];
        assert!(again.retired, "{again:?}");
    }

    async fn sets_whose_rows_are_not_distinguished_are_known_as_a_whole(world: World) {
        let whole = |question: &str, set: &[u8]| SampleUse { set: Digest::of(set), ..SampleUse::new(question, &[]) };
        assert_eq!(uses(&whole("first", b"files").noted(&world.store).await), [0]);
        assert_eq!(uses(&whole("second", b"files").noted(&world.store).await), [1]);
        assert_eq!(uses(&whole("third", b"other files").noted(&world.store).await), [0]);
    }

    async fn two_servers_that_count_at_once_give_each_use_its_own_place(world: World) {
        let other = world.another().await;
        let questions: Vec<SampleUse> = (0..8).map(|number| SampleUse::new(&number.to_string(), &[1, 2, 3])).collect();
        let noted = async |store: &Store, asked: &[SampleUse]| {
            let mut counts = Vec::new();
            for asked in asked {
                counts.extend(uses(&asked.noted(store).await));
            }
            counts
        };
        let (ours, theirs) = tokio::join!(noted(&world.store, &questions[..4]), noted(&other, &questions[4..]));
        let mut counts = [ours, theirs].concat();
        counts.sort_unstable();
        assert_eq!(counts, [0, 1, 2, 3, 4, 5, 6, 7]);
        other.close().await;
    }

    async fn rows_that_another_server_adds_after_the_lookup_are_seen_before_any_are_added(world: World) {
        let (ours, theirs) = (SampleUse::new("ours", &[1, 2, 3]), SampleUse::new("theirs", &[2, 3, 4]));
        let lookup = world.store.look_up_rows(&ours.of_model("churn")).await.expect("looked up");
        let other = world.another().await;
        theirs.noted(&other).await;
        let stale = world.store.record_use_after(lookup, &ours.of_model("churn")).await.expect("asked");
        assert_eq!(stale, None);
        assert_eq!(uses(&SampleUse::new("after it", &[4]).noted(&world.store).await), [1], "nothing was noted");
        let usage = ours.noted(&world.store).await;
        assert_eq!((uses(&usage), usage.of_row), (vec![0, 2], vec![0, 1, 1]));
        // Another server adds the same set in the meantime.
        let again = SampleUse::new("again", &[7, 8]);
        let lookup = world.store.look_up_rows(&again.of_model("churn")).await.expect("looked up");
        SampleUse::new("before it", &[8, 7]).noted(&other).await;
        let stale = world.store.record_use_after(lookup, &again.of_model("churn")).await.expect("asked");
        assert_eq!(stale, None);
        assert_eq!(uses(&again.noted(&world.store).await), [1]);
        // A known set needs no second lookup, even if rows are added.
        let lookup = world.store.look_up_rows(&again.of_model("churn")).await.expect("looked up");
        SampleUse::new("elsewhere", &[100]).noted(&other).await;
        let noted = world.store.record_use_after(lookup, &again.of_model("churn")).await.expect("asked");
        assert_eq!(noted.map(|usage| uses(&usage)), Some(vec![1]));
        other.close().await;
    }

    async fn tables_without_test_sets_are_brought_to_the_version_that_counts_them(world: World) {
        for undo in [
            "DROP TABLE test_set_uses", "DROP TABLE test_set_parts", "DROP TABLE test_rows",
            "DROP TABLE test_row_ends",
            "DELETE FROM _sqlx_migrations WHERE version = 15",
        ] {
            world.tamper(undo).await;
        }
        let runs = world.open("d-1", vec![super::run("m/slipway.yaml", '1', 1)]).await;
        let world = world.reopened().await;
        assert_eq!(world.store.run(runs[0]).await.expect("kept").id, runs[0]);
        assert_eq!(uses(&SampleUse::new("first", &[1]).noted(&world.store).await), [0]);
    }
}
