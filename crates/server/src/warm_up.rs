//! A first row through a new model: it shows that the model runs, and prepares the engine's memory before a client waits for it.

use slipway_contract::Signature;

use crate::engine::{Engine, EngineError};
use crate::tensor::{DataType, Port, Size, Tensor, Values};

/// The most values of a first row. A graph of another program can declare any size.
const MAX_VALUES: usize = 1 << 24;

/// Runs one row through the engine. With a signature the row is one that every such model takes, so that a failure means that the
/// model cannot be served. Without one a failure means nothing.
pub(crate) fn warm_up(engine: &mut Engine, signature: Option<&Signature>) -> Result<(), EngineError> {
    let row: Option<Vec<Tensor>> = engine.inputs().iter().map(zeros).collect();
    match row.map(|row| engine.run(row)) {
        Some(Err(error)) if signature.is_some() => Err(error),
        _ => Ok(()),
    }
}

fn zeros(port: &Port) -> Option<Tensor> {
    let size = |size: &Size| match size {
        Size::Fixed(size) => *size,
        Size::Named(_) => 1,
    };
    let shape: Vec<usize> = port.shape.iter().map(size).collect();
    let total = shape.iter().try_fold(1_usize, |total, size| total.checked_mul(*size))?;
    if total > MAX_VALUES {
        return None;
    }
    let values = match port.data_type {
        DataType::Bool => Values::Bool(vec![false; total]),
        DataType::Uint8 => Values::Uint8(vec![0; total]),
        DataType::Uint16 => Values::Uint16(vec![0; total]),
        DataType::Uint32 => Values::Uint32(vec![0; total]),
        DataType::Uint64 => Values::Uint64(vec![0; total]),
        DataType::Int8 => Values::Int8(vec![0; total]),
        DataType::Int16 => Values::Int16(vec![0; total]),
        DataType::Int32 => Values::Int32(vec![0; total]),
        DataType::Int64 => Values::Int64(vec![0; total]),
        DataType::Fp32 => Values::Fp32(vec![0.0; total]),
        DataType::Fp64 => Values::Fp64(vec![0.0; total]),
        DataType::Bytes => Values::Bytes(vec![String::new(); total]),
    };
    Some(Tensor { name: port.name.clone(), shape, values })
}
