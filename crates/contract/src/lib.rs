//! The types that the controller and its trainer exchange and that users write, with the arithmetic of shapes and metrics and the
//! reader of tables. This package does not access files or the network.

mod artifact;
mod count;
mod dataset;
mod digest;
mod evaluation;
mod expectation;
mod fault;
mod job;
mod layer;
pub mod metrics;
mod model;
mod path;
mod progress;
pub mod table;
mod training;
mod validate;

pub use artifact::{Architecture, METADATA_KEY, ModelCard};
pub use count::{counted, counted_are};
pub use dataset::{CsvFile, DataSpec, IdxFiles};
pub use digest::{Digest, NotADigest};
pub use evaluation::{EvaluationReport, EvaluationSpec};
pub use expectation::{Expectation, ExpectedCheck, unknown_class, unknown_classes};
pub use fault::{Fault, FaultKind};
pub use job::{DevicePreference, EvaluationJob, Job, JobWork, SampleRequest, TrainingJob};
pub use layer::{ConvolutionOptions, Layer, LayerStack, Pooling, Preprocess, ScaleOptions, Shape, ShapeError};
pub use metrics::Metric;
pub use model::{API_VERSION, Metadata, Model, ModelKind, ModelName, ModelSpec, NotAModelName, Task};
pub use progress::Progress;
pub use training::{Optimizer, TrainingReport, TrainingSpec};
