//! A job as the controller hands it to the trainer: the file `job.json` in a folder of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Expectation, Model, Progress};

/// `job.json`. All paths in it are relative to the job's folder.
///
/// The trainer is started as `slipway-trainer --job FOLDER`, reads `FOLDER/job.json`, writes its files under
/// `FOLDER/out/`, and says its [`Progress`] on standard output. Standard input is its lifeline: when it closes, the
/// controller is gone and the trainer ends. Exit codes: 0 done, 1 a fault of data, artifact or our own, 2 the
/// specification was refused, 101 panic, 137 out of memory, 139 crash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What is to be done.
    pub work: JobWork,
    /// Threads for computing, at least one.
    pub threads: u32,
    /// Where to compute.
    pub device: DevicePreference,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobWork {
    /// Train: writes `out/model.safetensors`, `out/training.json` (a training report) and `out/card.json`. Where the data or the
    /// specification are at fault, nothing is trained and `out/faults.json` lists what is.
    Train(TrainingJob),
    /// Read everything that training would read and train nothing: writes `out/faults.json` and `out/warnings.json`, lists of
    /// faults.
    Check(TrainingJob),
    /// Evaluate one or two artifacts on the same rows: writes an evaluation folder `out/<name>/` for each.
    Evaluate(EvaluationJob),
}

/// Train a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingJob {
    /// The model to train.
    pub model: Model,
    /// Folder of the model's files.
    pub source: String,
    /// What policies will ask of the rows: what none of them can answer is a fault, found before anything is trained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expects: Vec<Expectation>,
}

/// Evaluate artifacts on a model's test rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationJob {
    /// Names the data and the metrics. Architecture and preprocessing come from each artifact itself.
    pub model: Model,
    /// Folder of the model's files.
    pub source: String,
    /// The weights just trained.
    pub candidate: String,
    /// The weights that the environment names now. A champion that cannot be evaluated on these rows leaves
    /// `out/champion-fault.json` (a fault of kind `artifact`) instead of a folder; the job itself goes on.
    pub champion: Option<String>,
    /// Weights of the same training with other seeds: the first leaves `out/seed-0/`, and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<String>,
    /// Whether the candidate's predictions of single rows are timed: `out/candidate/latencies.json`, a list of milliseconds.
    #[serde(default)]
    pub latencies: bool,
    /// Samples of the data that are asked for, in `out/samples/`.
    #[serde(default)]
    pub samples: SampleRequest,
}

/// Which samples of the data are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleRequest {
    /// Whether test rows are looked for in the training data: a digest of every row of both.
    #[serde(default)]
    pub leakage: bool,
    /// Columns whose values are compared between training and recent data.
    #[serde(default)]
    pub drift: Vec<String>,
    /// Whether test rows are told apart by what is in them: a digest of each, whatever a model looks at.
    #[serde(default)]
    pub rows: bool,
    /// Columns that test tables of the model had before, by which their rows are known again once columns were added: each a list
    /// of names in rising order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Vec<String>>,
}

impl SampleRequest {
    /// The file of digests of test rows: [`Self::ROW_BYTES`] a row, in the order of the predictions, most significant first. It
    /// is empty where there are more than [`Self::MAX_ROWS`].
    pub const ROWS: &'static str = "rows.bin";
    /// The file of other digests of the same rows, which stay the same where only the form of a row changes; lists as in
    /// [`Self::ROWS`], one behind the other. The first are of numbers in one form, with the names of their columns in rising order;
    /// the second are of numbers in one form in the order of the table, whatever the columns are called; then come those of the
    /// first kind of each list of [`Self::columns`] that is a part of the table's, and tells nearly as many rows apart as all of its
    /// columns do. Empty where rows have no columns.
    pub const ALIKE: &'static str = "rows-alike.bin";
    /// Lists in that file that are kept with new rows: those that are of all columns.
    pub const ALIKE_KEPT: usize = 2;
    /// The file of the names of the test table's columns, a list in rising order as JSON.
    pub const COLUMNS: &'static str = "columns.json";
    /// Bytes of a row's digest that are kept: enough that rows that differ have different ones.
    pub const ROW_BYTES: usize = 8;
    /// Rows that are told apart; of larger sets only the whole is known.
    pub const MAX_ROWS: usize = 2_000_000;

    /// The files in `out/samples/`, of those that are asked for.
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

/// Where to compute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DevicePreference {
    /// On a GPU if libtorch can use one, else on the CPU.
    #[default]
    Auto,
    /// On the CPU; the CUDA libraries are not even loaded.
    Cpu,
    /// On a GPU; without one the job fails.
    Cuda,
}

impl Job {
    /// Name of the job's file in its folder.
    pub const FILE: &'static str = "job.json";
    /// Name of the folder that holds what the job made.
    pub const OUTPUT: &'static str = "out";
    /// Name of the list of faults that a check leaves in that folder, and a training that did not begin.
    pub const FAULTS: &'static str = "faults.json";
    /// Name of the list of what is warned of, that a check leaves there. Nothing is trained otherwise for it.
    pub const WARNINGS: &'static str = "warnings.json";
}

impl Progress {
    /// The line the trainer prints: JSON without line breaks.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("progress holds only texts and numbers")
    }
}
