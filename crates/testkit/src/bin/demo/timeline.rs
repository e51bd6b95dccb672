//! The demo's timeline: step, what happened, how long.

use std::time::Duration;

use anyhow::Result;
use jiff::SignedDuration;
use slipway_testkit::demo::steps;

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
        for step in steps(&act.run)? {
            line(paint, &step.name, &seconds(step.took), &step.cause);
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

/// Time from the delivery to the recorded promotion, less training and evaluation.
fn overhead(act: &Played) -> Result<SignedDuration> {
    let moment = |state: &str| entered(&act.run, state).ok_or_else(|| anyhow::anyhow!("the run never was {state}"));
    let whole = moment("done")?.duration_since(at(&act.run, "delivered_at")?);
    let computing = moment("gating")?.duration_since(moment("training")?);
    Ok(whole - computing)
}
