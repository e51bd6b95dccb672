//! A job that the controller gives to the trainer: the file `job.json` in a folder of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Expectation, Model, Progress, ScoringJob};

/// `job.json`. All paths in it are relative to the job's folder.
///
/// The trainer is started as `slipway-trainer --job FOLDER`. It reads `FOLDER/job.json`, writes its files under `FOLDER/out/`,
/// and prints its [`Progress`] on standard output. It ends when its standard input is closed, because the controller has then
/// ended. Exit codes: 0 success, 1 fault of the data, of the artifact or of Slipway, 2 refused specification, 101 panic, 137 out
/// of memory, 139 crash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The work.
    pub work: JobWork,
    /// The number of threads for computing, at least one.
    pub threads: u32,
    /// The device for computing.
    pub device: DevicePreference,
}

/// The work of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobWork {
    /// Trains. Writes `out/model.safetensors`, `out/training.json` (a training report), `out/card.json`, and `out/resolved.yaml` (the
    /// model with every default written out). Also writes `out/signature.json`, `out/export.json` (an export report) and, unless that
    /// says otherwise, `out/model.onnx`. If the data or the specification have faults, nothing is trained, and `out/faults.json`
    /// lists the faults.
    Train(TrainingJob),
    /// Reads everything that training would read, without training. Writes `out/faults.json` and `out/warnings.json`, lists of
    /// faults.
    Check(TrainingJob),
    /// Evaluates one or more artifacts on the same rows. Writes an evaluation folder `out/<name>/` for each, and an evaluation folder
    /// `out/candidate/baselines/<family>/` for each baseline of the model that could be trained.
    Evaluate(EvaluationJob),
    /// Reads everything that a program of the model would get, and writes `out/test.csv`: the test rows without their labels. Also
    /// writes `out/resolved.yaml`. Faults end it as they end a training.
    Prepare(TrainingJob),
    /// Joins the predictions of programs with the labels of the test rows. Writes an evaluation folder `out/<name>/` for each, and
    /// those of baselines as for `evaluate`.
    Score(ScoringJob),
}

/// The training of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingJob {
    /// The model to train.
    pub model: Model,
    /// The folder with the model's files.
    pub source: String,
    /// The requirements of policies on the rows. A requirement that no row can meet is a fault, which is found before training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expects: Vec<Expectation>,
}

/// The evaluation of artifacts on a model's test rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationJob {
    /// The model, which names the data and the metrics. Architecture and preprocessing come from each artifact itself.
    pub model: Model,
    /// The folder with the model's files.
    pub source: String,
    /// The weights that were just trained.
    pub candidate: String,
    /// The weights that the environment names now. If the champion cannot be evaluated on these rows, the job writes
    /// `out/champion-fault.json` (a fault of kind `artifact`) instead of a folder and continues.
    pub champion: Option<String>,
    /// The weights of the same training with other seeds. The first is evaluated into `out/seed-0/`, and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<String>,
    /// Whether the candidate's predictions of single rows are timed. The times are written to `out/candidate/latencies.json`, a
    /// list of milliseconds.
    #[serde(default)]
    pub latencies: bool,
    /// Whether the candidate is compared with predictions without a model. Their metrics are written to
    /// `out/candidate/baselines.json`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub baselines: bool,
    /// The samples of the data to write into `out/samples/`.
    #[serde(default)]
    pub samples: SampleRequest,
}

/// The samples of the data to write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleRequest {
    /// Whether samples for the search of test rows in the training data are written: a digest of every row of both.
    #[serde(default)]
    pub leakage: bool,
    /// The columns whose values are compared between training and recent data.
    #[serde(default)]
    pub drift: Vec<String>,
    /// Whether digests of the test rows are written, which identify rows by their content, whichever columns a model uses.
    #[serde(default)]
    pub rows: bool,
    /// Earlier sets of columns of the model's test tables. They identify the rows of a table that has additional columns now.
    /// Each is a list of names in rising order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Vec<String>>,
}

impl SampleRequest {
    /// The file of digests of test rows: [`Self::ROW_BYTES`] for each row, in the order of the predictions, most significant byte
    /// first. It is empty if there are more rows than [`Self::MAX_ROWS`].
    pub const ROWS: &'static str = "rows.bin";
    /// The file of other digests of the same rows. They do not change if only the form of a row changes. It contains lists as in
    /// [`Self::ROWS`], one after the other:
    ///
    /// 1. digests of numbers in canonical form, with the names of their columns in rising order;
    /// 2. digests of numbers in canonical form in the order of the table, without the names of the columns;
    /// 3. digests of the first kind for each list of [`Self::columns`] that is a subset of the table's columns and distinguishes
    ///    nearly as many rows as all columns do.
    ///
    /// It is empty if rows have no columns.
    pub const ALIKE: &'static str = "rows-alike.bin";
    /// The number of lists in that file that are stored with new rows: those over all columns.
    pub const ALIKE_KEPT: usize = 2;
    /// The file of the names of the test table's columns, a JSON list in rising order.
    pub const COLUMNS: &'static str = "columns.json";
    /// The stored bytes of a row's digest. They suffice to distinguish different rows.
    pub const ROW_BYTES: usize = 8;
    /// The most rows that are distinguished. Larger sets are only identified as a whole.
    pub const MAX_ROWS: usize = 2_000_000;

    /// The requested files in `out/samples/`.
    pub fn files(&self) -> Vec<&'static str> {
        let drift = !self.drift.is_empty();
        let files = [
            ("training.parquet", self.leakage || drift),
            ("test.parquet", self.leakage),
            ("recent.parquet", drift),
            (Self::ROWS, self.rows),
            (Self::ALIKE, self.rows),
            (Self::COLUMNS, self.rows),
        ];
        files.into_iter().filter_map(|(file, is_wanted)| is_wanted.then_some(file)).collect()
    }
}

/// The device for computing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DevicePreference {
    /// A GPU if libtorch can use one, otherwise the CPU.
    #[default]
    Auto,
    /// The CPU. The CUDA libraries are not loaded.
    Cpu,
    /// A GPU. Without one the job fails.
    Cuda,
}

impl Job {
    /// The name of the job's file in its folder.
    pub const FILE: &'static str = "job.json";
    /// The name of the folder with the job's results.
    pub const OUTPUT: &'static str = "out";
    /// The name of the list of faults that a check, or a training that did not begin, writes into that folder.
    pub const FAULTS: &'static str = "faults.json";
    /// The name of the model file with every default written out, which a training writes into that folder.
    pub const RESOLVED: &'static str = "resolved.yaml";
    /// The name of the weights, which a training writes into that folder.
    pub const WEIGHTS: &'static str = "model.safetensors";
    /// The name of the signature of the model, which a training writes into that folder.
    pub const SIGNATURE: &'static str = "signature.json";
    /// The name of the model with its preprocessing as an ONNX graph, which a training writes into that folder if it can.
    pub const ONNX: &'static str = "model.onnx";
    /// The name of the report about that graph, which a training writes into that folder.
    pub const EXPORT: &'static str = "export.json";
    /// The name of the test rows without their labels, which a preparation writes into that folder.
    pub const TEST_ROWS: &'static str = "test.csv";
    /// The name of the list of warnings that a check writes into that folder. Warnings do not prevent training.
    pub const WARNINGS: &'static str = "warnings.json";
}

impl Progress {
    /// The line that the trainer prints: JSON without line breaks.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("progress holds only texts and numbers")
    }
}
