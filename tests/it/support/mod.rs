//! The tests' world: real repositories behind a real git server, the built binaries, and a model that trains in a second.

mod data;
mod program;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use slipway_testkit::demo::{DataSet, World};
use slipway_testkit::{Api, SlipwayProcess};

pub(crate) use data::{MODEL, POLICY, small_files};
pub(crate) use program::{PROGRAM_MODEL, program_files, table};

/// Longer than anything takes on a machine that is busy with other tests.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);

/// The end of the server's settings that most tests use: one thread, so that equal seeds are equal weights.
pub(crate) const DEFAULT_SETTINGS: &str = "executor: {local: {deadline: 5m, memory: 4GiB, threads: 1}}";

/// The built `slipway`.
pub(crate) fn slipway() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_slipway"))
}

/// A world with a server in it.
pub(crate) struct Bench {
    pub(crate) world: World,
    server: Option<SlipwayProcess>,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// A world whose server runs, with the small model in its work tree, not pushed yet.
    pub(crate) async fn start() -> Self {
        Self::start_with(DEFAULT_SETTINGS).await
    }

    /// The same with other lines at the end of the server's settings.
    pub(crate) async fn start_with(settings: &str) -> Self {
        let mut bench = Self::without_server(settings).await;
        bench.restart(&[]).await;
        bench
    }

    /// The same before its server is started.
    pub(crate) async fn without_server(settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let world = World::make(&folder.path().join("world"), DataSet::Digits).await.expect("a world");
        std::fs::write(world.config(), world.settings(settings)).expect("settings");
        for (path, content) in small_files() {
            world.work.write(path, content).expect("a model's file");
        }
        Self { world, server: None, _folder: folder }
    }

    /// Starts the server, again if there was one, with more arguments, and points the hook to it.
    pub(crate) async fn restart(&mut self, arguments: &[&str]) {
        if let Some(server) = self.server.take() {
            server.terminate().await.expect("the server ends");
        }
        let server = SlipwayProcess::start(&slipway(), &self.world.config(), arguments).await;
        self.take_in(server.expect("the server starts"));
    }

    /// Takes in a server that was started in another way, and points the hook to it.
    pub(crate) fn take_in(&mut self, server: SlipwayProcess) {
        self.world.install_hook(&slipway(), &server).expect("the hook is installed");
        self.server = Some(server);
    }

    /// Starts the server of a source that only a forge tells of: no hook of git's own is left.
    pub(crate) async fn take_in_unhooked(&mut self) {
        self.restart(&[]).await;
        self.world.models.remove_hook("post-receive").expect("removed");
    }

    /// The running server.
    pub(crate) fn server(&self) -> &SlipwayProcess {
        self.server.as_ref().expect("the server was started")
    }

    /// Takes the server out, to end it in another way.
    pub(crate) fn take_server(&mut self) -> SlipwayProcess {
        self.server.take().expect("the server was started")
    }

    /// The server's API.
    pub(crate) fn api(&self) -> Api {
        self.server().api()
    }

    /// Writes the model file with one text replaced, which has to stand in it, and pushes everything.
    pub(crate) async fn push_with(&self, old: &str, new: &str) -> String {
        assert!(MODEL.contains(old), "`{old}` is not in the model");
        self.world.work.write("slipway.yaml", MODEL.replace(old, new)).expect("written");
        self.push(&format!("{old} -> {new}")).await
    }

    /// Pushes what is in the work tree and answers the commit.
    pub(crate) async fn push(&self, message: &str) -> String {
        self.world.push(message).await.expect("pushed").0
    }

    /// Pushes files to the branch `better` of `origin`, from `main`.
    pub(crate) async fn propose(&self, files: &[(&str, String)]) -> String {
        let work = &self.world.work;
        work.git(&["checkout", "-q", "-B", "better", "main"]).await.expect("a branch");
        for (path, content) in files {
            work.write(path, content).expect("written");
        }
        let head = work.commit("a change").await.expect("a commit");
        let pushed = work.push_with("better", &["--force"]).await.expect("pushed");
        assert!(pushed.success(), "{}", pushed.stderr);
        work.git(&["checkout", "-q", "main"]).await.expect("back");
        head
    }

    /// Pushes the model with one text replaced to the branch `better`.
    pub(crate) async fn propose_model(&self, old: &str, new: &str) -> String {
        assert!(MODEL.contains(old));
        self.propose(&[("slipway.yaml", MODEL.replace(old, new))]).await
    }

    /// The run of a revision once it has ended or stalled.
    pub(crate) async fn end_of(&self, head: &str) -> Value {
        self.api().wait_for_end(head, DEADLINE).await.expect("the run ends")
    }

    /// Waits until the server has no trainer any more.
    pub(crate) async fn until_no_trainer_is_left(&self, deadline: Duration) {
        let gone = async {
            while !self.server().children().expect("children").is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(deadline, gone).await.expect("the trainer ends");
    }

    /// Moves the source to a forge, with the lines of its settings and a file beside them, starts the server, and pushes a
    /// first model that nobody tells of.
    pub(crate) async fn move_to_forge(&mut self, settings: &str, (file, content): (&str, &str)) {
        let plain = std::fs::read_to_string(self.world.config()).expect("settings");
        std::fs::write(self.world.config(), plain.replace("forge: plain", settings)).expect("written");
        std::fs::write(self.world.config().with_file_name(file), content).expect("written");
        self.restart(&[]).await;
        self.world.models.remove_hook("post-receive").expect("removed");
        self.push("a first model").await;
    }

    /// Gives the source at a forge another setting, and starts the server again.
    pub(crate) async fn set(&mut self, setting: &str) {
        let before = std::fs::read_to_string(self.world.config()).expect("settings");
        let after = before.replacen("environment: staging", &format!("environment: staging, {setting}"), 1);
        std::fs::write(self.world.config(), after).expect("written");
        self.restart(&[]).await;
        self.world.models.remove_hook("post-receive").expect("removed");
    }

    /// Pushes the small model as it is and waits for its promotion.
    pub(crate) async fn promote_a_first_model(&self) -> Value {
        let head = self.push("a first model").await;
        let run = self.end_of(&head).await;
        assert_eq!(text(&run, "state"), "done", "{run:#}");
        run
    }

    /// How many promotions the environment's history holds.
    pub(crate) async fn promotions(&self) -> usize {
        let log =
            self.world.environment.log("main", &["--format=%(trailers:key=Slipway-Promotion)"]).await.expect("a log");
        log.lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// Restores the small model, changed by a seed that was not used before, and waits for its end.
    pub(crate) async fn promote_a_first_model_again(&self) -> Value {
        let head = self.push_with("seed: 7", "seed: 4711").await;
        self.end_of(&head).await
    }

    /// Ends the server and checks that nothing is left over: no process, no work, no damage.
    pub(crate) async fn finish(mut self) {
        let server = self.take_server();
        let children = server.children().expect("children");
        assert!(children.is_empty(), "trainers are left over: {children:?}");
        let errors = server.errors();
        assert!(!errors.contains("panicked"), "{errors}");
        let ended = server.terminate().await.expect("the server ends");
        assert!(ended.success(), "{ended}: {errors}");
        let work = self.world.folder.join("state/work");
        let left: Vec<_> = std::fs::read_dir(work).map(|entries| entries.flatten().collect()).unwrap_or_default();
        assert!(left.is_empty(), "work is left over: {left:?}");
        self.world.environment.fsck().await.expect("the environment is whole");
        self.world.git.stop().await;
    }
}

/// A text of a JSON document; empty if it is none.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Shows every Rust file below a folder, with its text.
pub(crate) fn each_source(folder: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            each_source(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path, &std::fs::read_to_string(&path).expect("UTF-8 source"));
        }
    }
}
