//! The rules of an environment for promotions, and the evaluation that blocks a promotion.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::window::Window;
use super::{Approval, Contributor, Hold, Identity, People, SourceName};

/// The rules of the platform owner for promotions to an environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Environments that must name the artifact first.
    pub after: Option<After>,
    /// Required approvals.
    pub approvals: Option<Approvals>,
    /// Times at which promotions are allowed; without windows they are always allowed.
    pub windows: Vec<Window>,
    /// Times without promotions.
    pub freezes: Vec<Freeze>,
}

/// Environments that must name an artifact before another environment may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// The environments.
    pub environments: Vec<SourceName>,
    /// The required number of them.
    pub need: Need,
    /// The uninterrupted time for which each must have named the artifact.
    pub soak: Duration,
}

/// A required number of several environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// All of them.
    All,
    /// At least one of them.
    Any,
}

/// The required number of approvals, and the people whose approval counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals {
    /// The number, at least one.
    pub number: u32,
    /// The people whose approval counts; if it is empty, every permitted approver counts.
    pub by: BTreeSet<String>,
}

/// A time without promotions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// Start of the freeze; if absent, it has already started.
    pub from: Option<Timestamp>,
    /// End of the freeze.
    pub until: Timestamp,
    /// The reason.
    pub reason: String,
}

/// The rule that blocks a promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Another environment must name the artifact first, and for long enough.
    After,
    /// Approvals are missing.
    Approval,
    /// No window is open.
    Window,
    /// The environment is frozen.
    Freeze,
    /// A person holds the model or the environment.
    Hold,
    /// The promotion request must be merged.
    Request,
}

/// One rule that blocks a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockingRule {
    /// The rule.
    pub rule: Rule,
    /// The reason in plain text.
    pub reason: String,
    /// The earliest time at which the rule may stop blocking; `None` if that depends on people or on other promotions.
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

/// The time since which another environment has named the artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The environment.
    pub environment: SourceName,
    /// The time since which this installation has seen the artifact there; `None` if the environment names another artifact now.
    pub since: Option<Timestamp>,
}

/// The input of the rules.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The current time.
    pub now: Timestamp,
    /// The states of the environments in [`Rules::after`].
    pub upstream: &'a [Upstream],
    /// Approvals of this artifact in this environment.
    pub approvals: &'a [Approval],
    /// Whether the policy requires an approval of the artifact.
    pub policy_requires_approval: bool,
    /// Contributors of the revision; `None` if they are not known yet.
    pub contributors: Option<&'a [Contributor]>,
    /// The people in the settings.
    pub people: &'a People,
    /// The holds.
    pub holds: &'a [Hold],
}

impl Rules {
    /// All rules that block a promotion now.
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
        // The end of each environment's soak time; `None` if it does not name the artifact.
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

/// Approvals are counted per person: one person counts once, and a contributor's own approval alone never suffices. Two approvers
/// who are certainly different people satisfy this rule. Otherwise every contributor must differ from at least one approver.
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

/// The approvers whose approval counts, each once. Identities come from the current settings, so that a person who is added later
/// does not have to approve again.
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

/// Why all approvers can be contributors of the revision; `None` if one of them is certainly another person.
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
