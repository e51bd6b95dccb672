//! Checks the models of a branch on this machine, as a server would before it trains them.

use super::files::Files;
use super::model_check::{data_files, misnamed_model, taken_name};
use super::source::{self, ModelFile};
use super::{folder_path, policy_file};
use slipway_domain::Diagnostic;
use slipway_git::{BareBranch, GitError};

/// The mistakes in the models of a branch and in their policies and data files, which a server would refuse.
///
/// # Errors
///
/// The repository cannot be read.
pub fn mistakes_in_branch(branch: &BareBranch) -> Result<Vec<Diagnostic>, GitError> {
    let misnamed = branch.find(&|path| misnamed_model(path).is_some())?;
    let mut mistakes: Vec<Diagnostic> = misnamed.iter().filter_map(|path| misnamed_model(path)).collect();
    let models = source::read_models(branch, branch.find(&source::is_model)?)?;
    for model in &models {
        mistakes.extend(mistakes_in_model(branch, model, &models)?);
    }
    Ok(mistakes)
}

fn mistakes_in_model(
    branch: &BareBranch,
    ModelFile { path, text }: &ModelFile,
    models: &[ModelFile],
) -> Result<Vec<Diagnostic>, GitError> {
    let mut mistakes: Vec<Diagnostic> = taken_name(branch, path, models).into_iter().collect();
    let read = text.as_ref().map(|text| (text, source::read_model(path, text)));
    let (text, model) = match read {
        Ok((text, Ok(model))) => (text, model),
        Ok((_, Err(found))) => {
            mistakes.extend(found);
            return Ok(mistakes);
        }
        Err(mistake) => {
            mistakes.push(mistake.clone());
            return Ok(mistakes);
        }
    };
    mistakes.extend(data_files(branch, path, text, &model)?);
    match policy_file::read(branch, &folder_path(path, &model.spec.policy))? {
        Ok((policy, _)) => mistakes.extend(policy.unfit_for(&model)),
        Err(found) => mistakes.extend(found),
    }
    Ok(mistakes)
}
