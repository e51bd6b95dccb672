//! What each recorded delivery means, one sentence an event.

use std::fmt::Write as _;

use super::sentence::sentence;
use super::{ALL, SIGNED_AT, recorded, verify};
use crate::{Settings, connect};
use slipway_domain::EventKind;

/// All deliveries of a forge as sentences, each verified first.
fn sentences(settings: Settings, folder: &str) -> String {
    let mut all = String::new();
    for delivery in recorded(folder) {
        let name = verify(settings, &delivery, &["s3cr3t-for-tests"], SIGNED_AT)
            .unwrap_or_else(|error| panic!("{}: {error}", delivery.name));
        let events = connect(settings).read(&name.event, &delivery.body);
        let events = events.unwrap_or_else(|error| panic!("{}: {error}", delivery.name));
        assert!(!events.is_empty(), "{}", delivery.name);
        for event in events {
            writeln!(all, "{}: {}", delivery.name, sentence(&event)).expect("a sentence");
        }
    }
    all
}

#[test]
fn giteas_recorded_deliveries_mean_what_was_done() {
    insta::assert_snapshot!(sentences(Settings::Gitea, "gitea"), @r#"
    create_branch: ignored: Slipway does not use the event `create`
    create_tag: ignored: Slipway does not use the event `create`
    delete_branch: ci-admin/demo-475221 #1: ci-admin=1: branch feat/x deleted, was ?
    delete_branch_by_push: ci-admin/demo-475221 #1: ci-admin=1: branch feat/y deleted, was ?
    delete_tag: ignored: the deletion of a tag is also sent as a push
    issue_comment_created_on_pr: ci-admin/demo-475221 #1: ci-admin=1: comment 5 on change 1 by ci-admin=1: "/retest please"
    issue_comment_edited: ignored: Slipway does not use the action `edited` of the event `issue_comment`
    pull_request_closed_branch_deleted: ci-admin/demo-475221 #1: ci-admin=1: change 2 by ci-admin=1 closed: refs/pull/2/head 1c57 from here onto main 8998
    pull_request_closed_merged: ci-admin/demo-475221 #1: ci-admin=1: change 1 by ci-admin=1 merged: feat/x 5117 from here onto main 8998
    pull_request_closed_unmerged: ci-admin/demo-475221 #1: ci-admin=1: change 2 by ci-admin=1 closed: feat/y 1c57 from here onto main 8998
    pull_request_edited_ready: team/models #1: ada=1: change 1 by ada=1 updated: tune 7ef4 from here onto main 1ee4
    pull_request_edited_title_of_draft: ignored: only the text of the pull request was edited
    pull_request_opened: ci-admin/demo-475221 #1: ci-admin=1: change 1 by ci-admin=1 opened: feat/x 9766 from here onto main 2490
    pull_request_opened_as_draft: team/models #1: ada=1: change 1, a draft, by ada=1 opened: tune 7ef4 from here onto main 1ee4
    pull_request_opened_from_fork: ci-admin/demo-475221 #1: dev75238=2: change 3 by dev75238=2 opened: evil 0fe2 from fork dev75238/demo-475221 #2 onto main 8998
    pull_request_reopened: ci-admin/demo-475221 #1: ci-admin=1: change 2 by ci-admin=1 opened: feat/y 1c57 from here onto main 8998
    pull_request_synchronized: ci-admin/demo-475221 #1: ci-admin=1: change 1 by ci-admin=1 updated: feat/x 99b6 from here onto main 2490
    push_first: ci-admin/demo-475221 #1: ci-admin=1: branch main created at 450a
    push_force: ci-admin/demo-475221 #1: ci-admin=1: branch feat/x 99b6..5117
    push_merge: ci-admin/demo-475221 #1: ci-admin=1: branch main 2490..8998
    push_new_branch: ci-admin/demo-475221 #1: ci-admin=1: branch feat/x created at 9766
    push_tag: ci-admin/demo-475221 #1: ci-admin=1: tag v1.0.0 created at b7fc
    push_test_delivery: ignored: `refs/heads/main` did not move: the push is a test of the webhook
    push_update: ci-admin/demo-475221 #1: ci-admin=1: branch main 450a..2490
    status_pending: ignored: Slipway does not use the event `status`
    status_success: ignored: Slipway does not use the event `status`
    "#);
}

#[test]
fn forgejos_deliveries_mean_what_was_done() {
    insta::assert_snapshot!(sentences(Settings::Forgejo, "forgejo"), @r#"
    delete_branch: team/models #1: ada=1: branch tune deleted, was ?
    pull_request_closed_merged: team/models #1: ada=1: change 1 by ada=1 merged: tune d91d from here onto main 552c
    pull_request_closed_unmerged: team/models #1: ada=1: change 1 by ada=1 closed: tune d91d from here onto main 8fdf
    pull_request_edited_ready: team/models #1: ada=1: change 1 by ada=1 updated: tune d2da from here onto main 8fdf
    pull_request_edited_title_of_draft: ignored: only the text of the pull request was edited
    pull_request_opened_as_draft: team/models #1: ada=1: change 1, a draft, by ada=1 opened: tune d2da from here onto main 8fdf
    pull_request_opened_from_fork: team/models #1: eve=2: change 2 by eve=2 opened: evil 2533 from fork eve/models #2 onto main 552c
    pull_request_reopened: team/models #1: ada=1: change 1 by ada=1 opened: tune d91d from here onto main 8fdf
    pull_request_synchronized: team/models #1: ada=1: change 1 by ada=1 updated: tune d91d from here onto main 8fdf
    push_first: team/models #1: ada=1: branch main created at 7fd7
    push_new_branch: team/models #1: ada=1: branch tune created at d2da
    push_update: team/models #1: ada=1: branch main 7fd7..8fdf
    "#);
}

#[test]
fn gitlabs_deliveries_mean_what_was_done() {
    insta::assert_snapshot!(sentences(Settings::GitLab, "gitlab"), @r#"
    merge_request_approved: ignored: Slipway does not use the action `approved` of a merge request
    merge_request_close: team/models #15: ada=4: change 1 by ?=51 closed: tune 0c4d from here onto main ?
    merge_request_merge: team/models #15: ada=4: change 1 by ?=51 merged: tune 0c4d from here onto main ?
    merge_request_open: team/models #15: ada=4: change 1 by ?=51 opened: tune 0c4d from here onto main ?
    merge_request_open_as_draft: team/models #15: ada=4: change 1, a draft, by ?=51 opened: tune 0c4d from here onto main ?
    merge_request_open_as_draft_before_14: team/models #15: ada=4: change 1, a draft, by ?=51 opened: tune 0c4d from here onto main ?
    merge_request_open_from_fork: team/models #15: ada=4: change 1 by ?=51 opened: tune 0c4d from fork eve/models #23 onto main ?
    merge_request_update_commits: team/models #15: ada=4: change 1 by ?=51 updated: tune 0c4d from here onto main ?
    merge_request_update_mergeable: ignored: the update of the merge request changed no commits, labels or target branch, and did not mark it as ready
    merge_request_update_ready: team/models #15: ada=4: change 1 by ?=51 updated: tune 0c4d from here onto main ?
    merge_request_update_target: team/models #15: ada=4: change 1 by ?=51 updated: tune 0c4d from here onto main ?
    note_edited: ignored: the comment is not new
    note_of_gitlab_itself: ignored: the comment is a system note of GitLab
    note_on_issue: ignored: the comment is not on a merge request
    note_on_merge_request: team/models #15: ada=4: comment 1244 on change 1 by ada=4: "/slipway retry"
    pipeline: ignored: Slipway does not use the event `Pipeline Hook`
    push_delete_branch: team/models #15: ada=4: branch tune/lr deleted, was 8f1c
    push_new_branch: team/models #15: ada=4: branch tune/lr created at 8f1c
    push_update: team/models #15: ada=4: branch main 8f1c..0c4d
    push_update_before_17_4: team/models #15: ada=4: branch main 5be1..0c4d
    push_update_signed: team/models #15: ada=4: branch main 0c4d..5be1
    tag_push: team/models #15: ada=4: tag v1.0.0 created at 8f1c
    "#);
}

#[test]
fn bitbuckets_deliveries_mean_what_was_done() {
    insta::assert_snapshot!(sentences(Settings::Bitbucket, "bitbucket"), @r#"
    pullrequest_approved: ignored: Slipway does not use the event `pullrequest:approved`
    pullrequest_comment_created: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: comment 17 on change 12 by ada={d301aafa-d676-4ee0-88be-962be7417567}: "/slipway retry"
    pullrequest_created: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: change 12 by ada={d301aafa-d676-4ee0-88be-962be7417567} opened: tune 0c4d8a7b6e5f… from here onto main 8f1c2f0d0e6f…
    pullrequest_created_as_draft: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: change 12, a draft, by ada={d301aafa-d676-4ee0-88be-962be7417567} opened: tune 0c4d8a7b6e5f… from here onto main 8f1c2f0d0e6f…
    pullrequest_created_from_a_repository_that_is_gone: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: change 12 by eve={2f5b1c9d-7d5b-4c58-8a4e-0c3a1f2e52a8} opened: tune 0c4d8a7b6e5f… from a repository that is gone onto main 8f1c2f0d0e6f…
    pullrequest_created_from_fork: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: change 12 by eve={2f5b1c9d-7d5b-4c58-8a4e-0c3a1f2e52a8} opened: tune 0c4d8a7b6e5f… from fork eve/models #{0c3a1f2e-7d5b-4c58-8a4e-52a8f5b1c9d7} onto main 8f1c2f0d0e6f…
    pullrequest_fulfilled: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: change 12 by ada={d301aafa-d676-4ee0-88be-962be7417567} merged: tune 0c4d8a7b6e5f… from here onto main 8f1c2f0d0e6f…
    pullrequest_rejected: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: change 12 by ada={d301aafa-d676-4ee0-88be-962be7417567} closed: tune 0c4d8a7b6e5f… from here onto main 8f1c2f0d0e6f…
    pullrequest_updated: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: change 12 by ada={d301aafa-d676-4ee0-88be-962be7417567} updated: tune 0c4d8a7b6e5f… from here onto main 8f1c2f0d0e6f…
    push_forced: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: branch tune forced 8f1c..5be1
    push_nothing: ignored: the push changes no reference
    push_several: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: branch main 8f1c..0c4d
    push_several: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: tag v1.0.0 created at 0c4d
    push_several: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: branch old deleted, was 5be1
    push_update: team/models #{673a6070-3421-46c9-9d48-90745f7bfe8e}: ada={d301aafa-d676-4ee0-88be-962be7417567}: branch main 8f1c..0c4d
    "#);
}

#[test]
fn githubs_deliveries_mean_what_was_done() {
    insta::assert_snapshot!(sentences(Settings::GitHub, "github"), @r#"
    check_run_requested_action: team/models #186853002: ada=21031067: Ours("retrain") of slipway / fashion #77 (Some("0198c1f2-0000-7000-8000-000000000001")) at 0c4d
    issue_comment_on_pull_request: team/models #186853002: ada=21031067: comment 99 on change 5 by ada=21031067: "/slipway retry"
    merge_group_destroyed: team/models #186853002: ada=21031067: merge group Destroyed: gh-readonly-queue/main/pr-5-8f1c2f0d0e6f4f7f9a0b5c7d1e2f3a4b5c6d7e8f 5be1 onto main 8f1c
    pull_request_converted_to_draft: ignored: Slipway does not use the action `converted_to_draft` of the event `pull_request`
    pull_request_edited_base: team/models #186853002: ada=21031067: change 5 by ada=21031067 updated: tune 0c4d from here onto main 8f1c
    pull_request_edited_title: ignored: only the text of the pull request was edited
    pull_request_merged: team/models #186853002: ada=21031067: change 5 by ada=21031067 merged: tune 0c4d from here onto main 8f1c
    pull_request_of_an_account_that_is_gone: team/models #186853002: ada=21031067: change 5 by ? updated: tune 0c4d from a repository that is gone onto main 8f1c
    pull_request_opened_as_draft: team/models #186853002: ada=21031067: change 5, a draft, by ada=21031067 opened: tune 0c4d from here onto main 8f1c
    pull_request_opened_from_fork: team/models #186853002: ada=21031067: change 5 by eve=4711 opened: tune 0c4d from fork eve/models #99 onto main 8f1c
    pull_request_ready_for_review: team/models #186853002: ada=21031067: change 5 by ada=21031067 updated: tune 0c4d from here onto main 8f1c
    push_delete_branch: team/models #186853002: ada=21031067: branch tune deleted, was 8f1c
    push_forced: team/models #186853002: ada=21031067: branch main forced 0c4d..5be1
    push_update: team/models #186853002: ada=21031067: branch main 8f1c..0c4d
    "#);
}

#[test]
fn plain_deliveries_mean_what_was_done() {
    insta::assert_snapshot!(sentences(Settings::Plain, "plain"), @r#"
    push_tag: ?: somebody: tag v1.0.0 created at 0c4d
    push_update: ?: somebody: branch main 8f1c..0c4d
    "#);
}

/// Labels of a delivery with some put into it.
fn labels_of(settings: Settings, event: &str, body: &serde_json::Value) -> Vec<String> {
    let events = connect(settings).read(event, body.to_string().as_bytes()).expect("it is read");
    match &events[0].kind {
        EventKind::PullRequest(pull_request) => pull_request.labels.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pull_request_that_got_a_label_is_an_update_with_its_labels() {
    let read = |file: &str| -> serde_json::Value {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../webhooks").join(file);
        serde_json::from_slice(&std::fs::read(path).expect("a delivery")).expect("JSON")
    };
    let labels = serde_json::json!([{ "id": 1, "name": "train" }, { "id": 2, "name": "urgent" }]);
    for (settings, file, action) in [
        (Settings::GitHub, "github/pull_request_ready_for_review.json", "labeled"),
        (Settings::Gitea, "gitea/pull_request_opened.json", "label_updated"),
        (Settings::Forgejo, "forgejo/pull_request_reopened.json", "label_updated"),
    ] {
        let mut body = read(file);
        body["action"] = action.into();
        body["pull_request"]["labels"] = labels.clone();
        assert_eq!(labels_of(settings, "pull_request", &body), ["train", "urgent"], "{file}");
    }
    let mut body = read("gitlab/merge_request_update_mergeable.json");
    body["object_attributes"]["labels"] = serde_json::json!([{ "id": 1, "title": "train" }]);
    body["changes"] = serde_json::json!({ "labels": { "previous": [], "current": [{ "title": "train" }] } });
    assert_eq!(labels_of(Settings::GitLab, "Merge Request Hook", &body), ["train"]);
}

#[test]
fn the_repository_of_every_recorded_delivery_is_the_same_whether_all_of_it_is_read_or_only_that() {
    for (settings, folder) in ALL {
        let forge = connect(settings);
        let mut found = 0;
        for delivery in recorded(folder) {
            let name = verify(settings, &delivery, &["s3cr3t-for-tests"], SIGNED_AT).expect("verified");
            let of = forge.repository(&delivery.body).unwrap_or_else(|error| panic!("{}: {error}", delivery.name));
            for event in forge.read(&name.event, &delivery.body).expect("it is read") {
                if event.repository.is_some() {
                    assert_eq!(event.repository, of, "{folder}/{}", delivery.name);
                    found += 1;
                }
            }
        }
        assert_eq!(found > 0, settings != Settings::Plain, "{folder}: a plain git server names none");
        assert!(forge.repository(b"{").is_err() || settings == Settings::Plain);
        assert_eq!(forge.repository(b"{}").expect("it names none"), None);
    }
}
