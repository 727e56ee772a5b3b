//! Heads as they are on the wire, followed beside hyper: what it hides is found in the request that has it, and in no other.

use proptest::prelude::*;

use super::*;

const WRONG: &str = "GET /#x HTTP/1.1\r\nHost: x\r\n\r\n";

/// A request that is right, with whatever might be taken for the head of one that isn't.
fn right() -> impl Strategy<Value = String> {
    let body = prop::sample::select(vec!["", "a=1", "#", WRONG, "\r\n\r\n", "0\r\n\r\n", "\n"]);
    let line = prop::sample::select(vec!["\r\n", "\n"]);
    let before = prop::sample::select(vec!["", "\r\n", "\n"]);
    let extension = prop::sample::select(vec!["", ";a=#", " ; a=\"b\"", "\t"]);
    let trailer = prop::sample::select(vec!["", "X: /#\r\n", "Content-Length: 9\r\nT: y\r\n"]);
    (body, line, before, extension, trailer, 0..4_usize).prop_map(|(body, line, before, extension, trailer, kind)| {
        let fields = ["host: x", "Referer: /#", "Cookie: content-length: 1", "T: transfer-encoding"].join(line);
        let size = body.len();
        let chunk = if size == 0 { String::new() } else { format!("{size:x}{extension}\r\n{body}\r\n") };
        match kind {
            0 => format!("{before}GET / HTTP/1.1{line}{fields}{line}{line}"),
            1 => format!("{before}POST / HTTP/1.1{line}{fields}{line}Content-Length:\t{size} {line}{line}{body}"),
            2 => format!("{before}POST / HTTP/1.1{line}content-length:0{size}{line}{fields}{line}{line}{body}"),
            _ => format!(
                "{before}POST / HTTP/1.1{line}Transfer-Encoding: chunked{line}{fields}{line}{line}{chunk}{chunk}00{extension}\r\n{trailer}\r\n"
            ),
        }
    })
}

/// The statuses of the answers until the server closes.
async fn statuses(address: SocketAddr, stream: &str, cut: usize) -> Vec<String> {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.set_nodelay(true).unwrap();
    let (first, second) = stream.as_bytes().split_at(cut.min(stream.len()));
    for part in [first, second] {
        client.write_all(part).await.unwrap();
        tokio::task::yield_now().await;
    }
    let answers = rest(&mut client).await;
    answers.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_request_that_is_wrong_is_refused_wherever_it_comes(
        requests in prop::collection::vec(right(), 0..5), cut in 0..2_000_usize, last_is_wrong: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let app = Router::new().route("/", axum::routing::any(|_: axum::body::Bytes| async { "hello" }));
            let server = start(LIMITS, None, app).await;
            let stream = requests.concat() + if last_is_wrong { WRONG } else { LAST_GET };
            let found = statuses(server.address, &stream, cut).await;
            let mut expected = vec!["200"; requests.len()];
            expected.push(if last_is_wrong { "400" } else { "200" });
            assert_eq!(found, expected, "{stream:?}");
            server.end().await;
        });
    }
}
