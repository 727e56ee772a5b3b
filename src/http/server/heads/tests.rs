use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What is found in one piece, and then in pieces of every size, which must be the same.
#[track_caller]
fn faults(stream: &str, requests: usize) -> Vec<Option<Fault>> {
    let found = |size: usize| {
        let heads = Heads::default();
        stream.as_bytes().chunks(size).for_each(|piece| heads.read(piece));
        (0..requests).map(|_| heads.next_fault(Version::HTTP_11)).collect::<Vec<_>>()
    };
    let whole = found(stream.len());
    for size in 1..stream.len() {
        assert_eq!(found(size), whole, "{size}: {stream}");
    }
    whole
}

#[test]
fn what_hyper_drops_is_found() {
    let post = |fields: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    for (head, fault) in [
        ("GET /# HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Fault::Fragment),
        ("GET /a?b#c HTTP/1.1\nHost: x\n\n".to_owned(), Fault::Fragment),
        ("GET http://x/#c HTTP/1.0\r\n\r\n".to_owned(), Fault::Fragment),
        ("\r\n\nGET #/ HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Fault::Fragment),
        (post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), Fault::TwoLengths),
        (post("transfer-encoding:chunked\r\nx: y\r\ncontent-length:\t0\r\n"), Fault::TwoLengths),
        (post("TRANSFER-ENCODING: chunked\nCONTENT-LENGTH: 5\n"), Fault::TwoLengths),
        (post("Content-Length:\r\nTransfer-Encoding:\r\n"), Fault::TwoLengths),
    ] {
        assert_eq!(faults(&head, 1), [Some(fault)], "{head}");
        assert_eq!(faults(&format!("{GET}{head}"), 2), [None, Some(fault)], "{head}");
        assert_eq!(faults(&format!("{CHUNKED}1;a=#\r\n#\r\n0\r\n\r\n{head}"), 2), [None, Some(fault)], "{head}");
    }
}

#[test]
fn what_only_looks_like_it_is_not() {
    for head in [
        "GET /%23 HTTP/1.1\r\nHost: x\r\nReferer: /a#b\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 0\r\nX-Transfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Lengths: 1\r\nContent-Type: x\r\nT: y\r\nC\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX: content-length: 5\r\n\r\n0\r\n\r\n",
    ] {
        assert_eq!(faults(&head.repeat(3), 4), [None, None, None, Some(Fault::Framing)], "{head}");
    }
}

#[test]
fn a_body_is_no_head() {
    let wrong = "GET /# HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let size = wrong.len();
    for body in [
        format!("POST / HTTP/1.1\r\nContent-Length: {size}\r\n\r\n{wrong}"),
        format!("POST / HTTP/1.1\nContent-Length: 0{size} \n\n{wrong}"),
        format!("{CHUNKED}{size:x}\r\n{wrong}\r\n0\r\n\r\n"),
        format!("{CHUNKED}{size:X} ; a=\"b\"\r\n{wrong}\r\n00{size:x}\r\n{wrong}\r\n000\r\n\r\n"),
        format!("{CHUNKED}0;x\r\nGET: /#\r\nContent-Length: 1\r\n\r\n"),
    ] {
        let stream = format!("{body}{GET}{body}{wrong}");
        assert_eq!(faults(&stream, 4), [None, None, None, Some(Fault::Fragment)], "{body}");
    }
}

#[test]
fn only_a_whole_preface_begins_http2() {
    let preface = std::str::from_utf8(PREFACE).unwrap();
    let frames = "\0\0\0\u{4}\0\0\0\0\0GET /# HTTP/1.1\r\n\r\n";
    assert_eq!(faults(&format!("{preface}{frames}"), 1), [Some(Fault::Framing)], "no HTTP/1 request is expected there");
    let heads = Heads::default();
    heads.read(preface.as_bytes());
    assert_eq!(heads.next_fault(Version::HTTP_2), None);
    assert_eq!(faults("PRI /# HTTP/1.1\r\n\r\n", 1), [Some(Fault::Fragment)]);
    assert_eq!(faults("PRI * HTTP/2.0\r\n\r\nGET /# HTTP/1.1\r\n\r\n", 2), [None, Some(Fault::Fragment)]);
}
