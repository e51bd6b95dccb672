//! Checks names of sources and models against those that a server knows: an empty list is no answer to a misspelt name.

use serde_json::Value;

use super::client::{Query, Server};
use super::exit::{self, Failure};
use super::output::{text, things};
use slipway_domain::hint_at;

/// Maximum number of models that are searched for a name.
const MAX_MODELS: usize = 5_000;

/// Names by which a list is filtered.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) source: Option<&'a str>,
    pub(super) model: Option<&'a str>,
}

impl Names<'_> {
    /// Fails if the server knows one of the names not. A server that does not list its names, or not all of them, is believed.
    pub(super) fn check(self, server: &Server) -> Result<(), Failure> {
        if let Some(source) = self.source
            && let Ok(answer) = server.call("GET", "sources")
        {
            let known: Vec<&str> = things(&answer, "sources").iter().map(|known| text(known, "name")).collect();
            if !known.contains(&source) {
                return Err(exit::invalid(format!("there is no source `{source}`{}", hint_at(source, &known))));
            }
        }
        match self.model {
            Some(model) => self.check_model(model, server),
            None => Ok(()),
        }
    }

    fn check_model(self, model: &str, server: &Server) -> Result<(), Failure> {
        let Ok(answer) = server.list("models", &Query::default(), "models", MAX_MODELS) else { return Ok(()) };
        if answer["next"].is_string() {
            return Ok(());
        }
        let is_of_source = |known: &&Value| self.source.is_none_or(|source| known["source"] == *source);
        let mut known: Vec<&str> =
            things(&answer, "models").iter().filter(is_of_source).map(|known| text(known, "model")).collect();
        known.dedup();
        if known.contains(&model) {
            return Ok(());
        }
        let place = self.source.map_or_else(String::new, |source| format!(" of the source `{source}`"));
        let hint = hint_at(model, &known);
        Err(exit::invalid(format!("no run and no served branch{place} names a model `{model}`{hint}")))
    }
}
