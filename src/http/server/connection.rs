//! One connection: the TLS handshake, then HTTP/1.1 or HTTP/2 as the client chooses, with timeouts and a graceful end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use axum::http::{HeaderValue, Request, Version, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time;

use super::admission::Admission;
use super::handler::{Handler, Peer};
use super::heads::Heads;
use super::idle::{Activity, Phase, Running};
use super::limits::Limits;
use super::socket::Watched;
use super::stage::{self, Stage};
use super::tls::Tls;
use super::unreadable::Completion;

/// Where reading a head ends, in bytes. hyper then answers 431 by itself, without a body. It does so later than we do,
/// which leaves us the answer to the one honest client that gets there: a browser full of cookies. In HTTP/2 clients are told
/// of the limit, and the 431 to one that exceeds it is the only answer that is neither logged nor counted.
const MAX_HEAD_READ: usize = 32 * 1024;

/// The requests that an HTTP/2 client may have running on one connection (RFC 9113 §6.5.2 advises 100 at least).
const MAX_STREAMS: u32 = 100;

/// What an HTTP/2 client may send ahead of being read, in bytes: on a stream more than the largest body, on a connection the
/// protocol's minimum (RFC 9113 §6.9.2), which is a hundred bodies of the usual size.
const STREAM_WINDOW: u32 = 32 * 1024;
const CONNECTION_WINDOW: u32 = 65_535;

/// How often an HTTP/2 client is pinged, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What all connections of a worker have in common. Each gets a clone.
#[derive(Clone)]
pub(super) struct Connection<H> {
    pub(super) admission: Admission<H>,
    pub(super) limits: Limits,
    pub(super) tls: Option<Tls>,
    /// How far the server has got in stopping.
    pub(super) stages: watch::Receiver<Stage>,
}

impl<H: Handler> Connection<H> {
    /// Serves one client until the connection is over.
    pub(super) async fn serve(mut self, stream: TcpStream, peer: Peer) {
        let Some(tls) = self.tls.take() else {
            return self.serve_http(stream, peer).await;
        };
        let handshake = time::timeout(self.limits.header_timeout, tls.accept(stream));
        let handshake = tokio::select! {
            handshake = handshake => handshake,
            () = stage::reached(&mut self.stages, Stage::Stopping) => return,
        };
        match handshake {
            Ok(Ok(stream)) => self.serve_http(stream, peer).await,
            Ok(Err(error)) => tracing::debug!(peer = %peer.0, %error, "the TLS handshake failed"),
            Err(_) => tracing::debug!(peer = %peer.0, "the TLS handshake took too long"),
        }
    }

    /// Serves one client over TCP or TLS.
    pub(super) async fn serve_http<S>(mut self, socket: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (activity, heads) = (Activity::new(self.limits, self.stages.clone()), Heads::default());
        let service = service_fn(|request: Request<Incoming>| {
            let version = request.version();
            let running = activity.begin(version);
            let answer = self.admission.clone().answer(request, peer, heads.next_fault(version));
            finished(answer, version, running)
        });
        let protocols = protocols();
        let completion = Completion::new(self.admission.handler().clone(), peer);
        let io = TokioIo::new(Watched { socket, activity: activity.clone(), heads: heads.clone(), completion });
        let mut connection = pin!(protocols.serve_connection(io, service));
        let mut timer = pin!(time::sleep(self.limits.header_timeout));
        let mut stage = Stage::Running;
        loop {
            tokio::select! {
                biased;
                end = connection.as_mut() => {
                    if let Err(error) = end {
                        tracing::debug!(peer = %peer.0, %error, "the connection broke");
                    }
                    return;
                }
                phase = poll_fn(|cx| activity.poll_expired(timer.as_mut(), cx)) => {
                    if phase != Phase::Idle {
                        tracing::debug!(peer = %peer.0, ?phase, "the client took too long");
                        return;
                    }
                }
                next = stage::after(&mut self.stages, stage), if stage < Stage::Stopping => {
                    stage = next;
                    if stage < Stage::Stopping {
                        continue;
                    }
                }
            }
            // A request that is already on its way is still answered, as the last one.
            connection.as_mut().graceful_shutdown();
            activity.close();
        }
    }
}

/// An answer. While the server drains it is the last one on its HTTP/1 connection.
async fn finished(
    answer: impl Future<Output = Response>,
    version: Version,
    running: Running,
) -> Result<Response, Infallible> {
    let mut response = answer.await;
    if version < Version::HTTP_2 && running.is_last() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Both protocols with their bounds. The timeouts for heads are not hyper's but those of [`Activity`]. What stays at its
/// default: at most 100 header fields in HTTP/1.1, and h2's bounds on resets, CONTINUATION frames and empty DATA frames.
fn protocols() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_READ)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD_READ).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(STREAM_WINDOW as usize)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
