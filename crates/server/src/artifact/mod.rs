//! Reads the folder of an artifact and verifies it. The digest of the weights is the artifact; the graph that is served is made from
//! these bytes, so that no other file of the folder can change an answer.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use serde::Deserialize;
use slipway_contract::{Digest, ExportReport, Job, OnnxExport, Signature};
use slipway_onnx::artifact::{ExportError, architecture_of, of_artifact};

/// The largest weights, or graph of another program, in bytes. A graph ends below 2 GiB.
const MAX_MODEL_BYTES: u64 = 2 << 30;
/// The largest report or evidence, in bytes.
const MAX_DOCUMENT_BYTES: u64 = 16 << 20;
/// The most pieces of evidence that are read.
const MAX_EVIDENCE: usize = 1_000;
/// The folder of evidence in an artifact.
const EVIDENCE: &str = "evidence";
/// The name of the model of a program, which can have any format.
const PROGRAM_MODEL: &str = "model.bin";

/// What identifies a model. Every answer contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The digest of the artifact. A graph of another program is its own artifact.
    pub digest: Digest,
    /// The run that published the artifact, if its folder has evidence.
    pub run: Option<String>,
    /// The commit that the model was trained from, if its folder has evidence.
    pub source_commit: Option<String>,
}

/// A verified artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// What identifies it.
    pub identity: Identity,
    /// The ONNX file.
    pub graph: Vec<u8>,
    /// What the model takes and answers, by column name. A graph of another program has none.
    pub signature: Option<Signature>,
}

/// Why an artifact cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file cannot be read.
    #[error("`{file}` cannot be read: {error}")]
    File {
        /// The file.
        file: String,
        /// The reason.
        error: io::Error,
    },
    /// A file is larger than the limit.
    #[error("`{file}` has {bytes} bytes, expected at most {limit}")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The folder holds no model.
    #[error(
        "`{folder}` has neither `{weights}` nor `{graph}`\n  help: name the folder of an artifact, such as `STORE/sha256/DIGEST`",
        weights = Job::WEIGHTS, graph = Job::ONNX
    )]
    NoModel {
        /// The folder.
        folder: String,
    },
    /// The folder holds the model of a program.
    #[error(
        "`{folder}` holds the model of a program in its own format (`{PROGRAM_MODEL}`), which this server cannot run\n  help: let the program write ONNX, and serve a folder with that `{graph}`",
        graph = Job::ONNX
    )]
    OfProgram {
        /// The folder.
        folder: String,
    },
    /// The bytes are those of another artifact, or damaged.
    #[error("`{file}` has the digest {found}, expected {expected}: it is damaged or of another artifact")]
    WrongDigest {
        /// The file.
        file: String,
        /// The expected digest.
        expected: Digest,
        /// The digest of its bytes.
        found: Digest,
    },
    /// The training kept no graph of the artifact.
    #[error("the training of {artifact} kept no graph: {reason}")]
    LeftOut {
        /// The artifact.
        artifact: Digest,
        /// Why.
        reason: String,
    },
    /// A document is not what its name says.
    #[error("`{file}` does not fit: {problem}")]
    Document {
        /// The file.
        file: String,
        /// Why.
        problem: String,
    },
    /// The weights are not an artifact of Slipway.
    #[error("`{file}`: {error}")]
    Weights {
        /// The file.
        file: String,
        /// Why.
        error: ExportError,
    },
}

/// Reads the artifact in a folder. Its digest has to be the expected one, if there is one.
///
/// # Errors
/// See [`ArtifactError`]. Another attempt gives the same result until the folder changes.
pub fn read(folder: &Path, expected: Option<&Digest>) -> Result<Artifact, ArtifactError> {
    let weights = folder.join(Job::WEIGHTS);
    if weights.is_file() {
        return of_weights(folder, &weights, expected);
    }
    let graph = folder.join(Job::ONNX);
    if !graph.is_file() {
        let folder_name = folder.display().to_string();
        let of_program = folder.join(PROGRAM_MODEL).is_file();
        return Err(if of_program {
            ArtifactError::OfProgram { folder: folder_name }
        } else {
            ArtifactError::NoModel { folder: folder_name }
        });
    }
    let bytes = read_bounded(&graph, MAX_MODEL_BYTES)?;
    let digest = verified(&graph, &bytes, expected)?;
    Ok(Artifact { identity: identity(folder, digest), graph: bytes, signature: None })
}

fn of_weights(folder: &Path, weights: &Path, expected: Option<&Digest>) -> Result<Artifact, ArtifactError> {
    let bytes = read_bounded(weights, MAX_MODEL_BYTES)?;
    let digest = verified(weights, &bytes, expected)?;
    let compared = exported(folder, &digest)?;
    let failed = |error| ArtifactError::Weights { file: weights.display().to_string(), error };
    let signature = architecture_of(&bytes).map_err(failed)?.signature();
    let graph = of_artifact(&bytes).map_err(failed)?;
    if compared.is_none_or(|compared| compared != Digest::of(&graph)) {
        tracing::warn!(artifact = %digest, "the graph of {digest} is not the one that its training compared with libtorch");
    }
    Ok(Artifact { identity: identity(folder, digest), graph, signature: Some(signature) })
}

/// The digest of the graph that the training compared; `None` if the artifact is older than the export.
fn exported(folder: &Path, artifact: &Digest) -> Result<Option<Digest>, ArtifactError> {
    let file = folder.join(Job::EXPORT);
    if !file.is_file() {
        return Ok(None);
    }
    let document = |problem: String| ArtifactError::Document { file: file.display().to_string(), problem };
    let report: ExportReport = serde_json::from_slice(&read_bounded(&file, MAX_DOCUMENT_BYTES)?)
        .map_err(|error| document(error.to_string()))?;
    if report.artifact != *artifact {
        let problem = "one of the two is damaged or of another artifact";
        return Err(document(format!("it is about {}, and the weights are {artifact}: {problem}", report.artifact)));
    }
    match report.onnx {
        OnnxExport::Written { digest, .. } => Ok(Some(digest)),
        OnnxExport::LeftOut { reason } => Err(ArtifactError::LeftOut { artifact: artifact.clone(), reason }),
    }
}

fn verified(file: &Path, bytes: &[u8], expected: Option<&Digest>) -> Result<Digest, ArtifactError> {
    let found = Digest::of(bytes);
    match expected.filter(|expected| **expected != found) {
        Some(expected) => {
            Err(ArtifactError::WrongDigest { file: file.display().to_string(), expected: expected.clone(), found })
        }
        None => Ok(found),
    }
}

fn read_bounded(file: &Path, limit: u64) -> Result<Vec<u8>, ArtifactError> {
    let failed = |error| ArtifactError::File { file: file.display().to_string(), error };
    let opened = File::open(file).map_err(failed)?;
    let bytes = opened.metadata().map_err(failed)?.len();
    if bytes > limit {
        return Err(ArtifactError::TooLarge { file: file.display().to_string(), bytes, limit });
    }
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    opened.take(limit).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

/// The parts of a run's evidence that identify the model.
#[derive(Deserialize)]
struct Evidence {
    run: String,
    revision: String,
    artifact: Digest,
}

/// The identity of an artifact, with the newest evidence in its folder. Evidence that cannot be read is no reason not to serve: the
/// digest alone decides what is served.
fn identity(folder: &Path, digest: Digest) -> Identity {
    let names = fs::read_dir(folder.join(EVIDENCE)).into_iter().flatten().flatten();
    let mut files: Vec<_> = names.map(|entry| entry.path()).filter(|file| file.extension().is_some()).collect();
    // The names are identifiers of runs, which begin with the time.
    files.sort_by(|a, b| b.cmp(a));
    let evidence = files.iter().take(MAX_EVIDENCE).find_map(|file| {
        let content = read_bounded(file, MAX_DOCUMENT_BYTES).ok()?;
        serde_json::from_slice::<Evidence>(&content).ok().filter(|evidence| evidence.artifact == digest)
    });
    let (run, source_commit) = evidence.map(|evidence| (evidence.run, evidence.revision)).unzip();
    Identity {
        digest,
        run: run.filter(|run| is_plain(run)),
        source_commit: source_commit.filter(|commit| is_plain(commit)),
    }
}

/// Whether a text can be the value of a header. Identifiers of runs and commits are.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests;
