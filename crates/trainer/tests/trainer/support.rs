//! A job's folder with generated data, and the trainer run on it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use slipway_contract::{Fault, Progress, TrainingReport};

/// Where rows are, their labels beside them.
pub(crate) struct Pictures {
    pub(crate) images: Vec<u8>,
    pub(crate) labels: Vec<u8>,
}

/// Pictures of 6x6 whose bright half says their class, with noise that a seedless arithmetic makes.
pub(crate) fn pictures(rows: u32) -> Pictures {
    other_pictures(rows, 0)
}

/// The same, with a first point that is brighter by a little, so that none of them equals one of another brightness.
fn other_pictures(rows: u32, brighter: u32) -> Pictures {
    let mut images = idx_header(8, &[rows, 6, 6]);
    let mut labels = idx_header(8, &[rows]);
    for row in 0..rows {
        let class = row % 2;
        for place in 0..36_u32 {
            let bright = u32::from((place % 6 < 3) == (class == 0)) * 120;
            let noise = (row * 37 + place * 101) * 73 % 97;
            images.push(u8::try_from(bright + noise + if place == 0 { brighter } else { 0 }).expect("below 256"));
        }
        labels.push(u8::try_from(class).expect("a class"));
    }
    Pictures { images, labels }
}

pub(crate) fn idx_header(kind: u8, sizes: &[u32]) -> Vec<u8> {
    let mut header = vec![0, 0, kind, u8::try_from(sizes.len()).expect("few dimensions")];
    header.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    header
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

/// A model on pictures; tests change what they are about.
pub(crate) fn picture_model() -> Value {
    json!({
        "apiVersion": "slipway.dev/v1alpha1", "kind": "Model", "metadata": {"name": "halves"},
        "spec": {
            "paths": ["data/**"], "task": "classification", "policy": "policy.yaml",
            "data": {
                "format": "idx",
                "train": {"features": "data/train-images", "labels": "data/train-labels"},
                "test": {"features": "data/test-images", "labels": "data/test-labels"},
            },
            "preprocess": [{"scale": {"divide_by": 255}}],
            "model": {"sequential": [{"conv2d": {"filters": 4, "kernel_size": 3}}, "relu", "flatten", {"linear": 2}]},
            "training": {"optimizer": {"adam": {"learning_rate": 0.01}}, "epochs": 3, "batch_size": 16, "seed": 7},
        }
    })
}

/// The same on a table of two columns.
pub(crate) fn table_model() -> Value {
    let mut model = picture_model();
    model["spec"]["data"] = json!({"format": "csv", "label": "kind", "train": {"file": "data/train.csv"}, "test": {"file": "data/test.csv"}});
    model["spec"]["preprocess"] = json!(["standardize"]);
    model["spec"]["model"]["sequential"] = json!([{"linear": 8}, "relu", {"linear": 2}]);
    model
}

/// A table whose label follows from its two columns, which differ in scale by a thousand.
pub(crate) fn table(rows: u32) -> String {
    other_table(rows, 0.0)
}

/// The same, with other heights by a little, so that no row equals one of another table.
fn other_table(rows: u32, higher: f64) -> String {
    let line = |row: u32| {
        let class = row % 2;
        let noise = f64::from((row * 37) % 19) / 19.0;
        let (height, weight) = (f64::from(class) + noise * 0.8 + higher, 1000.0 * (f64::from(class) - noise * 0.8));
        format!("{height},{weight},{}", ["cat", "dog"][usize::from(class == 1)])
    };
    let lines: Vec<String> = (0..rows).map(line).collect();
    format!("height,weight,kind\n{}\n", lines.join("\n"))
}

/// A job's folder.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// How a trainer ended.
pub(crate) struct Ended {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Everything it said.
    pub(crate) said: Vec<Progress>,
}

impl Ended {
    /// What it says went wrong.
    pub(crate) fn fault(&self) -> &Fault {
        match self.said.last() {
            Some(Progress::Failed { fault }) => fault,
            other => panic!("expected a fault last, came {other:?} and code {:?}", self.code),
        }
    }
}

impl Bench {
    /// A folder with pictures to learn from and to be judged on.
    pub(crate) fn with_pictures() -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a folder") };
        for (half, rows, brighter) in [("train", 96, 0), ("test", 40, 1)] {
            let Pictures { images, labels } = other_pictures(rows, brighter);
            bench.write(&format!("{half}-images"), images);
            bench.write(&format!("{half}-labels"), labels);
        }
        bench
    }

    /// A folder with tables.
    pub(crate) fn with_tables() -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a folder") };
        bench.write("train.csv", table(120));
        bench.write("test.csv", other_table(40, 0.001));
        bench
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a data file.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let folder = self.path().join("source/data");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), content).expect("written");
    }

    /// Reads a file that the trainer made.
    pub(crate) fn output(&self, name: &str) -> Vec<u8> {
        let path = self.path().join("out").join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Trains, and expects it to end well.
    pub(crate) fn train(&self, model: &Value, threads: u32) -> TrainingReport {
        let ended = self.try_train(model, threads);
        assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
        serde_json::from_slice(&self.output("training.json")).expect("a training report")
    }

    /// Trains, however it ends.
    pub(crate) fn try_train(&self, model: &Value, threads: u32) -> Ended {
        self.run(&json!({"train": {"model": model, "source": "source"}}), threads)
    }

    /// Trains for policies that ask something of the rows.
    pub(crate) fn train_for(&self, model: &Value, expects: &Value) -> Ended {
        self.run(&json!({"train": {"model": model, "source": "source", "expects": expects}}), 1)
    }

    /// Reads the data as training would, and trains nothing.
    pub(crate) fn try_check(&self, model: &Value) -> Ended {
        self.run(&json!({"check": {"model": model, "source": "source"}}), 1)
    }

    /// What reading the data as training would finds at fault, and what it warns of. `expects` are the questions of policies. Left
    /// out is that test rows are training rows, which most tests have on purpose.
    pub(crate) fn found(&self, model: &Value, expects: &Value) -> (Vec<Fault>, Vec<Fault>) {
        let (faults, mut warnings) = self.all_found(model, expects);
        warnings.retain(|warning| !is_of_shared_rows(warning));
        (faults, warnings)
    }

    /// The same with test rows that are training rows.
    pub(crate) fn all_found(&self, model: &Value, expects: &Value) -> (Vec<Fault>, Vec<Fault>) {
        let ended = self.run(&json!({"check": {"model": model, "source": "source", "expects": expects}}), 1);
        assert_eq!(ended.code, Some(0), "{:?}", ended.said);
        let list = |name: &str| serde_json::from_slice(&self.output(name)).expect("a list of faults");
        (list("faults.json"), list("warnings.json"))
    }

    /// Evaluates artifacts, whose names are relative to the job's folder.
    pub(crate) fn evaluate(&self, model: &Value, candidate: &str, champion: Option<&str>) -> Ended {
        self.run(
            &json!({"evaluate": {"model": model, "source": "source", "candidate": candidate, "champion": champion}}),
            1,
        )
    }

    /// Evaluates an artifact, and has more of it left behind.
    pub(crate) fn evaluate_with(&self, model: &Value, candidate: &str, more: &Value) -> Ended {
        let mut job = json!({"model": model, "source": "source", "candidate": candidate, "champion": null});
        let more = more.as_object().expect("a mapping").clone();
        job.as_object_mut().expect("a mapping").extend(more);
        self.run(&json!({"evaluate": job}), 1)
    }

    /// Keeps the weights just trained under another name in the job's folder.
    pub(crate) fn keep_weights(&self, name: &str) -> PathBuf {
        let kept = self.path().join(name);
        std::fs::write(&kept, self.output("model.safetensors")).expect("kept");
        kept
    }

    fn run(&self, work: &Value, threads: u32) -> Ended {
        let job = json!({"work": work, "threads": threads, "device": "cpu"});
        std::fs::write(self.path().join("job.json"), job.to_string()).expect("written");
        self.run_job(&mut trainer())
    }

    /// Runs a command on the job's folder with the lifeline held.
    pub(crate) fn run_job(&self, command: &mut Command) -> Ended {
        command.arg("--job").arg(self.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the trainer starts");
        let _lifeline = child.stdin.take();
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8(output.stdout).expect("a text");
        let said =
            text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
        Ended { code: output.status.code(), said: said.collect() }
    }
}

/// Whether a warning is about test rows that are training rows.
pub(crate) fn is_of_shared_rows(warning: &Fault) -> bool {
    ["test rows is also a training row", "test rows are also training rows"]
        .iter()
        .any(|words| warning.message.contains(words))
}

/// The built trainer.
pub(crate) fn trainer() -> Command {
    Command::new(env!("CARGO_BIN_EXE_slipway-trainer"))
}
