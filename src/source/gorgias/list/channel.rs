//! Joins a reader, which is one long asynchronous function, to [`Pages`], which is pulled.
//!
//! The reader runs as a task of its own, a few pages ahead at most: the next page is on its way while the last ones
//! are loaded, and a slow destination slows the reader down.

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::model::{Answer, Question, State};
use crate::source::{Page, Pages, SourceError, Step};

/// Pages that may wait to be loaded; each is up to a few MB.
const AHEAD: usize = 2;

/// The reader's end.
pub(crate) struct Sender {
    steps: mpsc::Sender<Step>,
    answers: mpsc::UnboundedReceiver<Option<Answer>>,
}

impl Sender {
    /// Hands a page on; waits while too many are waiting.
    pub(crate) async fn page(&mut self, page: Page) {
        self.step(Step::Page(page)).await;
    }

    /// Asks about the rows held, all pages so far included unless the question is about committed rows. `None`: the target cannot tell.
    pub(crate) async fn ask(&mut self, question: Question) -> Option<Answer> {
        self.step(Step::Ask(question)).await;
        match self.answers.recv().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    async fn step(&mut self, step: Step) {
        if self.steps.send(step).await.is_err() {
            // Nobody listens any more: the task is about to be aborted, and must not send another request.
            std::future::pending::<()>().await;
        }
    }
}

/// The run's end.
pub(crate) struct Channel {
    reading: ReaderState,
    path: &'static str,
    steps: mpsc::Receiver<Step>,
    answers: mpsc::UnboundedSender<Option<Answer>>,
}

type ReaderTask = BoxFuture<'static, Result<State, SourceError>>;

enum ReaderState {
    Ready(ReaderTask),
    Running(JoinHandle<Result<State, SourceError>>),
    Over,
}

impl Channel {
    /// A channel for what `reader` sends. The reader starts with the first [`Pages::next`].
    pub(crate) fn new(path: &'static str, reader: impl FnOnce(Sender) -> ReaderTask) -> Self {
        let (to_run, steps) = mpsc::channel(AHEAD);
        let (answers, from_run) = mpsc::unbounded_channel();
        let reader = reader(Sender { steps: to_run, answers: from_run });
        Self { reading: ReaderState::Ready(reader), path, steps, answers }
    }

    async fn step(&mut self) -> Result<Step, SourceError> {
        if let ReaderState::Ready(_) = self.reading
            && let ReaderState::Ready(reader) = std::mem::replace(&mut self.reading, ReaderState::Over)
        {
            self.reading = ReaderState::Running(tokio::spawn(reader));
        }
        if let Some(step) = self.steps.recv().await {
            return Ok(step);
        }
        // The reader has dropped its `Sender`: it is over, with a success or an error.
        match &mut self.reading {
            ReaderState::Running(task) => {
                let end = task.await;
                self.reading = ReaderState::Over;
                end.map_err(|_| SourceError::Broken { path: self.path })?.map(Step::End)
            }
            ReaderState::Ready(_) | ReaderState::Over => Err(SourceError::Broken { path: self.path }),
        }
    }
}

impl Pages for Channel {
    fn next(&mut self) -> BoxFuture<'_, Result<Step, SourceError>> {
        Box::pin(self.step())
    }

    fn answer(&mut self, answer: Option<Answer>) {
        // If the reader is gone, its error comes with the next step.
        let _ = self.answers.send(answer);
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let ReaderState::Running(task) = &self.reading {
            task.abort();
        }
    }
}
