//! Calls to git servers, limited per repository and per host. A caller that waits for a server is a task and not a thread, and
//! concurrent requests for the same fetch share it. A server that never answers costs a few threads and delays no other server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as Line, OwnedSemaphorePermit, Semaphore};

use super::step::{StepError, panicked};
use slipway_domain::CommitSha;
use slipway_git::{GitError, Mirror, Remote};

/// Maximum number of concurrent calls to one repository: a push, a fetch, and other reads.
const AT_A_REPOSITORY: usize = 4;
/// Maximum number of concurrent calls to one host.
const AT_A_HOST: usize = 32;
/// Maximum number of concurrent calls in all. Tokio has 512 threads for blocking work; the rest serves disks and computation.
const AT_ONCE: usize = 384;

/// Pause after a fetch without an answer before its deadline. Callers receive the error of that fetch meanwhile.
const REST: Duration = Duration::from_secs(30);

/// The git servers, with their limits and last fetches.
pub(crate) struct Remotes {
    all: Arc<Semaphore>,
    limits: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    fetches: Mutex<BTreeMap<(String, String), LastFetch>>,
}

/// The last fetch of a branch of a repository. The task that fetches holds its lock.
type LastFetch = Arc<Line<Option<Fetched>>>;

/// The last fetch of a branch.
struct Fetched {
    began: Instant,
    ended: Instant,
    tip: Result<CommitSha, GitError>,
}

impl Fetched {
    /// Whether this result serves a caller that asked at `since`: the fetch began later, or it timed out and would time out
    /// again.
    fn answers(&self, since: Instant) -> bool {
        let silent = matches!(self.tip, Err(GitError::TimedOut { .. }));
        self.began >= since || (silent && (self.ended >= since || self.ended.elapsed() < REST))
    }
}

/// The permits for one call.
struct Permits {
    _repository: OwnedSemaphorePermit,
    _host: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Remotes {
    pub(crate) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), limits: Mutex::default(), fetches: Mutex::default() }
    }

    /// Runs blocking work that may wait for the mirror's server. Once begun, the work ends even if its caller no longer waits.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        mirror: &Mirror,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StepError> {
        let permits = self.permits(mirror.remote()).await;
        let begun = tokio::task::spawn_blocking(move || {
            let _permits = permits;
            work()
        });
        begun.await.map_err(|error| panicked(&error))
    }

    /// Updates a mirror and returns its tip. Callers that wait for the next fetch at the same time share it.
    pub(crate) async fn fetch(&self, mirror: &Mirror) -> Result<Result<CommitSha, GitError>, StepError> {
        let since = Instant::now();
        let mut last = self.line_of(mirror.remote()).lock_owned().await;
        if let Some(fetched) = last.as_ref().filter(|fetched| fetched.answers(since)) {
            return Ok(fetched.tip.clone());
        }
        let fetched = mirror.clone();
        self.call(mirror, move || {
            let began = Instant::now();
            let tip = fetched.fetch();
            *last = Some(Fetched { began, ended: Instant::now(), tip: tip.clone() });
            tip
        })
        .await
    }

    /// Acquires the narrow limit first, so that a caller that waits for a slow repository holds no permits that others need.
    async fn permits(&self, remote: &Remote) -> Permits {
        let (repository, host) = (remote.url(), host_of(remote.url()));
        let (of_repository, of_host) = {
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            let mut limit =
                |name: String, most| limits.entry(name).or_insert_with(|| Arc::new(Semaphore::new(most))).clone();
            (limit(format!("repository {repository}"), AT_A_REPOSITORY), limit(format!("host {host}"), AT_A_HOST))
        };
        Permits {
            _repository: taken(of_repository).await,
            _host: taken(of_host).await,
            _all: taken(self.all.clone()).await,
        }
    }

    fn line_of(&self, remote: &Remote) -> LastFetch {
        let place = (remote.url().to_owned(), remote.branch().to_owned());
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_default().clone()
    }
}

async fn taken(limit: Arc<Semaphore>) -> OwnedSemaphorePermit {
    limit.acquire_owned().await.expect("the semaphore is never closed")
}

/// The host of an address: `https://host/path`, `ssh://user@host/path` or `user@host:path`.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find('/').unwrap_or(rest.len());
    let authority = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    // In `user@host:path` the path is not part of the host. In a URL the port is part of it.
    if url.contains("://") { authority } else { authority.split(':').next().unwrap_or(authority) }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;
    use slipway_git::Deadlines;

    fn fetched(ended: Instant, tip: Result<CommitSha, GitError>) -> Fetched {
        Fetched { began: ended.checked_sub(Duration::from_secs(1)).expect("a second ago"), ended, tip }
    }

    #[test]
    fn a_fetch_answers_whoever_called_before_it_began_and_silence_whoever_calls_soon_after() {
        let now = Instant::now();
        let ago = |seconds| now.checked_sub(Duration::from_secs(seconds)).expect("the machine runs for longer");
        let tip: CommitSha = "1".repeat(40).parse().expect("a commit");
        assert!(fetched(now, Ok(tip.clone())).answers(ago(2)));
        assert!(!fetched(now, Ok(tip.clone())).answers(now), "it may have moved since the fetch began");
        let silent = || Err(GitError::TimedOut { repository: "x".to_owned(), deadline: Duration::from_secs(1) });
        assert!(fetched(now, silent()).answers(now));
        assert!(!fetched(ago(31), silent()).answers(now), "it is asked again after a rest");
        let refused = Err(GitError::RepositoryMissing { repository: "x".to_owned() });
        assert!(!fetched(now, refused).answers(now));
    }

    #[test]
    fn hosts_are_found_in_every_form_of_address() {
        for (url, host) in [
            ("https://git.example.org/team/a.git", "git.example.org"),
            ("http://127.0.0.1:3000/a.git", "127.0.0.1:3000"),
            ("ssh://git@git.example.org:2222/a.git", "git.example.org:2222"),
            ("git@git.example.org:team/a.git", "git.example.org"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }

    /// A server that accepts connections and never answers. The thread returns the number of connections.
    fn silent_server() -> (String, std::thread::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/silent.git", listener.local_addr().expect("an address"));
        let serving = std::thread::spawn(move || {
            let (mut first, _) = listener.accept().expect("a client");
            let mut word = Vec::new();
            // Blocks until the client gives up.
            first.read_to_end(&mut word).ok();
            listener.set_nonblocking(true).expect("set");
            1 + std::iter::from_fn(|| listener.accept().ok()).count()
        });
        (url, serving)
    }

    #[tokio::test]
    async fn five_hundred_who_wait_for_a_silent_server_cost_one_call_and_hold_up_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let (url, serving) = silent_server();
        let second = Duration::from_secs(1);
        let deadlines = Deadlines { connect: second, read: second, overall: second };
        let remote = Remote::new(&url, "main", None).expect("a remote").with_deadlines(deadlines);
        let mirror = Mirror::open(folder.path(), remote).expect("a mirror");
        let remotes = Arc::new(Remotes::new());
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..512 {
            let (remotes, mirror) = (remotes.clone(), mirror.clone());
            waiting.spawn(async move { remotes.fetch(&mirror).await.expect("it ran") });
        }
        tokio::task::yield_now().await;
        let begun = Instant::now();
        tokio::task::spawn_blocking(|| ()).await.expect("a thread is free");
        assert!(begun.elapsed() < second, "work that blocks waited for {:?}", begun.elapsed());
        let mut silent = 0;
        while let Some(ended) = waiting.join_next().await {
            assert!(matches!(ended.expect("it ran"), Err(GitError::TimedOut { .. })));
            silent += 1;
        }
        assert_eq!(silent, 512);
        assert!(begun.elapsed() < second * 5, "all of them are told at once: {:?}", begun.elapsed());
        assert_eq!(serving.join().expect("it ran"), 1, "one asked for all");
    }
}
