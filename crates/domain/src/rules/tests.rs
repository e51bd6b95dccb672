use super::*;
use crate::{Actor, Part, Person};
use slipway_contract::Digest;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn name(text: &str) -> SourceName {
    SourceName::try_from(text.to_owned()).expect("a name")
}

fn now() -> Timestamp {
    at("2026-11-24T12:00:00Z")
}

/// People with one token and one forge account each; both have the person's name.
fn people() -> &'static People {
    static PEOPLE: std::sync::LazyLock<People> = std::sync::LazyLock::new(|| {
        let person = |name: &&str| Person {
            name: (*name).to_owned(),
            tokens: [(*name).to_owned()].into(),
            accounts: [format!("github:{name}")].into(),
            emails: BTreeSet::new(),
        };
        People::new(["kim", "lee", "sam"].iter().map(person).collect())
    });
    &PEOPLE
}

fn pushed_by(name: &str) -> Vec<Contributor> {
    let commit = "1".repeat(40).parse().expect("a commit");
    vec![Contributor { part: Part::Pusher, commit, account: Some(format!("github:{name}")), name: name.to_owned() }]
}

fn candidate() -> Candidate<'static> {
    Candidate {
        now: now(),
        upstream: &[],
        approvals: &[],
        policy_requires_approval: false,
        contributors: Some(&[]),
        people: people(),
        holds: &[],
    }
}

fn after(names: &[&str], need: Need, hours: u64) -> Rules {
    let environments = names.iter().map(|text| name(text)).collect();
    Rules { after: Some(After { environments, need, soak: Duration::from_hours(hours) }), ..Rules::default() }
}

fn upstream(names: &[(&str, Option<&str>)]) -> Vec<Upstream> {
    names.iter().map(|(text, since)| Upstream { environment: name(text), since: since.map(at) }).collect()
}

fn approvals(people: &[&str]) -> Vec<Approval> {
    let approval = |person: &&str| Approval {
        environment: name("production"),
        model: "digits".to_owned(),
        artifact: Digest::of(b"weights"),
        person: (*person).to_owned(),
        actor: Actor::token(person),
        at: now(),
    };
    people.iter().map(approval).collect()
}

fn reasons(rules: &Rules, candidate: &Candidate<'_>) -> Vec<String> {
    rules.blocked_by(candidate).iter().map(ToString::to_string).collect()
}

#[test]
fn without_rules_nothing_is_blocked() {
    assert_eq!(reasons(&Rules::default(), &candidate()), Vec::<String>::new());
}

#[test]
fn an_environment_waits_until_the_one_before_it_has_named_the_artifact_for_long_enough() {
    let rules = after(&["staging"], Need::All, 24);
    let held = |since| rules.blocked_by(&Candidate { upstream: &upstream(&[("staging", since)]), ..candidate() });
    assert_eq!(held(None)[0].reason, "`staging` does not name it");
    assert_eq!(held(None)[0].earliest, None);
    let short = held(Some("2026-11-24T00:00:00Z"));
    assert_eq!(
        short[0].to_string(),
        "`staging` has not named it for 24h yet, until 2026-11-25T00:00:00Z at the earliest"
    );
    assert_eq!(held(Some("2026-11-23T12:00:00Z")), []);
    assert_eq!(reasons(&rules, &candidate()), ["`staging` does not name it"], "what is not known does not count");
}

#[test]
fn of_several_environments_all_have_to_name_it_or_any() {
    let stand = upstream(&[("a", Some("2026-11-24T11:30:00Z")), ("b", Some("2026-11-24T11:50:00Z")), ("c", None)]);
    let held = |names: &[&str], need| after(names, need, 1).blocked_by(&Candidate { upstream: &stand, ..candidate() });
    assert_eq!(held(&["a", "b"], Need::All)[0].earliest, Some(at("2026-11-24T12:50:00Z")));
    assert_eq!(held(&["a", "b"], Need::Any)[0].earliest, Some(at("2026-11-24T12:30:00Z")));
    assert_eq!(held(&["a", "c"], Need::All)[0].earliest, None, "nobody knows when `c` will name it");
    assert_eq!(held(&["a", "c"], Need::Any)[0].earliest, Some(at("2026-11-24T12:30:00Z")));
    let later = Candidate { now: at("2026-11-24T12:30:00Z"), upstream: &stand, ..candidate() };
    assert_eq!(after(&["a", "c"], Need::Any, 1).blocked_by(&later), []);
    assert_eq!(after(&["a", "c"], Need::All, 1).blocked_by(&later).len(), 1);
}

#[test]
fn a_person_counts_once_and_the_author_alone_never_suffices() {
    let rule = |number, by: &[&str]| Rules {
        approvals: Some(Approvals { number, by: by.iter().map(|name| (*name).to_owned()).collect() }),
        ..Rules::default()
    };
    let held = |rules: &Rules, approvers: &[&str], author: Option<&str>| {
        let contributors = author.map_or_else(Vec::new, pushed_by);
        let candidate =
            Candidate { approvals: &approvals(approvers), contributors: Some(&contributors), ..candidate() };
        reasons(rules, &candidate)
    };
    assert_eq!(held(&rule(2, &[]), &["kim", "kim"], None), ["1 of 2 approvals"]);
    assert_eq!(held(&rule(2, &[]), &["kim", "lee"], None), Vec::<String>::new());
    assert_eq!(held(&rule(2, &[]), &["kim", "lee"], Some("kim")), Vec::<String>::new());
    assert_eq!(
        held(&rule(1, &[]), &["kim"], Some("kim")),
        ["1 of 1 approvals; that of its author alone does not suffice: kim pushed 111111111111"]
    );
    assert_eq!(held(&rule(1, &[]), &["lee"], Some("kim")), Vec::<String>::new());
    assert_eq!(held(&rule(1, &["lee"]), &["kim"], None), ["0 of 1 approvals, of lee"]);
    assert_eq!(held(&rule(1, &["lee"]), &["kim", "lee"], Some("kim")), Vec::<String>::new());
}

#[test]
fn each_who_had_a_hand_in_it_needs_somebody_else_and_two_who_are_two_are_enough_for_all() {
    let rules = Rules { approvals: Some(Approvals { number: 1, by: BTreeSet::new() }), ..Rules::default() };
    let both: Vec<Contributor> = [pushed_by("kim"), pushed_by("lee")].concat();
    let held = |approvers: &[&str], contributors: Option<&[Contributor]>| {
        reasons(&rules, &Candidate { approvals: &approvals(approvers), contributors, ..candidate() })
    };
    assert_eq!(held(&["kim"], Some(&both)).len(), 1, "nobody else looked at what kim did");
    assert_eq!(held(&["kim", "lee"], Some(&both)), Vec::<String>::new(), "each looked at what the other did");
    assert_eq!(held(&["sam"], Some(&both)), Vec::<String>::new());
    let unknown = [Contributor::unknown(Part::Author, both[0].commit.clone(), "x@example.com")];
    assert!(held(&["kim"], Some(&unknown))[0].contains("add `x@example.com` to the `emails`"));
    assert_eq!(held(&["kim", "lee"], Some(&unknown)), Vec::<String>::new(), "one of them is somebody else");
    assert!(held(&["kim"], None)[0].contains("is not known yet"));
    // Two tokens of no known person can belong to one person.
    assert_eq!(held(&["robot", "another"], Some(&pushed_by("kim"))).len(), 1);
}

#[test]
fn a_policy_that_leaves_it_to_a_person_needs_one_where_the_environment_requires_none() {
    let asked = |approvers: &[&str], author: &str| {
        let contributors = pushed_by(author);
        let candidate = Candidate {
            approvals: &approvals(approvers),
            contributors: Some(&contributors),
            policy_requires_approval: true,
            ..candidate()
        };
        reasons(&Rules::default(), &candidate).len()
    };
    assert_eq!(asked(&[], "kim"), 1);
    assert_eq!(asked(&["kim"], "lee"), 0);
    assert_eq!(asked(&["kim"], "kim"), 1);
}

#[test]
fn windows_freezes_and_holds_say_until_when() {
    let window = Window::new("0 9 * * *", "UTC", SignedDuration::from_hours(1)).expect("a window");
    let freeze = |from: Option<&str>, until: &str| Freeze {
        from: from.map(at),
        until: at(until),
        reason: "the holidays".to_owned(),
    };
    let rules = Rules {
        windows: vec![window],
        freezes: vec![
            freeze(None, "2026-11-26T00:00:00Z"),
            freeze(Some("2026-12-20T00:00:00Z"), "2027-01-02T00:00:00Z"),
            freeze(None, "2026-11-20T00:00:00Z"),
        ],
        ..Rules::default()
    };
    let hold = |model: Option<&str>, until: Option<&str>| Hold {
        environment: name("production"),
        model: model.map(str::to_owned),
        actor: Actor::token("kim"),
        reason: "odd answers".to_owned(),
        at: at("2026-11-24T08:00:00Z"),
        until: until.map(at),
    };
    let holds = [
        hold(Some("digits"), None),
        hold(None, Some("2026-11-24T13:00:00Z")),
        hold(None, Some("2026-11-24T11:00:00Z")),
    ];
    assert_eq!(
        reasons(&rules, &Candidate { holds: &holds, ..candidate() }),
        [
            "the model is held by token kim: odd answers",
            "the environment is held by token kim: odd answers, until 2026-11-24T13:00:00Z at the earliest",
            "the environment is frozen: the holidays, until 2026-11-26T00:00:00Z at the earliest",
            "no window is open, until 2026-11-25T09:00:00Z at the earliest",
        ]
    );
}
