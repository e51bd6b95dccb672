//! The types that the controller and its trainer exchange and that users write, with the arithmetic of shapes and metrics and the
//! reader of tables. This package does not access files or the network.

mod artifact;
mod column;
mod count;
mod dataset;
mod dialect;
mod digest;
mod evaluation;
mod expectation;
mod fault;
mod job;
mod layer;
pub mod metrics;
mod model;
mod objective;
mod path;
mod preprocess;
mod progress;
mod resolve;
mod split;
pub mod table;
mod training;
mod validate;

pub use artifact::{Architecture, ColumnEncoding, METADATA_KEY, ModelCard};
pub use column::{Column, ColumnType};
pub use count::{counted, counted_are};
pub use dataset::{DataSpec, IdxFiles, TableFile, TableFormat, TableSpec};
pub use dialect::{Decimal, Delimiter, Dialect, Encoding, Quote};
pub use digest::{Digest, NotADigest};
pub use evaluation::{EvaluationReport, EvaluationSpec};
pub use expectation::{Expectation, ExpectedCheck, unknown_class, unknown_classes};
pub use fault::{Fault, FaultKind};
pub use job::{DevicePreference, EvaluationJob, Job, JobWork, SampleRequest, TrainingJob};
pub use layer::{ConvolutionOptions, Layer, LayerStack, Pooling, Shape, ShapeError};
pub use metrics::Metric;
pub use model::{API_VERSION, Metadata, Model, ModelKind, ModelName, ModelSpec, NotAModelName, Task};
pub use objective::{ClassWeights, EarlyStopping, Keep, Loss};
pub use preprocess::{ImputeOptions, ImputeStrategy, LogOptions, OneHotOptions, Preprocess, ScaleOptions};
pub use progress::{Progress, ValidationResult};
pub use split::{Split, SplitBy};
pub use training::{Optimizer, RESULTS_REVISION, TrainingReport, TrainingSpec};
