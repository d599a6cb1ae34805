//! HTTP/2, with hyper's client and byte for byte.

use axum::body::{Body, to_bytes};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::version::TLS13;
use tokio::io::{AsyncRead, AsyncWrite};

use super::frames::{CALM, GOAWAY, PREFACE, frame, frames, get, resets};
use super::limits::{LIMITS, RUDE, end_of, from, is_served};
use super::tls::{self, Setting, client, connect, health};
use super::*;

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> SendRequest<Body> {
    speak_with(stream, &http2::Builder::new(TokioExecutor::new())).await
}

async fn speak_with(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    builder: &http2::Builder<TokioExecutor>,
) -> SendRequest<Body> {
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(method: &str, path: &str, body: &str) -> Request<Body> {
    let uri = format!("http://me:1{path}");
    let request = Request::builder().method(method).uri(uri);
    request.body(Body::from(body.to_owned())).unwrap()
}

async fn answer(sender: &mut SendRequest<Body>, request: Request<Body>) -> (StatusCode, String) {
    let sent = timeout(PATIENCE, sender.send_request(request));
    let response = sent.await.expect("no answer").unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let (head, body) = response.into_parts();
    let body = to_bytes(Body::new(body), 1 << 20).await.unwrap();
    (head.status, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn http2_is_spoken_by_prior_knowledge_and_by_alpn_and_says_the_same() {
    let setting = Setting::new();
    let plain = served().await;
    let secret = served_as(setting.manners(), false).await;
    let https = |alpn: &[&str]| connect(secret.rest, client(&setting.authority, None, &[&TLS13], alpn));
    let alpn = https(&["h2", "http/1.1"]).await.unwrap();
    assert_eq!(alpn.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let path = format!("{BASE}/publishers");
    for (scheme, mut sender, by_http1) in [
        (
            "http",
            speak(TcpStream::connect(plain.rest).await.unwrap()).await,
            ask(plain.rest, "GET", &path, "").await,
        ),
        (
            "https",
            speak(alpn).await,
            tls::get(&mut https(&["http/1.1"]).await.unwrap(), &path).await.unwrap(),
        ),
    ] {
        let (_, expected) = by_http1.split_once("\r\n\r\n").unwrap();
        let expected = expected.replace("//me:1/", "//localhost/");
        let (status, told) = answer(&mut sender, request("GET", &path, "")).await;
        assert!(
            status == StatusCode::OK && expected.contains(&format!("{scheme}://localhost/")),
            "{expected}"
        );
        assert_eq!(told.replace("//me:1/", "//localhost/"), expected);
        let body = "{\"ResourceAddress\":\"/cluster/node/node1/nothing\",\"EndpointUri\":\"http://localhost:1/\"}";
        let (status, told) = answer(&mut sender, request("POST", &format!("{BASE}/subscriptions"), body)).await;
        assert!(
            status == StatusCode::NOT_FOUND && told.contains("nothing"),
            "{status} {told}"
        );
        let giant = "x".repeat(1 << 20);
        let (status, _) = answer(&mut sender, request("POST", &format!("{BASE}/subscriptions"), &giant)).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        let mut large = request("GET", &path, "");
        large.headers_mut().insert("x-large", "x".repeat(9000).parse().unwrap());
        let (status, _) = answer(&mut sender, large).await;
        assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert_eq!(
            answer(&mut sender, request("GET", &health(), "")).await.0,
            StatusCode::OK
        );
    }
    let metrics = speak(TcpStream::connect(plain.metrics).await.unwrap()).await;
    let (_, page) = answer(&mut metrics.clone(), request("GET", "/metrics", "")).await;
    assert!(page.contains("tgm_http_refused_total"), "{page}");
}

#[tokio::test]
async fn a_stream_is_a_request_of_its_address() {
    let served = served_within(LIMITS, PATIENCE, false).await;
    let mut modest = http2::Builder::new(TokioExecutor::new());
    modest.initial_max_send_streams(16);
    let sender = speak_with(from(RUDE, served.rest).await, &modest).await;
    let all = (0..60).map(|_| {
        let mut sender = sender.clone();
        tokio::spawn(async move { answer(&mut sender, request("GET", &health(), "")).await.0 })
    });
    let mut counts = std::collections::BTreeMap::new();
    for one in all.collect::<Vec<_>>() {
        *counts.entry(one.await.unwrap().as_u16()).or_insert(0) += 1;
    }
    assert!(counts[&200] >= 10 && counts[&429] > 0, "{counts:?}");
    assert!(is_served(served.rest).await);
}

#[tokio::test]
async fn answers_that_nobody_reads_take_places_and_go_with_their_connection() {
    let limits = Limits {
        requests_per_s: 0,
        ..LIMITS
    };
    let served = served_within(limits, Duration::from_secs(1), false).await;
    let mut blind = http2::Builder::new(TokioExecutor::new());
    blind.initial_stream_window_size(0).initial_max_send_streams(32);
    let sender = speak_with(from(RUDE, served.rest).await, &blind).await;
    let path = format!("{BASE}/publishers");
    let mut held = Vec::new();
    for _ in 0..32 {
        let mut sender = sender.clone();
        let path = path.clone();
        held.push(tokio::spawn(async move {
            sender.send_request(request("GET", &path, "")).await.unwrap()
        }));
    }
    let mut responses = Vec::new();
    for one in held {
        responses.push(timeout(PATIENCE, one).await.expect("no head").unwrap());
    }
    let taken = responses
        .iter()
        .filter(|response| response.status() == StatusCode::OK)
        .count();
    assert_eq!(taken, limits.connections + 1);
    assert!(
        responses
            .iter()
            .any(|response| response.status() == StatusCode::SERVICE_UNAVAILABLE)
    );
    // Another asks one thing after the other meanwhile.
    let mut other = speak(TcpStream::connect(served.rest).await.unwrap()).await;
    for _ in 0..3 {
        assert_eq!(answer(&mut other, request("GET", &path, "")).await.0, StatusCode::OK);
    }
    let ended = async {
        while !sender.is_closed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, ended).await.expect("it is never let go");
}

#[tokio::test]
async fn a_flood_of_resets_ends_its_connection_and_nothing_else() {
    let served = served().await;
    let mut stream = TcpStream::connect(served.rest).await.unwrap();
    stream.write_all(&[PREFACE, &resets(100)].concat()).await.unwrap();
    let told = end_of(stream).await;
    let last = frames(&told).into_iter().rfind(|(kind, _)| *kind == GOAWAY);
    assert_eq!(last.expect("no word of farewell").1[4..8], CALM);
    // Again and again, from many, while another asks.
    let flood = resets(2000);
    let rude: Vec<_> = (0..64)
        .map(|_| {
            let (flood, to) = (flood.clone(), served.rest);
            tokio::spawn(async move {
                for _ in 0..4 {
                    let mut stream = TcpStream::connect(to).await.unwrap();
                    let _ = stream.write_all(&[PREFACE, &flood].concat()).await; // it may end meanwhile
                    end_of(stream).await;
                }
            })
        })
        .collect();
    let mut asked = 0;
    while asked == 0 || rude.iter().any(|one| !one.is_finished()) {
        assert!(is_served(served.rest).await);
        asked += 1;
    }
}

#[tokio::test]
async fn who_says_nothing_over_http2_is_let_go() {
    let served = served_with(Duration::from_millis(100), false).await;
    for begins in [&PREFACE[..2], &PREFACE[..20], PREFACE] {
        let mut stream = TcpStream::connect(served.rest).await.unwrap();
        stream.write_all(begins).await.unwrap();
        end_of(stream).await;
    }
    let mut stream = TcpStream::connect(served.rest).await.unwrap();
    // A head that never ends.
    let half = frame(1, 0x1, 1, &[0x82, 0x84, 0x86]);
    stream.write_all(&[PREFACE, &half].concat()).await.unwrap();
    end_of(stream).await;
    let mut stream = TcpStream::connect(served.rest).await.unwrap();
    stream.write_all(&[PREFACE, &get(1, b"/")].concat()).await.unwrap();
    let told = end_of(stream).await;
    let kinds: Vec<u8> = frames(&told).iter().map(|(kind, _)| *kind).collect();
    assert!(
        kinds.contains(&1) && kinds.contains(&GOAWAY),
        "answered, and asked to end: {kinds:?}"
    );
}
