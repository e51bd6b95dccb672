//! What is measured beside each other: Slipway, Debian's `webhook`, npm's `probot`. Each is started as its users start
//! it, and told to write down what it dealt with.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use slipway_testkit::{GitServer, Repository, SlipwayProcess, WorkTree};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::SECRET;

/// How long a peer may take to listen.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A system that takes deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    Slipway,
    Webhook,
    Probot,
}

impl System {
    pub(crate) const ALL: [Self; 3] = [Self::Slipway, Self::Webhook, Self::Probot];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Slipway => "slipway",
            Self::Webhook => "webhook",
            Self::Probot => "probot",
        }
    }

    /// The path of its webhook.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Slipway => "/webhooks/models",
            Self::Webhook => "/hooks/models",
            Self::Probot => "/api/github/webhooks",
        }
    }

    /// Where it is installed; `None` if it is not.
    pub(crate) fn program(self, root: &Path) -> Option<PathBuf> {
        let places = match self {
            Self::Slipway => vec![root.join("target/release/slipway")],
            Self::Webhook => vec![PathBuf::from("/usr/bin/webhook"), root.join(".peers/intake/usr/bin/webhook")],
            Self::Probot => vec![root.join(".peers/intake/node_modules/probot/package.json")],
        };
        places.into_iter().find(|place| place.exists())
    }
}

/// A running system; ended when it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    process: Process,
    folder: PathBuf,
}

enum Process {
    Slipway(Box<SlipwayProcess>),
    Peer(Child),
}

/// The folder a system works in, and what it needs there.
pub(crate) struct Ground {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) git: GitServer,
    pub(crate) head: String,
}

impl Ground {
    /// Repositories with one model that is refused as soon as it is read; and the settings of all three.
    pub(crate) async fn make(more: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        Repository::init_bare(path.join("repositories/models.git")).await?;
        Repository::init_bare(path.join("repositories/environment.git")).await?;
        let git = GitServer::start(&path.join("repositories")).await?;
        let work = WorkTree::clone(&git.url("models.git"), path.join("work")).await?;
        work.write("slipway.yaml", "kind: Nothing of the kind\n")?;
        let head = work.commit("a model that is refused").await?;
        anyhow::ensure!(work.push("main").await?.success(), "the model cannot be pushed");
        std::fs::write(path.join("secret"), SECRET)?;
        std::fs::write(path.join("token"), "a-token-for-one-benchmark-and-no-longer")?;
        let (models, environment) = (git.url("models.git"), git.url("environment.git"));
        let settings = format!(
            "apiVersion: slipway.dev/v1alpha1\nkind: Server\nlisten: 127.0.0.1:0\nstate: ./state\n\
             sources:\n- {{name: models, forge: github, repository_id: \"41\", url: \"{models}\", secret: {{file: ./secret}}, environment: staging{more}}}\n\
             environments:\n- {{name: staging, url: \"{environment}\"}}\n\
             executor: {{local: {{trainer: ./nothing, threads: 1}}}}\nweb: {{api_token: {{file: ./token}}}}\n"
        );
        std::fs::write(path.join("server.yaml"), settings)?;
        Ok(Self { folder, git, head })
    }

    /// Starts a system. Peers write the identifier of every delivery they dealt with to the file `handled`; with
    /// `idle`, they do nothing at all instead.
    pub(crate) async fn start(&self, root: &Path, system: System, idle: bool) -> Result<Running> {
        let folder = self.folder.path().to_path_buf();
        let program = system.program(root).context("it is not installed")?;
        if system == System::Slipway {
            let server = SlipwayProcess::start(&program, &folder.join("server.yaml"), &[]).await?;
            let address = server.address().trim_start_matches("http://").parse()?;
            return Ok(Running { address, process: Process::Slipway(Box::new(server)), folder });
        }
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = match system {
            System::Webhook => webhook(&program, &folder, port, idle)?,
            System::Probot => probot(&program, &folder, port, idle)?,
            System::Slipway => bail!("started above"),
        };
        let child = command
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join(format!("{}.log", system.name())))?)
            .kill_on_drop(true)
            .spawn()?;
        let until = Instant::now() + TIMEOUT;
        while TcpStream::connect(address).await.is_err() {
            if Instant::now() > until {
                let log = std::fs::read_to_string(folder.join(format!("{}.log", system.name()))).unwrap_or_default();
                bail!("{} does not listen: {log}", system.name());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Running { address, process: Process::Peer(child), folder })
    }
}

fn webhook(program: &Path, folder: &Path, port: u16, idle: bool) -> Result<Command> {
    let record = folder.join("record.sh");
    std::fs::write(&record, format!("#!/bin/sh\necho \"$1\" >>'{}/handled'\n", folder.display()))?;
    std::fs::set_permissions(&record, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let command = if idle { "/bin/true".into() } else { record.display().to_string() };
    let hooks = serde_json::json!([{
        "id": "models", "execute-command": command, "command-working-directory": folder,
        "pass-arguments-to-command": [{"source": "header", "name": "X-Github-Delivery"}],
        "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": SECRET,
                                   "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}},
    }]);
    std::fs::write(folder.join("hooks.json"), hooks.to_string())?;
    let mut command = Command::new(program);
    command.args(["-hooks", "hooks.json", "-ip", "127.0.0.1", "-port", &port.to_string()]);
    Ok(command)
}

fn probot(package: &Path, folder: &Path, port: u16, idle: bool) -> Result<Command> {
    let modules = package.ancestors().nth(2).context("a folder of modules")?;
    let handle = if idle { "" } else { "appendFileSync('handled', context.id + '\\n');" };
    let script = format!(
        "import {{ appendFileSync }} from 'node:fs';\nimport {{ generateKeyPairSync }} from 'node:crypto';\n\
         import {{ Server, Probot }} from '{}/probot/lib/index.js';\n\
         const {{ privateKey }} = generateKeyPairSync('rsa', {{ modulusLength: 2048,\n\
           privateKeyEncoding: {{ type: 'pkcs1', format: 'pem' }}, publicKeyEncoding: {{ type: 'pkcs1', format: 'pem' }} }});\n\
         const server = new Server({{ port: {port}, host: '127.0.0.1',\n\
           Probot: Probot.defaults({{ appId: 1, privateKey, secret: '{SECRET}', logLevel: 'fatal' }}) }});\n\
         await server.load((app) => {{ app.on('push', async (context) => {{ {handle} }}); }});\nawait server.start();\n",
        modules.display()
    );
    std::fs::write(folder.join("probot.mjs"), script)?;
    let mut command = Command::new("node");
    command.arg("probot.mjs").env("LOG_LEVEL", "fatal").env("NODE_ENV", "production");
    Ok(command)
}

impl Running {
    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        match &self.process {
            Process::Slipway(server) => server.resident_bytes(),
            Process::Peer(child) => {
                let statm = std::fs::read_to_string(format!("/proc/{}/statm", child.id().context("it runs")?))?;
                let pages: u64 = statm.split(' ').nth(1).context("two numbers")?.parse()?;
                Ok(pages * rustix::param::page_size() as u64)
            }
        }
    }

    /// The server, if this is Slipway.
    pub(crate) fn slipway(&self) -> Option<&SlipwayProcess> {
        match &self.process {
            Process::Slipway(server) => Some(server),
            Process::Peer(_) => None,
        }
    }

    /// Ends it as the kernel ends processes.
    pub(crate) async fn kill_9(self) -> Result<()> {
        match self.process {
            Process::Slipway(server) => server.kill_9().await,
            Process::Peer(mut child) => Ok(child.kill().await?),
        }
    }

    /// How many deliveries a peer wrote down as dealt with.
    pub(crate) fn handled(&self) -> usize {
        std::fs::read_to_string(self.folder.join("handled")).map_or(0, |text| text.lines().count())
    }
}
