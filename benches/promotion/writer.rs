//! Our side, in a process of its own: does what each line of standard input asks and answers with a line of JSON.

use std::io::BufRead as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use slipway_git::{
    Authorities, GitError, Identity, Mirror, Outcome, PendingPromotion, Proposal, Remote, Snapshot, Trailer,
    WriteRequest, Writer,
};

use slipway_testkit::benchmark;

use crate::tls;

/// Serves one repository: `fetch`, `one ID PATH`, `many COUNT ID PATH`, `branches COUNT EACH ID PATH`, `memory`.
pub(crate) fn run(url: &str, folder: &Path) -> Result<()> {
    let authorities = Authorities::from_pem(&std::fs::read(tls::authority())?)?;
    let open = |branch: &str| -> Result<Writer<GitError>> {
        let remote = Remote::new(url, branch, None)?;
        let remote = if url.starts_with("https:") { remote.with_authorities(authorities.clone()) } else { remote };
        Ok(Writer::new(Mirror::open(folder, remote)?))
    };
    let main = open("main")?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["fetch"] => timed(|| Ok(vec![main.mirror().fetch().map(|_| Outcome::NothingToDo)])),
            ["one", id, path] => timed(|| Ok(vec![main.write(pending_promotion(id, path))])),
            ["many", count, id, path] => {
                let pending_promotions = (0..count.parse()?)
                    .map(|number: usize| pending_promotion(&format!("{id}-{number}"), path))
                    .collect();
                timed(|| Ok(main.write_all(pending_promotions)))
            }
            ["branches", count, each, id, path] => {
                let writers = (0..count.parse()?).map(|number: usize| open(&format!("environment-{number}")));
                let writers = writers.collect::<Result<Vec<_>>>()?;
                for writer in &writers {
                    writer.mirror().fetch()?;
                }
                let each: usize = each.parse()?;
                timed(|| on_branches(&writers, each, id, path))
            }
            ["memory"] => Ok(json!({"peak_mib": peak_memory()?})),
            _ => anyhow::bail!("`{line}` is not understood"),
        };
        benchmark::say(&answer?.to_string());
    }
    Ok(())
}

type Landed = Vec<Result<Outcome, GitError>>;

/// One writer a branch, each in a thread of its own.
fn on_branches(writers: &[Writer<GitError>], each: usize, id: &str, path: &str) -> Result<Landed> {
    thread::scope(|scope| {
        let threads: Vec<_> = writers
            .iter()
            .map(|writer| {
                let pending_promotions =
                    (0..each).map(|number| pending_promotion(&format!("{id}-{number}"), path)).collect();
                scope.spawn(move || writer.write_all(pending_promotions))
            })
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().ok().context("a writer panicked"));
        Ok(results.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    })
}

fn timed(work: impl FnOnce() -> Result<Landed>) -> Result<serde_json::Value> {
    let (begun, processor) = (Instant::now(), processor_time());
    let results = work()?;
    let (wall, processor) = (begun.elapsed(), processor_time().saturating_sub(processor));
    let mut retries = 0;
    let mut landed = 0;
    for result in results {
        if let Outcome::Pushed { attempts, .. } = result? {
            landed += 1;
            retries += attempts - 1;
        }
    }
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    Ok(json!({"ms": milliseconds(wall), "cpu_ms": milliseconds(processor), "landed": landed, "retries": retries}))
}

/// Writes its identifier into a file as the tag: a change that is made anew on each tip.
fn pending_promotion(id: &str, path: &str) -> PendingPromotion<GitError> {
    let slipway = Identity { name: "Slipway".to_owned(), email: "slipway@example.org".to_owned() };
    let trailer = Trailer { key: "Slipway-Promotion".to_owned(), value: id.to_owned() };
    let (id, path) = (id.to_owned(), path.to_owned());
    let propose = move |tip: &Snapshot<'_>| {
        let content = tip.read_file(&path, 1 << 20)?.unwrap_or_default();
        let content = String::from_utf8_lossy(&content).into_owned();
        let content: Vec<String> = content
            .lines()
            .map(|line| if line.starts_with("  tag:") { format!("  tag: \"{id}\"\n") } else { format!("{line}\n") })
            .collect();
        let changes = vec![(path.clone(), content.concat().into_bytes())];
        Ok(Proposal::Change { changes, message: format!("promote {id}") })
    };
    let request = WriteRequest { author: slipway.clone(), committer: slipway, at: jiff::Timestamp::now(), trailer };
    PendingPromotion::new(request, Box::new(propose))
}

fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// The largest resident set of this process so far.
fn peak_memory() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
