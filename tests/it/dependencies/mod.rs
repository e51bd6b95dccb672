//! Licences, sources and duplicate versions of everything that is built, held to deny.toml, which cargo-deny reads as well.

mod licence;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use licence::Licence;

/// The part of deny.toml that needs no network.
#[derive(Deserialize)]
struct Deny {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    skip: Vec<Skip>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    #[serde(rename = "crate")]
    spec: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: BTreeSet<String>,
    allow_git: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

/// A package of Cargo.lock. Packages of this workspace have no source.
#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
}

/// A package that is built for this workspace, its tests included.
struct Built {
    name: String,
    version: String,
    licence: String,
}

impl Deny {
    fn of_the_workspace() -> Self {
        basic_toml::from_str(&read("deny.toml")).expect("deny.toml")
    }

    /// Everything that is not as this file says, and every entry of this file that nothing needs.
    fn complaints(&self, built: &[Built], locked: &[Locked]) -> Vec<String> {
        let mut complaints = Vec::new();
        self.licences(built, &mut complaints);
        self.versions(built, &mut complaints);
        self.origins(locked, &mut complaints);
        complaints
    }

    fn licences(&self, built: &[Built], complaints: &mut Vec<String>) {
        let mut needed = BTreeSet::new();
        for package in built {
            let licence = match Licence::read(&package.licence) {
                Ok(licence) => licence,
                Err(error) => {
                    complaints.push(format!("the licence of {} cannot be read: {error}", package.name));
                    continue;
                }
            };
            let own = self.licenses.exceptions.iter().filter(|exception| exception.name == package.name);
            let accepted: BTreeSet<&String> =
                self.licenses.allow.iter().chain(own.flat_map(|exception| &exception.allow)).collect();
            if !licence.is_satisfied(&|name| accepted.contains(&name.to_owned())) {
                complaints.push(format!("{} has the licence `{}`", package.name, package.licence));
                continue;
            }
            let without =
                |left_out: &str| licence.is_satisfied(&|name| name != left_out && accepted.contains(&name.to_owned()));
            needed.extend(
                accepted.iter().filter(|name| !without(name)).map(|name| (package.name.clone(), (*name).clone())),
            );
        }
        let unused = self.licenses.allow.iter().filter(|name| !needed.iter().any(|(_, needed)| needed == *name));
        complaints.extend(unused.map(|name| format!("no package needs the licence `{name}`")));
        for exception in &self.licenses.exceptions {
            let unused =
                exception.allow.iter().filter(|name| !needed.contains(&(exception.name.clone(), (*name).clone())));
            complaints.extend(unused.map(|name| format!("{} does not need the exception `{name}`", exception.name)));
        }
    }

    fn versions(&self, built: &[Built], complaints: &mut Vec<String>) {
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for package in built {
            versions.entry(&package.name).or_default().insert(&package.version);
        }
        let mut left = versions.clone();
        for Skip { spec, reason } in &self.bans.skip {
            let (name, requirement) = spec.split_once(':').unwrap_or((spec, ""));
            let is_series = match requirement.split_once('.') {
                None => requirement.parse::<u64>().is_ok_and(|major| major > 0),
                Some(("0", minor)) => minor.parse::<u64>().is_ok(),
                Some(_) => false,
            };
            if !is_series || reason.is_empty() {
                complaints.push(format!("`{spec}`: expected NAME:MAJOR or NAME:0.MINOR, and a reason"));
            }
            let is_meant = |version: &&str| version.strip_prefix(requirement).is_some_and(|rest| rest.starts_with('.'));
            if !versions.get(name).is_some_and(|versions| versions.len() > 1 && versions.iter().any(&is_meant)) {
                complaints.push(format!("nothing needs the entry `{spec}`"));
            }
            if let Some(left) = left.get_mut(name) {
                left.retain(|version| !is_meant(version));
            }
        }
        let doubled = left.iter().filter(|(_, versions)| versions.len() > 1);
        complaints.extend(doubled.map(|(name, versions)| format!("{name} is built in the versions {versions:?}")));
    }

    fn origins(&self, locked: &[Locked], complaints: &mut Vec<String>) {
        for package in locked {
            let Some(source) = &package.source else { continue };
            let is_allowed = match source.split_once('+') {
                Some(("registry", index)) => self.sources.allow_registry.contains(index),
                Some(("git", url)) => self.sources.allow_git.contains(url.split(['?', '#']).next().unwrap_or_default()),
                _ => false,
            };
            if !is_allowed {
                complaints.push(format!("{} {} comes from {source}", package.name, package.version));
            }
        }
    }
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is built for the targets, by cargo's own account: `cargo metadata` also lists packages that no feature switches on.
fn built(targets: &[String]) -> Vec<Built> {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--offline", "--locked", "--workspace", "--edges", "normal,build,dev", "--prefix", "none"]);
    tree.args(["--format", "{p}|{l}|"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    for target in targets {
        tree.args(["--target", target]);
    }
    let output = tree.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let package = |line: &str| {
        let (package, rest) = line.split_once('|')?;
        let mut words = package.split_whitespace();
        let (name, version) = (words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned());
        Some(Built { name, version, licence: rest.split_once('|')?.0.to_owned() })
    };
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|line| !line.is_empty()).map(|line| package(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

#[test]
fn all_that_is_built_is_as_deny_toml_says() {
    let deny = Deny::of_the_workspace();
    let built = built(&deny.graph.targets);
    assert!(built.len() > 300, "only {} packages were found", built.len());
    let lock: Lock = basic_toml::from_str(&read("Cargo.lock")).expect("Cargo.lock");
    let complaints = deny.complaints(&built, &lock.package);
    assert!(complaints.is_empty(), "change deny.toml or the dependencies:\n{}", complaints.join("\n"));
}

#[test]
fn a_new_licence_source_or_duplicate_and_an_entry_without_need_are_found() {
    let deny: Deny = basic_toml::from_str(
        r#"
        graph = {targets = []}
        licenses = {allow = ["MIT", "Zlib"], exceptions = [{crate = "a", allow = ["ISC"]}, {crate = "b", allow = ["0BSD"]}]}
        bans = {skip = [
            {crate = "b:1", reason = "c"}, {crate = "c:2", reason = "d"}, {crate = "a:1", reason = "d"},
            {crate = "d:0.1.2", reason = "d"}, {crate = "d:1", reason = ""}, {crate = "e:0.2", reason = "d"}
        ]}
        sources = {allow-registry = ["https://index"], allow-git = ["https://ours"]}
        "#,
    )
    .expect("TOML");
    let package = |name: &str, version: &str, licence: &str| Built {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
    };
    let built = [
        package("a", "1.10.0", "ISC"),
        package("b", "1.0.0", "ISC OR MIT"),
        package("b", "2.0.0", "GPL-3.0 AND MIT"),
        package("b", "10.0.0", "MIT"),
        package("d", "0.1.2", "MIT OR"),
        package("e", "0.2.9", "MIT"),
        package("e", "0.20.0", "MIT"),
    ];
    let from = |name: &str, source: Option<&str>| Locked {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        source: source.map(str::to_owned),
    };
    let locked = [
        from("ours", None),
        from("a", Some("registry+https://index")),
        from("b", Some("registry+https://other")),
        from("c", Some("git+https://ours?rev=1#1")),
        from("d", Some("git+https://theirs#1")),
    ];
    let complaints = deny.complaints(&built, &locked);
    let expected = [
        "b has the licence `GPL-3.0 AND MIT`",
        "the licence of d cannot be read: no name of a licence",
        "no package needs the licence `Zlib`",
        "b does not need the exception `0BSD`",
        "nothing needs the entry `c:2`",
        "nothing needs the entry `a:1`",
        "`d:0.1.2`: expected NAME:MAJOR or NAME:0.MINOR, and a reason",
        "nothing needs the entry `d:0.1.2`",
        "`d:1`: expected NAME:MAJOR or NAME:0.MINOR, and a reason",
        "nothing needs the entry `d:1`",
        "b is built in the versions {\"10.0.0\", \"2.0.0\"}",
        "b 1.0.0 comes from registry+https://other",
        "d 1.0.0 comes from git+https://theirs#1",
    ];
    assert_eq!(complaints, expected);
}
