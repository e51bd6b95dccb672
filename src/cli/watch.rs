//! `slipway runs … --watch`: follows events, as text on a terminal, otherwise as one JSON document per line.

use std::ops::ControlFlow;

use serde_json::Value;

use super::client::Server;
use super::exit::{self, Exit, Failure};
use super::output::text;
use super::runs::{log_line, show_run, transition};
use slipway_domain::{RunId, RunState};

/// Returns the exit code of a final state, of which one is the expected one; `None` for other texts.
fn end(state: &str, expected: RunState) -> Option<Exit> {
    let state = RunState::ALL.into_iter().find(|known| known.as_str() == state)?;
    match state {
        state if state == expected => Some(Exit::Done),
        state if state.is_active() => None,
        _ => Some(Exit::Refused),
    }
}

/// Shows the present runs, then every transition of a run of this source and model.
pub(super) fn moves(
    server: &Server,
    source: Option<&str>,
    model: Option<&str>,
    begin: impl Fn() -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let wanted = |received: &Value, key: &str, wish: Option<&str>| wish.is_none_or(|wish| received[key] == *wish);
    server.follow("events", |received| {
        match &*received.event {
            "begin" => begin()?,
            "run" if wanted(&received.data, "source", source) && wanted(&received.data, "model", model) => {
                server.show_next(&received.data, |step| {
                    format!("{} {}{}", text(step, "run"), text(step, "model"), transition(step))
                })?;
            }
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Shows a run, then its transitions until it ends, as `expected` or otherwise.
pub(super) fn run(
    server: &Server,
    run: RunId,
    expected: RunState,
    as_text: impl Fn(&Value) -> String,
) -> Result<Exit, Failure> {
    let id = run.to_string();
    server.follow("events", |received| match &*received.event {
        "begin" => {
            let answer = server.call("GET", &format!("runs/{id}"))?;
            server.show_next(&answer, &as_text)?;
            Ok(end(text(&answer, "state"), expected).map_or(ControlFlow::Continue(()), ControlFlow::Break))
        }
        "run" if received.data["run"] == *id => {
            server.show_next(&received.data, transition)?;
            Ok(end(text(&received.data, "to"), expected).map_or(ControlFlow::Continue(()), ControlFlow::Break))
        }
        _ => Ok(ControlFlow::Continue(())),
    })
}

/// Shows the response to an action on a run. If it is followed, also shows its transitions until it ends, as `expected` or
/// otherwise.
pub(super) fn after(
    server: &Server,
    run: &Value,
    follow: bool,
    expected: RunState,
    as_text: impl FnOnce(&Value) -> String,
) -> Result<Exit, Failure> {
    if !follow {
        server.show(run, as_text)?;
        return Ok(Exit::Done);
    }
    let id = text(run, "id").parse().map_err(|_| exit::unreachable("the server's response contains no run"))?;
    self::run(server, id, expected, show_run)
}

/// Shows a run's log while it is written, until the run ends.
pub(super) fn log(server: &Server, run: RunId) -> Result<Exit, Failure> {
    server.follow(&format!("runs/{run}/log"), |received| match &*received.event {
        "end" => Ok(ControlFlow::Break(end(text(&received.data, "state"), RunState::Done).unwrap_or(Exit::Done))),
        "line" => {
            server.show_next(&received.data, log_line)?;
            Ok(ControlFlow::Continue(()))
        }
        _ => Ok(ControlFlow::Continue(())),
    })
}
