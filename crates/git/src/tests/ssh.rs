//! Tests of git over SSH with OpenSSH's own server: a key in memory, a pinned host key, and deadlines.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use slipway_testkit::ignore_test;
use tempfile::TempDir;

use crate::{
    Deadlines, GitError, KnownHosts, Mirror, Outcome, PendingPromotion, PromotionBranchOutcome, Remote, Removal,
    Snapshot, SshKey, SshLogin, Writer,
};
use slipway_domain::Retry;

use super::world::{World, append, change, commit_in, promotion};

/// The login key, which only these tests use.
const KEY: &str = include_str!("keys/ed25519");
const MANIFEST: &str = "apps/model.yaml";
const SSHD: &str = "/usr/sbin/sshd";

/// A private sshd of one test on loopback, with its own keys.
pub(super) struct Sshd {
    child: Child,
    port: u16,
    folder: TempDir,
    user: String,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sshd {
    /// `None` if OpenSSH's server is not installed: the calling test is then ignored.
    pub(super) fn start(settings: &str) -> Option<Self> {
        if !Path::new(SSHD).exists() {
            ignore_test(&format!("{SSHD} is missing"), "apt-get install openssh-server");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let keygen = |name: &str, kind: &str| {
            let path = folder.path().join(name);
            let status = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", kind, "-f"]).arg(&path).status();
            assert!(status.unwrap().success());
        };
        keygen("host_ed25519", "ed25519");
        keygen("host_ecdsa", "ecdsa");
        let public = include_str!("keys/ed25519.pub");
        fs::write(folder.path().join("authorized"), public).unwrap();
        if rustix::process::geteuid().is_root() {
            // The directory for the privilege separation of sshd when it runs as root.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        // The port is free now; if another test takes it in between, the log below shows that.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = folder.path().display();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host_ecdsa\nHostKey {at}/host_ed25519\n\
             AuthorizedKeysFile {at}/authorized\nPidFile {at}/pid\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPermitRootLogin prohibit-password\nLogLevel VERBOSE\n{settings}\n"
        );
        fs::write(folder.path().join("config"), config).unwrap();
        let mut child = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(folder.path().join("config"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("Server listening") {
            assert!(log.read_line(&mut line).unwrap() > 0, "sshd ended: {line}");
        }
        // Drains the log, so that sshd does not block on it.
        thread::spawn(move || log.read_to_end(&mut Vec::new()));
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        Some(Self { child, port, folder, user: user.trim().to_owned() })
    }

    fn url(&self, world: &World) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, world.repository().display())
    }

    fn host_key(&self, kind: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("host_{kind}.pub"))).unwrap()
    }

    fn known_hosts(&self, kind: &str) -> String {
        format!("[127.0.0.1]:{} {}", self.port, self.host_key(kind))
    }

    pub(super) fn login(&self, kind: &str) -> SshLogin {
        SshLogin {
            key: SshKey::from_openssh(KEY).unwrap(),
            known_hosts: KnownHosts::parse(&self.known_hosts(kind)).unwrap(),
        }
    }

    pub(super) fn mirror(&self, world: &World, login: SshLogin) -> Mirror {
        let remote = Remote::over_ssh(&self.url(world), "main", login).unwrap();
        world.mirror_at("over-ssh", remote)
    }
}

/// A world and an sshd that serves it.
fn world() -> Option<(World, Sshd)> {
    Sshd::start("").map(|sshd| (World::new(), sshd))
}

#[test]
fn promotions_are_fetched_and_pushed_over_ssh() {
    let Some((world, sshd)) = world() else { return };
    for kind in ["ed25519", "ecdsa"] {
        let mirror = sshd.mirror(&world, sshd.login(kind));
        assert_eq!(mirror.fetch().unwrap(), world.tip(), "the host key that is known is the one that is asked for");
    }
    let mirror = sshd.mirror(&world, sshd.login("ed25519"));
    let outcome = append(&mirror, "p-1", MANIFEST).unwrap();
    assert!(matches!(outcome, Outcome::Pushed { attempts: 1, .. }), "{outcome:?}");
    world.commit(&[("100644", "large", &"0123456789abcdef\n".repeat(200_000))]);
    let outcome = append(&mirror, "p-2", MANIFEST).unwrap();
    assert!(matches!(outcome, Outcome::Pushed { attempts: 2, .. }), "{outcome:?}");
    assert_eq!(world.file(MANIFEST), "tag: v0\np-1\np-2\n");
    assert_eq!(world.count(), 4);
    world.is_sound();
}

#[test]
fn many_promotions_are_one_push_and_proposed_ones_have_their_branches() {
    let Some((world, sshd)) = world() else { return };
    let mirror = sshd.mirror(&world, sshd.login("ed25519"));
    let pending_promotion = |id: String, content: String| {
        PendingPromotion::new(
            promotion(&id),
            Box::new(move |_: &Snapshot<'_>| Ok::<_, GitError>(change(MANIFEST, &content))),
        )
    };
    let pending_promotions =
        (0..40).map(|number| pending_promotion(format!("p-{number}"), "x".repeat(10_000 + number))).collect();
    let results = Writer::new(mirror.clone()).write_all(pending_promotions);
    assert!(results.iter().all(|result| matches!(result, Ok(Outcome::Pushed { .. }))), "{results:?}");
    let branch = "slipway/production/digits";
    let pushed = Writer::new(mirror.clone())
        .push_promotion_branch(branch, pending_promotion("o-1".to_owned(), "offered".to_owned()))
        .unwrap();
    let PromotionBranchOutcome::Pushed { commit, .. } = pushed else { panic!("{pushed:?}") };
    assert_eq!(mirror.remove_promotion_branch(branch, &commit), Ok(Removal::Removed));
    assert_eq!(world.count(), 41);
    world.is_sound();
}

#[test]
fn a_hook_that_refuses_and_a_lost_race_are_reported_as_over_http() {
    let Some((world, sshd)) = world() else { return };
    let mirror = sshd.mirror(&world, sshd.login("ed25519"));
    mirror.fetch().unwrap();
    world.hook("update", "echo 'production is frozen' >&2; exit 1");
    let error = append(&mirror, "p-1", MANIFEST).unwrap_err();
    assert!(matches!(&error, GitError::Refused { message, .. } if message.contains("production is frozen")), "{error}");
    // The reference moves after it was advertised: git itself refuses the update with the old id.
    let (repository, home) = (world.repository(), world.root.path().to_owned());
    fs::remove_file(repository.join("hooks/update")).unwrap();
    let mut raced = false;
    let outcome = super::world::commit_and_push(&mirror, &promotion("p-2"), |_: &Snapshot<'_>| {
        if !std::mem::replace(&mut raced, true) {
            commit_in(&repository, &home, &[("100644", "other", "x")]);
        }
        Ok::<_, GitError>(change(MANIFEST, "tag: v2\n"))
    });
    assert!(matches!(outcome, Ok(Outcome::Pushed { attempts: 2, .. })), "{outcome:?}");
    world.is_sound();
}

#[test]
fn a_host_key_that_is_not_known_is_refused_with_the_line_that_makes_it_known() {
    let Some((world, sshd)) = world() else { return };
    let elsewhere = format!("forge.example {}", sshd.host_key("ed25519"));
    let with = |known: &str| SshLogin { known_hosts: KnownHosts::parse(known).unwrap(), ..sshd.login("ed25519") };
    let error = sshd.mirror(&world, with(&elsewhere)).fetch().unwrap_err();
    let GitError::HostKey { problem, help, .. } = &error else { panic!("{error}") };
    assert!(problem.contains("is not known"), "{error}");
    assert_eq!(error.retry(), Retry::Never);
    let line = help.rsplit_once(": ").unwrap().1;
    assert_eq!(sshd.mirror(&world, with(line)).fetch().unwrap(), world.tip(), "the line that was named is the one");
    let other = format!("[127.0.0.1]:{} {}", sshd.port, include_str!("keys/ed25519.pub"));
    let error = sshd.mirror(&world, with(&other)).fetch().unwrap_err();
    assert!(error.to_string().contains("differs from the known one"), "{error}");
}

#[test]
fn a_key_that_the_server_does_not_know_is_tried_once() {
    let Some((world, sshd)) = world() else { return };
    fs::write(sshd.folder.path().join("authorized"), "").unwrap();
    let error = sshd.mirror(&world, sshd.login("ed25519")).fetch().unwrap_err();
    let fingerprint = SshKey::from_openssh(KEY).unwrap().fingerprint();
    assert!(matches!(&error, GitError::KeyRefused { key, .. } if *key == fingerprint), "{error}");
    assert_eq!(error.retry(), Retry::Never);
    assert!(!format!("{:?}", sshd.login("ed25519")).contains("PRIVATE"));
}

#[test]
fn what_is_no_repository_is_reported_with_the_servers_message() {
    let Some((world, sshd)) = world() else { return };
    let url = format!("{}-elsewhere", sshd.url(&world));
    let remote = Remote::over_ssh(&url, "main", sshd.login("ed25519")).unwrap();
    let error = world.mirror_at("elsewhere", remote).fetch().unwrap_err();
    assert!(
        matches!(&error, GitError::ProgramEnded { message, .. } if message.contains("does not appear to be a git repository")),
        "{error}"
    );
    let Some(refused) = Sshd::start("ForceCommand echo 'no shells here' >&2; exit 1") else { return };
    let error = refused.mirror(&world, refused.login("ed25519")).fetch().unwrap_err();
    assert!(matches!(&error, GitError::ProgramEnded { message, .. } if message == "no shells here"), "{error}");
}

#[test]
fn a_server_that_falls_silent_meets_the_deadline() {
    let world = World::new();
    let short = Deadlines {
        connect: Duration::from_millis(500),
        read: Duration::from_millis(500),
        overall: Duration::from_secs(20),
    };
    let impatient = |url: &str, login: SshLogin| {
        let remote = Remote::over_ssh(url, "main", login).unwrap().with_deadlines(short);
        let begun = Instant::now();
        let error = world.mirror_at("impatient", remote).fetch().unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        error
    };
    // One server accepts the connection and sends nothing; the other accepts the login and then runs another program.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let Some(sshd) = Sshd::start("ForceCommand sleep 60") else { return };
    let error = impatient(&format!("ssh://git@127.0.0.1:{port}/x.git"), sshd.login("ed25519"));
    assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
    let long = short.connect * 10;
    let remote = Remote::over_ssh(&sshd.url(&world), "main", sshd.login("ed25519")).unwrap();
    let remote = remote.with_deadlines(Deadlines { connect: long, ..short });
    let error = world.mirror_at("patient", remote).fetch().unwrap_err();
    assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
    drop(silent);
    let error = impatient(&format!("ssh://git@127.0.0.1:{port}/x.git"), sshd.login("ed25519"));
    assert!(matches!(error, GitError::Unreachable { .. }), "{error}");
}

#[test]
fn a_push_whose_connection_ends_without_a_word_lands_once() {
    let world = World::new();
    // The first run of the program is executed, and its answer is lost.
    let script = world.root.path().join("swallow.sh");
    let marker = world.root.path().join("swallowed");
    let text = format!(
        "#!/bin/sh\ncase \"$SSH_ORIGINAL_COMMAND\" in git-receive-pack*)\nif mkdir {0} 2>/dev/null; then\n\
         sh -c \"$SSH_ORIGINAL_COMMAND\" | {{ head -c {1}; cat >/dev/null; }}\nexit 1\nfi;; esac\n\
         exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n",
        marker.display(),
        advertised(&world)
    );
    fs::write(&script, text).unwrap();
    let Some(sshd) = Sshd::start(&format!("ForceCommand sh {}", script.display())) else { return };
    let mirror = sshd.mirror(&world, sshd.login("ed25519"));
    let outcome = append(&mirror, "p-1", MANIFEST).unwrap();
    assert!(matches!(outcome, Outcome::Pushed { attempts: 1, .. }), "{outcome:?}");
    assert!(marker.exists(), "the answer was swallowed");
    assert_eq!((world.count(), world.file(MANIFEST).as_str()), (2, "tag: v0\np-1\n"));
}

/// Number of bytes that git's receive-pack sends before it reads.
fn advertised(world: &World) -> usize {
    let mut child = Command::new("git-receive-pack")
        .arg(world.repository())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
    child.wait().unwrap();
    said.len()
}
