//! A connection's socket as hyper sees it: what comes in is noted, and the client is heard out before it closes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::handler::Handler;
use super::heads::Heads;
use super::idle::Activity;
use super::unreadable::Completion;

/// A socket between a client and hyper.
pub(super) struct Watched<S, H> {
    pub(super) socket: S,
    pub(super) activity: Activity,
    pub(super) heads: Heads,
    pub(super) completion: Completion<H>,
}

impl<S: AsyncRead + Unpin, H: Handler> AsyncRead for Watched<S, H> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        if let Some(arrived @ [_, ..]) = buf.filled().get(before..) {
            self.activity.bytes_arrived();
            self.heads.read(arrived);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> AsyncWrite for Watched<S, H> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Self { socket, completion, .. } = &mut *self;
        if !completion.replaces(buf) {
            return Pin::new(socket).poll_write(cx, buf);
        }
        while let rest @ [_, ..] = completion.rest() {
            match ready!(Pin::new(&mut *socket).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => completion.advance(written),
            }
        }
        Poll::Ready(Ok(completion.finish()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        if self.completion.replaces(first) {
            return self.poll_write(cx, first);
        }
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// Says that nothing more will be sent, then drops whatever still comes, until the client closes too.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activity.close();
        ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
        let mut scratch = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}
