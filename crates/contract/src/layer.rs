//! Layers and the arithmetic of shapes. A network with mismatched shapes is rejected before libtorch loads it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerStack {
    /// The layers. Each receives the output of the one before.
    #[schemars(length(min = 1))]
    pub sequential: Vec<Layer>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Two-dimensional convolution over `[channels, height, width]`, with bias.
    Conv2d(ConvolutionOptions),
    /// The largest value of each window. Windows do not overlap unless `stride` is smaller than the window.
    MaxPool2d(Pooling),
    /// All values of a row in one dimension.
    Flatten,
    /// Fully connected layer with bias. The value is the number of outputs.
    Linear(u32),
    /// Replaces negative values by zero.
    Relu,
    /// During training, each value becomes zero with this probability, from 0 up to (not including) 1.
    Dropout(f64),
    /// Batch normalisation over channels or columns, with PyTorch's momentum 0.1 and epsilon 1e-5.
    BatchNorm,
}

/// Options of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionOptions {
    /// The number of output channels.
    pub filters: u32,
    /// Height and width of the window.
    pub kernel_size: u32,
    /// The step of the window.
    #[serde(default = "one")]
    pub stride: u32,
    /// The number of zeros that are added on every side.
    #[serde(default)]
    pub padding: u32,
}

fn one() -> u32 {
    1
}

/// Size of a pooling window: a number, or options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Pooling {
    /// The height, the width and the step of the window.
    Size(u32),
    /// The size and the step of the window, set separately.
    Options {
        /// Height and width of the window.
        kernel_size: u32,
        /// The step of the window.
        stride: u32,
    },
}

impl Pooling {
    /// The height and width of the window, and its step.
    pub fn window(self) -> (u32, u32) {
        match self {
            Self::Size(size) => (size, size),
            Self::Options { kernel_size, stride } => (kernel_size, stride),
        }
    }
}

/// The shape of one row, without the batch dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shape(pub Vec<u32>);

impl Shape {
    /// The number of values in a row.
    pub fn values(&self) -> u64 {
        self.0.iter().fold(1, |values: u64, size| values.saturating_mul(u64::from(*size)))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(u32::to_string).collect();
        write!(f, "[{}]", sizes.join(", "))
    }
}

/// A layer that does not fit its input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ShapeError {
    /// The index of the layer or preprocessing step.
    pub index: usize,
    /// What was expected and what was found.
    pub message: String,
    /// What the user should do.
    pub help: String,
}

/// The most values of one row anywhere in a network: 64 Mi values, 256 MiB as 32-bit floats.
const MAX_VALUES: u64 = 64 << 20;
/// The most parameters of one layer: 2 Gi, 8 GiB as 32-bit floats.
const MAX_PARAMETERS: u64 = 2 << 30;

impl LayerStack {
    /// Whether there is no layer.
    pub fn is_empty(&self) -> bool {
        self.sequential.is_empty()
    }

    /// The shapes after each layer, for rows of shape `input`.
    pub fn shapes(&self, input: &Shape) -> Result<Vec<Shape>, ShapeError> {
        let mut shapes = Vec::with_capacity(self.sequential.len());
        let mut current = input.clone();
        for (index, layer) in self.sequential.iter().enumerate() {
            let parameters = layer.parameters(&current);
            current = layer.shape_after(&current).map_err(|(message, help)| ShapeError { index, message, help })?;
            if parameters > MAX_PARAMETERS {
                let message =
                    format!("{} has {parameters} parameters, expected at most {MAX_PARAMETERS}", layer.name());
                return Err(ShapeError { index, message, help: "use fewer or smaller filters or outputs".to_owned() });
            }
            if current.values() > MAX_VALUES {
                let message = format!(
                    "{} outputs rows of shape {current}, expected at most {MAX_VALUES} values per row",
                    layer.name()
                );
                return Err(ShapeError { index, message, help: "use fewer filters or outputs".to_owned() });
            }
            shapes.push(current.clone());
        }
        Ok(shapes)
    }
}

impl Layer {
    /// The layer's name in `slipway.yaml`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d(_) => "conv2d",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::Flatten => "flatten",
            Self::Linear(_) => "linear",
            Self::Relu => "relu",
            Self::Dropout(_) => "dropout",
            Self::BatchNorm => "batch_norm",
        }
    }

    /// The number of trained values for rows of shape `input`.
    pub fn parameters(&self, input: &Shape) -> u64 {
        let channels = u64::from(input.0.first().copied().unwrap_or(1));
        let (inputs, outputs) = match self {
            Self::Conv2d(ConvolutionOptions { filters, kernel_size, .. }) => {
                let window = u64::from(*kernel_size).saturating_mul(u64::from(*kernel_size));
                (channels.saturating_mul(window), u64::from(*filters))
            }
            Self::Linear(outputs) => (channels, u64::from(*outputs)),
            Self::BatchNorm => (1, channels),
            Self::MaxPool2d(_) | Self::Flatten | Self::Relu | Self::Dropout(_) => return 0,
        };
        inputs.saturating_add(1).saturating_mul(outputs)
    }

    /// The shape of a row after this layer, or the message and the help text of a mismatch.
    fn shape_after(&self, input: &Shape) -> Result<Shape, (String, String)> {
        match self {
            Self::Conv2d(ConvolutionOptions { filters, kernel_size, stride, padding }) => {
                at_least_one(
                    self.name(),
                    &[("filters", *filters), ("kernel_size", *kernel_size), ("stride", *stride)],
                )?;
                let (_, height, width) = image(self.name(), input)?;
                let size = |length| windows(self.name(), length, *kernel_size, *stride, *padding, input);
                Ok(Shape(vec![*filters, size(height)?, size(width)?]))
            }
            Self::MaxPool2d(pooling) => {
                let (kernel_size, stride) = pooling.window();
                at_least_one(self.name(), &[("kernel_size", kernel_size), ("stride", stride)])?;
                let (channels, height, width) = image(self.name(), input)?;
                let size = |length| windows(self.name(), length, kernel_size, stride, 0, input);
                Ok(Shape(vec![channels, size(height)?, size(width)?]))
            }
            Self::Flatten => u32::try_from(input.values()).map(|values| Shape(vec![values])).map_err(|_| {
                (
                    format!("flatten receives rows of shape {input}, which have too many values"),
                    "add a pooling layer before it".to_owned(),
                )
            }),
            Self::Linear(outputs) => {
                at_least_one(self.name(), &[("linear", *outputs)])?;
                match input.0.as_slice() {
                    [_] => Ok(Shape(vec![*outputs])),
                    _ => Err((
                        format!("linear expects rows of one dimension, but it receives {input}"),
                        "put `flatten` before it".to_owned(),
                    )),
                }
            }
            Self::Dropout(probability) if !(0.0..1.0).contains(probability) => Err((
                format!("dropout is {probability}, expected 0 up to (not including) 1"),
                "0.5 is a common value".to_owned(),
            )),
            Self::BatchNorm if !matches!(input.0.len(), 1 | 3) => Err((
                format!("batch_norm expects one or three dimensions, but it receives {input}"),
                "put `flatten` before it".to_owned(),
            )),
            Self::Relu | Self::Dropout(_) | Self::BatchNorm => Ok(input.clone()),
        }
    }
}

fn at_least_one(layer: &str, sizes: &[(&str, u32)]) -> Result<(), (String, String)> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some((name, _)) => {
            Err((format!("{layer}: `{name}` is 0, expected at least 1"), format!("set `{name}` to 1 or more")))
        }
        None => Ok(()),
    }
}

fn image(layer: &str, input: &Shape) -> Result<(u32, u32, u32), (String, String)> {
    match input.0.as_slice() {
        [channels, height, width] => Ok((*channels, *height, *width)),
        _ => Err((
            format!("{layer} expects rows of shape [channels, height, width], but it receives {input}"),
            "put it before `flatten`, or set the shape of tables with `preprocess: [{reshape: [1, 28, 28]}]`"
                .to_owned(),
        )),
    }
}

/// The number of windows along one side, by PyTorch's formula (Conv2d: `floor((length + 2 padding - kernel) / stride) + 1`).
fn windows(
    layer: &str,
    length: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    input: &Shape,
) -> Result<u32, (String, String)> {
    let padded = u64::from(length) + 2 * u64::from(padding);
    if padding >= kernel && padding > 0 {
        return Err((
            format!(
                "{layer}: padding {padding} is not smaller than the window of {kernel}, so some windows would contain \
                 only zeros"
            ),
            "padding of half the window keeps the size".to_owned(),
        ));
    }
    if padded < u64::from(kernel) {
        return Err((
            format!("{layer} has a window of {kernel}x{kernel}, but it receives rows of shape {input}"),
            "use a smaller window, more padding, or fewer pooling layers before it".to_owned(),
        ));
    }
    Ok(u32::try_from((padded - u64::from(kernel)) / u64::from(stride) + 1).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(text: &str) -> LayerStack {
        LayerStack { sequential: serde_json::from_str(text).expect("layers") }
    }

    #[test]
    fn the_shapes_of_the_default_network_are_pytorchs() {
        let layers =
            r#"[{"conv2d": {"filters": 32, "kernel_size": 3}}, "relu", {"max_pool2d": 2}, "flatten", {"linear": 10}]"#;
        let shapes = stack(layers).shapes(&Shape(vec![1, 28, 28])).expect("fits");
        let sizes: Vec<String> = shapes.iter().map(Shape::to_string).collect();
        assert_eq!(sizes, ["[32, 26, 26]", "[32, 26, 26]", "[32, 13, 13]", "[5408]", "[10]"]);
    }

    #[test]
    fn padding_stride_and_uneven_sides_follow_the_formula() {
        let layers = r#"[{"conv2d": {"filters": 4, "kernel_size": 5, "stride": 2, "padding": 2}}, {"max_pool2d": {"kernel_size": 3, "stride": 2}}]"#;
        let shapes = stack(layers).shapes(&Shape(vec![3, 33, 32])).expect("fits");
        assert_eq!(shapes, [Shape(vec![4, 17, 16]), Shape(vec![4, 8, 7])]);
    }

    #[test]
    fn a_layer_that_does_not_fit_is_named_with_what_reaches_it() {
        for (layers, index, message) in [
            (r#"[{"linear": 3}]"#, 0, "linear expects rows of one dimension, but it receives [1, 4, 4]"),
            (
                r#"["flatten", {"conv2d": {"filters": 1, "kernel_size": 1}}]"#,
                1,
                "conv2d expects rows of shape [channels, height, width], but it receives [16]",
            ),
            (
                r#"[{"max_pool2d": 2}, {"max_pool2d": 2}, {"max_pool2d": 2}]"#,
                2,
                "max_pool2d has a window of 2x2, but it receives rows of shape [1, 1, 1]",
            ),
            (r#"["flatten", {"linear": 0}]"#, 1, "linear: `linear` is 0, expected at least 1"),
            (r#"[{"dropout": 1.0}]"#, 0, "dropout is 1, expected 0 up to (not including) 1"),
            (
                r#"[{"conv2d": {"filters": 1, "kernel_size": 2, "padding": 2}}]"#,
                0,
                "conv2d: padding 2 is not smaller than the window of 2, so some windows would contain only zeros",
            ),
        ] {
            let error = stack(layers).shapes(&Shape(vec![1, 4, 4])).expect_err(layers);
            assert_eq!((error.index, error.message.as_str()), (index, message));
        }
    }

    #[test]
    fn parameters_are_counted_as_pytorch_counts_them() {
        let convolution = Layer::Conv2d(ConvolutionOptions { filters: 32, kernel_size: 3, stride: 1, padding: 0 });
        assert_eq!(convolution.parameters(&Shape(vec![3, 8, 8])), 32 * 27 + 32);
        assert_eq!(Layer::Linear(10).parameters(&Shape(vec![1600])), 16_010);
        assert_eq!(Layer::BatchNorm.parameters(&Shape(vec![64, 2, 2])), 128);
    }

    #[test]
    fn sizes_beyond_counting_are_refused_and_never_wrap() {
        let window = r#"[{"conv2d": {"filters": 1, "kernel_size": 4000000000, "padding": 2000000000}}]"#;
        let error = stack(window).shapes(&Shape(vec![1, 4, 4])).expect_err("too large");
        assert!(error.message.contains("parameters, expected at most"), "{}", error.message);
    }

    #[test]
    fn a_network_too_large_for_any_machine_is_refused() {
        let error =
            stack(r#"["flatten", {"linear": 4000000000}]"#).shapes(&Shape(vec![1, 4, 4])).expect_err("too large");
        assert_eq!(error.index, 1);
    }
}
