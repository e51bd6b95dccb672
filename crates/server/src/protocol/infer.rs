//! `infer` of the Open Inference Protocol: tensors in JSON or as raw bytes behind it, both ways.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::check::{Check, Header, cut};
use super::{Answer, binary, json_data};
use crate::artifact::Identity;
use crate::engine::Engine;
use crate::refusal::Refusal;
use crate::tensor::{Tensor, Values, for_values};

/// A request, as `inference_rest.md` of the protocol describes it.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: Option<Parameters>,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
    #[serde(default)]
    outputs: Option<Vec<Output>>,
}

#[derive(Deserialize)]
struct Input<'a> {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    #[serde(default)]
    parameters: Option<Parameters>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: Option<Parameters>,
}

/// The parameters that are read. Others have no meaning here, as the protocol allows.
#[derive(Deserialize, Default)]
struct Parameters {
    #[serde(default)]
    binary_data_size: Option<u64>,
    #[serde(default)]
    binary_data: Option<bool>,
    #[serde(default)]
    binary_data_output: Option<bool>,
    #[serde(default)]
    classification: Option<u64>,
}

/// The identity of the model, in the parameters of every answer.
#[derive(Serialize)]
pub(super) struct Identified<'a> {
    artifact: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_commit: Option<&'a str>,
}

impl<'a> From<&'a Identity> for Identified<'a> {
    fn from(identity: &'a Identity) -> Self {
        let Identity { digest, run, source_commit } = identity;
        Self { artifact: digest.as_str(), run: run.as_deref(), source_commit: source_commit.as_deref() }
    }
}

#[derive(Serialize)]
struct Response<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    parameters: Identified<'a>,
    outputs: Vec<ResponseOutput<'a>>,
}

#[derive(Serialize)]
struct ResponseOutput<'a> {
    name: &'a str,
    shape: &'a [usize],
    datatype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinarySize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Listed<'a>>,
}

#[derive(Serialize)]
struct BinarySize {
    binary_data_size: usize,
}

/// Values as a list. A float that is not finite becomes null, because JSON has no spelling for it.
struct Listed<'a>(&'a Values);

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        for_values!(self.0, list => list.serialize(serializer))
    }
}

/// Answers one request, whose body is plain.
///
/// # Errors
/// The request is wrong, or the model failed.
pub fn infer(
    name: &str,
    identity: &Identity,
    engine: &mut Engine,
    body: &[u8],
    json_length: Option<usize>,
) -> Result<Answer, Refusal> {
    let (json, tail) = split(body, json_length)?;
    let request: Request = serde_json::from_slice(json)
        .map_err(|error| Refusal::invalid(format!("the body is not an inference request: {error}")))?;
    let inputs = tensors(&request, engine, tail)?;
    let wanted = wanted(&request, engine)?;
    let outputs = engine.run(inputs).map_err(|error| Refusal::failed(error.to_string()))?;
    Ok(answer(name, identity, request.id.as_deref(), &outputs, &wanted))
}

/// The JSON of a body, and the raw tensors behind it.
fn split(body: &[u8], json_length: Option<usize>) -> Result<(&[u8], &[u8]), Refusal> {
    let Some(length) = json_length else { return Ok((body, &[])) };
    body.split_at_checked(length).ok_or_else(|| {
        let found = body.len();
        Refusal::invalid(format!("`{}` is {length}, and the body has {found} bytes", super::JSON_LENGTH))
    })
}

fn tensors(request: &Request<'_>, engine: &Engine, mut tail: &[u8]) -> Result<Vec<Tensor>, Refusal> {
    let mut check = Check::new(engine.inputs());
    for input in &request.inputs {
        let name = &input.name;
        let header = Header { name, data_type: &input.datatype, shape: &input.shape };
        let declared = check.declared(&header)?;
        let refused = |problem: String| Refusal::invalid(format!("the input `{name}`: {problem}"));
        let size = input.parameters.as_ref().and_then(|parameters| parameters.binary_data_size);
        let values = match (input.data, size) {
            (Some(data), None) => json_data::read(data.get(), declared.data_type, &declared.shape, declared.total),
            (None, Some(size)) => {
                let Some((bytes, rest)) = usize::try_from(size).ok().and_then(|size| tail.split_at_checked(size))
                else {
                    let left = tail.len();
                    return Err(refused(format!(
                        "`binary_data_size` is {size}, and {left} bytes of the body are left"
                    )));
                };
                tail = rest;
                binary::read(bytes, declared.data_type, declared.total)
            }
            (Some(_), Some(_)) => Err("expected `data` or `binary_data_size`, found both".to_owned()),
            (None, None) => Err("expected `data`, or `binary_data_size` in its parameters".to_owned()),
        };
        check.add(declared, values.map_err(refused)?);
    }
    if !tail.is_empty() {
        return Err(Refusal::invalid(format!("{} bytes of the body belong to no input", tail.len())));
    }
    check.finish()
}

/// An output that is answered: its place among the declared ones, and whether it follows as raw bytes.
struct Wanted {
    place: usize,
    is_raw: bool,
}

fn wanted(request: &Request<'_>, engine: &Engine) -> Result<Vec<Wanted>, Refusal> {
    let all_raw = request.parameters.as_ref().and_then(|parameters| parameters.binary_data_output).unwrap_or(false);
    let Some(outputs) = &request.outputs else {
        return Ok((0..engine.outputs().len()).map(|place| Wanted { place, is_raw: all_raw }).collect());
    };
    let mut wanted: Vec<Wanted> = Vec::new();
    for output in outputs {
        let name = &output.name;
        let Some(place) = engine.outputs().iter().position(|port| port.name == *name) else {
            let names: Vec<String> = engine.outputs().iter().map(|port| format!("`{}`", port.name)).collect();
            let (name, names) = (cut(name), names.join(", "));
            return Err(Refusal::invalid(format!("`{name}` is no output of the model, expected {names}")));
        };
        if wanted.iter().any(|other| other.place == place) {
            return Err(Refusal::invalid(format!("the output `{name}` is requested twice")));
        }
        let parameters = output.parameters.as_ref();
        if parameters.and_then(|parameters| parameters.classification).is_some_and(|classes| classes > 0) {
            return Err(Refusal::invalid(format!(
                "the output `{name}`: the classification extension is not supported"
            )));
        }
        let is_raw = parameters.and_then(|parameters| parameters.binary_data).unwrap_or(all_raw);
        wanted.push(Wanted { place, is_raw });
    }
    Ok(wanted)
}

fn answer(name: &str, identity: &Identity, id: Option<&str>, outputs: &[Tensor], wanted: &[Wanted]) -> Answer {
    let mut tail = Vec::new();
    let mut listed = Vec::with_capacity(wanted.len());
    for Wanted { place, is_raw } in wanted {
        let Tensor { name, shape, values } = &outputs[*place];
        let begin = tail.len();
        if *is_raw {
            binary::write(values, &mut tail);
        }
        let parameters = is_raw.then(|| BinarySize { binary_data_size: tail.len() - begin });
        let data = (!is_raw).then_some(Listed(values));
        listed.push(ResponseOutput { name, shape, datatype: values.data_type().name(), parameters, data });
    }
    let is_mixed = wanted.iter().any(|wanted| wanted.is_raw);
    let response = Response {
        model_name: name,
        model_version: identity.digest.as_str(),
        id,
        parameters: identity.into(),
        outputs: listed,
    };
    let mut body = serde_json::to_vec(&response).expect("tensors are JSON");
    let json_length = is_mixed.then_some(body.len());
    body.append(&mut tail);
    Answer { body, json_length, encoding: None }
}
