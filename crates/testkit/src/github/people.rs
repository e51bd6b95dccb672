//! What people do at the double: open changes, push, merge, comment, press buttons.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Json;
use axum::extract::{Path, State as Shared};
use serde_json::json;

use super::state::Pull;
use super::{GitHub, index_of, pulls};

impl GitHub {
    /// Opens a pull request of a branch of the repository into `main`.
    pub async fn open_pull(&self, branch: &str, author: u64) -> Result<u64> {
        self.open(branch, |pull| pull, author).await
    }

    /// Opens a pull request of a fork, whose branch the repository has under GitHub's own name alone: the double finds it
    /// under `branch` and takes it away there.
    pub async fn open_pull_of_fork(&self, branch: &str, author: u64) -> Result<u64> {
        let number = self.open(branch, |pull| Pull { of_fork: true, ..pull }, author).await?;
        self.site.repository.git(&["update-ref", "-d", &format!("refs/heads/{branch}")]).await?;
        Ok(number)
    }

    /// Opens one as a draft.
    pub async fn open_draft(&self, branch: &str, author: u64) -> Result<u64> {
        self.open(branch, |pull| Pull { draft: true, ..pull }, author).await
    }

    /// Marks a draft as ready.
    pub fn mark_ready(&self, number: u64) {
        let mut state = self.site.lock();
        let pull = &mut state.pulls[index_of(number)];
        pull.draft = false;
        let author = pull.author;
        let body = json!({ "action": "ready_for_review", "number": number, "pull_request": state.pull(number) });
        state.mail("pull_request", body, author);
    }

    /// Gives a pull request a label.
    pub fn label(&self, number: u64, name: &str) {
        let mut state = self.site.lock();
        let pull = &mut state.pulls[index_of(number)];
        pull.labels.push(name.to_owned());
        let author = pull.author;
        let pull = state.pull(number);
        let label = pull["labels"].as_array().and_then(|labels| labels.last()).cloned();
        state.mail(
            "pull_request",
            json!({ "action": "labeled", "number": number, "pull_request": pull, "label": label }),
            author,
        );
    }

    async fn open(&self, branch: &str, as_what: impl FnOnce(Pull) -> Pull, author: u64) -> Result<u64> {
        let number = self.site.lock().pulls.len() as u64 + 1;
        let head = self.show_head(number, branch).await?;
        let base = self.site.repository.rev_parse("refs/heads/main").await?;
        let mut state = self.site.lock();
        state.pulls.push(as_what(Pull::new(number, branch, "main", &head, &base, author)));
        let body = json!({ "action": "opened", "number": number, "pull_request": state.pull(number) });
        state.mail("pull_request", body, author);
        Ok(number)
    }

    /// Notices that a pull request's branch moved.
    pub async fn deliver_push_event(&self, number: u64) -> Result<String> {
        let branch = self.site.lock().pulls[index_of(number)].branch.clone();
        let head = self.show_head(number, &branch).await?;
        let mut state = self.site.lock();
        let pull = &mut state.pulls[index_of(number)];
        pull.head.clone_from(&head);
        let author = pull.author;
        let body = json!({ "action": "synchronize", "number": number, "pull_request": state.pull(number) });
        state.mail("pull_request", body, author);
        Ok(head)
    }

    /// Tells of a push to a branch of the repository by an account.
    pub fn deliver_push(&self, branch: &str, before: &str, after: &str, account: u64) {
        let push = json!({
            "ref": format!("refs/heads/{branch}"), "before": before, "after": after,
            "created": false, "deleted": false, "forced": false, "commits": [],
        });
        self.site.lock().mail("push", push, account);
    }

    /// How many pull requests there have been.
    pub fn pulls(&self) -> usize {
        self.site.lock().pulls.len()
    }

    /// Takes these methods of merging alone: `merge`, `squash`, `rebase`.
    pub fn take_merges_by(&self, methods: &[&str]) {
        self.site.lock().merge_methods = methods.iter().map(|method| (*method).to_owned()).collect();
    }

    /// Merges a pull request as its page does, whatever its head is, by the first method that is taken. A squash has the title
    /// of the request as its message, and nothing else.
    pub async fn merge_pull(&self, number: u64) -> Result<()> {
        let method = self.site.lock().merge_methods.first().cloned();
        let body = json!({ "merge_method": method });
        let merged = pulls::merge(Shared(Arc::clone(&self.site)), Path(number), Json(body)).await;
        anyhow::ensure!(merged.is_ok(), "pull request {number} cannot be merged");
        Ok(())
    }

    /// Closes a pull request without merging it.
    pub fn close_pull(&self, number: u64) {
        let mut state = self.site.lock();
        let pull = &mut state.pulls[index_of(number)];
        pull.close(None);
        let author = pull.author;
        let body = json!({ "action": "closed", "number": number, "pull_request": state.pull(number) });
        state.mail("pull_request", body, author);
    }

    /// Writes a comment below a pull request, and answers its identifier.
    pub fn write_comment(&self, number: u64, account: u64, text: &str) -> u64 {
        self.site.lock().write_comment(number, account, None, text)
    }

    /// Presses a button of the newest check of that name, or GitHub's own if `button` is none.
    pub fn press(&self, name: &str, button: Option<&str>, account: u64) -> Result<()> {
        let mut state = self.site.lock();
        let check = state.checks.iter().rev().find(|check| check["name"] == name);
        let check = check.with_context(|| format!("there is no check `{name}`"))?.clone();
        let body = match button {
            Some(button) => {
                let actions = check["actions"].as_array().cloned().unwrap_or_default();
                anyhow::ensure!(actions.iter().any(|action| action["identifier"] == button), "no such button");
                json!({ "action": "requested_action", "check_run": check, "requested_action": { "identifier": button } })
            }
            None => json!({ "action": "rerequested", "check_run": check }),
        };
        state.mail("check_run", body, account);
        Ok(())
    }

    /// Forms a merge group of one pull request, on the commit that is its head.
    pub async fn form_merge_group(&self, number: u64) -> Result<String> {
        let (head, base) = {
            let state = self.site.lock();
            let pull = &state.pulls[index_of(number)];
            (pull.head.clone(), pull.base.clone())
        };
        let branch = format!("refs/heads/gh-readonly-queue/main/pr-{number}-{base}");
        self.site.repository.git(&["update-ref", &branch, &head]).await?;
        let body = json!({
            "action": "checks_requested",
            "merge_group": {
                "head_sha": head, "head_ref": branch, "base_sha": base, "base_ref": "refs/heads/main",
                "head_commit": { "id": head },
            },
        });
        self.site.lock().mail("merge_group", body, 1);
        Ok(branch)
    }

    /// Brings a pull request's branch under the name that GitHub gives it.
    async fn show_head(&self, number: u64, branch: &str) -> Result<String> {
        let head = self.site.repository.rev_parse(&format!("refs/heads/{branch}")).await?;
        self.site.repository.git(&["update-ref", &format!("refs/pull/{number}/head"), &head]).await?;
        Ok(head)
    }
}
