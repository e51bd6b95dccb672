//! The types that the controller and its trainer exchange and that users write, with the arithmetic of shapes and metrics and the
//! reader of tables. This package does not access files or the network.

mod artifact;
mod column;
mod count;
mod dataset;
mod digest;
mod evaluation;
mod expectation;
mod family;
mod export;
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
mod signature;
pub mod table;
mod tabular;
mod training;
mod validate;

pub use artifact::{Architecture, ColumnEncoding, METADATA_KEY, ModelCard};
pub use column::{Column, ColumnType};
pub use count::{counted, counted_are};
pub use dataset::{CsvFile, DataSpec, IdxFiles, TableSpec};
pub use digest::{Digest, NotADigest};
pub use evaluation::{EvaluationReport, EvaluationSpec};
pub use expectation::{Expectation, ExpectedCheck, unknown_class, unknown_classes};
pub use family::ModelFamily;
pub use export::{ExportReport, OnnxExport};
pub use fault::{Fault, FaultKind};
pub use job::{DevicePreference, EvaluationJob, Job, JobWork, SampleRequest, TrainingJob};
pub use layer::{ConvolutionOptions, Layer, LayerStack, Pooling, Shape, ShapeError};
pub use metrics::Metric;
pub use model::{API_VERSION, Metadata, Model, ModelKind, ModelName, ModelSpec, NotAModelName, Task};
pub use objective::{ClassWeights, EarlyStopping, Keep, Loss};
pub use preprocess::{ImputeOptions, ImputeStrategy, LogOptions, OneHotOptions, Preprocess, ScaleOptions};
pub use progress::{Progress, ValidationResult};
pub use tabular::{LinearOptions, TreeOptions};
pub use signature::{Signature, SignatureColumn, SignatureField, SignatureInput, SignatureSize, SignatureType};
pub use training::{Optimizer, RESULTS_REVISION, TrainingReport, TrainingSpec};
