//! The connections to one API, shared by all repositories there, because its certificates and connections take 0.75 MB. Each call
//! sends its own login.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use octocrab::Octocrab;
use tokio::sync::OnceCell;

use crate::api::http::TIMEOUT;

/// The connections to the API at one address.
pub(super) struct Transport {
    url: String,
    octocrab: OnceCell<Octocrab>,
}

impl Transport {
    /// The connections to the API at `url`. All callers share them while one of them holds them.
    pub(super) fn of(url: &str) -> Arc<Self> {
        static ALL: LazyLock<Mutex<HashMap<String, Weak<Transport>>>> = LazyLock::new(Mutex::default);
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, transport| transport.strong_count() > 0);
        if let Some(transport) = all.get(url).and_then(Weak::upgrade) {
            return transport;
        }
        let transport = Arc::new(Self { url: url.to_owned(), octocrab: OnceCell::new() });
        all.insert(url.to_owned(), Arc::downgrade(&transport));
        transport
    }

    /// Connects at the first call. The connections run on the runtime of that call.
    pub(super) async fn connected(&self) -> Result<&Octocrab, octocrab::Error> {
        let connect = || async {
            let builder = Octocrab::builder().base_uri(&*self.url)?;
            builder.set_connect_timeout(Some(TIMEOUT)).set_read_timeout(Some(TIMEOUT)).build()
        };
        self.octocrab.get_or_try_init(connect).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_at_one_api_share_its_connections_while_one_of_them_is_served() {
        let (first, second) = (Transport::of("https://api.one.example"), Transport::of("https://api.one.example"));
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &Transport::of("https://api.two.example")));
        let weak = Arc::downgrade(&first);
        drop((first, second));
        assert!(weak.upgrade().is_none(), "nobody is left who needs them");
    }
}
