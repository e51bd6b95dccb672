//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use slipway_contract::Digest;
use slipway_git::Credentials;
use slipway_server::engine::Threads;
use slipway_server::follow::Settings;
use slipway_server::http::HttpLimits;
use slipway_server::library::VARIABLE;
use slipway_server::registry::Source;
use slipway_server::version::Limits;

/// Serve models by the Open Inference Protocol (REST), with the digest of the artifact in every answer
///
/// SIGHUP reads the artifacts again: another one answers once it is warm, and no request is lost. SIGTERM answers the requests in
/// flight and ends.
#[derive(Debug, Parser)]
#[command(name = "slipway-server", version)]
pub(crate) struct Arguments {
    /// A model and the folder of its artifact; `@sha256:…` behind it refuses any other artifact
    #[arg(long = "model", value_name = "NAME=FOLDER[@DIGEST]")]
    pub(crate) models: Vec<NamedModel>,
    /// An environment repository whose marked artifacts are served; `http` or `https`
    #[arg(long, value_name = "URL", requires = "artifacts")]
    pub(crate) follow: Option<String>,
    /// The branch of the environment
    #[arg(long, default_value = "main", value_name = "BRANCH", requires = "follow")]
    pub(crate) branch: String,
    /// The folder of the manifests in the environment; by default the whole repository
    #[arg(long, default_value = "", value_name = "FOLDER", requires = "follow")]
    pub(crate) path: String,
    /// The folder of the artifact store that promotions name
    #[arg(long, value_name = "FOLDER", requires = "follow")]
    pub(crate) artifacts: Option<PathBuf>,
    /// A folder for the mirror of the environment, used by one server at a time
    #[arg(long, default_value = "slipway-server-cache", value_name = "FOLDER", requires = "follow")]
    pub(crate) cache: PathBuf,
    /// A file with `USERNAME:PASSWORD` for the environment
    #[arg(long, value_name = "FILE", requires = "follow")]
    pub(crate) credentials: Option<PathBuf>,
    /// The time between two looks at the environment, in milliseconds
    #[arg(long, default_value_t = 5_000, value_name = "MILLISECONDS", requires = "follow", value_parser = clap::value_parser!(u64).range(100..))]
    pub(crate) interval: u64,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:8500", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// The shared library of onnxruntime; by default the one beside this program
    #[arg(long, env = VARIABLE, value_name = "FILE")]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// Accept requests that load and unload models
    #[arg(long)]
    pub(crate) repository_control: bool,
    /// The largest body of a request, in bytes
    #[arg(long, default_value_t = 16 << 20, value_name = "BYTES")]
    pub(crate) max_body: usize,
    /// The most bytes of bodies in memory
    #[arg(long, default_value_t = 256 << 20, value_name = "BYTES")]
    pub(crate) max_bodies: usize,
    /// The most open connections
    #[arg(long, default_value_t = 8_192, value_name = "NUMBER")]
    pub(crate) max_connections: usize,
    /// The most waiting requests of a model
    #[arg(long, default_value_t = 256, value_name = "NUMBER")]
    pub(crate) queue: usize,
    /// The longest time to an answer, in milliseconds
    #[arg(long, default_value_t = 10_000, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) deadline: u64,
    /// The longest time that a client may take to send a body, in seconds
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) body_time: u64,
    /// How long requests in flight may take after SIGTERM, in seconds
    #[arg(long, default_value_t = 15, value_name = "SECONDS")]
    pub(crate) drain: u64,
    /// Requests of a model at once and threads for each, such as `2x1`; by default decided by the size of the model
    #[arg(long, value_name = "INSTANCESxTHREADS", value_parser = threads)]
    pub(crate) threads: Option<Threads>,
    /// The form of the log
    #[arg(long, value_enum, default_value_t = LogForm::Text)]
    pub(crate) log: LogForm,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogForm {
    /// Lines for people.
    Text,
    /// JSON, an object a line.
    Json,
}

impl Arguments {
    /// The limits of requests.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            body_bytes: self.max_body,
            queue: self.queue,
            deadline: Duration::from_millis(self.deadline),
            threads: self.threads,
        }
    }

    /// What is followed, if anything is.
    pub(crate) fn followed(&self) -> Result<Option<Settings>, String> {
        let (Some(url), Some(store)) = (&self.follow, &self.artifacts) else { return Ok(None) };
        let credentials = self.credentials.as_ref().map(|file| {
            let named = |problem: String| format!("`{}`: {problem}", file.display());
            let text = std::fs::read_to_string(file).map_err(|error| named(error.to_string()))?;
            let login = text.trim().split_once(':').ok_or_else(|| named("expected `USERNAME:PASSWORD`".to_owned()))?;
            Ok::<_, String>(Credentials { username: login.0.to_owned(), password: login.1.to_owned() })
        });
        Ok(Some(Settings {
            url: url.clone(),
            branch: self.branch.clone(),
            credentials: credentials.transpose()?,
            folder: self.path.clone(),
            store: store.clone(),
            cache: self.cache.clone(),
        }))
    }

    /// The limits of the traffic.
    pub(crate) fn http_limits(&self) -> HttpLimits {
        HttpLimits {
            connections: self.max_connections,
            all_body_bytes: self.max_bodies,
            body_time: Duration::from_secs(self.body_time),
            drain: Duration::from_secs(self.drain),
        }
    }
}

/// `NAME=FOLDER` or `NAME=FOLDER@DIGEST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedModel {
    /// The name in paths.
    pub(crate) name: String,
    /// Where its artifact is.
    pub(crate) source: Source,
}

impl FromStr for NamedModel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is no model, expected `NAME=FOLDER` or `NAME=FOLDER@sha256:…`");
        let (name, folder) =
            text.split_once('=').filter(|(name, folder)| !name.is_empty() && !folder.is_empty()).ok_or_else(form)?;
        if name.contains(['/', ':', '?', '#']) || name == "stats" {
            return Err(format!("`{name}` cannot be the name of a model, because it would not fit into a path"));
        }
        let (folder, expected) = match folder.rsplit_once('@') {
            Some((folder, digest)) if digest.starts_with("sha256:") => {
                (folder, Some(digest.parse::<Digest>().map_err(|error| error.to_string())?))
            }
            _ => (folder, None),
        };
        Ok(Self { name: name.to_owned(), source: Source { folder: folder.into(), expected } })
    }
}

fn threads(text: &str) -> Result<Threads, String> {
    let parts = text.split_once('x').and_then(|(instances, each)| Some((instances.parse().ok()?, each.parse().ok()?)));
    match parts {
        Some((instances @ 1..=256, each @ 1..=256)) => Ok(Threads { instances, each }),
        _ => Err(format!("`{text}` is no number of threads, expected such as `2x1`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_named_with_their_folder_and_digest() {
        let digest = Digest::of(b"weights");
        let model: NamedModel = format!("a=/x=y/z@{digest}").parse().expect("a model");
        assert_eq!((model.name.as_str(), model.source.folder), ("a", PathBuf::from("/x=y/z")));
        assert_eq!(model.source.expected, Some(digest));
        let model: NamedModel = "a=out@home".parse().expect("a model");
        assert_eq!((model.source.folder, model.source.expected), (PathBuf::from("out@home"), None));
        for wrong in ["a", "=b", "a=", "a/b=c", "a:predict=c", "stats=c", "a=b@sha256:0"] {
            assert!(wrong.parse::<NamedModel>().is_err(), "{wrong}");
        }
        assert_eq!(threads("2x1"), Ok(Threads { instances: 2, each: 1 }));
        for wrong in ["2", "0x1", "1x0", "ax1", "257x1"] {
            assert!(threads(wrong).is_err(), "{wrong}");
        }
    }
}
