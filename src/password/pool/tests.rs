use std::cell::RefCell;
use std::collections::HashSet;
use std::future::Future as _;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Waker};

use tokio::sync::RwLock;
use tokio::task::JoinSet;

use super::super::HashParameters;
use super::*;
use crate::current_request;

type BoxedCall = Pin<Box<dyn Future<Output = Result<(), Busy>> + Send>>;

const NICENESS: i32 = 7;

const LONG: Duration = Duration::from_hours(1);

const SMALL: HashParameters = HashParameters { memory_kib: 8, iterations: 1, parallelism: 1 };

fn pool(threads: usize, queue: Duration, typical: Duration) -> Pool {
    pool_that_keeps(LONG, threads, queue, typical)
}

fn pool_that_keeps(keep: Duration, threads: usize, queue: Duration, typical: Duration) -> Pool {
    let arenas = (0..threads).map(|_| Arena::new(SMALL, Arc::default()).unwrap()).collect();
    Pool::start(arenas, NICENESS, queue, typical, keep).unwrap()
}

/// Begins `job` and lets go of it: the caller went away.
fn abandon<T>(job: impl Future<Output = T>) {
    assert!(pin!(job).poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// Makes `count` calls at once, none of which ends before the gate opens, and returns those that were refused before
/// that.
async fn call(count: usize, job: impl Fn() -> BoxedCall) -> (JoinSet<Result<(), Busy>>, Vec<Busy>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let (asked, job) = (Arc::clone(&asked), job());
        calls.spawn(async move {
            asked.fetch_add(1, Ordering::SeqCst);
            job.await
        });
    }
    while asked.load(Ordering::SeqCst) < count {
        tokio::task::yield_now().await;
    }
    let refused = std::iter::from_fn(|| calls.try_join_next()).map(|result| result.unwrap().unwrap_err()).collect();
    (calls, refused)
}

#[tokio::test]
async fn five_hundred_calls_never_run_more_than_the_threads_and_the_excess_is_busy_at_once() {
    // Two hours of room, an hour a job, two threads: two run and four wait.
    let pool = Arc::new(pool(2, 2 * LONG, LONG));
    let gate = Arc::new(RwLock::new(()));
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (started, has_started) = mpsc::channel();

    let shut = gate.write().await;
    let (calls, refused) = call(500, || {
        let (pool, gate) = (Arc::clone(&pool), Arc::clone(&gate));
        let (running, most, started) = (Arc::clone(&running), Arc::clone(&most), started.clone());
        let work = move |_: &mut Arena| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            started.send(()).unwrap();
            drop(gate.blocking_read());
            running.fetch_sub(1, Ordering::SeqCst);
        };
        Box::pin(async move { pool.run(work).await })
    })
    .await;
    assert_eq!(refused, vec![Busy { retry_after: MAX_RETRY_AFTER }; 494]);
    has_started.iter().take(2).for_each(drop);
    drop(shut);
    assert_eq!(calls.join_all().await, vec![Ok(()); 6]);
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn any_number_of_jobs_share_the_memory_of_the_threads() {
    let pool = Arc::new(pool(2, 2 * LONG, Duration::ZERO));
    let calls = (0..200).map(|_| {
        let pool = Arc::clone(&pool);
        async move { pool.run(|arena| arena.memory().unwrap().as_ptr() as usize).await.unwrap() }
    });
    let used: HashSet<usize> = calls.collect::<JoinSet<_>>().join_all().await.into_iter().collect();
    assert!((1..=2).contains(&used.len()), "{used:?}");
}

/// Whether the memory is as it was taken from the machine, and not as a hash left it. Leaves it as a hash does.
fn is_new(arena: &mut Arena) -> bool {
    let memory = arena.memory().unwrap();
    assert_eq!(memory.len(), 8);
    let is_new = memory[0].as_ref().iter().all(|word| *word == 0);
    memory[0].as_mut().fill(1);
    is_new
}

#[tokio::test]
async fn a_thread_keeps_its_memory_while_there_is_work_and_gives_it_back_when_there_is_none() {
    let keeps = pool(1, LONG, Duration::ZERO);
    assert!(keeps.run(is_new).await.unwrap());
    for _ in 0..100 {
        assert!(!keeps.run(is_new).await.unwrap());
        tokio::task::yield_now().await;
    }

    let gives_back = pool_that_keeps(Duration::ZERO, 1, LONG, Duration::ZERO);
    for _ in 0..3 {
        let mut tries = 0;
        // A job that follows at once may still find it.
        while !gives_back.run(is_new).await.unwrap() {
            tries += 1;
            assert!(tries < 1_000_000, "it is never given back");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_job_for_which_there_is_no_memory_is_busy_and_its_thread_goes_on() {
    let pool = Pool::start(vec![Arena::impossible()], NICENESS, LONG, Duration::ZERO, LONG).unwrap();
    let begun = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let counter = Arc::clone(&begun);
        let result = pool.run(move |_| counter.fetch_add(1, Ordering::SeqCst)).await;
        assert_eq!(result, Err(Busy { retry_after: 1 }));
    }
    assert_eq!(begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_job_that_waited_too_long_is_not_begun() {
    let pool = pool(1, Duration::ZERO, Duration::ZERO);
    let begun = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&begun);
    let result = pool.run(move |_| counter.fetch_add(1, Ordering::SeqCst)).await;
    assert_eq!((result, begun.load(Ordering::SeqCst)), (Err(Busy { retry_after: 1 }), 0));
}

#[tokio::test]
async fn the_queue_is_bounded_in_number_too() {
    let pool = Arc::new(pool(1, LONG, Duration::ZERO));
    let gate = Arc::new(RwLock::new(()));
    let (started, has_started) = mpsc::channel();

    let shut = gate.write().await;
    let job = || -> BoxedCall {
        let (pool, gate, started) = (Arc::clone(&pool), Arc::clone(&gate), started.clone());
        let work = move |_: &mut Arena| {
            started.send(()).unwrap();
            drop(gate.blocking_read());
        };
        Box::pin(async move { pool.run(work).await })
    };
    let (first, _) = call(1, job).await;
    has_started.recv().unwrap();
    pool.admits().unwrap();
    let (others, refused) = call(MAX_WAITING_PER_THREAD + 1, job).await;
    assert_eq!(refused, vec![Busy { retry_after: 1 }]);
    pool.admits().unwrap_err();
    drop(shut);
    assert_eq!(first.join_all().await, vec![Ok(())]);
    assert_eq!(others.join_all().await, vec![Ok(()); MAX_WAITING_PER_THREAD]);
}

#[tokio::test]
async fn callers_that_went_away_cost_nothing_and_keep_nobody_out() {
    let pool = pool(1, 2 * LONG, LONG);
    let gate = Arc::new(RwLock::new(()));
    let begun = Arc::new(AtomicUsize::new(0));

    let shut = gate.write().await;
    let inner = Arc::clone(&gate);
    let (started, has_started) = mpsc::channel();
    let mut first = pin!(pool.run(move |_| {
        started.send(()).unwrap();
        drop(inner.blocking_read());
    }));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    has_started.recv().unwrap();
    for _ in 0..1000 {
        let begun = Arc::clone(&begun);
        abandon(pool.run(move |_| begun.fetch_add(1, Ordering::SeqCst)));
    }
    let counter = Arc::clone(&begun);
    let mut last = pin!(pool.run(move |_| counter.fetch_add(1, Ordering::SeqCst)));
    assert!(last.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "there is room");
    drop(shut);

    assert_eq!(last.await, Ok(0), "none of the thousand had run before");
    assert_eq!(first.await, Ok(()));
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_job_that_panics_is_an_error_and_its_thread_goes_on() {
    let pool = pool(1, LONG, Duration::ZERO);
    for _ in 0..3 {
        let result: Result<(), Busy> = pool.run(|_| panic!("a bug in a hash")).await;
        assert_eq!(result, Err(Busy { retry_after: 1 }));
        assert_eq!(pool.run(|_| 7).await, Ok(7));
    }
}

#[tokio::test]
async fn dropping_the_pool_ends_its_threads() {
    struct Farewell(#[expect(dead_code, reason = "it is dropped with its thread")] mpsc::Sender<()>);
    thread_local!(static FAREWELL: RefCell<Option<Farewell>> = const { RefCell::new(None) });

    let pool = pool(1, LONG, Duration::ZERO);
    let (sender, gone) = mpsc::channel();
    pool.run(|_| FAREWELL.set(Some(Farewell(sender)))).await.unwrap();
    assert_eq!(gone.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(pool);
    assert_eq!(gone.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn its_threads_step_back_and_the_others_do_not() {
    let before = rustix::process::getpriority_process(None).unwrap();
    let pool = pool(1, LONG, Duration::ZERO);
    let within = pool.run(|_| rustix::process::getpriority_process(None).unwrap()).await.unwrap();
    assert_eq!(within, (before + NICENESS).min(19));
    assert_eq!(rustix::process::getpriority_process(None).unwrap(), before);
}

#[tokio::test]
async fn a_job_is_done_for_the_request_that_asks() {
    let pool = pool(1, LONG, LONG);
    let asked = || pool.run(|_| current_request::with_id(str::to_owned));
    assert_eq!(asked().await, Ok(None));
    assert_eq!(current_request::scope("one".into(), pin!(asked())).await, Ok(Some("one".to_owned())));
    assert_eq!(asked().await, Ok(None), "the thread forgets it");
}
