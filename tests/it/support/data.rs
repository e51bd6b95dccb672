//! A small model on real digits: 1,000 rows to learn from, 500 to be judged on, one layer.

use std::io::Read as _;
use std::path::Path;
use std::sync::OnceLock;

use flate2::read::GzDecoder;

/// Its `slipway.yaml`.
pub(crate) const MODEL: &str = "apiVersion: slipway.dev/v1alpha1
kind: Model
metadata: {name: digits}
spec:
  paths: [slipway.yaml, \"data/**\"]
  task: classification
  data:
    format: idx
    train: {features: data/train-images, labels: data/train-labels}
    test: {features: data/test-images, labels: data/test-labels}
  preprocess: [{scale: {divide_by: 255}}]
  model:
    sequential:
      - flatten
      - linear: 10
  training: {optimizer: {adam: {learning_rate: 1e-2}}, epochs: 4, batch_size: 50, seed: 7}
  evaluation: {metrics: [accuracy]}
  policy: policy.yaml
";

/// Its policy.
pub(crate) const POLICY: &str = "apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {name: digits}
spec:
  checks:
    - metric: accuracy
      at_least: 0.7
    - metric: accuracy
      no_worse_than_champion: {margin: 0.05}
";

/// All its files.
pub(crate) fn small_files() -> Vec<(&'static str, Vec<u8>)> {
    static ROWS: OnceLock<[Vec<u8>; 4]> = OnceLock::new();
    let [train_images, train_labels, test_images, test_labels] = ROWS.get_or_init(|| {
        [
            every("train-images-idx3-ubyte.gz", 784, 4),
            every("train-labels-idx1-ubyte.gz", 1, 4),
            every("t10k-images-idx3-ubyte.gz", 784, 2),
            every("t10k-labels-idx1-ubyte.gz", 1, 2),
        ]
    });
    vec![
        ("slipway.yaml", MODEL.as_bytes().to_vec()),
        ("policy.yaml", POLICY.as_bytes().to_vec()),
        ("data/train-images", train_images.clone()),
        ("data/train-labels", train_labels.clone()),
        ("data/test-images", test_images.clone()),
        ("data/test-labels", test_labels.clone()),
    ]
}

/// Every so-manieth row of a file of digits, as plain IDX: its rows are sorted by digit.
fn every(name: &str, width: usize, step: usize) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".data/digits").join(name);
    let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}\n  help: make data", path.display()));
    let mut bytes = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("gzip");
    let header = 4 + 4 * usize::from(bytes[3]);
    let rows: Vec<&[u8]> = bytes[header..].chunks(width).step_by(step).collect();
    let mut small = bytes[..header].to_vec();
    small[4..8].copy_from_slice(&u32::try_from(rows.len()).expect("few rows").to_be_bytes());
    small.extend(rows.concat());
    small
}
