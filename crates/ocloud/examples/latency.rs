//! How long from [`Hub::on_event`] to the consumer having the whole body, and to the consumer's answer being counted: one process, one
//! thread for the publisher, one for the consumers. Prints microseconds; nothing here is a promise.
//!
//! `cargo run --release -p tgm-ocloud --example latency -- [consumers] [events]`
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a measurement that goes wrong shall end

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use testing::{Scene, event, picture};
use tgm_core::{Event, EventKind, Picture};
use tgm_ocloud::{Caller, Config, Hub, Role, Truth};
use tgm_time::Time;

#[path = "../src/testing.rs"]
mod testing;

struct Node(Scene);

impl Truth for Node {
    fn read(&self, look: &mut dyn FnMut(&Picture<'_>)) -> bool {
        look(&picture(&self.0));
        true
    }
}

fn main() {
    let arg = |n, or| std::env::args().nth(n).map_or(or, |text| text.parse().unwrap());
    let (consumers, events): (usize, i64) = (arg(1, 1), i64::try_from(arg(2, 2000)).unwrap());
    let (told, came) = mpsc::channel();
    let uris: Vec<String> = (0..consumers).map(|_| consumer(told.clone())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let node = Arc::new(Node(Scene::locked()));
        let hub = Hub::open(Config::new("node1"), node.clone()).unwrap();
        hub.on_resync(&picture(&node.0));
        let local = Caller::anonymous(Role::Admin);
        for uri in &uris {
            hub.subscribe(&local, "/sync/ptp-status/lock-state", uri).await.unwrap();
            came.recv().unwrap();
        }
        let (mut lasts, mut firsts): (Vec<Duration>, Vec<Duration>) = Default::default();
        for n in 0..events {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let event = Event {
                seq: u64::try_from(n).unwrap() + 1,
                ..event(EventKind::LockState, 0, n % 2 * 2)
            };
            let begin = Instant::now();
            hub.on_event(&event, &picture(&node.0), Time::ZERO);
            while hub.stats().live.queued > 0 {
                tokio::task::yield_now().await;
            }
            let times: Vec<Duration> = came.try_iter().map(|at: Instant| at - begin).collect();
            assert_eq!(times.len(), consumers);
            firsts.extend(times.iter().min());
            lasts.extend(times.iter().max());
        }
        for (what, times) in [("first", &mut firsts), ("last", &mut lasts)] {
            times.sort();
            let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
            println!(
                "{what} of {consumers}: p50 {} µs, p99 {} µs, max {} µs",
                at(50),
                at(99),
                at(100)
            );
        }
    });
}

/// A consumer on its own thread that answers 204 and tells when it had each body.
fn consumer(told: mpsc::Sender<Instant>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/event", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut buffer = [0; 8192];
        let mut have = 0;
        while let Ok(n) = stream.read(&mut buffer[have..]) {
            have += n;
            if buffer[..have].ends_with(b"]}}") {
                told.send(Instant::now()).unwrap();
                have = 0;
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            }
            if n == 0 {
                return;
            }
        }
    });
    uri
}
