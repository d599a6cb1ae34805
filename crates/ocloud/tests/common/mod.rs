//! A consumer that does as it is told, and a node whose truth can be set.
// Each test file uses its part; and what goes wrong in a test shall end it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod authority;
#[path = "../../src/testing.rs"]
pub mod testing;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testing::{Scene, picture};
use tgm_core::{Event, EventKind, Picture};
use tgm_ocloud::{Api, Caller, Config, Hub, Outcome, Request, Role, Timing, Truth};
use tgm_time::Time;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Longer than anything here takes; a test that waits for it has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a consumer does with a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Answer(u16),
    /// 204, then closes the connection.
    AnswerAndClose,
    /// Takes it and says nothing, for ever.
    Silence,
    /// Closes the connection without an answer.
    HangUp,
    /// Answers 204 when [`Consumer::go`] says so.
    Wait,
    /// 302 to another path.
    Redirect,
    /// 200 with more body than anybody wants.
    Flood,
    /// Just this, piece by piece.
    Say(&'static [&'static str]),
}

/// One POST as it came.
#[derive(Debug)]
pub struct Post {
    pub head: String,
    pub body: String,
    /// Which of the consumer's connections it came over.
    pub connection: usize,
    /// Head and body came in one piece.
    pub whole: bool,
    /// What the consumer did with it.
    pub manner: Manner,
}

impl Post {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn source(&self) -> String {
        self.json()["source"].as_str().unwrap().to_owned()
    }

    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }

    /// The first value.
    pub fn value(&self) -> String {
        self.json()["data"]["values"][0]["value"].as_str().unwrap().to_owned()
    }
}

/// A consumer on loopback.
pub struct Consumer {
    pub address: SocketAddr,
    /// Lets a POST go on that waits.
    pub go: Arc<Notify>,
    posts: UnboundedReceiver<Post>,
    manners: Arc<Mutex<(VecDeque<Manner>, Manner)>>,
}

impl Consumer {
    /// Answers 204.
    pub async fn new() -> Self {
        Self::over(None).await
    }

    /// The same, over TLS.
    pub async fn secure(config: rustls::ServerConfig) -> Self {
        Self::over(Some(Arc::new(config).into())).await
    }

    async fn over(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, posts) = unbounded_channel();
        let manners = Arc::new(Mutex::new((VecDeque::new(), Manner::Answer(204))));
        let (own, go) = (manners.clone(), Arc::new(Notify::new()));
        let own_go = go.clone();
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (told, own, go) = (told.clone(), own.clone(), own_go.clone());
                match tls.clone() {
                    None => drop(tokio::spawn(consume(stream, connection, told, own, go))),
                    Some(tls) => drop(tokio::spawn(async move {
                        if let Ok(stream) = tls.accept(stream).await {
                            consume(stream, connection, told, own, go).await;
                        }
                    })),
                }
            }
        });
        Consumer {
            address,
            go,
            posts,
            manners,
        }
    }

    /// What it does with the next POSTs, and with all after them.
    pub fn behave(&self, next: &[Manner], then: Manner) {
        *self.manners.lock().unwrap() = (next.iter().copied().collect(), then);
    }

    pub fn uri(&self) -> String {
        format!("http://{}/event", self.address)
    }

    pub async fn next(&mut self) -> Post {
        timeout(PATIENCE, self.posts.recv())
            .await
            .expect("no POST came")
            .unwrap()
    }

    /// All that came so far.
    pub fn taken(&mut self) -> Vec<Post> {
        std::iter::from_fn(|| self.posts.try_recv().ok()).collect()
    }

    pub fn is_quiet(&self) -> bool {
        self.posts.is_empty()
    }
}

async fn consume(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    told: UnboundedSender<Post>,
    manners: Arc<Mutex<(VecDeque<Manner>, Manner)>>,
    go: Arc<Notify>,
) {
    let mut buffer = Vec::new();
    loop {
        let mut reads = 0;
        let (head, body) = loop {
            if let Some(split) = split(&buffer) {
                break split;
            }
            let mut chunk = [0; 65_536];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(n) => buffer.extend_from_slice(&chunk[..n]),
            }
            reads += 1;
        };
        buffer.clear();
        let manner = {
            let mut manners = manners.lock().unwrap();
            let then = manners.1;
            manners.0.pop_front().unwrap_or(then)
        };
        let _ = told.send(Post {
            head,
            body,
            connection,
            whole: reads == 1,
            manner,
        });
        let answer = match manner {
            Manner::Answer(204) | Manner::AnswerAndClose => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            Manner::Answer(status) => format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 2\r\n\r\nno"),
            Manner::Redirect => "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_owned(),
            Manner::Flood => format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{}",
                "x".repeat(100_000)
            ),
            Manner::Wait => {
                go.notified().await;
                "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
            }
            Manner::Silence => std::future::pending().await,
            Manner::HangUp => return,
            Manner::Say(pieces) => {
                let (last, first) = pieces.split_last().unwrap();
                for piece in first {
                    stream.write_all(piece.as_bytes()).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(2)).await; // so that it is read before the next
                }
                (*last).to_owned()
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || manner == Manner::AnswerAndClose {
            return;
        }
    }
}

fn split(buffer: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8(buffer.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    (body.len() >= length.unwrap_or(0)).then(|| (head.to_owned(), body.to_owned()))
}

/// A node's snapshot.
pub struct Node(pub Mutex<Option<Scene>>);

impl Truth for Node {
    fn read(&self, look: &mut dyn FnMut(&Picture<'_>)) -> bool {
        let scene = self.0.lock().unwrap().clone();
        scene.iter().for_each(|scene| look(&picture(scene)));
        scene.is_some()
    }
}

/// A publisher of the node `node1`, without a server.
pub struct Publisher {
    pub hub: Hub,
    pub api: Api,
    pub node: Arc<Node>,
    seq: u64,
}

/// Retries at once, and waits long for an answer.
pub fn config() -> Config {
    Config {
        timing: Timing {
            attempt: Duration::from_secs(60),
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(2),
            longest_asked: Duration::from_secs(3600),
            suspend_after: 10,
        },
        ..Config::new("node1")
    }
}

impl Publisher {
    pub fn new(config: Config) -> Self {
        Self::of(config, Scene::locked())
    }

    pub fn of(config: Config, scene: Scene) -> Self {
        let node = Arc::new(Node(Mutex::new(Some(scene))));
        let hub = Hub::open(config, node.clone()).unwrap();
        let publisher = Publisher {
            api: Api::new(hub.clone()),
            hub,
            node,
            seq: 0,
        };
        publisher.resync();
        publisher
    }

    pub fn scene(&self) -> Scene {
        self.node.0.lock().unwrap().clone().unwrap()
    }

    pub fn set(&self, change: impl FnOnce(&mut Scene)) {
        self.node.0.lock().unwrap().as_mut().map(change);
    }

    pub fn resync(&self) {
        self.hub.on_resync(&picture(&self.scene()));
    }

    pub fn event(&mut self, event: Event) {
        self.seq += 1;
        let event = Event { seq: self.seq, ..event };
        self.hub.on_event(&event, &picture(&self.scene()), Time::ZERO);
    }

    pub fn tell(&mut self, kind: EventKind, new: i64) {
        self.event(testing::event(kind, Event::NONE, new));
    }

    pub async fn ask(&self, method: &str, path: &str, body: &str) -> Outcome {
        let path = format!("{}{path}", tgm_ocloud::api::ROOT);
        self.ask_as(&Caller::anonymous(Role::Admin), method, &path, body).await
    }

    /// Any path, from its root on.
    pub async fn ask_as(&self, caller: &Caller, method: &str, path: &str, body: &str) -> Outcome {
        let host = Some("127.0.0.1:9043");
        self.api
            .handle(Request {
                caller,
                method,
                path,
                host,
                body: body.as_bytes(),
            })
            .await
    }

    pub async fn subscribe(&self, address: &str, endpoint: &str) -> Outcome {
        let body = format!(r#"{{"EndpointUri":"{endpoint}","ResourceAddress":"{address}"}}"#);
        self.ask("POST", "/subscriptions", &body).await
    }

    /// Subscribes and takes the initial notifications.
    pub async fn join(&self, address: &str, consumer: &mut Consumer, initial: usize) -> String {
        let outcome = self.subscribe(address, &consumer.uri()).await;
        assert_eq!(outcome.status, 201, "{}", text(&outcome));
        for _ in 0..initial {
            consumer.next().await;
        }
        json(&outcome)["SubscriptionId"].as_str().unwrap().to_owned()
    }

    /// Lets everything run until the deliveries are as wanted.
    pub async fn until(&self, is_so: impl Fn(&tgm_ocloud::Stats) -> bool) {
        let wait = async {
            while !is_so(&self.hub.stats()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("it never came to that");
    }

    pub async fn count(&self) -> usize {
        json(&self.ask("GET", "/subscriptions", "").await)
            .as_array()
            .unwrap()
            .len()
    }
}

pub fn text(outcome: &Outcome) -> String {
    String::from_utf8(outcome.body.clone()).unwrap()
}

pub fn json(outcome: &Outcome) -> serde_json::Value {
    serde_json::from_slice(&outcome.body).unwrap()
}

/// A problem's detail, after a look at its form.
pub fn why(outcome: &Outcome) -> String {
    assert_eq!(outcome.content_type, "application/problem+json");
    let problem = json(outcome);
    assert_eq!(problem["status"], outcome.status);
    assert!(problem["type"].as_str().unwrap().starts_with("urn:tgm:problem:"));
    assert!(!problem["title"].as_str().unwrap().is_empty());
    problem["detail"].as_str().unwrap().to_owned()
}

/// The text between a member's quotes, replaced.
pub fn masked(body: &str, members: &[&str]) -> String {
    let mut body = body.to_owned();
    for member in members {
        let begin = format!("\"{member}\":\"");
        let mut at = 0;
        while let Some(found) = body[at..].find(&begin) {
            let start = at + found + begin.len();
            let end = start + body[start..].find('"').unwrap();
            body.replace_range(start..end, "-");
            at = start;
        }
    }
    body
}

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        Folder(std::env::temp_dir().join(format!("tgm-test-{}", uuid::Uuid::new_v4())))
    }

    /// How many consumers' files there are.
    pub fn files(&self) -> usize {
        let is_one = |entry: &std::fs::DirEntry| entry.file_name() != "acknowledged";
        let entries = std::fs::read_dir(&self.0);
        entries.map_or(0, |entries| entries.flatten().filter(is_one).count())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
