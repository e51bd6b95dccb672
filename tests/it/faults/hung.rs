//! A git server takes connections and never answers. Its repository is that of one environment; everything else goes on.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use slipway_contract::Digest;
use slipway_domain::{Actor, BlockingRule, Origin, Rule, Run, RunCause, RunState, SourceName};
use slipway_store::{RunFilter, Store};
use slipway_testkit::demo::API_TOKEN;
use slipway_testkit::{Repository, SlipwayProcess, WorkTree};

use super::{World, lost};
use crate::support::{DEADLINE, slipway};

/// Promotions to the environment before the one that hangs.
const PROMOTED: usize = 40;
/// Runs that wait for something in the one that hangs.
const WAITING: usize = 512;
/// Threads of a server that promotes, takes deliveries and answers while hundreds wait.
const MAX_THREADS: usize = 100;
/// What a hung server may cost somebody who has nothing to do with it: far less than it is waited for (60 s).
const PROMPT: Duration = Duration::from_secs(40);

fn run_of(model: &str, environment: &str, state: RunState, number: usize) -> Run {
    let name = |text: &str| SourceName::try_from(text.to_owned()).expect("a name");
    let now = Timestamp::now();
    let cause = RunCause {
        source: name("models"),
        model: model.to_owned(),
        file: format!("{model}/slipway.yaml"),
        branch: "main".to_owned(),
        pull_request: None,
        base: None,
        head: format!("{:040x}", number + 1).parse().expect("a commit"),
        environment: name(environment),
        delivered_at: now,
    };
    let artifact = Some(Digest::of(format!("weights {number}").as_bytes()));
    Run::queued(cause, now).with(|run| {
        run.status.state = state;
        run.training.artifact = artifact;
    })
}

/// A run that waits until the environment before names its artifact.
fn waiting(number: usize) -> Run {
    let blocking_rules =
        vec![BlockingRule { rule: Rule::After, reason: "not promoted to `production` yet".to_owned(), earliest: None }];
    run_of(&format!("waiting-{number}"), "later", RunState::Waiting, 10_000 + number)
        .with(|run| run.promotion.blocking_rules = blocking_rules)
}

impl World {
    /// A repository whose manifests mark the models that are promoted.
    async fn environment_of_its_own(&self, repository: &str) -> String {
        let bare = self.path().join("repositories").join(repository);
        if !bare.exists() {
            Repository::init_bare(bare).await.expect("a repository");
        }
        let url = self.git.url(repository);
        let clone = WorkTree::clone(&url, self.path().join(format!("clone-{repository}"))).await.expect("a clone");
        for number in 0..PROMOTED {
            let manifest = format!("artifact: none # {{\"slipway\": \"model-{number}:digest\"}}\n");
            clone.write(format!("apps/model-{number}.yaml"), manifest).expect("written");
        }
        clone.commit("Mark the models").await.expect("committed");
        assert!(clone.push("main").await.expect("pushed").success());
        url
    }

    /// Settings with an environment behind the one that hangs, one before it, and one that has nothing to do with it.
    async fn write_environments(&self) {
        let staging = self.environment_of_its_own("environment.git").await;
        let hung = self.environment_of_its_own("hung.git").await;
        let later = self.environment_of_its_own("later.git").await;
        let other = self.environment_of_its_own("other.git").await;
        let file = self.path().join("server-a.yaml");
        let settings = std::fs::read_to_string(&file).expect("settings");
        let environments = format!(
            "environments:\n- {{name: staging, url: \"{staging}\"}}\n\
             - {{name: production, url: \"{hung}\", after: {{all: [staging]}}}}\n\
             - {{name: later, url: \"{later}\", after: {{all: [production]}}}}\n\
             - {{name: other, url: \"{other}\"}}\nexecutor:"
        );
        let begin = settings.find("environments:").expect("environments");
        let end = settings.find("executor:").expect("an executor") + "executor:".len();
        std::fs::write(file, format!("{}{environments}{}", &settings[..begin], &settings[end..])).expect("written");
    }

    async fn landed_in(&self, repository: &str) -> usize {
        let repository = Repository::at(self.path().join("repositories").join(repository));
        let log = repository.log("main", &["--format=%(trailers:key=Slipway-Run,valueonly)"]).await.expect("a log");
        log.lines().filter(|line| !line.trim().is_empty()).count()
    }
}

/// Waits until so many runs of an environment are done.
async fn done_in(store: &Store, environment: &str, wanted: usize) -> Duration {
    let begun = Instant::now();
    let done = async {
        loop {
            let filter = RunFilter { state: Some(RunState::Done), ..RunFilter::default() };
            let runs = store.runs(&filter, 10_000).await.expect("runs");
            if runs.iter().filter(|run| run.cause.environment.as_str() == environment).count() == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, done)
        .await
        .unwrap_or_else(|_| panic!("{wanted} runs are promoted to {environment}"));
    begun.elapsed()
}

fn threads_of(server: &SlipwayProcess) -> usize {
    let tasks = format!("/proc/{}/task", server.id().expect("a process"));
    std::fs::read_dir(tasks).expect("threads").count()
}

#[tokio::test]
async fn a_hung_downstream_git_server_holds_up_nobody_else_and_what_follows_is_done_once() {
    let world = World::on_postgres().await;
    world.write_environments().await;
    let store = world.store().await;
    let promoted: Vec<Run> = (0..PROMOTED)
        .map(|number| run_of(&format!("model-{number}"), "staging", RunState::Promoting, number))
        .collect();
    let later: Vec<Run> = (0..WAITING).map(waiting).collect();
    for run in promoted.iter().chain(&later) {
        store.open_run(run, &Actor::controller(), None).await.expect("recorded");
    }
    world.git.set_faults(|faults| faults.silent = Some("hung.git".to_owned()));
    let server = SlipwayProcess::start(&slipway(), &world.path().join("server-a.yaml"), &[]).await.expect("a server");

    let took = done_in(&store, "staging", PROMOTED).await;
    assert!(took < PROMPT, "promotions waited for a server they have nothing to do with: {took:?}");
    let elsewhere = run_of("model-7", "other", RunState::Promoting, 99_999);
    store.open_run(&elsewhere, &Actor::controller(), None).await.expect("recorded");
    let other = done_in(&store, "other", 1).await;
    assert!(other < PROMPT, "another environment waited: {other:?}");

    let load = world.load(&server);
    let running = load.start(4);
    tokio::time::timeout(PROMPT, load.after(200)).await.expect("deliveries are acknowledged");
    let outcome = running.end().await;
    let slowest = outcome.latencies.iter().max().copied().unwrap_or_default();
    assert_eq!((outcome.refused, outcome.cut, lost(&store, &outcome.acknowledged).await), (0, 0, 0));
    let api = server.api().with_token(API_TOKEN);
    let mut answered = Duration::ZERO;
    for path in ["/livez", "/readyz", "/metrics", "/api/v1/runs", "/api/v1/environments"] {
        let begun = Instant::now();
        assert_eq!(api.get(path).await.expect("an answer").status, 200, "{path}");
        answered = answered.max(begun.elapsed());
    }
    assert!(answered < PROMPT / 4, "the API was slow: {answered:?}");
    let threads = threads_of(&server);
    assert!(threads < MAX_THREADS, "{threads} threads");

    // What follows is waited for meanwhile, and done when the server answers again.
    assert_eq!(store.follow_ups_waiting().await.expect("counted"), PROMOTED as u64);
    world.git.set_faults(|faults| faults.silent = None);
    let downstream = |run: &Run| {
        matches!(&run.origin, Some(Origin::Promotion { .. })) && run.cause.environment.as_str() == "production"
    };
    let all_follow = async {
        while store.follow_ups_waiting().await.expect("counted") > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, all_follow).await.expect("what follows is done");
    let runs = store.runs(&RunFilter::default(), 10_000).await.expect("runs");
    let mut of: Vec<String> = runs.iter().filter(|run| downstream(run)).map(|run| run.cause.model.clone()).collect();
    let followed = of.len();
    of.sort();
    of.dedup();
    let (lost, doubled) = (PROMOTED - of.len(), followed - of.len());
    let landed = world.landed_in("environment.git").await;
    println!(
        "hung downstream git server, {WAITING} runs that wait for it: {PROMOTED} promotions tried, {landed} landed in {took:?}, \
         0 lost, {} doubled; {PROMOTED} follow-ups tried, {followed} landed, {lost} lost, {doubled} doubled; another \
         environment took {other:?}, the slowest of {} acknowledgements {slowest:?}, of the API's answers {answered:?}; \
         {threads} threads",
        landed.saturating_sub(PROMOTED),
        outcome.acknowledged.len(),
    );
    assert_eq!((landed, followed, lost, doubled), (PROMOTED, PROMOTED, 0, 0));
    assert!(!server.errors().contains("panicked"), "{}", server.errors());
    let errors = server.errors();
    assert!(server.terminate().await.expect("it ends").success(), "{errors}");
    store.close().await;
    world.finish().await;
}
