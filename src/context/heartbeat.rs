//! Heartbeats: each worker records its progress, so that a stuck worker is detected even if others work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::Id;

/// Time of each worker's last heartbeat. It uses the monotonic clock, because the wall clock jumps.
#[derive(Clone, Default)]
pub(crate) struct Heartbeats(Arc<Mutex<HashMap<Id, Instant>>>);

/// Monitors a worker until it is dropped.
pub(crate) struct HeartbeatGuard {
    heartbeats: Heartbeats,
    id: Option<Id>,
}

impl Heartbeats {
    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Monitors the calling task from now on.
    pub(crate) fn listen(&self) -> HeartbeatGuard {
        let id = tokio::task::try_id();
        if let Some(id) = id {
            self.lock().insert(id, Instant::now());
        }
        HeartbeatGuard { heartbeats: self.clone(), id }
    }

    /// Records a heartbeat of the calling task. It has no effect on tasks that are not monitored.
    pub(crate) fn record(&self) {
        if let Some(id) = tokio::task::try_id()
            && let Some(at) = self.lock().get_mut(&id)
        {
            *at = Instant::now();
        }
    }

    /// The longest time since the last heartbeat of a worker.
    pub(crate) fn longest_silence(&self) -> Duration {
        self.lock().values().map(Instant::elapsed).max().unwrap_or_default()
    }
}

impl Drop for HeartbeatGuard {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.heartbeats.lock().remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    /// A monitored worker that waits forever: its identifier, and its task.
    async fn worker(heartbeats: &Heartbeats) -> (Id, JoinSet<()>) {
        let (heartbeats, (sender, receiver)) = (heartbeats.clone(), tokio::sync::oneshot::channel());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let heartbeat_guard = heartbeats.listen();
            heartbeats.record();
            sender.send(heartbeat_guard.id.expect("a task")).expect("somebody asks");
            std::future::pending::<()>().await;
        });
        (receiver.await.expect("it says who it is"), task)
    }

    #[tokio::test]
    async fn a_worker_that_is_stuck_is_detected_though_another_goes_on() {
        const LONG: Duration = Duration::from_secs(75);
        let heartbeats = Heartbeats::default();
        assert_eq!(heartbeats.longest_silence(), Duration::ZERO, "nobody is to be heard of yet");
        let (_, mut lively) = worker(&heartbeats).await;
        let (stuck, mut task) = worker(&heartbeats).await;
        assert!(heartbeats.longest_silence() < LONG);
        let since = Instant::now().checked_sub(LONG).expect("a machine that runs for over a minute");
        heartbeats.lock().insert(stuck, since);
        // A heartbeat of a task that is not monitored does not count for the stuck worker.
        heartbeats.record();
        assert!(heartbeats.longest_silence() >= LONG);
        task.shutdown().await;
        assert!(heartbeats.longest_silence() < LONG, "only the lively one is left");
        lively.shutdown().await;
        assert_eq!(heartbeats.longest_silence(), Duration::ZERO);
    }
}
