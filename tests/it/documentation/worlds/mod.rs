//! Where the commands of pages run: folders of this machine, and real servers with what the page has before it.

mod local;
mod served;

use std::net::TcpListener;

pub(super) use local::{adoption, checkout, credit, digits, evaluations, small_model};
pub(super) use served::{environments, forges, operating, quarantine, reports, settings};

/// A port that is free at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Texts of a page with what takes their place here.
fn here<const N: usize>(pairs: [(&str, String); N]) -> Vec<(String, String)> {
    pairs.into_iter().map(|(page, here)| (page.to_owned(), here)).collect()
}
