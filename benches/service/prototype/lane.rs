//! A lane: all that wait while a statement runs go out as the next one.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;

/// How many items one statement may carry.
const MOST: usize = 256;

/// The sizes of batches since the prototype started.
pub type Sizes = Arc<Mutex<Vec<usize>>>;

/// What answers a whole batch by one statement, item by item.
pub trait Statement: Send + 'static {
    type Item: Send + 'static;
    type Answer: Send + 'static;

    fn run(&self, items: Vec<Self::Item>) -> impl Future<Output = Result<Vec<Self::Answer>, Failure>> + Send;
}

type Waiting<S> = (<S as Statement>::Item, oneshot::Sender<<S as Statement>::Answer>);

/// The way into a lane.
pub struct Lane<S: Statement>(mpsc::UnboundedSender<Waiting<S>>);

impl<S: Statement> Clone for Lane<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Statement> Lane<S> {
    /// Starts a lane with a connection of its own.
    pub fn start(statement: S, sizes: Sizes) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(serve(statement, receiver, sizes));
        Self(sender)
    }

    /// The answer to an item; `None` if its statement failed.
    pub async fn ask(&self, item: S::Item) -> Option<S::Answer> {
        let (sender, receiver) = oneshot::channel();
        self.0.send((item, sender)).ok()?;
        receiver.await.ok()
    }
}

async fn serve<S: Statement>(statement: S, mut queue: mpsc::UnboundedReceiver<Waiting<S>>, sizes: Sizes) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, MOST).await > 0 {
        let (items, waiting): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        sizes.lock().unwrap_or_else(PoisonError::into_inner).push(items.len());
        match statement.run(items).await {
            Ok(answers) => {
                for (sender, answer) in waiting.into_iter().zip(answers) {
                    let _ = sender.send(answer);
                }
            }
            // Those that wait see that their sender is gone, and answer 500.
            Err(error) => eprintln!("prototype: {error}"),
        }
    }
}
