//! What consumers answer, whole and in pieces, right and wrong, and what that means for the next event.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // what goes wrong in a test shall end it

mod common;

use std::io::Read;

use common::*;
use tgm_core::EventKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LOCK: &str = "/sync/ptp-status/lock-state";

/// Two events of which the first is answered like that: over how many connections they came, and the failures.
async fn two(first: Manner) -> (usize, u64) {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    publisher.join(LOCK, &mut consumer, 1).await;
    consumer.behave(&[first], Manner::Answer(204));
    publisher.tell(EventKind::LockState, 0);
    let before = consumer.next().await;
    assert!(before.whole, "head and body in one piece");
    publisher.until(|stats| stats.live.queued == 0).await;
    publisher.tell(EventKind::LockState, 2);
    let mut after = consumer.next().await;
    while after.id() == before.id() {
        after = consumer.next().await;
    }
    assert_eq!(after.value(), "HOLDOVER");
    publisher.until(|stats| stats.live.queued == 0).await;
    let stats = publisher.hub.stats();
    assert_eq!(stats.delivered, 2);
    (after.connection + 1, stats.failed)
}

#[tokio::test]
async fn an_answer_may_come_in_pieces() {
    assert_eq!(
        two(Manner::Say(&["HT", "TP/1.1 204 No Con", "tent\r\n", "\r\n"])).await,
        (1, 0)
    );
    let chunked: &[&str] = &[
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "2\r",
        "\nok\r\n0\r\n",
        "\r\n",
    ];
    assert_eq!(two(Manner::Say(chunked)).await, (1, 0));
    assert_eq!(
        two(Manner::Say(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "o", "k"])).await,
        (1, 0)
    );
}

#[tokio::test]
async fn interim_answers_are_none() {
    let say = Manner::Say(&[
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ]);
    assert_eq!(two(say).await, (1, 0));
}

#[tokio::test]
async fn a_connection_that_ends_with_its_answer_is_followed_by_another() {
    assert_eq!(two(Manner::AnswerAndClose).await, (2, 0));
    assert_eq!(
        two(Manner::Say(&["HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"])).await,
        (2, 0)
    );
    assert_eq!(two(Manner::Say(&["HTTP/1.0 204 No Content\r\n\r\n"])).await, (2, 0));
}

#[tokio::test]
async fn too_much_of_an_answer_costs_the_connection_only() {
    assert_eq!(two(Manner::Flood).await, (2, 0));
    assert_eq!(
        two(Manner::Say(&["HTTP/1.1 204 No Content\r\n\r\nand more"])).await,
        (2, 0)
    );
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure_and_the_event_comes_again() {
    assert_eq!(two(Manner::Say(&["SSH-2.0-consumer\r\n"])).await, (2, 1));
    assert_eq!(
        two(Manner::Say(&["HTTP/1.1 101 Switching Protocols\r\n\r\n"])).await,
        (2, 1)
    );
    assert_eq!(
        two(Manner::Say(&["HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])).await,
        (2, 1)
    );
}

#[tokio::test]
async fn an_event_is_on_an_idle_connection_before_anything_else_runs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/event", listener.local_addr().unwrap());
    let mut publisher = Publisher::new(config());
    let consumer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut initial = Vec::new();
        while !initial.ends_with(b"]}}") {
            assert!(stream.read_buf(&mut initial).await.unwrap() > 0);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        stream
    };
    let (outcome, stream) = tokio::join!(publisher.subscribe(LOCK, &endpoint), consumer);
    assert_eq!(outcome.status, 201);
    tokio::task::yield_now().await; // to the delivery's task, which waits from now on
    publisher.tell(EventKind::LockState, 0);
    // From here on this thread, the only one, stands in `read`.
    let mut stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut post = [0; 4096];
    let length = stream.read(&mut post).unwrap();
    let post = std::str::from_utf8(&post[..length]).unwrap();
    assert!(
        post.starts_with("POST /event HTTP/1.1\r\n") && post.ends_with("]}}"),
        "{post}"
    );
}
