//! The demo's timeline: step, what happened, how long.

use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::SignedDuration;

use crate::act::{Played, at, entered, text};
use crate::paint::Paint;

/// What a promotion may cost beside training and evaluation.
const MAX_OVERHEAD: SignedDuration = SignedDuration::from_secs(1);

/// Prints the timeline of all pushes, and what a promotion cost beside training and evaluation.
pub(crate) fn show(acts: &[Played], paint: &Paint) -> Result<()> {
    println!("\n{}", paint.title("Timeline"));
    for act in acts {
        println!("  {}", paint.title(act.title));
        line(paint, "git push", &seconds(act.push), "commit uploaded, hook delivered");
        for (step, duration, cause) in steps(act)? {
            let cause: String = cause.lines().next().unwrap_or_default().chars().take(110).collect();
            line(paint, &step, &duration, &cause);
        }
    }
    println!();
    for act in acts.iter().filter(|act| text(&act.run, "state") == "done") {
        let overhead = overhead(act)?;
        println!(
            "  {}: from the hook's delivery to the promotion, less training and evaluation: {:.3} s",
            act.title,
            overhead.as_secs_f64()
        );
        if overhead > MAX_OVERHEAD {
            println!("  {}", paint.bad(&format!("that is more than {:.0} s", MAX_OVERHEAD.as_secs_f64())));
        }
    }
    Ok(())
}

fn line(paint: &Paint, step: &str, duration: &str, what: &str) {
    println!("    {step:<12} {duration:>9}  {}", paint.faint(what));
}

fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

/// Each step with the time it took and what it led to: the time between two transitions belongs to the state between.
fn steps(act: &Played) -> Result<Vec<(String, String, String)>> {
    let mut since = at(&act.run, "delivered_at")?;
    let mut steps = Vec::new();
    let transitions = act.run["transitions"].as_array().cloned().unwrap_or_default();
    ensure!(transitions.len() > 1, "the run has no transitions");
    for transition in &transitions {
        let now = at(transition, "at")?;
        let step = match text(transition, "from") {
            "" => "intake",
            "queued" => "plan",
            "training" => "train",
            "evaluating" => "evaluate",
            "gating" => "gate",
            "publishing" => "publish",
            "promoting" => "promote",
            other => other,
        };
        let duration = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        steps.push((step.to_owned(), seconds(duration), text(transition, "cause").to_owned()));
        since = now;
    }
    Ok(steps)
}

/// Time from the delivery to the recorded promotion, less training and evaluation.
fn overhead(act: &Played) -> Result<SignedDuration> {
    let moment = |state: &str| entered(&act.run, state).ok_or_else(|| anyhow::anyhow!("the run never was {state}"));
    let whole = moment("done")?.duration_since(at(&act.run, "delivered_at")?);
    let computing = moment("gating")?.duration_since(moment("training")?);
    Ok(whole - computing)
}
