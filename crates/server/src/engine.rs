//! One model in the engine: its declared inputs and outputs, and runs of tensors through it.

use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, Tensor as EngineTensor, TensorElementType, Value, ValueType};

use crate::tensor::{DataType, Port, Size, Tensor, Values};

/// Weights up to this size run on one thread for each request, and several requests run at once. Larger ones use all threads for one
/// request after the other. Measured: below it a second thread costs more than it saves.
const ONE_THREAD_BYTES: usize = 8 << 20;

/// Why a model cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file is no ONNX model that the engine can run.
    #[error("onnxruntime refuses the model: {0}")]
    Refused(String),
    /// An input or output has a type that no request can have.
    #[error("`{port}` of the model is {kind}, expected a tensor of numbers, booleans or texts")]
    Type {
        /// The input or output.
        port: String,
        /// Its type.
        kind: String,
    },
    /// A run failed although the request fits the declared inputs.
    #[error("the model failed: {0}")]
    Failed(String),
}

/// How many requests of a model run at once, and on how many threads each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// Requests at once. Each has a copy of the weights.
    pub instances: usize,
    /// Threads for one request.
    pub each: usize,
}

impl Threads {
    /// The threads for a model of this size on a machine with so many processors.
    pub fn for_model(bytes: usize, processors: usize) -> Self {
        let processors = processors.max(1);
        if bytes <= ONE_THREAD_BYTES {
            Self { instances: processors, each: 1 }
        } else {
            Self { instances: 1, each: processors }
        }
    }
}

/// A loaded model. It runs one request at a time.
#[derive(Debug)]
pub struct Engine {
    session: Session,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

impl Engine {
    /// Loads an ONNX file.
    ///
    /// # Errors
    /// The file is not ONNX, has operators that the engine lacks, or inputs of types that no request can have.
    pub fn load(environment: &Environment, file: &[u8], threads: usize) -> Result<Self, EngineError> {
        let refused = |error: &dyn std::fmt::Display| EngineError::Refused(plain(&error.to_string()));
        let builder = Session::builder(environment).map_err(|error| refused(&error))?;
        let builder = builder.with_intra_threads(threads).map_err(|error| refused(&error))?;
        // Threads that wait would take the processor from the threads that serve connections.
        let mut builder = builder.with_intra_op_spinning(false).map_err(|error| refused(&error))?;
        let session = builder.commit_from_memory(file).map_err(|error| refused(&error))?;
        let inputs = session.inputs().iter().map(port).collect::<Result<_, _>>()?;
        let outputs = session.outputs().iter().map(port).collect::<Result<_, _>>()?;
        Ok(Self { session, inputs, outputs })
    }

    /// The declared inputs.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The declared outputs.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Runs checked inputs through the model. The outputs are in the declared order.
    ///
    /// # Errors
    /// The model cannot compute these inputs.
    pub fn run(&mut self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, EngineError> {
        let failed = |error: ort::Error| EngineError::Failed(plain(&error.to_string()));
        let mut values: Vec<(String, SessionInputValue)> = Vec::with_capacity(inputs.len());
        for tensor in inputs {
            values.push((tensor.name, to_engine(tensor.shape, tensor.values).map_err(failed)?));
        }
        let found = self.session.run(values).map_err(failed)?;
        let output = |port: &Port| {
            let missing = || EngineError::Failed(format!("it gave no output `{}`", port.name));
            from_engine(port, found.get(&port.name).ok_or_else(missing)?).map_err(failed)
        };
        self.outputs.iter().map(output).collect()
    }
}

/// The first line of a message of the engine, without the paths of its source files.
fn plain(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().take(400).collect()
}

fn port(outlet: &Outlet) -> Result<Port, EngineError> {
    let unfit = || EngineError::Type { port: outlet.name().to_owned(), kind: outlet.dtype().to_string() };
    let ValueType::Tensor { ty, shape, dimension_symbols } = outlet.dtype() else { return Err(unfit()) };
    let data_type = data_type(*ty).ok_or_else(unfit)?;
    let size = |(at, size): (usize, &i64)| match usize::try_from(*size) {
        Ok(size) => Size::Fixed(size),
        Err(_) => Size::Named(dimension_symbols.get(at).cloned().unwrap_or_default()),
    };
    Ok(Port { name: outlet.name().to_owned(), data_type, shape: shape.iter().enumerate().map(size).collect() })
}

fn data_type(kind: TensorElementType) -> Option<DataType> {
    Some(match kind {
        TensorElementType::Bool => DataType::Bool,
        TensorElementType::Uint8 => DataType::Uint8,
        TensorElementType::Uint16 => DataType::Uint16,
        TensorElementType::Uint32 => DataType::Uint32,
        TensorElementType::Uint64 => DataType::Uint64,
        TensorElementType::Int8 => DataType::Int8,
        TensorElementType::Int16 => DataType::Int16,
        TensorElementType::Int32 => DataType::Int32,
        TensorElementType::Int64 => DataType::Int64,
        TensorElementType::Float32 => DataType::Fp32,
        TensorElementType::Float64 => DataType::Fp64,
        TensorElementType::String => DataType::Bytes,
        _ => return None,
    })
}

fn to_engine(shape: Vec<usize>, values: Values) -> ort::Result<SessionInputValue<'static>> {
    Ok(match values {
        Values::Bool(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Uint8(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Uint16(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Uint32(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Uint64(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Int8(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Int16(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Int32(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Int64(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Fp32(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Fp64(list) => EngineTensor::from_array((shape, list))?.into(),
        Values::Bytes(list) => EngineTensor::from_string_array((shape, list.as_slice()))?.into(),
    })
}

fn from_engine(port: &Port, value: &Value) -> ort::Result<Tensor> {
    macro_rules! read {
        ($variant:ident, $kind:ty) => {{
            let (shape, list) = value.try_extract_tensor::<$kind>()?;
            (shape.to_vec(), Values::$variant(list.to_vec()))
        }};
    }
    let (shape, values) = match port.data_type {
        DataType::Bool => read!(Bool, bool),
        DataType::Uint8 => read!(Uint8, u8),
        DataType::Uint16 => read!(Uint16, u16),
        DataType::Uint32 => read!(Uint32, u32),
        DataType::Uint64 => read!(Uint64, u64),
        DataType::Int8 => read!(Int8, i8),
        DataType::Int16 => read!(Int16, i16),
        DataType::Int32 => read!(Int32, i32),
        DataType::Int64 => read!(Int64, i64),
        DataType::Fp32 => read!(Fp32, f32),
        DataType::Fp64 => read!(Fp64, f64),
        DataType::Bytes => {
            let (shape, list) = value.try_extract_strings()?;
            (shape.to_vec(), Values::Bytes(list))
        }
    };
    let shape = shape.into_iter().map(|size| usize::try_from(size).unwrap_or(0)).collect();
    Ok(Tensor { name: port.name.clone(), shape, values })
}
