//! Signs of life: each worker shows that it goes on, so that one that is stuck is noticed though others work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::Id;

/// When each worker last showed that it goes on. Not by the clock on the wall, which jumps.
#[derive(Clone, Default)]
pub(super) struct Pulses(Arc<Mutex<HashMap<Id, Instant>>>);

/// A worker that is listened to, until this is dropped.
pub(super) struct Beating {
    pulses: Pulses,
    id: Option<Id>,
}

impl Pulses {
    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens to the task that calls this from now on.
    pub(super) fn listen(&self) -> Beating {
        let id = tokio::task::try_id();
        if let Some(id) = id {
            self.lock().insert(id, Instant::now());
        }
        Beating { pulses: self.clone(), id }
    }

    /// The task that calls this goes on. Tasks that nobody listens to say nothing by it.
    pub(super) fn beat(&self) {
        if let Some(id) = tokio::task::try_id()
            && let Some(at) = self.lock().get_mut(&id)
        {
            *at = Instant::now();
        }
    }

    /// How long the worker that is silent for longest has been silent.
    pub(super) fn silent_for(&self) -> Duration {
        self.lock().values().map(Instant::elapsed).max().unwrap_or_default()
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.pulses.lock().remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    /// A worker that is listened to and waits for ever: its number, and the task.
    async fn worker(pulses: &Pulses) -> (Id, JoinSet<()>) {
        let (pulses, (tell, told)) = (pulses.clone(), tokio::sync::oneshot::channel());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let beating = pulses.listen();
            pulses.beat();
            tell.send(beating.id.expect("a task")).expect("somebody asks");
            std::future::pending::<()>().await;
        });
        (told.await.expect("it says who it is"), task)
    }

    #[tokio::test]
    async fn a_worker_that_is_stuck_is_noticed_though_another_goes_on() {
        const LONG: Duration = Duration::from_secs(75);
        let pulses = Pulses::default();
        assert_eq!(pulses.silent_for(), Duration::ZERO, "nobody is to be heard of yet");
        let (_, mut lively) = worker(&pulses).await;
        let (stuck, mut task) = worker(&pulses).await;
        assert!(pulses.silent_for() < LONG);
        let since = Instant::now().checked_sub(LONG).expect("a machine that runs for over a minute");
        pulses.lock().insert(stuck, since);
        // Somebody whom nobody listens to cannot speak for the one that is stuck.
        pulses.beat();
        assert!(pulses.silent_for() >= LONG);
        task.shutdown().await;
        assert!(pulses.silent_for() < LONG, "only the lively one is left");
        lively.shutdown().await;
        assert_eq!(pulses.silent_for(), Duration::ZERO);
    }
}
