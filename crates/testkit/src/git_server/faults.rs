//! How the git server misbehaves when a test asks it to.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::ReaderStream;

use super::Answer;

/// What the server does wrong; the default is nothing.
#[derive(Debug, Default)]
pub struct Faults {
    /// Answers every request with 503.
    pub unavailable: bool,
    /// Lets nobody in without this user and password.
    pub login: Option<Login>,
    /// So many of the next pushes are carried out in full, and the connection is then cut before the answer.
    pub cuts_after_push: usize,
    /// Waits this long before it looks at a request.
    pub delay: Option<Duration>,
    /// Takes requests for this repository, such as `models.git`, and says nothing for as long as it stands here.
    pub silent: Option<String>,
}

/// Who is let in, by HTTP Basic authentication.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The user's password or token.
    pub password: String,
}

impl Faults {
    /// Whether the next push loses its answer; asking uses one up.
    pub(super) fn take_cut(&mut self) -> bool {
        let cut = self.cuts_after_push > 0;
        self.cuts_after_push = self.cuts_after_push.saturating_sub(1);
        cut
    }

    /// Whether a request for this path gets no answer now.
    pub(super) fn is_silent_about(&self, path: &str) -> bool {
        self.silent.as_deref().is_some_and(|name| path.trim_start_matches('/').starts_with(name))
    }

    /// The user a request comes from, if a login is asked for; or the refusal.
    pub(super) fn admit(&self, authorization: Option<&HeaderValue>) -> Result<Option<String>, Box<Answer>> {
        let Some(Login { user, password }) = &self.login else {
            return Ok(None);
        };
        let expected = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
        if authorization.is_some_and(|given| given.as_bytes() == expected.as_bytes()) {
            return Ok(Some(user.clone()));
        }
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")];
        Err(Box::new((StatusCode::UNAUTHORIZED, challenge, "log in first\n").into_response()))
    }
}

/// Waits until git has done its work, and answers with a body that breaks off before its first byte.
pub(super) async fn cut_off(response: Answer) -> Answer {
    let (parts, body) = response.into_parts();
    // What git said is thrown away; reading to its end is what says that the push has happened.
    to_bytes(body, usize::MAX).await.ok();
    let broken = ReaderStream::new(Broken);
    (parts.status, Body::from_stream(broken)).into_response()
}

struct Broken;

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::from(io::ErrorKind::ConnectionReset)))
    }
}

/// Base64 with padding (RFC 4648): one header does not justify a dependency.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().chain([0; 2].iter()).take(3).fold(0_usize, |group, byte| group << 8 | usize::from(*byte));
        for place in 0..4 {
            let digit = ALPHABET[group >> (18 - 6 * place) & 63];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_that_of_the_standard() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in pairs {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
