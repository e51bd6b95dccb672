//! Merges two lists: models with runs, and models without runs. The database orders each list. Databases order dashes
//! differently, so a position in the merged list consists of a position in each list.

use serde::{Deserialize, Serialize};

use slipway_domain::SourceName;
use slipway_store::{BranchModel, ModelCursor, ModelRuns};

/// A model in the merged list.
pub(super) enum Listed {
    /// A model with runs.
    Known(Box<ModelRuns>),
    /// A model without runs.
    New(BranchModel),
}

/// Where a page begins: after these models, of those with runs and of those without.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Places(Option<(SourceName, String)>, Option<(SourceName, String)>);

impl Places {
    /// The position among the models with runs.
    pub(super) fn with_runs(&self) -> Option<ModelCursor> {
        place(self.0.as_ref())
    }

    /// The position among the models without runs.
    pub(super) fn without(&self) -> Option<ModelCursor> {
        place(self.1.as_ref())
    }
}

fn place(at: Option<&(SourceName, String)>) -> Option<ModelCursor> {
    at.map(|(source, model)| ModelCursor { source: source.clone(), model: model.clone() })
}

/// Merges both lists to one page by source and name, and returns where the next page begins. Each list contains up to one item
/// more than a page.
pub(super) fn page_of(
    known: Vec<ModelRuns>,
    new: Vec<BranchModel>,
    behind: Places,
    limit: u32,
) -> (Vec<Listed>, Option<Places>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut known, mut new) = (known.into_iter().peekable(), new.into_iter().peekable());
    let (mut page, mut behind) = (Vec::new(), behind);
    while page.len() < limit {
        let is_new = match (known.peek(), new.peek()) {
            (None, None) => break,
            (Some(one), Some(other)) => {
                (&other.source, &other.model) < (&one.newest.cause.source, &one.newest.cause.model)
            }
            (one, _) => one.is_none(),
        };
        if is_new {
            let Some(model) = new.next() else { break };
            behind.1 = Some((model.source.clone(), model.model.clone()));
            page.push(Listed::New(model));
        } else {
            let Some(model) = known.next() else { break };
            behind.0 = Some((model.newest.cause.source.clone(), model.newest.cause.model.clone()));
            page.push(Listed::Known(Box::new(model)));
        }
    }
    let is_more = known.peek().is_some() || new.peek().is_some();
    (page, is_more.then_some(behind))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use slipway_domain::{Run, RunCause};

    fn source(name: &str) -> SourceName {
        SourceName::try_from(name.to_owned()).expect("a name")
    }

    fn known(model: &str) -> ModelRuns {
        let cause = RunCause {
            source: source("risk"),
            model: model.to_owned(),
            file: format!("{model}/slipway.yaml"),
            branch: "main".to_owned(),
            pull_request: None,
            base: None,
            head: "1111111111111111111111111111111111111111".parse().expect("a commit"),
            environment: source("staging"),
            delivered_at: Timestamp::UNIX_EPOCH,
        };
        ModelRuns { newest: Run::queued(cause, Timestamp::UNIX_EPOCH), promoted: None }
    }

    fn new(model: &str) -> BranchModel {
        let (model, file) = (model.to_owned(), format!("{model}/slipway.yaml"));
        BranchModel { source: source("risk"), model, file, at: Timestamp::UNIX_EPOCH }
    }

    /// Returns all pages of this length, with the store's results after each position.
    fn pages(with_runs: &[&str], without: &[&str], limit: u32) -> Vec<Vec<String>> {
        let (mut behind, mut pages) = (Places::default(), Vec::new());
        let rest = |names: &[&str], at: Option<ModelCursor>| -> Vec<String> {
            let is_behind = |name: &&&str| at.as_ref().is_none_or(|at| **name > at.model.as_str());
            names.iter().filter(is_behind).take(limit as usize + 1).map(|name| (*name).to_owned()).collect()
        };
        loop {
            let known = rest(with_runs, behind.with_runs()).iter().map(|name| known(name)).collect();
            let new = rest(without, behind.without()).iter().map(|name| new(name)).collect();
            let (page, next) = page_of(known, new, behind, limit);
            pages.push(
                page.iter()
                    .map(|model| match model {
                        Listed::Known(model) => model.newest.cause.model.clone(),
                        Listed::New(model) => format!("{}*", model.model),
                    })
                    .collect(),
            );
            match next {
                Some(next) => behind = next,
                None => return pages,
            }
        }
    }

    #[test]
    fn every_model_is_on_one_page_whichever_list_it_is_of() {
        assert_eq!(pages(&["b", "d"], &["a", "c", "e"], 10), [["a*", "b", "c*", "d", "e*"]]);
        assert_eq!(pages(&["b", "d"], &["a", "c", "e"], 2), [vec!["a*", "b"], vec!["c*", "d"], vec!["e*"]]);
        assert_eq!(pages(&["a", "b"], &[], 1), [["a"], ["b"]]);
        assert_eq!(pages(&[], &["a", "b"], 1), [["a*"], ["b*"]]);
        assert_eq!(pages(&[], &[], 5), [Vec::<String>::new()]);
    }
}
