use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;

const PATIENCE: Duration = Duration::from_secs(2);

/// Batches as they went out, and a gate that holds them back.
#[derive(Default)]
struct Statements {
    seen: StdMutex<Vec<Vec<u32>>>,
    running: AtomicUsize,
    most: AtomicUsize,
}

/// Doubles numbers; 13 is an item that no statement takes, and at 666 it panics.
struct Doubler {
    statements: Arc<Statements>,
    gate: Arc<Semaphore>,
}

impl Statement for Doubler {
    type Item = u32;
    type Outcome = u32;

    async fn run(&mut self, items: &[u32]) -> Result<Vec<u32>, StoreError> {
        let running = self.statements.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.statements.most.fetch_max(running, Ordering::SeqCst);
        self.gate.acquire().await.expect("the gate stands").forget();
        self.statements.running.fetch_sub(1, Ordering::SeqCst);
        self.statements.seen.lock().unwrap().push(items.to_vec());
        assert!(!items.contains(&666), "the item that must be panicked at");
        if items.contains(&13) { Err(StoreError::Unreadable("13")) } else { Ok(items.iter().map(|n| n * 2).collect()) }
    }
}

fn doubler(lanes: usize) -> (Arc<Statements>, Arc<Semaphore>, Batcher<u32, u32>) {
    let (statements, gate, batcher, _) = closable_doubler(lanes);
    (statements, gate, batcher)
}

fn closable_doubler(lanes: usize) -> (Arc<Statements>, Arc<Semaphore>, Batcher<u32, u32>, LaneGroup) {
    let (statements, gate) = (Arc::new(Statements::default()), Arc::new(Semaphore::new(0)));
    let group = LaneGroup::new(PATIENCE, &Arc::default());
    let lane = |_| Doubler { statements: Arc::clone(&statements), gate: Arc::clone(&gate) };
    let batcher = group.start(Lane::Sessions, (0..lanes).map(lane));
    (statements, gate, batcher, group)
}

/// Hands in items one after the other and lets the lanes see each.
async fn hand_in(
    batcher: &Batcher<u32, u32>,
    items: impl IntoIterator<Item = u32>,
) -> Vec<tokio::task::JoinHandle<Result<u32, StoreError>>> {
    let mut callers = Vec::new();
    for item in items {
        let batcher = batcher.clone();
        callers.push(tokio::spawn(async move { batcher.ask(item).await }));
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    callers
}

#[tokio::test]
async fn what_queues_while_a_statement_is_in_flight_goes_out_as_one() {
    let (statements, gate, batcher) = doubler(1);
    let callers = hand_in(&batcher, 1..=6).await;
    gate.add_permits(2);
    for (caller, item) in callers.into_iter().zip(1..) {
        assert_eq!(caller.await.unwrap().unwrap(), item * 2);
    }
    assert_eq!(*statements.seen.lock().unwrap(), [vec![1], vec![2, 3, 4, 5, 6]]);
}

#[tokio::test]
async fn no_more_statements_are_in_flight_than_there_are_lanes() {
    let (statements, gate, batcher) = doubler(2);
    let callers = hand_in(&batcher, 20..40).await;
    gate.add_permits(100);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(statements.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_bad_item_fails_alone() {
    let (_, gate, batcher) = doubler(1);
    let callers = hand_in(&batcher, [1, 12, 13, 14]).await;
    gate.add_permits(100);
    let mut outcomes = Vec::new();
    for caller in callers {
        outcomes.push(caller.await.unwrap().ok());
    }
    assert_eq!(outcomes, [Some(2), Some(24), None, Some(28)]);
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nobodys_answer_along() {
    let (statements, gate, batcher) = doubler(1);
    let callers = hand_in(&batcher, [1, 2, 3]).await;
    callers[1].abort();
    gate.add_permits(100);
    let [first, _, third] = <[_; 3]>::try_from(callers).unwrap();
    assert_eq!((first.await.unwrap().unwrap(), third.await.unwrap().unwrap()), (2, 6));
    assert_eq!(*statements.seen.lock().unwrap(), [vec![1], vec![2, 3]], "what was handed in is carried out");
}

#[tokio::test]
async fn the_queue_is_bounded_and_says_so_at_once() {
    let (_, gate, batcher) = doubler(1);
    let first = hand_in(&batcher, [0]).await;
    let waiting: Vec<_> = (0..MAX_WAITING).map(|_| batcher.clone()).collect();
    let mut callers: Vec<_> = waiting.iter().map(|batcher| Box::pin(batcher.ask(1))).collect();
    for caller in &mut callers {
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(caller.as_mut().poll(cx))).await.is_pending());
    }
    assert!(matches!(batcher.ask(2).await, Err(StoreError::Overloaded)));
    gate.add_permits(MAX_WAITING);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), 2);
    }
    drop(first);
}

#[tokio::test]
async fn no_statement_carries_more_than_so_many() {
    let (statements, gate, batcher) = doubler(1);
    let first = hand_in(&batcher, [0]).await;
    let mut callers: Vec<_> = (0..=MAX_BATCH).map(|_| Box::pin(batcher.ask(1))).collect();
    for caller in &mut callers {
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(caller.as_mut().poll(cx))).await.is_pending());
    }
    gate.add_permits(3);
    for caller in callers {
        caller.await.unwrap();
    }
    let sizes: Vec<usize> = statements.seen.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, MAX_BATCH, 1]);
    drop(first);
}

#[tokio::test]
async fn a_closed_queue_ends_its_lanes_after_their_statements_and_answers_nobody_else() {
    let (statements, gate, batcher, group) = closable_doubler(1);
    let callers = hand_in(&batcher, 1..=3).await;
    group.close();
    gate.add_permits(100);
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    assert!(matches!(answers[..], [Ok(2), Err(StoreError::Overloaded), Err(StoreError::Overloaded)]), "{answers:?}");
    assert!(matches!(batcher.ask(4).await, Err(StoreError::Overloaded)));
    assert_eq!((Arc::strong_count(&gate), Arc::strong_count(&statements)), (1, 1), "the lane is gone");
}

#[tokio::test]
async fn a_panic_is_told_to_those_of_its_statement_and_ends_nothing() {
    let (statements, gate, batcher) = doubler(1);
    let callers = hand_in(&batcher, [1, 2, 666, 3]).await;
    gate.add_permits(3);
    let mut outcomes = Vec::new();
    for caller in callers {
        outcomes.push(caller.await.unwrap());
    }
    assert!(matches!(
        outcomes[..],
        [Ok(2), Err(StoreError::Panicked), Err(StoreError::Panicked), Err(StoreError::Panicked)]
    ));
    assert_eq!(batcher.ask(4).await.unwrap(), 8);
    assert_eq!(*statements.seen.lock().unwrap(), [vec![1], vec![2, 666, 3], vec![4]], "nothing of it is done twice");
}

#[tokio::test(start_paused = true)]
async fn whoever_has_waited_too_long_is_sent_away_and_nobody_else() {
    let (statements, gate, batcher) = doubler(1);
    let first = hand_in(&batcher, [1]).await;
    let late = hand_in(&batcher, [2]).await;
    tokio::time::advance(Duration::from_millis(1)).await;
    let in_time = hand_in(&batcher, [3]).await;
    tokio::time::advance(PATIENCE).await;
    gate.add_permits(2);
    let mut answers = Vec::new();
    for caller in first.into_iter().chain(late).chain(in_time) {
        answers.push(caller.await.unwrap());
    }
    assert!(matches!(answers[..], [Ok(2), Err(StoreError::Overloaded), Ok(6)]), "{answers:?}");
    assert_eq!(*statements.seen.lock().unwrap(), [vec![1], vec![3]], "who is sent away is not carried out");
}

#[tokio::test(start_paused = true)]
async fn those_who_go_alone_wait_no_longer_than_the_others() {
    let (statements, gate, batcher) = doubler(1);
    let callers = hand_in(&batcher, [1, 13, 14, 15]).await;
    // The first, then all others together, which fail for one of them, which goes alone.
    gate.add_permits(2);
    while statements.seen.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    tokio::time::advance(PATIENCE + Duration::from_millis(1)).await;
    gate.add_permits(1);
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    let expected = [Ok(2), Err(StoreError::Unreadable("13")), Err(StoreError::Overloaded), Err(StoreError::Overloaded)];
    assert_eq!(format!("{answers:?}"), format!("{expected:?}"));
}
