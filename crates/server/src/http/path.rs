//! The paths of the server.

use hyper::Method;
use percent_encoding::percent_decode_str;

use super::{cut, is_read};
use crate::refusal::Refusal;

/// What a path names. The second text of a model is its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Server,
    Live,
    Ready,
    Metrics,
    Model(String, Option<String>),
    ModelReady(String, Option<String>),
    Statistics(Option<String>, Option<String>),
    Infer(String, Option<String>),
    Predict(String),
    Names,
    Index,
    Load(String),
    Unload(String),
}

/// The target of a path.
pub(super) fn target(path: &str) -> Result<Target, Refusal> {
    let missing = || Refusal::not_found(format!("there is no path `{}`", cut(path)));
    let decode = |part: &str| percent_decode_str(part).decode_utf8().map(String::from).map_err(|_| missing());
    let parts: Vec<String> = path.trim_matches('/').split('/').map(decode).collect::<Result<_, _>>()?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let named = |name: &str| name.to_owned();
    Ok(match parts[..] {
        ["v2"] => Target::Server,
        ["v2", "health", "live"] => Target::Live,
        ["v2", "health", "ready"] => Target::Ready,
        ["v2", "models", "stats"] => Target::Statistics(None, None),
        ["v2", "models", name, "versions", version, ref rest @ ..] if !version.is_empty() => {
            of_model(name, Some(version), rest).ok_or_else(missing)?
        }
        ["v2", "models", name, ref rest @ ..] if !name.is_empty() => of_model(name, None, rest).ok_or_else(missing)?,
        ["v2", "repository", "index"] => Target::Index,
        ["v2", "repository", "models", name, "load"] => Target::Load(named(name)),
        ["v2", "repository", "models", name, "unload"] => Target::Unload(named(name)),
        ["v1", "models"] => Target::Names,
        ["v1", "models", call] => match call.rsplit_once(':') {
            Some((name, "predict")) => Target::Predict(named(name)),
            Some(_) => return Err(missing()),
            None => Target::ModelReady(named(call), None),
        },
        ["metrics"] => Target::Metrics,
        _ => return Err(missing()),
    })
}

fn of_model(name: &str, version: Option<&str>, rest: &[&str]) -> Option<Target> {
    let (name, version) = (name.to_owned(), version.map(str::to_owned));
    Some(match rest {
        [] => Target::Model(name, version),
        ["ready"] => Target::ModelReady(name, version),
        ["infer"] => Target::Infer(name, version),
        ["stats"] => Target::Statistics(Some(name), version),
        _ => return None,
    })
}

impl Target {
    /// Refuses a method that the path does not have.
    pub(super) fn check_method(&self, method: &Method) -> Result<(), Refusal> {
        let posts = matches!(self, Self::Infer(..) | Self::Predict(_) | Self::Index | Self::Load(_) | Self::Unload(_));
        match (posts, is_read(method), *method == Method::POST) {
            (true, _, true) | (false, true, _) => Ok(()),
            (true, ..) => Err(Refusal::method("this path expects POST")),
            (false, ..) => Err(Refusal::method("this path expects GET")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_models_versions_and_calls() {
        let model = |name: &str| name.to_owned();
        for (path, expected) in [
            ("/v2", Target::Server),
            ("/v2/", Target::Server),
            ("/v2/models/a%20b/infer", Target::Infer(model("a b"), None)),
            ("/v2/models/a/versions/sha256:00", Target::Model(model("a"), Some(model("sha256:00")))),
            ("/v2/models/a/versions/1/ready", Target::ModelReady(model("a"), Some(model("1")))),
            ("/v2/models/stats", Target::Statistics(None, None)),
            ("/v1/models/a:predict", Target::Predict(model("a"))),
            ("/v1/models/a%3Apredict", Target::Predict(model("a"))),
            ("/v1/models/a", Target::ModelReady(model("a"), None)),
        ] {
            assert_eq!(target(path).expect(path), expected);
        }
        for path in
            ["/", "/v3", "/v2/models", "/v2/models//infer", "/v2/models/a/b", "/v1/models/a:explain", "/v2/models/%ff"]
        {
            assert_eq!(target(path).expect_err(path).status, 404);
        }
    }
}
