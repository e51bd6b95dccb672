//! The rules by which an environment takes promotions, and what holds one back.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::window::Window;
use super::{Approval, Contributor, Hold, Identity, People, SourceName};

/// What the platform's owner demands of a promotion to an environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Environments that have to name the artifact first.
    pub after: Option<After>,
    /// People who have to agree.
    pub approvals: Option<Approvals>,
    /// When promotions may happen; at any time if there are none.
    pub windows: Vec<Window>,
    /// When none may happen.
    pub freezes: Vec<Freeze>,
}

/// Environments that have to name an artifact before another one may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// Which.
    pub environments: Vec<SourceName>,
    /// How many of them.
    pub need: Need,
    /// For how long each has to have named it, without a break.
    pub soak: Duration,
}

/// How many of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Every one.
    All,
    /// One of them.
    Any,
}

/// How many people have to agree, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals {
    /// How many, one at least.
    pub number: u32,
    /// Whose approval counts; anybody's who may approve at all if it is empty.
    pub by: BTreeSet<String>,
}

/// A time without promotions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// When it begins; it has begun if this is absent.
    pub from: Option<Timestamp>,
    /// When it ends.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// Which rule holds a promotion back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Another environment has to name the artifact first, and for long enough.
    After,
    /// People have to agree.
    Approval,
    /// No window is open.
    Window,
    /// The environment is frozen.
    Freeze,
    /// A person holds the model or the environment.
    Hold,
    /// The promotion's request has to be merged.
    Request,
}

/// One thing that holds a promotion back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockingRule {
    /// The rule.
    pub rule: Rule,
    /// Why, in words.
    pub reason: String,
    /// The earliest time at which it may not hold any more; `None` if that depends on people or on other promotions.
    pub earliest: Option<Timestamp>,
}

impl fmt::Display for BlockingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule: _, reason, earliest } = self;
        match earliest {
            Some(earliest) => {
                write!(f, "{reason}, until {} at the earliest", earliest.round(jiff::Unit::Second).unwrap_or(*earliest))
            }
            None => f.write_str(reason),
        }
    }
}

/// Since when another environment has named the artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The environment.
    pub environment: SourceName,
    /// Since when this installation has seen it do so; `None` if it names something else now.
    pub since: Option<Timestamp>,
}

/// What the rules are applied to.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The time.
    pub now: Timestamp,
    /// How the environments it comes after stand.
    pub upstream: &'a [Upstream],
    /// Who agreed to this artifact in this environment.
    pub approvals: &'a [Approval],
    /// Whether the policy leaves the artifact to a person.
    pub policy_requires_approval: bool,
    /// Who had a hand in the revision; `None` if that is not known yet.
    pub contributors: Option<&'a [Contributor]>,
    /// Who is who.
    pub people: &'a People,
    /// What people hold.
    pub holds: &'a [Hold],
}

impl Rules {
    /// Everything that holds a promotion back now.
    pub fn blocked_by(&self, candidate: &Candidate<'_>) -> Vec<BlockingRule> {
        let Self { after, approvals, windows, freezes } = self;
        let mut found: Vec<BlockingRule> =
            candidate.holds.iter().filter(|hold| hold.holds_at(candidate.now)).map(held).collect();
        found.extend(freezes.iter().filter(|freeze| freeze.holds_at(candidate.now)).map(frozen));
        found.extend(after.as_ref().and_then(|after| after.blocked_by(candidate)));
        found.extend(missing_approvals(approvals.as_ref(), candidate));
        found.extend(closed(windows, candidate.now));
        found
    }
}

impl Freeze {
    fn holds_at(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && now < self.until
    }
}

fn held(hold: &Hold) -> BlockingRule {
    let Hold { model, reason, actor, until, .. } = hold;
    let what = if model.is_some() { "the model" } else { "the environment" };
    BlockingRule { rule: Rule::Hold, reason: format!("{what} is held by {actor}: {reason}"), earliest: *until }
}

fn frozen(freeze: &Freeze) -> BlockingRule {
    let reason = format!("the environment is frozen: {}", freeze.reason);
    BlockingRule { rule: Rule::Freeze, reason, earliest: Some(freeze.until) }
}

impl After {
    fn blocked_by(&self, candidate: &Candidate<'_>) -> Option<BlockingRule> {
        let Self { environments, need, soak } = self;
        // Until when each has to go on naming it; `None` for those that do not.
        let ready: Vec<(&SourceName, Option<Timestamp>)> = environments
            .iter()
            .map(|environment| {
                let upstream = candidate.upstream.iter().find(|upstream| upstream.environment == *environment);
                let soak = SignedDuration::try_from(*soak).unwrap_or(SignedDuration::MAX);
                let since = upstream.and_then(|upstream| upstream.since);
                (environment, since.map(|since| since.checked_add(soak).unwrap_or(Timestamp::MAX)))
            })
            .collect();
        let is_ready = |time: &Option<Timestamp>| time.is_some_and(|time| time <= candidate.now);
        let waits: Vec<&(&SourceName, Option<Timestamp>)> = ready.iter().filter(|(_, time)| !is_ready(time)).collect();
        let satisfied = match need {
            Need::All => waits.is_empty(),
            Need::Any => waits.len() < ready.len(),
        };
        if satisfied {
            return None;
        }
        let known = waits.iter().map(|(_, time)| *time);
        let earliest = match need {
            Need::All => known.collect::<Option<Vec<_>>>().and_then(|times| times.into_iter().max()),
            Need::Any => known.flatten().min(),
        };
        let word = |(environment, time): &&(&SourceName, Option<Timestamp>)| match time {
            Some(_) => format!("`{environment}` has not named it for {} yet", lasting(*soak)),
            None => format!("`{environment}` does not name it"),
        };
        let words: Vec<String> = waits.iter().map(word).collect();
        let joined = match need {
            Need::All => words.join(", and "),
            Need::Any => format!("one is enough, but {}", words.join(", and ")),
        };
        Some(BlockingRule { rule: Rule::After, reason: joined, earliest })
    }
}

fn lasting(duration: Duration) -> String {
    SignedDuration::try_from(duration).map_or_else(|_| "ever".to_owned(), |duration| format!("{duration:#}"))
}

/// Approvals are people, not clicks: one person counts once, and nobody's own work is approved by themselves alone. Two
/// who are certainly two are enough for that; else each who had a hand in it has to be somebody else than one of them.
fn missing_approvals(rule: Option<&Approvals>, candidate: &Candidate<'_>) -> Option<BlockingRule> {
    let anybody = BTreeSet::new();
    let (number, by) = match rule {
        Some(Approvals { number, by }) => (*number, by),
        None if candidate.policy_requires_approval => (1, &anybody),
        None => return None,
    };
    let counted = counted(by, candidate);
    let enough = counted.len() >= number as usize;
    let objection = own_work(&counted, candidate);
    if enough && objection.is_none() {
        return None;
    }
    let mut reason = if rule.is_none() {
        "the policy leaves this candidate to a person, and nobody approved it".to_owned()
    } else {
        format!("{} of {number} approvals", counted.len().min(number as usize))
    };
    if let Some(objection) = objection.filter(|_| !counted.is_empty()) {
        reason = format!("{reason}; that of its author alone does not suffice: {objection}");
    }
    if !by.is_empty() {
        let names: Vec<&str> = by.iter().map(String::as_str).collect();
        reason = format!("{reason}, of {}", names.join(", "));
    }
    Some(BlockingRule { rule: Rule::Approval, reason, earliest: None })
}

/// Those whose approval counts, each once. Who they are is asked of the settings of now, so that whoever is named there
/// later need not approve again.
fn counted(by: &BTreeSet<String>, candidate: &Candidate<'_>) -> Vec<Identity> {
    let mut names = BTreeSet::new();
    let mut counted = Vec::new();
    for approval in candidate.approvals {
        let name = candidate.people.behind(&approval.actor);
        if (by.is_empty() || by.contains(&name)) && names.insert(name) {
            counted.push(candidate.people.identity_of(&approval.actor));
        }
    }
    counted
}

/// Why approvals may be of nobody but those who had a hand in the revision; `None` if somebody else is certainly there.
fn own_work(counted: &[Identity], candidate: &Candidate<'_>) -> Option<String> {
    let people = candidate.people;
    let certainly_two = counted
        .iter()
        .enumerate()
        .any(|(number, one)| counted[..number].iter().any(|other| people.are_different(one, other)));
    if certainly_two {
        return None;
    }
    let Some(contributors) = candidate.contributors else {
        return Some("who made the revision is not known yet".to_owned());
    };
    contributors.iter().find_map(|contributor| {
        let behind = people.identity_behind(contributor);
        let covered = counted.iter().any(|approver| people.are_different(approver, &behind));
        let of_nobody = Identity::Unknown(String::new());
        (!covered).then(|| people.why_not(counted.first().unwrap_or(&of_nobody), contributor))
    })
}

fn closed(windows: &[Window], now: Timestamp) -> Option<BlockingRule> {
    if windows.is_empty() || windows.iter().any(|window| window.is_open(now)) {
        return None;
    }
    let earliest = windows.iter().filter_map(|window| window.opening_after(now)).min();
    Some(BlockingRule { rule: Rule::Window, reason: "no window is open".to_owned(), earliest })
}

#[cfg(test)]
mod tests;
