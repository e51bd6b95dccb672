//! One repository at a Gitea: its people, hooks, protected branches, pull requests, comments and statuses.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};
use sha2::Digest as _;
use tokio::time::{Instant, sleep};

use super::{Brand, Gitea, Person};

/// How often a condition is looked at while it is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Things on one page: the most that Gitea gives.
const PAGE: usize = 50;

/// A repository at a Gitea.
#[derive(Debug, Clone)]
pub struct Project<'a> {
    gitea: &'a Gitea,
    name: String,
}

/// A webhook that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewHook<'a> {
    /// Where it delivers to.
    pub url: &'a str,
    /// What it signs with.
    pub secret: &'a str,
    /// What it tells of, in the words of Gitea's API.
    pub events: &'a [&'a str],
}

impl NewHook<'_> {
    fn document(&self, brand: Brand) -> Value {
        let Self { url, secret, events } = self;
        let config = json!({ "url": url, "content_type": "json", "secret": secret });
        json!({ "type": brand.word(), "active": true, "events": events, "config": config })
    }
}

impl<'a> Project<'a> {
    pub(super) fn new(gitea: &'a Gitea, name: &str) -> Self {
        Self { gitea, name: name.to_owned() }
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        self.gitea.call(method, &format!("/repos/{}{path}", self.name), body).await
    }

    /// Lets somebody `read`, `write` or `admin` it.
    pub async fn permit(&self, who: &Person, permission: &str) -> Result<()> {
        let path = format!("/collaborators/{}", who.name);
        self.call("PUT", &path, &json!({ "permission": permission })).await.map(drop)
    }

    /// Makes a webhook and answers its number.
    pub async fn hook(&self, hook: NewHook<'_>) -> Result<u64> {
        self.call("POST", "/hooks", &hook.document(self.gitea.brand())).await?["id"].as_u64().context("a number")
    }

    /// Makes a webhook another one.
    pub async fn replace_hook(&self, hook: u64, by: NewHook<'_>) -> Result<()> {
        self.change_hook(hook, &by.document(self.gitea.brand())).await
    }

    /// Changes a webhook: `{"active": false}`. Without its `events`, it tells of pushes alone afterwards.
    pub async fn change_hook(&self, hook: u64, change: &Value) -> Result<()> {
        self.call("PATCH", &format!("/hooks/{hook}"), change).await.map(drop)
    }

    /// Lets a branch be merged into only where these checks have passed, and pushed to by nobody.
    pub async fn protect(&self, branch: &str, checks: &[&str]) -> Result<()> {
        let body = json!({
            "rule_name": branch, "enable_push": false, "enable_status_check": true, "status_check_contexts": checks,
            "block_admin_merge_override": true,
        });
        self.call("POST", "/branch_protections", &body).await.map(drop)
    }

    /// Reports a check on a commit, as somebody else's system does.
    pub async fn set_status(&self, commit: &str, context: &str, state: &str) -> Result<()> {
        self.call("POST", &format!("/statuses/{commit}"), &json!({ "context": context, "state": state }))
            .await
            .map(drop)
    }

    /// The newest status of every context at a commit. What Gitea sums up is about one page alone: all are read.
    pub async fn statuses(&self, commit: &str) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for page in 1.. {
            let path = format!("/commits/{commit}/status?limit={PAGE}&page={page}");
            let answer = self.call("GET", &path, &Value::Null).await?;
            let statuses = answer["statuses"].as_array().cloned().unwrap_or_default();
            let last = statuses.len() < PAGE;
            all.extend(statuses);
            if last {
                break;
            }
        }
        Ok(all)
    }

    /// Opens a pull request as somebody and answers its number. `head` is a branch, or `OWNER:BRANCH` of a fork.
    pub async fn open_pull(&self, token: &str, head: &str) -> Result<u64> {
        self.open_pull_titled(token, head, head).await
    }

    /// The same with a title, which makes it a draft if it begins with `WIP:`.
    pub async fn open_pull_titled(&self, token: &str, head: &str, title: &str) -> Result<u64> {
        let body = json!({ "head": head, "base": "main", "title": title });
        let path = format!("/repos/{}/pulls", self.name);
        let made = self.gitea.call_as(&format!("token {token}"), "POST", &path, &body).await?;
        made["number"].as_u64().context("a number")
    }

    /// Gives a pull request another title.
    pub async fn rename_pull(&self, number: u64, title: &str) -> Result<()> {
        self.call("PATCH", &format!("/pulls/{number}"), &json!({ "title": title })).await.map(drop)
    }

    /// A pull request.
    pub async fn pull(&self, number: u64) -> Result<Value> {
        self.call("GET", &format!("/pulls/{number}"), &Value::Null).await
    }

    /// All pull requests, whatever became of them.
    pub async fn pulls(&self) -> Result<Vec<Value>> {
        let answer = self.call("GET", "/pulls?state=all", &Value::Null).await?;
        Ok(answer.as_array().cloned().unwrap_or_default())
    }

    /// Stores an object of Git LFS as somebody, as `git lfs push` does, and answers its pointer.
    pub async fn store_lfs(&self, login: &str, token: &str, content: &[u8]) -> Result<String> {
        let oid = hex::encode(sha2::Sha256::digest(content));
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{login}:{token}"));
        let media = "application/vnd.git-lfs+json";
        let headers = [("authorization", format!("Basic {basic}")), ("content-type", media.to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let accepted = [headers.as_slice(), &[("accept", media)]].concat();
        let object = json!({ "oid": oid, "size": content.len() });
        let request = json!({ "operation": "upload", "transfers": ["basic"], "objects": [object] });
        let path = format!("/{}.git/info/lfs/objects/batch", self.name);
        let api = crate::Api::at(&self.gitea.url);
        let answer = api.send("POST", &path, &accepted, serde_json::to_vec(&request)?).await?;
        // An object that is there already needs no upload.
        if let Some(href) = answer.json["objects"][0]["actions"]["upload"]["href"].as_str() {
            let path = href.strip_prefix(&self.gitea.url).context("an address of this server")?;
            let headers = [headers[0], ("content-type", "application/octet-stream")];
            let stored = api.send("PUT", path, &headers, content.to_vec()).await?;
            ensure!(stored.status == 200, "{}", stored.text);
        } else {
            ensure!(answer.status == 200, "{}", answer.text);
        }
        Ok(format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {}\n", content.len()))
    }

    /// Forks it for somebody and answers the fork's name.
    pub async fn fork(&self, token: &str) -> Result<String> {
        let path = format!("/repos/{}/forks", self.name);
        let made = self.gitea.call_as(&format!("token {token}"), "POST", &path, &json!({})).await?;
        Ok(made["full_name"].as_str().context("a name")?.to_owned())
    }

    /// Writes a comment below a pull request as somebody and answers its number.
    pub async fn write_comment(&self, number: u64, token: &str, text: &str) -> Result<u64> {
        let path = format!("/repos/{}/issues/{number}/comments", self.name);
        let made = self.gitea.call_as(&format!("token {token}"), "POST", &path, &json!({ "body": text })).await?;
        made["id"].as_u64().context("a number")
    }

    /// The texts of somebody's comments below a pull request.
    pub async fn comments_of(&self, number: u64, who: &Person) -> Result<Vec<String>> {
        let all = self.call("GET", &format!("/issues/{number}/comments"), &Value::Null).await?;
        let all = all.as_array().cloned().unwrap_or_default();
        let theirs = all.iter().filter(|comment| comment["user"]["id"] == who.id);
        Ok(theirs.filter_map(|comment| comment["body"].as_str()).map(str::to_owned).collect())
    }

    /// The signs on a comment.
    pub async fn signs(&self, comment: u64) -> Result<Vec<String>> {
        let all = self.call("GET", &format!("/issues/comments/{comment}/reactions"), &Value::Null).await?;
        let all = all.as_array().cloned().unwrap_or_default();
        Ok(all.iter().filter_map(|sign| sign["content"].as_str()).map(str::to_owned).collect())
    }

    /// Waits until a question has an answer.
    pub async fn wait_for<T>(
        &self,
        what: &str,
        deadline: Duration,
        question: impl AsyncFn(&Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let until = Instant::now() + deadline;
        loop {
            if let Some(answer) = question(self).await? {
                return Ok(answer);
            }
            if Instant::now() > until {
                bail!("waited {deadline:?} for {what}");
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}
