//! `slipway export`: writes an artifact in the form that other programs run.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use slipway_contract::Digest;
use slipway_onnx::artifact;

use super::exit::{self, Exit, Failure};
use super::form::LocalFormat;

/// The largest weights file that is read, in bytes. It is held in memory together with the graph.
const MAX_BYTES: u64 = slipway_onnx::MAX_BYTES as u64;

/// Write an artifact in the form that other programs run.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(subcommand)]
    form: Form,
}

#[derive(Debug, Subcommand)]
enum Form {
    /// Write an artifact with its preprocessing as an ONNX graph
    ///
    /// A training writes the same graph and compares it with the artifact's predictions. This command compares nothing.
    Onnx(Onnx),
}

#[derive(Debug, Args)]
struct Onnx {
    /// The weights of the artifact
    #[arg(default_value = "out/model.safetensors", value_name = "WEIGHTS")]
    weights: PathBuf,
    /// The file of the graph
    #[arg(long, default_value = "model.onnx", value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    format: LocalFormat,
}

impl Export {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Form::Onnx(command) = self.form;
        command.run()
    }
}

impl Onnx {
    fn run(self) -> Result<Exit, Failure> {
        let named = |path: &Path| {
            let path = path.display().to_string();
            move |error: std::io::Error| exit::invalid(format!("`{path}`: {error}"))
        };
        let size = std::fs::metadata(&self.weights).map_err(named(&self.weights))?.len();
        if size > MAX_BYTES {
            let file = self.weights.display();
            return Err(exit::invalid(format!("`{file}` has {size} bytes, expected at most {MAX_BYTES}")));
        }
        let weights = std::fs::read(&self.weights).map_err(named(&self.weights))?;
        let graph = artifact::of_artifact(&weights)
            .map_err(|error| exit::invalid(format!("`{}`: {error}", self.weights.display())))?;
        let signature = artifact::architecture_of(&weights).map_err(exit::defect)?.signature();
        std::fs::write(&self.out, &graph).map_err(named(&self.out))?;
        let document = json!({
            "artifact": Digest::of(&weights), "file": self.out, "digest": Digest::of(&graph), "bytes": graph.len(),
            "signature": signature,
        });
        self.format.show(&document, |_, _| {
            let inputs = signature.inputs.iter().map(|input| format!("input   {}\n", described(&input.field)));
            let outputs = signature.outputs.iter().map(|output| format!("output  {}\n", described(output)));
            let fields: String = inputs.chain(outputs).collect();
            format!("{fields}{} bytes in {}", graph.len(), self.out.display())
        })?;
        Ok(Exit::Done)
    }
}

/// A field with its type and shape, such as `age: double [N, 1]`.
fn described(field: &slipway_contract::SignatureField) -> String {
    let sizes: Vec<String> = field.shape.iter().map(ToString::to_string).collect();
    format!("{}: {} [{}]", slipway_contract::table::shown(&field.name), field.kind.name(), sizes.join(", "))
}
