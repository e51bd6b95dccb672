//! The world of a round: a repository of models with a branch for each change, a GitHub, and a Slipway server.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use slipway_testkit::demo::{DataSet, SECRET, World};
use slipway_testkit::github::{APP_ID, APP_KEY, GitHub};
use slipway_testkit::{Repository, SlipwayProcess, WorkTree};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::Size;
use crate::data::{MODEL, POLICY, small_files};

/// In how long all changes are opened.
const OPENED_WITHIN: Duration = Duration::from_mins(1);
/// Who opens them.
const AUTHOR: u64 = 1;
/// The source of the models.
const SOURCE: &str = "digits";
/// A source of another team, on the same server.
pub(crate) const OTHER_SOURCE: &str = "other";

/// A server with its GitHub and its repositories.
pub(crate) struct Round {
    pub(crate) github: GitHub,
    pub(crate) server: SlipwayProcess,
    world: World,
    size: Size,
    _folder: tempfile::TempDir,
}

/// A change that was opened.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) number: u64,
    pub(crate) head: String,
    /// When its delivery was begun to be sent.
    pub(crate) sent: Instant,
}

impl Round {
    /// A world in which nothing was opened yet.
    pub(crate) async fn start(size: Size) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let world = World::make(&folder.path().join("world"), DataSet::Digits).await?;
        for number in 0..size.models {
            for (path, content) in small_files() {
                world.work.write(format!("{}/{path}", name_of(number)), content)?;
            }
            world.work.write(format!("{}/slipway.yaml", name_of(number)), model(number))?;
            world.work.write(format!("{}/policy.yaml", name_of(number)), POLICY)?;
        }
        world.push("The models").await?;
        let manifests = WorkTree::clone(&world.git.url("environment.git"), folder.path().join("environment")).await?;
        for number in 0..size.models {
            let name = name_of(number);
            manifests.write(
                format!("staging/{name}.yaml"),
                format!("model: {name}\ndigest: none # {{\"slipway\": \"{name}:digest\"}}\n"),
            )?;
        }
        manifests.commit("Places for the models").await?;
        ensure!(manifests.push("main").await?.success(), "the environment was not pushed");
        branch_off(&world.models, size)?;
        let github = GitHub::start(world.models.clone()).await?;
        std::fs::write(world.config(), settings(&world, &github)?)?;
        std::fs::write(world.config().with_file_name("app.pem"), APP_KEY)?;
        let server = SlipwayProcess::start(&PathBuf::from(env!("CARGO_BIN_EXE_slipway")), &world.config(), &[]).await?;
        Ok(Self { github, server, world, size, _folder: folder })
    }

    /// Opens every change within a minute, evenly, and sends the webhook of each.
    pub(crate) async fn open_all(&self) -> Result<Vec<Opened>> {
        let begun = Instant::now();
        let mut sending = JoinSet::new();
        let mut opened = Vec::new();
        for pull_request in 0..self.size.pull_requests {
            sleep_until(begun + OPENED_WITHIN * u32::try_from(pull_request)? / u32::try_from(self.size.pull_requests)?)
                .await;
            let number = self.github.open_pull(&branch_of(pull_request), AUTHOR).await?;
            let head = self.github.pull(number)["head"]["sha"].as_str().context("a head")?.to_owned();
            let sent = Instant::now();
            for delivery in self.github.waiting() {
                let api = self.server.api();
                sending.spawn(async move { delivery.send(&api, "/webhooks/digits", SECRET).await });
            }
            opened.push(Opened { number, head, sent });
        }
        while let Some(sent) = sending.join_next().await {
            let answer = sent??;
            ensure!(matches!(answer.status, 200 | 202), "a delivery was not taken: {}", answer.status);
        }
        Ok(opened)
    }

    /// Ends the server, and checks that nothing was promoted and nothing broke.
    pub(crate) async fn end(self) -> Result<()> {
        let errors = self.server.errors();
        ensure!(!errors.contains("panicked"), "{errors}");
        ensure!(self.server.terminate().await?.success(), "the server did not end well: {errors}");
        self.world.git.stop().await;
        Ok(())
    }
}

fn name_of(number: usize) -> String {
    format!("model-{:02}", number + 1)
}

fn branch_of(pull_request: usize) -> String {
    format!("change-{}", pull_request + 1)
}

/// What is trained does not depend on the text of the model's file, so that weights are used again: what is measured is
/// not how fast this machine trains.
fn model(number: usize) -> String {
    let named = MODEL.replace("name: digits", &format!("name: {}", name_of(number)));
    named.replace("paths: [slipway.yaml, \"data/**\"]", "paths: [\"data/**\"]")
}

/// A branch for each change, with a line more in the file of one model.
fn branch_off(models: &Repository, size: Size) -> Result<()> {
    let mut stream = String::new();
    for pull_request in 0..size.pull_requests {
        let file = format!("{}# change {pull_request}\n", model(pull_request % size.models));
        write!(
            stream,
            "commit refs/heads/{}\ncommitter Ada <ada@example.com> {} +0000\ndata 8\na change\nfrom refs/heads/main^0\n\
             M 100644 inline {}/slipway.yaml\ndata {}\n{file}\n",
            branch_of(pull_request),
            1_700_000_000 + pull_request,
            name_of(pull_request % size.models),
            file.len(),
        )?;
    }
    let mut importing = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(models.path())
        .stdin(Stdio::piped())
        .spawn()
        .context("git")?;
    importing.stdin.take().context("a pipe")?.write_all(stream.as_bytes())?;
    ensure!(importing.wait()?.success(), "the branches were not made");
    Ok(())
}

fn settings(world: &World, github: &GitHub) -> Result<String> {
    let settings = world.settings("executor: {local: {deadline: 5m, memory: 4GiB, threads: 1}}");
    let api = format!(
        "forge: github, api: {{url: \"{}\", repository: team/models, app: {{id: {APP_ID}, key: {{file: ./app.pem}}}}}}",
        github.url()
    );
    let line = settings.lines().find(|line| line.contains(&format!("name: {SOURCE}"))).context("a source")?;
    let other = line.replace(&format!("name: {SOURCE}"), &format!("name: {OTHER_SOURCE}"));
    let other = other.replace("forge: plain", "forge: github, repository_id: \"41\"");
    Ok(settings.replace(line, &format!("{}\n{other}", line.replace("forge: plain", &api))))
}
