//! Compares the tensors of a request with the inputs that a model declares. Each message names the tensor.

use std::collections::HashMap;

use crate::refusal::Refusal;
use crate::tensor::{DataType, Port, Size, Tensor, Values, shown};

/// A tensor of a request before its values are read.
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    pub(super) data_type: &'a str,
    pub(super) shape: &'a [u64],
}

/// The declared input of a tensor, with its checked sizes and the number of its values.
pub(super) struct Declared<'a> {
    pub(super) data_type: DataType,
    pub(super) shape: Vec<usize>,
    pub(super) total: usize,
    port: &'a Port,
}

/// Compares the tensors of one request, one after the other.
pub(super) struct Check<'a> {
    ports: &'a [Port],
    tensors: Vec<Tensor>,
    /// The size of each named dimension, and the input that had it first.
    sizes: HashMap<&'a str, (usize, &'a str)>,
}

impl<'a> Check<'a> {
    pub(super) fn new(ports: &'a [Port]) -> Self {
        Self { ports, tensors: Vec::with_capacity(ports.len()), sizes: HashMap::new() }
    }

    /// Compares name, type and shape.
    pub(super) fn declared(&mut self, header: &Header<'_>) -> Result<Declared<'a>, Refusal> {
        let name = header.name;
        let Some(port) = self.ports.iter().find(|port| port.name == name) else {
            return Err(Refusal::invalid(format!(
                "`{}` is no input of the model, expected {}",
                cut(name),
                self.names()
            )));
        };
        if self.tensors.iter().any(|tensor| tensor.name == name) {
            return Err(Refusal::invalid(format!("the input `{name}` is given twice")));
        }
        let refused = |problem: String| Refusal::invalid(format!("the input `{name}` {problem}"));
        if header.data_type != port.data_type.name() {
            return Err(refused(format!("has the type `{}`, expected {}", cut(header.data_type), port.data_type)));
        }
        let fits = port.shape.len() == header.shape.len()
            && port.shape.iter().zip(header.shape).all(|(declared, found)| match declared {
                Size::Fixed(size) => u64::try_from(*size) == Ok(*found),
                Size::Named(_) => true,
            });
        if !fits {
            let (found, expected) = (shown(header.shape), shown(&port.sizes()));
            return Err(refused(format!("has the shape {found}, expected {expected}")));
        }
        let unreal = || refused(format!("has the shape {}, which has too many values", shown(header.shape)));
        let shape: Vec<usize> =
            header.shape.iter().map(|size| usize::try_from(*size)).collect::<Result<_, _>>().map_err(|_| unreal())?;
        let total = shape.iter().try_fold(1_usize, |total, size| total.checked_mul(*size)).ok_or_else(unreal)?;
        for (declared, size) in port.shape.iter().zip(&shape) {
            let Size::Named(dimension) = declared else { continue };
            if *size == 0 {
                return Err(refused(format!("has the shape {}, expected at least one row", shown(header.shape))));
            }
            if dimension.is_empty() {
                continue;
            }
            let (first, of) = *self.sizes.entry(dimension).or_insert((*size, &port.name));
            if first != *size {
                return Err(refused(format!("has {size} rows, and the input `{of}` has {first}")));
            }
        }
        Ok(Declared { data_type: port.data_type, shape, total, port })
    }

    /// Adds the values of a tensor.
    pub(super) fn add(&mut self, declared: Declared<'a>, values: Values) {
        let Declared { shape, port, .. } = declared;
        self.tensors.push(Tensor { name: port.name.clone(), shape, values });
    }

    /// All tensors; none may be missing.
    pub(super) fn finish(self) -> Result<Vec<Tensor>, Refusal> {
        let given = |port: &&Port| !self.tensors.iter().any(|tensor| tensor.name == port.name);
        if let Some(missing) = self.ports.iter().find(given) {
            let (name, data_type, sizes) = (&missing.name, missing.data_type, shown(&missing.sizes()));
            return Err(Refusal::invalid(format!("the input `{name}` is missing, expected {data_type} {sizes}")));
        }
        Ok(self.tensors)
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.ports.iter().take(20).map(|port| format!("`{}`", port.name)).collect();
        let more = if self.ports.len() > names.len() { ", …" } else { "" };
        format!("{}{more}", names.join(", "))
    }
}

/// The beginning of a client's text.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}
