//! A stack of layers in libtorch, with PyTorch's default initialisation.

use slipway_contract::{ConvolutionOptions, Fault, FaultKind, Layer, LayerStack, Shape};
use tch::Tensor;
use tch::nn::{self, Module as _, ModuleT as _};

/// What maps rows of inputs to outputs, with variables that are trained in batches.
pub(crate) trait Forward {
    /// The outputs for rows, `[rows, outputs]`.
    fn forward(&self, rows: &Tensor, training: bool) -> Tensor;

    /// Whether a batch of a single row cannot be used for training.
    fn needs_two_rows(&self) -> bool {
        false
    }

    /// Sets the share of values that a step leaves out, where a schedule changes it.
    fn set_dropout(&self, _share: f64) {}
}

/// A network with its weights in a variable store.
pub(crate) struct Network {
    layers: Vec<Built>,
}

enum Built {
    Conv2d(nn::Conv2D),
    MaxPool2d { size: i64, stride: i64 },
    Flatten,
    Linear(nn::Linear),
    Relu,
    Dropout(f64),
    BatchNorm { layer: nn::BatchNorm, of_columns: bool },
}

impl Network {
    /// Constructs the stack for rows of shape `input`. Its variables get their initial values from libtorch's generator.
    pub(crate) fn build(root: &nn::Path<'_>, stack: &LayerStack, input: &Shape) -> Result<Self, Fault> {
        let shapes = stack.shapes(input).map_err(|error| {
            let fault = Fault::new(FaultKind::Specification, error.message);
            fault.key(format!("spec.model.sequential[{}]", error.index)).help(error.help)
        })?;
        let inputs = std::iter::once(input).chain(&shapes);
        let build =
            |(index, (layer, input)): (usize, (&Layer, &Shape))| build(&(root / "layers" / index), layer, input);
        Ok(Self { layers: stack.sequential.iter().zip(inputs).enumerate().map(build).collect() })
    }
}

impl Forward for Network {
    fn forward(&self, rows: &Tensor, training: bool) -> Tensor {
        self.layers.iter().fold(rows.shallow_clone(), |rows, layer| layer.forward(&rows, training))
    }

    fn needs_two_rows(&self) -> bool {
        // Batch normalisation over columns finds no variance in a single row.
        self.layers.iter().any(|layer| matches!(layer, Built::BatchNorm { of_columns: true, .. }))
    }
}

/// PyTorch's default for convolutions and linear layers: uniform within one divided by the square root of the number of inputs of
/// one output, for weights and biases alike (torch.nn.Linear, torch.nn.Conv2d, "Variables").
fn uniform(inputs: u64) -> nn::Init {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let bound = 1.0 / (inputs as f64).sqrt();
    nn::Init::Uniform { lo: -bound, up: bound }
}

fn build(path: &nn::Path<'_>, layer: &Layer, input: &Shape) -> Built {
    let channels = input.0.first().copied().unwrap_or(1);
    match layer {
        Layer::Conv2d(ConvolutionOptions { filters, kernel_size, stride, padding }) => {
            let init = uniform(u64::from(channels) * u64::from(*kernel_size) * u64::from(*kernel_size));
            let config = nn::ConvConfig {
                stride: i64::from(*stride),
                padding: i64::from(*padding),
                ws_init: init,
                bs_init: init,
                ..nn::ConvConfig::default()
            };
            Built::Conv2d(nn::conv2d(path, i64::from(channels), i64::from(*filters), i64::from(*kernel_size), config))
        }
        Layer::MaxPool2d(pooling) => {
            let (size, stride) = pooling.window();
            Built::MaxPool2d { size: i64::from(size), stride: i64::from(stride) }
        }
        Layer::Flatten => Built::Flatten,
        Layer::Linear(outputs) => {
            let init = uniform(u64::from(channels));
            let config = nn::LinearConfig { ws_init: init, bs_init: Some(init), bias: true };
            Built::Linear(nn::linear(path, i64::from(channels), i64::from(*outputs), config))
        }
        Layer::Relu => Built::Relu,
        Layer::Dropout(probability) => Built::Dropout(*probability),
        Layer::BatchNorm => {
            let config = nn::BatchNormConfig { ws_init: nn::Init::Const(1.0), ..nn::BatchNormConfig::default() };
            let channels = i64::from(channels);
            let of_columns = input.values() == u64::from(input.0.first().copied().unwrap_or(1));
            let layer = if input.0.len() == 3 {
                nn::batch_norm2d(path, channels, config)
            } else {
                nn::batch_norm1d(path, channels, config)
            };
            Built::BatchNorm { layer, of_columns }
        }
    }
}

impl Built {
    fn forward(&self, rows: &Tensor, training: bool) -> Tensor {
        match self {
            Self::Conv2d(layer) => layer.forward(rows),
            Self::MaxPool2d { size, stride } => rows.max_pool2d(*size, *stride, 0, 1, false),
            Self::Flatten => rows.flatten(1, -1),
            Self::Linear(layer) => layer.forward(rows),
            Self::Relu => rows.relu(),
            Self::Dropout(probability) => rows.dropout(*probability, training),
            Self::BatchNorm { layer, .. } => layer.forward_t(rows, training),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn initial_weights_lie_within_pytorchs_bounds_and_fill_them() {
        tch::manual_seed(1);
        let store = nn::VarStore::new(tch::Device::Cpu);
        let layers = r#"{"sequential": [{"conv2d": {"filters": 32, "kernel_size": 3}}, "batch_norm", "flatten", {"linear": 50}]}"#;
        let stack: LayerStack = serde_json::from_str(layers).expect("layers");
        Network::build(&store.root(), &stack, &Shape(vec![3, 10, 10])).expect("fits");
        let variables = store.variables();
        let largest = |name: &str| variables[name].abs().max().double_value(&[]);
        for (name, inputs) in
            [("layers.0.weight", 27.0), ("layers.0.bias", 27.0), ("layers.3.weight", 2048.0), ("layers.3.bias", 2048.0)]
        {
            let bound = 1.0 / f64::sqrt(inputs);
            let found = largest(name);
            assert!(found <= bound && found > 0.8 * bound, "{name}: {found} of {bound}");
        }
        assert!((variables["layers.1.weight"].mean(Kind::Float).double_value(&[]) - 1.0).abs() < 1e-9);
        assert!(largest("layers.1.bias") < 1e-9);
    }
}
