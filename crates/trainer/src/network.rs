//! A stack of layers in libtorch, with PyTorch's default initialisation, and the preprocessing before it.

use slipway_contract::{ConvolutionOptions, Fault, FaultKind, Layer, LayerStack, Preprocess, Shape};
use tch::nn::{self, Module as _, ModuleT as _};
use tch::{Kind, Tensor};

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

/// The shape of a row at the first layer.
pub(crate) fn shape_after(preprocess: &[Preprocess], input: &Shape) -> Result<Shape, Fault> {
    preprocess.iter().enumerate().try_fold(input.clone(), |shape, (index, step)| {
        step.shape_after(&shape).map_err(|(message, help)| {
            Fault::new(FaultKind::Specification, message).key(format!("spec.preprocess[{index}]")).help(help)
        })
    })
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

    /// Outputs before softmax, `[rows, classes]`.
    pub(crate) fn forward(&self, rows: &Tensor, training: bool) -> Tensor {
        self.layers.iter().fold(rows.shallow_clone(), |rows, layer| layer.forward(&rows, training))
    }

    /// Whether a batch of a single row cannot be used for training: batch normalisation over columns finds no variance in it.
    pub(crate) fn needs_two_rows(&self) -> bool {
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

/// Preprocessing with the statistics that were fitted to the training rows.
pub(crate) struct Preprocessing {
    steps: Vec<Fitted>,
}

enum Fitted {
    Scale(f64),
    Standardize { mean: Tensor, deviation: Tensor },
    Reshape(Vec<i64>),
}

/// The name of a fitted step's tensor in an artifact.
fn tensor_name(index: usize, what: &str) -> String {
    format!("preprocess.{index}.{what}")
}

impl Preprocessing {
    /// Fits the steps to the training rows. `rows` are floats, `[rows, …shape]`. The fitted statistics have the precision of the
    /// rows.
    pub(crate) fn fit(steps: &[Preprocess], rows: &Tensor) -> Self {
        let mut rows = rows.shallow_clone();
        let mut fitted = Vec::with_capacity(steps.len());
        for step in steps {
            let step = match step {
                Preprocess::Scale(options) => Fitted::Scale(options.divide_by),
                Preprocess::Reshape(sizes) => Fitted::Reshape(sizes.iter().map(|size| i64::from(*size)).collect()),
                Preprocess::Standardize => {
                    let mean = rows.mean_dim([0].as_slice(), false, rows.kind());
                    let deviation = rows.std_dim([0].as_slice(), false, false);
                    // A constant value contains no information. Dividing by one leaves it at zero.
                    let deviation = deviation.where_self(&deviation.gt(0.0), &Tensor::ones_like(&deviation));
                    Fitted::Standardize { mean, deviation }
                }
            };
            rows = step.apply(&rows);
            fitted.push(step);
        }
        Self { steps: fitted }
    }

    /// The same from an artifact's tensors.
    pub(crate) fn from_tensors(
        steps: &[Preprocess],
        input: &Shape,
        tensor: impl Fn(&str, &Shape) -> Result<Tensor, Fault>,
    ) -> Result<Self, Fault> {
        let mut shape = input.clone();
        let mut fitted = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            fitted.push(match step {
                Preprocess::Scale(options) => Fitted::Scale(options.divide_by),
                Preprocess::Reshape(sizes) => Fitted::Reshape(sizes.iter().map(|size| i64::from(*size)).collect()),
                Preprocess::Standardize => Fitted::Standardize {
                    mean: tensor(&tensor_name(index, "mean"), &shape)?,
                    deviation: tensor(&tensor_name(index, "deviation"), &shape)?,
                },
            });
            shape = shape_after(std::slice::from_ref(step), &shape)?;
        }
        Ok(Self { steps: fitted })
    }

    /// The names of the steps' tensors in an artifact.
    pub(crate) fn names(steps: &[Preprocess]) -> Vec<String> {
        let fitted = steps.iter().enumerate().filter(|(_, step)| matches!(step, Preprocess::Standardize));
        fitted.flat_map(|(index, _)| ["mean", "deviation"].map(|what| tensor_name(index, what))).collect()
    }

    /// The fitted statistics, by their names in an artifact.
    pub(crate) fn tensors(&self) -> Vec<(String, Tensor)> {
        let mut tensors = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            if let Fitted::Standardize { mean, deviation } = step {
                tensors.push((tensor_name(index, "mean"), mean.shallow_clone()));
                tensors.push((tensor_name(index, "deviation"), deviation.shallow_clone()));
            }
        }
        tensors
    }

    /// The rows at the first layer. The steps use the precision of `rows`, and the result is converted to 32-bit floats.
    pub(crate) fn apply(&self, rows: &Tensor) -> Tensor {
        self.steps.iter().fold(rows.shallow_clone(), |rows, step| step.apply(&rows)).to_kind(Kind::Float)
    }

    /// The same steps with their tensors on another device.
    pub(crate) fn to_device(&self, device: tch::Device) -> Self {
        let moved = |step: &Fitted| match step {
            Fitted::Scale(divisor) => Fitted::Scale(*divisor),
            Fitted::Reshape(sizes) => Fitted::Reshape(sizes.clone()),
            Fitted::Standardize { mean, deviation } => {
                Fitted::Standardize { mean: mean.to_device(device), deviation: deviation.to_device(device) }
            }
        };
        Self { steps: self.steps.iter().map(moved).collect() }
    }
}

impl Fitted {
    fn apply(&self, rows: &Tensor) -> Tensor {
        match self {
            Self::Scale(divisor) => rows / *divisor,
            Self::Standardize { mean, deviation } => (rows - mean) / deviation,
            Self::Reshape(sizes) => {
                let whole: Vec<i64> = std::iter::once(rows.size()[0]).chain(sizes.iter().copied()).collect();
                rows.reshape(whole.as_slice())
            }
        }
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn standardized_rows_have_mean_zero_and_deviation_one_and_constants_stay_finite() {
        let rows = Tensor::from_slice2(&[[1.0_f32, 5.0], [3.0, 5.0], [5.0, 5.0]]);
        let fitted = Preprocessing::fit(&[Preprocess::Standardize], &rows);
        let applied = fitted.apply(&rows);
        assert!(applied.mean(Kind::Float).double_value(&[]).abs() < 1e-6);
        assert!((applied.select(1, 0).std(false).double_value(&[]) - 1.0).abs() < 1e-6);
        assert!(applied.select(1, 1).abs().max().double_value(&[]) < 1e-9);
    }

    #[test]
    fn numbers_that_are_one_in_32_bits_stay_apart_when_they_are_standardized() {
        for (offset, step) in [(1.7e9, 1.0), (1.7e18, 6e10), (2e7, 1.0), (1e37, 1e22), (0.0, 1e-24)] {
            let rows: Vec<f64> = (0..100).map(|row| offset + step * f64::from(row % 2)).collect();
            let rows = Tensor::from_slice(&rows).reshape([100, 1]);
            let applied = Preprocessing::fit(&[Preprocess::Standardize], &rows).apply(&rows);
            assert_eq!(applied.kind(), Kind::Float);
            let (low, high) = (applied.double_value(&[0, 0]), applied.double_value(&[1, 0]));
            assert!((low + 1.0).abs() < 1e-3 && (high - 1.0).abs() < 1e-3, "{offset}, {step}: {low} {high}");
        }
    }
}
