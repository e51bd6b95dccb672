//! A bounded queue from the threads of connections to the threads of one model.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Entries in the order in which they came.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    limit: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    is_closed: bool,
}

impl<T> Queue<T> {
    /// An empty queue for at most `limit` entries.
    pub(crate) fn new(limit: usize) -> Self {
        let state = State { waiting: VecDeque::new(), is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), limit }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry, if there is room and `accepts` agrees to the number of entries before it. Otherwise returns the entry.
    pub(crate) fn push(&self, entry: T, accepts: impl FnOnce(usize) -> bool) -> Result<(), T> {
        let mut state = self.state();
        let before = state.waiting.len();
        if state.is_closed || before >= self.limit || !accepts(before) {
            return Err(entry);
        }
        state.waiting.push_back(entry);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next entry. Waits for one; `None` once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            if let Some(entry) = state.waiting.pop_front() {
                return Some(entry);
            }
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The number of waiting entries.
    pub(crate) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// Accepts no more entries. Those that wait are still taken.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_above_the_limit_come_back_and_a_closed_queue_is_emptied_first() {
        let queue = Queue::new(2);
        assert_eq!(queue.push(1, |before| before == 0), Ok(()));
        assert_eq!(queue.push(2, |_| false), Err(2));
        assert_eq!(queue.push(2, |before| before == 1), Ok(()));
        assert_eq!((queue.push(3, |_| true), queue.len()), (Err(3), 2));
        queue.close();
        assert_eq!((queue.pop(), queue.push(4, |_| true)), (Some(1), Err(4)));
        assert_eq!((queue.pop(), queue.pop()), (Some(2), None));
    }
}
