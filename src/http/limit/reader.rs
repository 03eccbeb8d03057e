//! One of those in the process that read the account through its limiter.

use std::sync::Arc;

use tokio::time::Instant;

use super::Limiter;

/// One of those that read the account; it counts as one with something left to read until this is
/// dropped.
#[derive(Debug)]
pub struct Reader {
    limiter: Arc<Limiter>,
    number: u64,
}

impl Reader {
    /// Joins those who read.
    #[must_use]
    pub fn join(limiter: Arc<Limiter>) -> Self {
        let number = limiter.lock().readers.join();
        Self { limiter, number }
    }

    /// How many requests this reader should have under way, of which `mine` are now, so that the budget is used however
    /// long answers take. `left`: how many it still has to send, if that is known.
    #[must_use]
    pub fn concurrency(&self, mine: usize, left: Option<f64>) -> usize {
        let inner = self.limiter.lock();
        let all = inner.bucket.under_way() + inner.soon.len() + inner.later.len();
        let beside = inner.readers.beside(self.number, Instant::now());
        let wanted = inner.bucket.concurrency(left);
        // Nobody takes more than an even part: those who came first would be done first, and leave the others too few.
        let free = wanted.saturating_sub(all.saturating_sub(mine).max(beside));
        free.min(wanted.div_ceil(beside + 1)).max(1)
    }

    /// Waits for the destination. A reader that does so for long leaves its part of the budget to the others.
    pub async fn held_up<T>(&self, by: impl Future<Output = T>) -> T {
        self.limiter.lock().readers.wait(self.number, Some(Instant::now()));
        let done = by.await;
        self.limiter.lock().readers.wait(self.number, None);
        done
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.limiter.lock().readers.leave(self.number);
    }
}
