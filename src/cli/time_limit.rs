//! A time limit for work that may block on another process, such as the reader of standard output.

use std::sync::mpsc::sync_channel;
use std::time::Duration;
use std::{io, thread};

/// Runs `work` on a thread of its own. `None` when it takes longer than `limit`; it then continues in the background.
pub fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> io::Result<Option<T>> {
    let (done, receive) = sync_channel(1);
    thread::Builder::new().name("tokend-output".to_owned()).spawn(move || drop(done.send(work())))?;
    Ok(receive.recv_timeout(limit).ok())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn work_that_takes_too_long_continues_in_the_background() {
        assert_eq!(within(Duration::from_secs(10), || 5).unwrap(), Some(5));
        let ((go, wait), (done, seen)) = (channel::<()>(), channel());
        let work = move || {
            let _ = wait.recv();
            let _ = done.send("done");
        };
        assert_eq!(within(Duration::from_millis(10), work).unwrap(), None);
        drop(go);
        assert_eq!(seen.recv_timeout(Duration::from_secs(10)), Ok("done"));
    }
}
