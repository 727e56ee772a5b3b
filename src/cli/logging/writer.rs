//! The thread that writes log lines. Standard error may be a pipe that nobody reads, so writing to it may block for ever. Only this
//! thread ever waits for it.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::queue::{Dropped, Queue, ROOM};
use crate::metrics::log_lines_dropped;

/// How many bytes are written at once. Linux writes up to 4096 bytes to a pipe whole or not at all (`PIPE_BUF`), so neither another
/// process on the same pipe nor the end of this one cuts a line.
const WHOLE: usize = 4096;

/// How long the thread waits after a failed write.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// The target of the event that reports dropped lines.
const REPORT: &str = "tokend::log";

/// Where log lines go. Clones share one thread.
#[derive(Clone, Debug)]
pub struct Lines(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    news: Condvar,
    /// Everything is written, or writing fails.
    settled: Condvar,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    /// Whether the thread waits for news.
    asleep: bool,
    /// Whether the last write failed.
    failing: bool,
}

impl Lines {
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let state = State { queue: Queue::with_room(ROOM), asleep: false, failing: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), news: Condvar::new(), settled: Condvar::new() });
        let lines = Self(Arc::clone(&shared));
        thread::Builder::new().name("tokend-log".to_owned()).spawn(move || shared.write_all_lines(out))?;
        Ok(lines)
    }

    /// Queues a line, or counts it as dropped. Never blocks on the reader.
    pub fn push(&self, level: Level, line: &[u8]) {
        if !self.0.change(|queue| queue.push(level, line)) {
            log_lines_dropped().count(level);
        }
    }

    /// Waits until everything is written, but not longer than `limit`, and not while writing fails.
    pub fn finish(&self, limit: Duration) {
        let is_settled = |state: &State| state.failing || (state.asleep && state.queue.is_empty());
        let _ = self.0.settled.wait_timeout_while(self.0.lock(), limit, |state| !is_settled(state));
    }
}

impl Shared {
    fn write_all_lines(&self, mut out: impl Write) {
        let mut batch = Vec::new();
        loop {
            let dropped = self.next(&mut batch);
            if let Some(lines) = dropped.total() {
                report(lines, dropped);
            }
            self.write(&mut out, &batch);
        }
    }

    fn next(&self, batch: &mut Vec<u8>) -> Dropped {
        let mut state = self.lock();
        state.asleep = true;
        self.settled.notify_all();
        let nothing = |state: &mut State| state.queue.is_empty();
        let mut state = self.news.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
        state.asleep = false;
        state.queue.take(batch)
    }

    /// Writes all lines, however long that takes. After an error it continues at the same byte, so that no line is cut.
    fn write(&self, out: &mut impl Write, mut rest: &[u8]) {
        while !rest.is_empty() {
            match out.write(piece(rest)) {
                Ok(written) if written > 0 => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.now_failing(false);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => {
                    self.now_failing(!matches!(other, Err(error) if error.kind() == ErrorKind::WouldBlock));
                    thread::park_timeout(AFTER_ERROR);
                }
            }
        }
    }

    fn now_failing(&self, failing: bool) {
        self.lock().failing = failing;
        if failing {
            self.settled.notify_all();
        }
    }

    /// Changes the queue, and wakes the thread if it sleeps.
    fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state.queue);
        let was_asleep = std::mem::replace(&mut state.asleep, false);
        drop(state);
        if was_asleep {
            self.news.notify_one();
        }
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As many whole lines as fit into one write, or one longer line.
fn piece(lines: &[u8]) -> &[u8] {
    let is_end = |&byte: &u8| byte == b'\n';
    let fit = lines.get(..WHOLE).unwrap_or(lines);
    let end = fit.iter().rposition(is_end).or_else(|| lines.iter().position(is_end));
    end.and_then(|end| lines.get(..=end)).unwrap_or(lines)
}

fn report(lines: u64, Dropped { errors, warnings, .. }: Dropped) {
    tracing::warn!(
        target: REPORT,
        lines,
        errors,
        warnings,
        "log lines were dropped here: standard error was not read, or not fast enough"
    );
}

/// Takes one event, which the formatter writes in one call.
#[derive(Debug)]
pub struct Line<'a> {
    lines: &'a Lines,
    level: Level,
    is_report: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, level: Level::ERROR, is_report: false }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line<'a> {
        Line { lines: self, level: *event.level(), is_report: event.target() == REPORT }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.is_report {
            self.lines.0.change(|queue| queue.push_report(line));
        } else {
            self.lines.push(self.level, line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// Answers each write as it is told, and says what was written.
    struct Scripted {
        answers: Receiver<io::Result<usize>>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let answer = self.answers.recv().unwrap_or(Ok(usize::MAX)).map(|most| most.min(bytes.len()));
            if let Ok(written) = answer {
                let _ = self.written.send(bytes[..written].to_vec());
            }
            answer
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scripted() -> (Lines, Sender<io::Result<usize>>, Receiver<Vec<u8>>) {
        let ((answer, answers), (written, seen)) = (channel(), channel());
        (Lines::start(Scripted { answers, written }).unwrap(), answer, seen)
    }

    fn all_of(seen: &Receiver<Vec<u8>>) -> String {
        String::from_utf8(seen.try_iter().flatten().collect()).unwrap()
    }

    #[test]
    fn an_error_is_followed_by_the_rest_of_the_line() {
        let (lines, answer, seen) = scripted();
        for result in [Ok(3), Err(ErrorKind::StorageFull.into()), Ok(0), Err(ErrorKind::Interrupted.into())] {
            answer.send(result).unwrap();
        }
        drop(answer);
        lines.push(Level::INFO, b"first\n");
        lines.push(Level::INFO, b"second\n");
        let mut whole = seen.recv_timeout(SOON).unwrap();
        while whole.len() < 13 {
            whole.extend(seen.recv_timeout(SOON).unwrap());
        }
        assert_eq!(whole, b"first\nsecond\n");
    }

    #[test]
    fn finishing_waits_for_the_last_line() {
        let (lines, answer, seen) = scripted();
        drop(answer);
        for _ in 0..100 {
            lines.push(Level::INFO, b"a line\n");
        }
        lines.finish(SOON);
        assert_eq!(all_of(&seen), "a line\n".repeat(100));
    }

    #[test]
    fn finishing_gives_up_when_nobody_reads_or_nothing_can_be_written() {
        let (lines, answer, _seen) = scripted();
        lines.push(Level::INFO, b"a line\n");
        lines.finish(Duration::from_millis(50));
        answer.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
        let begun = Instant::now();
        lines.finish(SOON);
        assert!(begun.elapsed() < SOON, "a pipe without a reader isn't waited for");
    }

    #[test]
    fn nobody_who_logs_waits_and_what_is_kept_is_whole() {
        let (lines, answer, seen) = scripted();
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for _ in 0..3 * ROOM / 1000 {
            lines.push(Level::INFO, &line);
        }
        lines.push(Level::ERROR, b"an error\n");
        drop(answer);
        lines.finish(SOON);
        let all = all_of(&seen);
        assert!(all.lines().all(|line| line.len() == 999 || line == "an error"), "no line is torn");
        assert!(all.ends_with("\nan error\n") && all.len() < 2 * ROOM, "{}", all.len());
    }

    #[test]
    fn what_is_written_at_once_ends_with_a_line() {
        let line = |length: usize| [&vec![b'x'; length - 1][..], b"\n"].concat();
        for (lengths, expected) in [
            (&[10][..], 10),
            (&[10, 20], 30),
            (&[4000, 96], 4096),
            (&[4000, 97], 4000),
            (&[4096], 4096),
            (&[4097, 5], 4097),
            (&[9000, 5], 9000),
        ] {
            let lines: Vec<u8> = lengths.iter().flat_map(|&length| line(length)).collect();
            assert_eq!(piece(&lines).len(), expected, "{lengths:?}");
        }
        assert_eq!(piece(b"no end"), b"no end");
    }
}
