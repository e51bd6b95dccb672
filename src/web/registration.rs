//! Serves two pages on loopback while an App is registered: the form that a person submits to their forge, and the page to which
//! the forge redirects with a code. Random paths protect both pages.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{ConnectionLimits, Served, TrustedProxies, connections};

/// Browsers open several connections. No other clients are expected.
const LIMITS: ConnectionLimits = ConnectionLimits { all: 16, each_address: 16 };

/// Contents of the pages.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Random text of letters and digits in the paths of both pages. It cannot be guessed.
    pub key: String,
    /// Another random text, which the forge must return with the code.
    pub state: String,
    /// URL to which the form is submitted.
    pub action: String,
    /// Its field `manifest`.
    pub manifest: String,
    /// The origin (`https://HOST`) to which the form may be submitted.
    pub forge: String,
}

impl Registration {
    /// The path of the page with the form.
    pub fn path(key: &str) -> String {
        format!("/{key}")
    }

    /// The path of the page to which the forge redirects.
    pub fn path_back(key: &str) -> String {
        format!("/{key}/back")
    }
}

struct Waiting {
    registration: Registration,
    /// Receives the only code.
    code: Mutex<Option<oneshot::Sender<String>>>,
}

/// Parameters of the forge's redirect.
#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
}

/// Serves the pages until a request contains a code and the right state, and returns the code. A code without the right state is
/// refused and changes nothing. The first code counts. Dropping the future stops serving.
pub async fn wait_for_code(listener: TcpListener, registration: Registration) -> Option<String> {
    let (sender, code) = oneshot::channel();
    let router = router(registration, sender);
    let stop = CancellationToken::new();
    let served = Served { router, limits: LIMITS, proxies: TrustedProxies::default() };
    let (_unchanged, served) = watch::channel(served);
    let serving = connections::serve(listener, served, stop.clone());
    let came = async {
        let code = code.await.ok();
        // The browser gets its response before the pages end.
        stop.cancel();
        code
    };
    tokio::join!(serving, came).1
}

fn router(registration: Registration, sender: oneshot::Sender<String>) -> Router {
    let waiting = Arc::new(Waiting { registration, code: Mutex::new(Some(sender)) });
    Router::new().route("/{key}", get(form)).route("/{key}/back", get(back)).with_state(waiting)
}

async fn form(State(waiting): State<Arc<Waiting>>, Path(key): Path<String>) -> Response {
    let Registration { key: ours, action, manifest, forge, .. } = &waiting.registration;
    if key != *ours {
        return no_page();
    }
    let body = format!(
        "<p>The form below asks GitHub to register an App for Slipway. GitHub shows what the App may do, and asks once more.</p>
<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"manifest\" value=\"{}\">
<button>Register the App at GitHub</button></form>",
        escaped(action),
        escaped(manifest)
    );
    // Browsers apply this directive to the redirects of the form as well.
    let forms = format!("{forge} 'self'");
    page(StatusCode::OK, &forms, &body)
}

async fn back(State(waiting): State<Arc<Waiting>>, Path(key): Path<String>, Query(back): Query<Back>) -> Response {
    let Registration { key: ours, state, .. } = &waiting.registration;
    if key != *ours {
        return no_page();
    }
    if back.state != *state || back.code.is_empty() {
        let body = "<p>This is not the answer to the form: nothing was done. Send the form again.</p>";
        return page(StatusCode::FORBIDDEN, "'none'", body);
    }
    let sender = waiting.code.lock().unwrap_or_else(PoisonError::into_inner).take();
    match sender.map(|sender| sender.send(back.code)) {
        Some(Ok(())) => {
            page(StatusCode::OK, "'none'", "<p>GitHub has registered the App. The terminal says what to do next.</p>")
        }
        _ => page(StatusCode::GONE, "'none'", "<p>This was answered before: nothing was done.</p>"),
    }
}

fn no_page() -> Response {
    page(StatusCode::NOT_FOUND, "'none'", "<p>There is no such page.</p>")
}

/// A page that loads nothing and may submit forms only to `forms`.
fn page(status: StatusCode, forms: &str, body: &str) -> Response {
    let policy = format!("default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action {forms}");
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let html = format!("<!doctype html>\n<meta charset=\"utf-8\">\n<title>Slipway</title>\n<h1>Slipway</h1>\n{body}\n");
    (status, headers, Html(html)).into_response()
}

/// Escapes a text for use in an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    fn pages() -> (Router, oneshot::Receiver<String>) {
        let registration = Registration {
            key: "key".to_owned(),
            state: "state".to_owned(),
            action: "https://github.example/settings/apps/new?state=state".to_owned(),
            manifest: r#"{"name": "\"><script>"}"#.to_owned(),
            forge: "https://github.example".to_owned(),
        };
        let (sender, code) = oneshot::channel();
        (router(registration, sender), code)
    }

    async fn opened(router: &Router, path: &str) -> (StatusCode, String, String) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = router.clone().oneshot(request).await.expect("an answer");
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("a text").to_owned();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
        (status, policy, String::from_utf8(body.to_vec()).expect("UTF-8"))
    }

    #[tokio::test]
    async fn the_form_is_shown_to_whoever_knows_its_address_and_leads_to_the_forge_alone() {
        let (router, _code) = pages();
        let (status, policy, page) = opened(&router, "/key").await;
        assert_eq!(status, StatusCode::OK);
        assert!(
            policy.contains("default-src 'none'") && policy.contains("form-action https://github.example 'self'"),
            "{policy}"
        );
        assert!(page.contains("action=\"https://github.example/settings/apps/new?state=state\""), "{page}");
        assert!(page.contains("&quot;name&quot;") && !page.contains("<script>"), "{page}");
        for path in ["/other", "/other/back?code=c&state=state"] {
            let (status, _, page) = opened(&router, path).await;
            assert!(status == StatusCode::NOT_FOUND && !page.contains("github.example"), "{path}: {page}");
        }
    }

    #[tokio::test]
    async fn a_code_counts_once_and_only_with_the_state_that_was_sent() {
        let (router, mut code) = pages();
        for path in [
            "/key/back?code=evil&state=other",
            "/key/back?code=evil",
            "/key/back?state=state",
            "/key/back?code=&state=state",
        ] {
            assert_eq!(opened(&router, path).await.0, StatusCode::FORBIDDEN, "{path}");
            assert!(code.try_recv().is_err(), "{path} was taken");
        }
        assert_eq!(opened(&router, "/key/back?code=good&state=state").await.0, StatusCode::OK);
        assert_eq!(opened(&router, "/key/back?code=another&state=state").await.0, StatusCode::GONE);
        assert_eq!(code.try_recv().expect("a code"), "good");
    }
}
