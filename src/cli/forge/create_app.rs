//! `slipway forge create-app`: registers a GitHub App with a manifest, so that users need not set its permissions by hand.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;

use crate::cli::exit::{self, Exit, Failure};
use crate::cli::output;
use crate::web::{Registration, wait_for_code};
use slipway_domain::Retry;
use slipway_forge::{ApiError, AppForm, NewApp, Purpose, RegisteredApp};

/// How long a user may take for GitHub's form. GitHub's codes are valid for an hour.
const TIMEOUT: Duration = Duration::from_hours(1);
/// Maximum length of a name at GitHub, in characters.
const MAX_NAME_LENGTH: usize = 34;

/// Register a GitHub App with the permissions and events that Slipway needs.
///
/// Prints the address of a page on this machine. Its form leads to GitHub, which asks for a confirmation. Then the App's private
/// key and its webhook's secret are written into two new files that only you can read, and the lines for the settings are
/// printed.
#[derive(Debug, Args)]
pub(super) struct CreateApp {
    /// URL of the webhook as GitHub reaches it, such as `https://slipway.example/webhooks/NAME`
    #[arg(long, value_name = "URL")]
    webhook: String,
    /// Print the webhook as one that several sources share, under `webhooks` of the settings
    #[arg(long)]
    shared: bool,
    /// The organisation that owns the App; the default is the account that sends the form
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// The App's name, which must be unique at this GitHub
    #[arg(long, default_value = "slipway", value_name = "NAME")]
    name: String,
    /// URL of GitHub's API; `https://HOST/api/v3` for an Enterprise Server
    #[arg(long, default_value = "https://api.github.com", value_name = "URL")]
    api: String,
    /// The App also creates and merges promotion requests in repositories of environments
    #[arg(long)]
    environments: bool,
    /// The App also reports promotions as deployments
    #[arg(long)]
    deployments: bool,
    /// Folder of the two files, `slipway-app.pem` and `slipway-app.secret`
    #[arg(long, default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// Port of the page on loopback; 0 selects a free port
    #[arg(long, default_value_t = 0)]
    port: u16,
}

impl CreateApp {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { webhook, shared, organization, name, api, environments, deployments, folder, port } = self;
        if name.is_empty() || name.chars().count() > MAX_NAME_LENGTH || name.chars().any(char::is_control) {
            return Err(exit::invalid(format!("`--name`: expected 1 to {MAX_NAME_LENGTH} characters")));
        }
        let of_sources = Purpose::Source { deployments };
        let purposes = if environments { vec![of_sources, Purpose::Environment] } else { vec![of_sources] };
        let app = NewApp::new(&api, organization.as_deref(), &name, &webhook, &purposes).map_err(exit::invalid)?;
        // The files are created first, so that a failure occurs before there is a key to lose.
        let files = [Reserved::new(&folder, "slipway-app.pem")?, Reserved::new(&folder, "slipway-app.secret")?];
        let code = code_for(&app, port)?;
        let registered = app.register(&code).map_err(|error| failed(&error))?;
        let RegisteredApp { id, page, key, secret } = registered;
        let [pem, word] = files;
        pem.keep(&key)?;
        word.keep(&secret)?;
        output::note(&format!(
            "the App is registered; install it for the repositories of models at {page}/installations/new"
        ));
        let deployments = if deployments { ", deployments: true" } else { "" };
        let api = format!(
            "api: {{url: \"{api}\", repository: OWNER/NAME, app: {{id: {id}, key: {{file: ./slipway-app.pem}}}}{deployments}}}"
        );
        if shared {
            let name = webhook.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            output::note("then add these lines to the server's settings, and run `slipway forge check`:");
            output::say(&format!(
                "webhooks:\n- {{name: {name}, forge: github, secret: {{file: ./slipway-app.secret}}}}"
            ));
            output::note("and add these lines to every source of the App, each with its own repository:");
            output::say(&format!("forge: github\nwebhook: {name}\n{api}"));
        } else {
            output::note("then add these lines to the source in the server's settings, and run `slipway forge check`:");
            output::say(&format!("forge: github\nsecret: {{file: ./slipway-app.secret}}\n{api}"));
        }
        Ok(Exit::Done)
    }
}

/// Serves the form on loopback until GitHub redirects with a code.
fn code_for(app: &NewApp, port: u16) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| exit::defect(format!("the runtime could not be started: {error}")))?;
    runtime.block_on(async {
        let busy = |error| exit::invalid(format!("`--port`: cannot listen on port {port} of 127.0.0.1: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(busy)?;
        let address = listener.local_addr().map_err(exit::defect)?;
        let (key, state) = (random()?, random()?);
        let back = format!("http://{address}{}", Registration::path_back(&key));
        let AppForm { action, manifest, origin } = app.form(&back, &state);
        output::note("open this page in a browser on this machine, and submit its form:");
        output::say(&format!("http://{address}{}", Registration::path(&key)));
        let registration = Registration { key, state, action, manifest, forge: origin };
        let code = tokio::select! {
            code = tokio::time::timeout(TIMEOUT, wait_for_code(listener, registration)) => code,
            // The reserved files are removed before the process ends.
            _ = tokio::signal::ctrl_c() => return Err(exit::refused("interrupted: no App was registered")),
        };
        code.ok().flatten().ok_or_else(|| {
            exit::unreachable(format!(
                "the browser did not return from GitHub within {} minutes",
                TIMEOUT.as_secs() / 60
            ))
        })
    })
}

/// Returns a text of 256 random bits.
fn random() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| exit::defect(format!("the system provides no random numbers: {error}")))?;
    Ok(hex::encode(bytes))
}

fn failed(error: &ApiError) -> Failure {
    let message =
        format!("the App cannot be fetched: {error}\n  help: delete the App at GitHub, if it exists, and start again");
    match error.retry() {
        // GitHub refuses the code, as it does one that is too old.
        Retry::Never => exit::invalid(message),
        Retry::Backoff | Retry::After(_) => exit::unreachable(message),
    }
}

/// A new file that only its owner can read. It is removed unless content is kept in it.
struct Reserved {
    path: PathBuf,
    file: File,
    is_kept: bool,
}

impl Reserved {
    fn new(folder: &Path, name: &str) -> Result<Self, Failure> {
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| {
            let help = "remove the old file, or set another `--folder`";
            exit::invalid(format!("`{}` cannot be created: {error}\n  help: {help}", path.display()))
        })?;
        Ok(Self { path, file, is_kept: false })
    }

    /// Writes the content to the disk.
    fn keep(mut self, text: &str) -> Result<(), Failure> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        self.is_kept = true;
        written.map_err(|error| {
            let help = "the App is registered: generate a new private key and set a new secret in its settings";
            exit::invalid(format!("`{}` cannot be written: {error}\n  help: {help}", self.path.display()))
        })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.is_kept {
            // After a failure only an empty file is left.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
