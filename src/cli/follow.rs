//! Follows the server-sent events of a server. After a lost connection it continues where it stopped.

use std::io::{BufRead as _, BufReader, Read as _};
use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::Value;

use super::client::{Query, Server, refusal};
use super::exit::{self, Exit, Failure};
use super::output;

/// How long the server may take to begin a response.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum duration of one connection. A server that disappears silently is noticed after this time.
const CONNECTION: Duration = Duration::from_mins(5);
/// Maximum length of a line of an event, in bytes.
const MAX_LINE_LENGTH: u64 = 1 << 20;
/// Pause before a reconnection, and maximum number of reconnections without a new event.
const PAUSE: Duration = Duration::from_secs(1);
const MAX_ATTEMPTS: u32 = 60;

/// An event.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ServerEvent {
    /// Its type.
    pub(super) event: String,
    /// Its data.
    pub(super) data: Value,
    id: Option<String>,
}

/// The decision after an event: continue, or end with an exit code.
pub(super) type Next = Result<ControlFlow<Exit>, Failure>;

impl Server {
    /// Follows an address until `received` ends it.
    pub(super) fn follow(&self, path: &str, mut received: impl FnMut(&ServerEvent) -> Next) -> Result<Exit, Failure> {
        let mut last: Option<String> = None;
        let mut attempts = 0;
        loop {
            let before = last.clone();
            match self.follow_once(path, &mut last, &mut received) {
                Ok(ControlFlow::Break(exit)) => return Ok(exit),
                Err(Broken::ForGood(failure)) => return Err(failure),
                Err(Broken::ForNow(failure)) if last.is_none() || attempts >= MAX_ATTEMPTS => return Err(failure),
                Ok(ControlFlow::Continue(())) | Err(Broken::ForNow(_)) => {}
            }
            attempts = if before == last { attempts + 1 } else { 0 };
            std::thread::sleep(PAUSE);
        }
    }

    fn follow_once(
        &self,
        path: &str,
        last: &mut Option<String>,
        received: &mut impl FnMut(&ServerEvent) -> Next,
    ) -> Result<ControlFlow<Exit>, Broken> {
        let query = Query::default().with("after", last.as_deref());
        let request = self.request("GET", &format!("{path}{query}")).map_err(Broken::ForGood)?;
        let request = request.header("accept", "text/event-stream").body(());
        let request = request.map_err(|error| Broken::ForGood(exit::invalid(error)))?;
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_connect(Some(TIMEOUT))
            .timeout_recv_response(Some(TIMEOUT))
            .timeout_recv_body(Some(CONNECTION))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        let response = agent.run(request).map_err(|error| Broken::ForNow(self.unreachable(&error)))?;
        let status = response.status().as_u16();
        let mut reader = BufReader::new(response.into_body().into_reader());
        if status != 200 {
            let mut body = String::new();
            let _ = reader.take(MAX_LINE_LENGTH).read_to_string(&mut body);
            let failure = refusal(status, &serde_json::from_str(&body).unwrap_or_default());
            return Err(if matches!(status, 429 | 500..) { Broken::ForNow(failure) } else { Broken::ForGood(failure) });
        }
        while let Some(event) = read_event(&mut reader) {
            if event.id.is_some() {
                last.clone_from(&event.id);
            }
            if let ControlFlow::Break(exit) = received(&event).map_err(Broken::ForGood)? {
                return Ok(ControlFlow::Break(exit));
            }
            if output::nobody_reads() {
                return Ok(ControlFlow::Break(Exit::Done));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Why a connection ended.
enum Broken {
    /// Another connection may succeed.
    ForNow(Failure),
    /// Another connection would end as well.
    ForGood(Failure),
}

/// Reads the next event; `None` if the connection ends before it is complete.
fn read_event(reader: &mut impl std::io::BufRead) -> Option<ServerEvent> {
    let mut received = ServerEvent::default();
    let mut text = String::new();
    loop {
        let mut line = String::new();
        reader.by_ref().take(MAX_LINE_LENGTH).read_line(&mut line).ok()?;
        let line = line.strip_suffix('\n')?.trim_end_matches('\r');
        if line.is_empty() {
            if received.event.is_empty() && text.is_empty() {
                continue;
            }
            received.data = serde_json::from_str(&text).unwrap_or_default();
            return Some(received);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut received.event),
            "id" => received.id = Some(value.to_owned()),
            "data" => text.push_str(value),
            // A comment keeps the connection alive. Other fields are ignored.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_between_comments_and_half_an_event_is_none() {
        let text =
            ":\n\nevent: run\nid: 7\ndata: {\"to\":\"done\"}\n\n: alive\n\nevent: end\r\ndata: {}\r\n\r\nevent: cut";
        let mut reader = BufReader::new(text.as_bytes());
        let first = read_event(&mut reader).expect("an event");
        assert_eq!((&*first.event, first.id.as_deref(), &first.data["to"]), ("run", Some("7"), &"done".into()));
        assert_eq!(
            read_event(&mut reader).map(|received| (received.event, received.id)),
            Some(("end".to_owned(), None))
        );
        assert_eq!(read_event(&mut reader), None);
    }
}
