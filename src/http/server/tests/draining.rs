//! A server that drains serves every request, and tells each client that its connection ends.

use axum::body::Body;
use axum::http::Request;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

struct Staged {
    address: SocketAddr,
    stage: watch::Sender<Stage>,
    run: JoinHandle<()>,
}

async fn start_running(app: Router) -> Staged {
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), LIMITS, None).await.unwrap();
    let address = server.local_addr();
    let (stage, stages) = watch::channel(Stage::Running);
    let run = tokio::spawn(server.run_on([(Handle::current(), app)], stages));
    Staged { address, stage, run }
}

impl Staged {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn connect_http2(&self) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
        let io = TokioIo::new(self.connect().await);
        let (requests, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        (requests, tokio::spawn(connection))
    }

    /// Stops. Every connection must end.
    async fn end(self) {
        self.stage.send_replace(Stage::Stopping);
        in_time(self.run).await.unwrap();
    }
}

fn request() -> Request<Body> {
    Request::builder().uri("http://localhost/").body(Body::empty()).unwrap()
}

fn is_last(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200") && answer.contains("\r\nconnection: close\r\n") && answer.ends_with("hello")
}

#[tokio::test]
async fn each_answer_is_the_last_of_its_connection() {
    let server = start_running(hello()).await;
    let (mut kept, mut silent) = (server.connect().await, server.connect().await);
    kept.write_all(GET.as_bytes()).await.unwrap();
    assert!(!next(&mut kept).await.contains("connection: close"));
    server.stage.send_replace(Stage::Draining);
    for _ in 0..3 {
        let mut new = server.connect().await;
        new.write_all(GET.as_bytes()).await.unwrap();
        let answer = rest(&mut new).await;
        assert!(is_last(&answer), "{answer}");
    }
    // Both were idle all the while.
    for idle in [&mut kept, &mut silent] {
        idle.write_all(GET.as_bytes()).await.unwrap();
        let answer = rest(idle).await;
        assert!(is_last(&answer), "{answer}");
    }
    drop((kept, silent));
    server.end().await;
}

#[tokio::test]
async fn an_idle_connection_stays_until_the_server_stops() {
    let server = start_running(hello()).await;
    let mut idle = server.connect().await;
    server.stage.send_replace(Stage::Draining);
    server.connect().await.write_all(GET.as_bytes()).await.unwrap();
    let closed = idle.read_u8();
    tokio::select! {
        biased;
        _ = closed => panic!("it is closed"),
        () = async { for _ in 0..1_000 { tokio::task::yield_now().await } } => {}
    }
    server.stage.send_replace(Stage::Stopping);
    assert_eq!(rest(&mut idle).await, "");
    in_time(async { while TcpStream::connect(server.address).await.is_ok() {} }).await;
    drop(idle);
    server.end().await;
}

#[tokio::test]
async fn the_answer_to_a_request_that_runs_is_the_last() {
    let (app, begun, go) = gated();
    let server = start_running(app).await;
    let mut client = server.connect().await;
    client.write_all(GET.as_bytes()).await.unwrap();
    in_time(begun.notified()).await;
    server.stage.send_replace(Stage::Draining);
    go.notify_one();
    let answer = rest(&mut client).await;
    assert!(is_last(&answer), "{answer}");
    drop(client);
    server.end().await;
}

#[tokio::test]
async fn http2_connections_end_after_what_runs_on_them() {
    let (app, begun, go) = gated();
    let server = start_running(app).await;
    let (mut requests, connection) = server.connect_http2().await;
    let running = tokio::spawn(requests.send_request(request()));
    in_time(begun.notified()).await;
    server.stage.send_replace(Stage::Draining);
    go.notify_one();
    assert_eq!(in_time(running).await.unwrap().unwrap().status(), 200);
    in_time(connection).await.unwrap().unwrap();
    server.end().await;
}

#[tokio::test]
async fn idle_http2_connections_end_at_once_and_new_ones_after_a_request() {
    let server = start_running(hello()).await;
    let (mut requests, used) = server.connect_http2().await;
    let (mut later, unused) = server.connect_http2().await;
    assert_eq!(in_time(requests.send_request(request())).await.unwrap().status(), 200);
    server.stage.send_replace(Stage::Draining);
    in_time(used).await.unwrap().unwrap();
    let (mut new, fresh) = server.connect_http2().await;
    for (requests, connection) in [(&mut later, unused), (&mut new, fresh)] {
        assert_eq!(in_time(requests.send_request(request())).await.unwrap().status(), 200);
        in_time(connection).await.unwrap().unwrap();
    }
    server.end().await;
}
