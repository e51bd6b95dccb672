//! Finds the models that a revision touches, and creates their runs.

use jiff::Timestamp;
use slipway_contract::{Model, counted};

use crate::context::Source;
use crate::repository::{ModelFile, ModelFiles, folder_path, source};
use slipway_domain::{CommitSha, PullRequestHead, Run, RunCause, SourceName};

/// Whether a change of `paths` rebuilds the model. A model that cannot be read is touched by any change in its folder, so that
/// its author receives the mistake.
pub(crate) fn touches(file: &ModelFile, paths: &[String]) -> bool {
    rebuilds(file, read(file).as_ref(), paths)
}

/// Whether a change of `paths` concerns the model: it is rebuilt, or its policy changes, and judging shows the effect.
pub(crate) fn concerns(file: &ModelFile, paths: &[String]) -> bool {
    let model = read(file);
    let policy = model.as_ref().map(|model| folder_path(&file.path, &model.spec.policy));
    rebuilds(file, model.as_ref(), paths) || policy.is_some_and(|policy| paths.contains(&policy))
}

fn read(file: &ModelFile) -> Option<Model> {
    source::valid_model(&file.path, file.text.as_ref().ok()?)
}

fn rebuilds(file: &ModelFile, model: Option<&Model>, paths: &[String]) -> bool {
    match model {
        Some(model) => {
            let files = ModelFiles::of(&file.path, model);
            paths.iter().any(|path| *path == file.path || files.contain(path))
        }
        None => paths.iter().any(|path| path.starts_with(source::folder_of(&file.path))),
    }
}

/// Common properties of the runs of one revision.
#[derive(Clone)]
pub(super) struct Cause {
    /// The pull request, if there is one.
    pub(crate) pull_request: Option<PullRequestHead>,
    /// The revision before it.
    pub(crate) base: Option<CommitSha>,
    /// The revision that is trained.
    pub(crate) head: CommitSha,
    /// Arrival of the delivery that reported it.
    pub(crate) arrived: Timestamp,
}

/// A text about what a revision touches: models by their names, and mistakes in files without a model name.
pub(crate) fn summary(head: &CommitSha, files: &[ModelFile]) -> String {
    /// Maximum number of files that are reported one by one.
    const MAX: usize = 5;
    let (models, broken): (Vec<_>, Vec<_>) = files.iter().partition(|file| source::name_in(file).is_some());
    let names: Vec<String> = models.into_iter().filter_map(source::name_in).collect();
    let mut summary = match (names.as_slice(), broken.as_slice()) {
        ([], []) => format!("the commits up to {} affect no model", head.short()),
        ([], _) => format!("{} affects no readable model", head.short()),
        (names, _) => format!("{} affects {}", head.short(), names.join(", ")),
    };
    for file in broken.iter().take(MAX) {
        let mistake = source::first_mistake(file).unwrap_or_else(|| file.path.clone());
        summary = format!("{summary}; a mistake in {mistake}");
    }
    if broken.len() > MAX {
        summary = format!("{summary}; mistakes in {}", counted(broken.len() - MAX, "more file"));
    }
    summary
}

/// Creates a run of one model.
pub(super) fn new_run(name: &SourceName, source: &Source, cause: &Cause, file: &ModelFile) -> Run {
    let Cause { pull_request, base, head, arrived } = cause.clone();
    let cause = RunCause {
        source: name.clone(),
        model: source::stored_name(file),
        file: file.path.clone(),
        branch: source.mirror.remote().branch().to_owned(),
        pull_request,
        base,
        head,
        environment: source.environment.clone(),
        delivered_at: arrived,
    };
    Run { priority: source.priority, ..Run::queued(cause, Timestamp::now()) }
}
