//! What is measured, in which order: ours and the git command line in turns, each after somebody else's commit.

use std::collections::HashMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::clients::{Part, WarmClone, figure, fresh_clone};
use crate::proxy;
use crate::report::{Bar, Report, median};
use crate::repository::{Generated, path_of};
use crate::tls;

/// Ways to promote, as the table calls them.
const FRESH: &str = "fresh shallow clone";
const WARM: &str = "warm clone";
const OURS: &str = "slipway";

pub(crate) fn run(sizes: &[(usize, usize)]) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let mut server = Part::start(&["server", &folder.path().display().to_string()])?;
    let address = server.line()?;
    let mut report = Report::default();
    for (files, rounds) in sizes {
        let repository = Generated::make(folder.path(), *files)?;
        let url = format!("http://{address}/r{files}.git");
        one_promotion(&mut report, &repository, &url, folder.path(), *rounds)?;
        if *files == sizes[0].0 {
            with_others(&mut report, &repository, &url, folder.path())?;
        }
        if *files == sizes[sizes.len().min(2) - 1].0 {
            waiting(&mut report, &repository, &url, folder.path())?;
            far_away(&mut report, &repository, address.parse()?, folder.path())?;
        }
        if *files <= 10_000 {
            many_models(&mut report, &repository, &url, folder.path())?;
        }
    }
    Ok(report)
}

/// Our writer on a mirror that is there already, in a process that did not make it.
fn our_writer(url: &str, folder: &Path) -> Result<Part> {
    let mirrors = folder.join("mirrors");
    let arguments = ["writer", url, &mirrors.display().to_string()];
    Part::start(&arguments)?.ask("fetch")?;
    Part::start(&arguments)
}

fn one_promotion(report: &mut Report, repository: &Generated, url: &str, folder: &Path, rounds: usize) -> Result<()> {
    let files = repository.files;
    let warm = WarmClone::make(url, folder.join(format!("warm-{files}")))?;
    let mut ours = our_writer(url, folder)?;
    let path = path_of(files / 2);
    let mut taken: HashMap<&str, Vec<f64>> = HashMap::new();
    let (mut processor, mut known, mut known_processor) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        repository.foreign_commit()?;
        let fresh = fresh_clone(url, folder, &path, &format!("fresh-{round}"))?;
        repository.foreign_commit()?;
        let (warmed, _) = warm.promote(&path, &format!("warm-{round}"), 1)?;
        repository.foreign_commit()?;
        let our = ours.ask(&format!("one ours-{files}-{round} {path}"))?;
        let again = ours.ask(&format!("one known-{files}-{round} {path}"))?;
        // The first round warms caches and is thrown away.
        if round > 0 {
            taken.entry(FRESH).or_default().push(fresh);
            taken.entry(WARM).or_default().push(warmed);
            taken.entry(OURS).or_default().push(figure(&our, "ms")?);
            processor.push(figure(&our, "cpu_ms")?);
            known.push(figure(&again, "ms")?);
            known_processor.push(figure(&again, "cpu_ms")?);
        }
    }
    let memory = figure(&ours.ask("memory")?, "peak_mib")?;
    let of = |way: &str| median(taken.get(way).map_or(&[], Vec::as_slice));
    let (fresh, warm, our) = (of(FRESH), of(WARM), of(OURS));
    let (processor, known_processor) = (median(&processor), median(&known_processor));
    report.results.push(json!({
        "what": "one promotion", "files": files, "rounds": taken, "slipway_tip_known_ms": known,
        "slipway_cpu_ms": processor, "slipway_tip_known_cpu_ms": known_processor, "slipway_peak_mib": memory,
    }));
    report.rows.push(vec![
        format!("{files}"),
        format!("{fresh:.0}"),
        format!("{warm:.0}"),
        format!("{our:.0}"),
        format!("{:.0}", median(&known)),
        format!("{:.1}", fresh / our),
        format!("{:.1}", warm / our),
        format!("{processor:.1}"),
        format!("{known_processor:.1}"),
        format!("{memory:.0}"),
    ]);
    let target = match files {
        1_000 => 2.5,
        10_000 => 10.0,
        _ => 19.0,
    };
    report.bars.push(Bar::at_least(format!("faster than a fresh clone, {files} files"), fresh / our, "times", target));
    report.bars.push(Bar::above(format!("faster than a warm clone, {files} files"), warm / our, "times", 1.0));
    if files == 100_000 {
        report.bars.push(Bar::below("processor time without a fetch, 100000 files", known_processor, "ms", 10.0));
        report.bars.push(Bar::below("client memory, 100000 files", memory * 1.048_576, "MB", 30.0));
    }
    Ok(())
}

/// Forty promotions that wait for one branch.
fn waiting(report: &mut Report, repository: &Generated, url: &str, folder: &Path) -> Result<()> {
    let mut ours = our_writer(url, folder)?;
    let mut taken = Vec::new();
    let mut retries = 0.0;
    for round in 0..5 {
        let answer = ours.ask(&format!("many 40 wait-{round} {}", path_of(3)))?;
        ensure!(answer["landed"] == 40, "expected 40 landed, came {answer}");
        retries += figure(&answer, "retries")?;
        taken.push(figure(&answer, "ms")?);
    }
    let worst = taken.iter().copied().fold(0.0, f64::max);
    report.notes.push(format!(
        "40 promotions waiting for one branch, {} files: {:.0} ms (median of 5, worst {worst:.0}), {retries} retries.",
        repository.files,
        median(&taken)
    ));
    report.bars.push(Bar::below("40 promotions waiting, worst of 5", worst / 1e3, "s", 0.5));
    report.bars.push(Bar::at_most("retries of 40 promotions waiting", retries, "", 0.0));
    report.results.push(json!({"what": "40 waiting", "files": repository.files, "ms": taken, "retries": retries}));
    Ok(())
}

/// Eight writers of another tool push to our branch all the while.
fn with_others(report: &mut Report, repository: &Generated, url: &str, folder: &Path) -> Result<()> {
    const OTHERS: usize = 8;
    const EACH: usize = 3;
    const OURS: usize = 10;
    let clones = (0..OTHERS).map(|number| WarmClone::make(url, folder.join(format!("other-{number}"))));
    let clones = clones.collect::<Result<Vec<_>>>()?;
    let mut ours = our_writer(url, folder)?;
    let waits = thread::scope(|scope| -> Result<Vec<f64>> {
        let others: Vec<_> = clones
            .iter()
            .enumerate()
            .map(|(number, clone)| {
                scope.spawn(move || {
                    (0..EACH).try_for_each(|turn| {
                        clone.promote(&path_of(number * 4), &format!("other-{number}-{turn}"), 500).map(drop)
                    })
                })
            })
            .collect();
        let waits = (0..OURS)
            .map(|number| figure(&ours.ask(&format!("one crowd-{number} {}", path_of(number * 4 + 1)))?, "ms"));
        let waits = waits.collect::<Result<Vec<_>>>();
        for other in others {
            other.join().ok().context("another writer panicked")??;
        }
        waits
    })?;
    let messages = repository.messages("main")?;
    let count = |line: String| messages.lines().filter(|found| **found == line).count();
    let other = (0..OTHERS).flat_map(|number| (0..EACH).map(move |turn| format!("promote other-{number}-{turn}")));
    let counts: Vec<usize> =
        (0..OURS).map(|number| format!("promote crowd-{number}")).chain(other).map(count).collect();
    let lost = counts.iter().filter(|count| **count == 0).count();
    let doubled = counts.iter().filter(|count| **count > 1).count();
    let worst = waits.iter().copied().fold(0.0, f64::max) / 1e3;
    report.notes.push(format!(
        "{OTHERS} writers of another tool push {EACH} times each while Slipway promotes {OURS} times: {} tried, {} landed, {lost} lost, {doubled} twice; Slipway's worst wait {worst:.1} s.",
        counts.len(),
        counts.len() - lost
    ));
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    report.bars.push(Bar::at_most("lost or doubled among other writers", (lost + doubled) as f64, "", 0.0));
    report.results.push(json!({"what": "others", "waits_ms": waits, "lost": lost, "doubled": doubled}));
    Ok(())
}

/// A thousand models: a hundred promotions on each of ten branches.
fn many_models(report: &mut Report, repository: &Generated, url: &str, folder: &Path) -> Result<()> {
    for number in 0..10 {
        repository.branch(&format!("environment-{number}"))?;
    }
    let mut ours = our_writer(url, folder)?;
    let mut rates = Vec::new();
    for each in [10, 30, 100] {
        let answer = ours.ask(&format!("branches 10 {each} models-{each} {}", path_of(5)))?;
        let landed = figure(&answer, "landed")?;
        ensure!(answer["landed"] == each * 10, "expected {} landed, came {answer}", each * 10);
        rates.push(format!("{:.0} promotions/s with {} in all", landed / figure(&answer, "ms")? * 1e3, each * 10));
        report.results.push(json!({"what": "models", "files": repository.files, "each": each, "answer": answer}));
    }
    report.notes.push(format!("10 environments in one repository, {} files: {}.", repository.files, rates.join(", ")));
    Ok(())
}

/// The same one promotion, 50 ms away and over TLS.
fn far_away(report: &mut Report, repository: &Generated, server: std::net::SocketAddr, folder: &Path) -> Result<()> {
    let address = proxy::start(tls::start(server)?, Duration::from_millis(50))?;
    let url = format!("https://{address}/r{}.git", repository.files);
    let mut ours = our_writer(&url, folder)?;
    let path = path_of(9);
    let (mut fresh, mut our, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..4 {
        repository.foreign_commit()?;
        let theirs = fresh_clone(&url, folder, &path, &format!("far-{round}"))?;
        repository.foreign_commit()?;
        let answer = ours.ask(&format!("one far-ours-{round} {path}"))?;
        let again = ours.ask(&format!("one far-known-{round} {path}"))?;
        if round > 0 {
            fresh.push(theirs);
            our.push(figure(&answer, "ms")?);
            known.push(figure(&again, "ms")?);
        }
    }
    let ratio = median(&fresh) / median(&our);
    report.notes.push(format!(
        "With 50 ms of round trip (a relay) and TLS, {} files: fresh clone {:.0} ms, Slipway {:.0} ms, {ratio:.1} times; tip known {:.0} ms, {:.1} times.",
        repository.files,
        median(&fresh),
        median(&our),
        median(&known),
        median(&fresh) / median(&known)
    ));
    report.bars.push(Bar::at_least("faster than a fresh clone, 50 ms away, over TLS", ratio, "times", 4.0));
    report.results.push(json!({"what": "far away", "files": repository.files, "fresh_ms": fresh, "slipway_ms": our, "slipway_tip_known_ms": known}));
    Ok(())
}
