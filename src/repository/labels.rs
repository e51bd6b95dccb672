//! Reads the labels of a model's training rows without the trainer, to find classes that a policy or the model's own metrics name
//! and that no row has.

use std::collections::BTreeSet;
use std::fs::File;

use slipway_contract::table::{MAX_CLASSES, is_glob, is_missing, sort_classes};
use slipway_contract::{Fault, FaultKind, Model, Task, unknown_class, unknown_classes};
use slipway_tables::{Opening, Row, Table};

use super::checkout::Checkout;
use super::files::Files as _;
use super::model_check::Readable;
use crate::repository::folder_path;

/// Classes that are named and that no training row has: faults, and warnings. Empty if the labels cannot be read, which the
/// trainer reports. Classes of pictures are in the model's file, and are checked with it.
pub(super) fn unknown_names(checkout: &Checkout, file: &str, readable: &Readable) -> (Vec<Fault>, Vec<Fault>) {
    let model = &readable.model;
    let data = &model.spec.data;
    let table = data.table().zip(data.table_format()).filter(|_| model.spec.task == Task::Classification);
    let Some((table, format)) = table else { return (Vec::new(), Vec::new()) };
    let path = folder_path(file, table.training().1);
    let paths = if is_glob(&path) { checkout.matching(&path).unwrap_or_default() } else { vec![path] };
    let open = |path: &str| {
        let opened = checkout.open(path).ok().flatten();
        opened.ok_or_else(|| Fault::new(FaultKind::Data, "the file cannot be read").file(path))
    };
    let opening = Opening { format, ignored: &table.ignore };
    let Some(classes) = labels_of(paths, opening, open, &table.label) else { return (Vec::new(), Vec::new()) };
    let expects: Vec<_> = readable.expected.iter().map(|expected| expected.expectation.clone()).collect();
    let (mut faults, warnings) = unknown_classes(&expects, &classes);
    faults.extend(of_metrics(model, &classes));
    (faults, warnings)
}

/// Classes that the metrics of the model's file name and that no row has.
fn of_metrics(model: &Model, classes: &[String]) -> Vec<Fault> {
    let metrics = model.spec.evaluation.metrics.iter().enumerate();
    let unknown = metrics.flat_map(|(place, metric)| {
        let unknown = metric.classes().filter_map(|class| unknown_class(class, classes));
        unknown.map(move |fault| fault.key(format!("spec.evaluation.metrics[{place}]")))
    });
    unknown.collect()
}

/// The distinct labels of a table in the order of classes; `None` if they cannot be read, or are not between 2 and `MAX_CLASSES`.
fn labels_of(
    paths: Vec<String>,
    opening: Opening<'_>,
    open: impl FnMut(&str) -> Result<File, Fault>,
    label: &str,
) -> Option<Vec<String>> {
    let mut records = Table::open(paths, opening, open).ok()?;
    let mut places = records.header().iter().enumerate().filter(|(_, column)| *column == label);
    let (place, None) = (places.next()?.0, places.next()) else { return None };
    let mut labels = BTreeSet::new();
    while let Some(row) = records.next_row().ok()? {
        // Faults in other rows do not concern the labels.
        let Row::Values(_, row) = row else { continue };
        let label = row.get(place).unwrap_or_default().trim();
        if !is_missing(label) && !labels.contains(label) {
            labels.insert(label.to_owned());
        }
        if labels.len() > MAX_CLASSES {
            return None;
        }
    }
    let mut labels: Vec<String> = labels.into_iter().collect();
    sort_classes(&mut labels);
    (labels.len() > 1).then_some(labels)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use slipway_contract::table::{GZIP, LFS_POINTER};
    use slipway_contract::{Dialect, TableFormat};

    use super::*;

    fn labels(bytes: &[u8]) -> Option<Vec<String>> {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        file.rewind().expect("at its start");
        let opening = Opening { format: TableFormat::Csv(Dialect::default()), ignored: &[] };
        let open = |_: &str| file.try_clone().map_err(|error| Fault::new(FaultKind::Data, error.to_string()));
        labels_of(vec!["t.csv".to_owned()], opening, open, "kind")
    }

    #[test]
    fn labels_are_read_from_plain_and_packed_tables_in_the_order_of_classes() {
        let table = b"a,kind\n1, dog \n2,cat\nx,dog\n4,\n5,nan\n6,cat,7\n8,\"o\nwl\"\n";
        let expected = Some(["cat", "dog", "o\nwl"].map(str::to_owned).to_vec());
        assert_eq!(labels(table), expected);
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(table).expect("packed");
        assert_eq!(labels(&packer.finish().expect("packed")), expected);
        assert_eq!(labels(b"kind\n10\n9\n"), Some(["9", "10"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn tables_without_a_class_list_get_no_message() {
        let many = (0..=MAX_CLASSES).map(|row| row.to_string()).collect::<Vec<_>>().join("\n");
        for table in
            ["", "a,b\n1,2\n", "kind,kind\n1,2\n", "kind\ncat\ncat\n", "kind\n", "kind\ncat\n\"open", "a;kind\n1;2\n"]
        {
            assert_eq!(labels(table.as_bytes()), None, "{table:?}");
        }
        assert_eq!(labels(format!("kind\n{many}").as_bytes()), None);
        assert_eq!(labels(&[LFS_POINTER, b"\nkind\n"].concat()), None);
        assert_eq!(labels(&[&GZIP[..], b"broken"].concat()), None);
    }

    const MODEL: &str = "apiVersion: slipway.dev/v1alpha1\nkind: Model\nmetadata: {name: pets}\nspec:\n  \
        paths: [\"data/**\"]\n  task: classification\n  \
        data: {format: csv, label: kind, train: {file: data/train.csv}, test: {file: data/test.csv}}\n  \
        model: {sequential: [{linear: 2}]}\n  \
        evaluation:\n    metrics:\n    - accuracy\n    - {recall: {class: Cat}}\n  \
        training: {optimizer: {adam: {learning_rate: 1e-2}}, epochs: 1, batch_size: 8}\n  \
        policy: policy.yaml\n";

    /// The messages about names of classes in a policy of these checks and in the model's file.
    fn diagnosed(checks: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).expect("written");
        std::fs::create_dir_all(folder.path().join("data")).expect("a folder");
        write("slipway.yaml", MODEL);
        let head = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: pets}\nspec:\n  checks:\n";
        let checks = checks.iter().map(|check| format!("  - {{{check}}}\n")).collect::<Vec<_>>().concat();
        write("policy.yaml", &format!("{head}{checks}"));
        write("data/train.csv", &format!("a,kind\n{}", "1,cat\n2,dog\n".repeat(50)));
        write("data/test.csv", &format!("a,kind\n{}", "1,cat\n2,dog\n".repeat(50)));
        let checkout = Checkout::around(&folder.path().join("slipway.yaml")).expect("a folder");
        let file = checkout.path_of(&folder.path().join("slipway.yaml")).expect("a path");
        let repository = crate::repository::Repository::open(&checkout).expect("readable");
        let (_, readable) = repository.check_model(&file);
        let readable = readable.expect("a model");
        let (faults, warnings) = repository.examine_labels(&file, &readable);
        let shown =
            |fault: &Fault| readable.should_report(fault).then(|| readable.locate(&file, MODEL, fault).to_string());
        let diagnosed = faults.iter().chain(&warnings).filter_map(shown);
        diagnosed
            .map(|diagnosed| {
                diagnosed.rsplit_once("/slipway.yaml").map_or(diagnosed.clone(), |(_, diagnosed)| diagnosed.to_owned())
            })
            .collect()
    }

    #[test]
    fn classes_that_no_training_row_has_are_reported_at_their_places_without_a_trainer() {
        let diagnosed = diagnosed(&[
            "metric: accuracy, at_least: 0.5, slice: {where: {label: [cat, dgo]}}",
            "metric: accuracy, at_least: 0.5, slice: {where: {label: dog}}",
        ]);
        assert_eq!(diagnosed.len(), 2, "{diagnosed:?}");
        assert!(
            diagnosed[0].contains("policy.yaml:6:") && diagnosed[0].contains("no training row has the label `dgo`"),
            "{diagnosed:?}"
        );
        assert!(diagnosed[0].contains("did you mean `dog`?"), "{diagnosed:?}");
        assert!(
            diagnosed[1].starts_with(":12:") && diagnosed[1].contains("no training row has the label `Cat`"),
            "{diagnosed:?}"
        );
    }
}
