//! A recorder of the statements that a call executes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::Id;
use tracing::{Event, Instrument as _, Metadata, Span, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// The span in which statements are recorded.
const RECORDED: &str = "statements of this test";

/// The executed statements, by the span in which they were executed.
static STATEMENTS: Mutex<BTreeMap<u64, Vec<String>>> = Mutex::new(BTreeMap::new());

/// The statements of one call.
pub(super) struct Recording(Span);

impl Recording {
    /// Executes a call, and records its statements.
    pub(super) async fn of<T>(call: impl Future<Output = T>) -> (T, Self) {
        static LISTENING: OnceLock<()> = OnceLock::new();
        LISTENING.get_or_init(|| {
            tracing::subscriber::set_global_default(Registry::default().with(Listener)).expect("nobody else listens");
        });
        let span = tracing::info_span!(RECORDED);
        (call.instrument(span.clone()).await, Self(span))
    }

    /// The statements in the order of their execution. The last ones may be missing until the store is closed.
    pub(super) fn statements(&self) -> Vec<String> {
        let statements = STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.id().and_then(|span| statements.get(&span.into_u64()).cloned()).unwrap_or_default()
    }
}

struct Listener;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Listener {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "sqlx::query" || metadata.name() == RECORDED
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if let Some(span) = context.event_span(event).filter(|span| span.name() == RECORDED) {
            let mut statement = Statement::default();
            event.record(&mut statement);
            let Statement { summary, whole } = statement;
            let whole = if whole.trim().is_empty() { summary } else { whole };
            let mut statements = STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner);
            statements.entry(Id::into_u64(&span.id())).or_default().push(whole.trim().to_owned());
        }
    }
}

/// The fields of an event about a statement.
#[derive(Default)]
struct Statement {
    summary: String,
    whole: String,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
