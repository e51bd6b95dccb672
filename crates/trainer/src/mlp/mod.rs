//! The network of the family `mlp` (`RealMLP`; Holzmüller, Grinsztajn and Steinwart, 2024) in libtorch.

mod initial;
mod schedule;

use std::cell::Cell;

use slipway_contract::{Architecture, MlpActivation, MlpLayout, MlpOptions, MlpVariant, Task};
use tch::{Kind, Tensor, nn};

use crate::network::Forward;
pub(crate) use initial::MAX_ROWS;
pub(crate) use schedule::Schedule;

/// The groups of variables, which have their own factors of the step size and of the decay. The last is one that every network has:
/// libtorch has no settings for groups behind the last one with variables.
#[derive(Clone, Copy)]
pub(crate) enum Group {
    /// Periodic embeddings of numbers.
    Periodic = 0,
    Activation = 1,
    /// Weights of layers, and embeddings of categories.
    Weight = 2,
    Bias = 3,
    Scale = 4,
}

/// A network with its weights in a variable store.
pub(crate) struct Mlp {
    layout: MlpLayout,
    activation: MlpActivation,
    /// The frequencies `[numbers, 16]`, phases, and weights `[numbers, 16, 3]` with biases of the periodic embedding.
    periodic: Option<Periodic>,
    /// The centre and the factor of the inputs that are used as they are.
    plain: Option<(Tensor, Tensor)>,
    /// The embeddings of categories, `[inputs, 8]` each.
    categories: Vec<Tensor>,
    /// A factor of each value at the first layer.
    scale: Tensor,
    layers: Vec<Layer>,
    /// The least and the largest label of the training rows, in deviations from their mean, for regression.
    range: Option<Tensor>,
    /// The share of values that the present step leaves out.
    dropout: Cell<f64>,
}

struct Periodic {
    frequencies: Tensor,
    phases: Tensor,
    weight: Tensor,
    bias: Tensor,
}

struct Layer {
    /// `[inputs, outputs]`. The product is divided by the root of the number of inputs.
    weight: Tensor,
    bias: Tensor,
    /// The share of the activation in each output, in hidden layers of the variant `td`.
    share: Option<Tensor>,
    is_last: bool,
}

impl Mlp {
    /// The network of an architecture, with weights that are zero.
    pub(crate) fn of(root: &nn::Path<'_>, architecture: &Architecture, options: &MlpOptions) -> Self {
        let options = options.resolved(architecture.task, None);
        let columns = architecture.columns.as_ref().map_or(0, Vec::len);
        let layout = MlpLayout::of(options.variant, architecture.encodings.as_deref(), columns);
        let root = root / "mlp";
        let group = |group: Group| root.set_group(group as usize);
        let numbers = i64::from(layout.numbers);
        let (frequencies, sums) = (i64::from(MlpLayout::FREQUENCIES), i64::from(MlpLayout::NUMBER_WIDTH) - 1);
        let periodic = layout.is_periodic().then(|| {
            let path = group(Group::Periodic) / "periodic";
            Periodic {
                frequencies: path.zeros("frequencies", &[numbers, frequencies]),
                phases: path.zeros("phases", &[numbers, frequencies]),
                weight: path.zeros("weight", &[numbers, frequencies, sums]),
                bias: path.zeros("bias", &[numbers, sums]),
            }
        });
        let width = i64::from(layout.plain_width());
        let plain = (width > 0).then(|| {
            let path = &root / "plain";
            (path.zeros_no_train("center", &[width]), path.zeros_no_train("factor", &[width]))
        });
        let categories = (0..).zip(&layout.embedded).map(|(place, range): (i64, _)| {
            let path = group(Group::Weight) / "categories" / place;
            path.zeros("weight", &[i64::from(range.end - range.start), i64::from(MlpLayout::CATEGORY_WIDTH)])
        });
        let categories = categories.collect();
        let scale = group(Group::Scale).ones("scale", &[i64::from(layout.width())]);
        let outputs = match architecture.task {
            Task::Classification => i64::try_from(architecture.classes.len()).unwrap_or(i64::MAX),
            Task::Regression => 1,
        };
        let mut layers = Vec::new();
        let mut inputs = i64::from(layout.width());
        let widths = options.hidden.iter().map(|width| (i64::from(*width), false)).chain([(outputs, true)]);
        for (place, (width, is_last)) in (0_i64..).zip(widths) {
            let path = |kind: Group| group(kind) / "layers" / place;
            let has_share = options.variant == MlpVariant::Td && !is_last;
            layers.push(Layer {
                weight: path(Group::Weight).zeros("weight", &[inputs, width]),
                bias: path(Group::Bias).zeros("bias", &[width]),
                share: has_share.then(|| path(Group::Activation).ones("share", &[width])),
                is_last,
            });
            inputs = width;
        }
        let range = (architecture.task == Task::Regression).then(|| root.zeros_no_train("range", &[2]));
        let activation = options.activation.unwrap_or(MlpActivation::Selu);
        Self { layout, activation, periodic, plain, categories, scale, layers, range, dropout: Cell::new(0.0) }
    }

    /// The values at the first layer, `[rows, values]`, for encoded rows.
    fn inputs(&self, rows: &Tensor) -> Tensor {
        let numbers = rows.narrow(1, 0, i64::from(self.layout.numbers));
        let mut parts = Vec::new();
        match &self.periodic {
            Some(periodic) => parts.push(periodic.embed(&numbers)),
            None if self.layout.numbers > 0 => parts.push(numbers),
            None => {}
        }
        if let Some((center, factor)) = &self.plain {
            let centered = (self.plain_of(rows) - center) * factor;
            parts.push(&centered / (centered.square() / 9.0 + 1.0).sqrt());
        }
        for (range, weight) in self.layout.embedded.iter().zip(&self.categories) {
            parts.push(part(rows, range).matmul(weight));
        }
        Tensor::cat(&parts, 1)
    }

    /// The inputs that are used as they are.
    fn plain_of(&self, rows: &Tensor) -> Tensor {
        Tensor::cat(&self.layout.plain.iter().map(|range| part(rows, range)).collect::<Vec<_>>(), 1)
    }

    fn activated(&self, layer: &Layer, rows: &Tensor) -> Tensor {
        let activated = match self.activation {
            MlpActivation::Selu => rows.selu(),
            MlpActivation::Mish => rows.mish(),
        };
        match &layer.share {
            Some(share) => rows + (activated - rows) * share,
            None => activated,
        }
    }
}

impl Forward for Mlp {
    fn forward(&self, rows: &Tensor, training: bool) -> Tensor {
        let mut rows = self.inputs(rows) * &self.scale;
        for layer in &self.layers {
            rows = layer.product(&rows) + &layer.bias;
            if !layer.is_last {
                rows = self.activated(layer, &rows);
                if training && self.dropout.get() > 0.0 {
                    rows = rows.dropout(self.dropout.get(), true);
                }
            }
        }
        match &self.range {
            Some(range) if !training => rows.clamp_tensor(Some(range.get(0)), Some(range.get(1))),
            _ => rows,
        }
    }

    fn set_dropout(&self, share: f64) {
        self.dropout.set(share);
    }
}

impl Periodic {
    /// Each number with three sums of cosines, `[rows, numbers · 4]`.
    fn embed(&self, numbers: &Tensor) -> Tensor {
        let columns = numbers.tr().unsqueeze(-1);
        let angles = &columns * (&self.frequencies * (2.0 * std::f64::consts::PI)).unsqueeze(1);
        let cosines = (angles + self.phases.unsqueeze(1)).cos();
        let sums = cosines.bmm(&self.weight) + self.bias.unsqueeze(1);
        let embedded = Tensor::cat(&[columns, sums], 2).transpose(0, 1);
        embedded.reshape([numbers.size()[0], -1])
    }
}

impl Layer {
    /// The sums of the weighted inputs (the parametrisation of the neural tangent kernel; Jacot et al., 2018).
    fn product(&self, rows: &Tensor) -> Tensor {
        #[expect(clippy::cast_precision_loss, reason = "the width of a layer")]
        let inputs = self.weight.size()[0] as f64;
        rows.matmul(&self.weight) * (1.0 / inputs.sqrt())
    }
}

fn part(rows: &Tensor, range: &std::ops::Range<u32>) -> Tensor {
    rows.narrow(1, i64::from(range.start), i64::from(range.end - range.start))
}

/// The least and the largest value of a tensor, as 32-bit floats.
fn extremes(values: &Tensor) -> Tensor {
    Tensor::stack(&[values.min(), values.max()], 0).to_kind(Kind::Float)
}
