//! Answers about the server and its models.

use serde_json::{Value, json};

use super::infer::Identified;
use crate::artifact::Identity;
use crate::tensor::Port;

/// The name of the server.
pub const SERVER: &str = "slipway-server";
/// The platform of every model, by Triton's name.
const PLATFORM: &str = "onnxruntime_onnx";

/// The extensions of the protocol that are answered, by Triton's names.
pub const EXTENSIONS: [&str; 3] = ["binary_tensor_data", "model_repository", "statistics"];

/// Metadata of the server.
pub fn server() -> Value {
    json!({"name": SERVER, "version": env!("CARGO_PKG_VERSION"), "extensions": EXTENSIONS})
}

/// Metadata of a model.
pub fn model(name: &str, identity: &Identity, inputs: &[Port], outputs: &[Port]) -> Value {
    let tensor = |port: &Port| json!({"name": port.name, "datatype": port.data_type.name(), "shape": port.sizes()});
    json!({
        "name": name,
        "versions": [identity.digest],
        "platform": PLATFORM,
        "inputs": inputs.iter().map(tensor).collect::<Vec<_>>(),
        "outputs": outputs.iter().map(tensor).collect::<Vec<_>>(),
        "parameters": Identified::from(identity),
    })
}
