//! Floods, slow senders and giant bodies from one address: another is served meanwhile.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

use super::*;

pub const RUDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

pub const LIMITS: Limits = Limits {
    connections: 12,
    per_peer: 8,
    requests_per_s: 5,
    spares_loopback: false,
};

/// A connection from an address of ours.
pub async fn from(source: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

pub async fn end_of(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("it stays open");
    answer
}

pub async fn is_served(to: SocketAddr) -> bool {
    let path = format!("{BASE}/health");
    ask(to, "GET", &path, "").await.starts_with("HTTP/1.1 200 ")
}

#[tokio::test]
async fn who_holds_connections_with_half_heads_holds_only_its_share() {
    let served = served_within(LIMITS, PATIENCE, false).await;
    let mut held = Vec::new();
    for _ in 0..LIMITS.per_peer {
        let mut stream = from(RUDE, served.rest).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
        held.push(stream);
    }
    for _ in 0..32 {
        assert_eq!(
            end_of(from(RUDE, served.rest).await).await,
            b"",
            "one too many is closed"
        );
    }
    assert!(is_served(served.rest).await);
    let page = ask(served.metrics, "GET", "/metrics", "").await;
    assert!(
        page.contains("tgm_http_refused_total{what=\"connection\"} 32\n"),
        "{page}"
    );
    // Who lets go may come again.
    drop(held);
    loop {
        let mut stream = from(RUDE, served.rest).await;
        let _ = stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        if end_of(stream).await.starts_with(b"HTTP/1.1 404 ") {
            break;
        }
    }
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let served = served_within(LIMITS, PATIENCE, false).await;
    let mut stream = from(RUDE, served.rest).await;
    let mut requests = format!("GET {BASE}/health HTTP/1.1\r\nHost: a\r\n\r\n").repeat(200);
    requests += "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let (mut read, mut write) = stream.split();
    let mut answers = String::new();
    let (sent, got) = tokio::join!(write.write_all(requests.as_bytes()), read.read_to_string(&mut answers));
    sent.and(got.map(drop)).unwrap();
    let (taken, refused) = (
        answers.matches("HTTP/1.1 200 ").count(),
        answers.matches("HTTP/1.1 429 ").count(),
    );
    assert!(
        taken >= 10 && refused > 0 && taken + refused >= 200,
        "{taken} {refused}"
    );
    let (_, refusal) = answers.split_once("HTTP/1.1 429 ").unwrap();
    assert!(
        refusal.contains("retry-after: 1\r\n") && refusal.contains("urn:tgm:problem:rate"),
        "{refusal}"
    );
    assert!(is_served(served.rest).await, "another address asks as before");
}

#[tokio::test]
async fn giant_bodies_are_refused_while_others_are_served() {
    let served = served_within(
        Limits {
            requests_per_s: 0,
            ..LIMITS
        },
        PATIENCE,
        false,
    )
    .await;
    let head = |rest: &str| format!("POST {BASE}/subscriptions HTTP/1.1\r\nHost: a\r\n{rest}\r\n\r\n");
    let mut rude = Vec::new();
    for n in 0..LIMITS.per_peer {
        let mut stream = from(RUDE, served.rest).await;
        let (head, chunk) = match n % 2 {
            0 => (head("Content-Length: 99999999999"), String::new()),
            _ => (
                head("Transfer-Encoding: chunked"),
                format!("100000\r\n{}\r\n", "x".repeat(1 << 20)),
            ),
        };
        rude.push(tokio::spawn(async move {
            // It may be answered and closed before all is sent.
            let _ = stream.write_all((head + &chunk).as_bytes()).await;
            let mut first = [0; 13];
            let _ = timeout(PATIENCE, stream.read_exact(&mut first))
                .await
                .expect("no answer");
            first
        }));
    }
    assert!(is_served(served.rest).await);
    for (n, one) in rude.into_iter().enumerate() {
        let answer = one.await.unwrap();
        // Bytes that are still on their way when it closes reset the connection, at times before its answer is read.
        let is_reset = n % 2 == 1 && answer == [0; 13];
        assert!(
            answer == *b"HTTP/1.1 413 " || is_reset,
            "{n}: {:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert!(is_served(served.rest).await);
}
