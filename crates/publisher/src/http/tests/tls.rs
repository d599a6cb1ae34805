//! The notification API over TLS, with certificates made for the test.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::config::Tls;
use crate::tls::testing::{Authority, Folder, der};

/// Files of a listener, and who vouches for it.
pub struct Setting {
    pub folder: Folder,
    pub authority: Authority,
    pub tls: Tls,
}

impl Setting {
    pub fn new() -> Self {
        let (folder, authority) = (Folder::new("listener"), Authority::new("listeners"));
        let (certificate, key) = authority.issue(&["localhost"]);
        let tls = Tls {
            certificate: Some(folder.put("tls.crt", &certificate)),
            key: Some(folder.put("tls.key", &key)),
            ..Tls::default()
        };
        Setting { folder, authority, tls }
    }

    pub fn manners(&self) -> server::Manners {
        server::Manners {
            limits: WIDE,
            head_timeout: PATIENCE,
            refusals: Arc::default(),
            tls: Door::new(&self.tls).unwrap(),
        }
    }
}

/// A client that trusts `authority`, with a certificate of its own or without.
pub fn client(
    authority: &Authority,
    own: Option<(String, String)>,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(der(&authority.pem())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![der(&certificate)], key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

pub async fn connect(to: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(to).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream);
    timeout(PATIENCE, shaken).await.expect("the handshake hangs")
}

/// Whether an answer has all that its head says.
fn is_whole(answer: &str) -> bool {
    let Some((_, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    header(answer, "content-length").is_none_or(|length| length.parse() == Ok(body.len()))
}

/// One GET on a connection that stays open, and its answer.
pub async fn get(stream: &mut TlsStream<TcpStream>, path: &str) -> std::io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !is_whole(&String::from_utf8_lossy(&answer)) {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer))
            .await
            .expect("no answer")?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8(answer).unwrap())
}

pub fn health() -> String {
    format!("{BASE}/health")
}

pub async fn counts(served: &Served, what: &str) -> u64 {
    let page = ask(served.metrics, "GET", "/metrics", "").await;
    let line = format!("tgm_http_refused_total{{what=\"{what}\"}} ");
    let (_, rest) = page.split_once(&line).expect(&page);
    rest.lines().next().unwrap().parse().unwrap()
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_verified() {
    let setting = Setting::new();
    let served = served_as(setting.manners(), false).await;
    for (version, expected) in [(&TLS13, ProtocolVersion::TLSv1_3), (&TLS12, ProtocolVersion::TLSv1_2)] {
        let config = client(&setting.authority, None, &[version], &[]);
        let mut stream = connect(served.rest, config).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
        for _ in 0..2 {
            let answer = get(&mut stream, &health()).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    }
    let stranger = client(&Authority::new("another"), None, &[&TLS13], &[]);
    assert!(
        connect(served.rest, stranger).await.is_err(),
        "another authority's word"
    );
}

#[tokio::test]
async fn plain_http_to_a_tls_listener_is_told_so() {
    let setting = Setting::new();
    let served = served_as(setting.manners(), false).await;
    for request in [
        "GET /api/ocloudNotifications/v2/health HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /api/ocloudNotifications/v2/subscriptions HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    ] {
        let answer = raw(served.rest, request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(
            answer.contains("speaks https") && answer.contains("problem+json"),
            "{answer}"
        );
    }
    // HTTP/2 is not told in HTTP/1.1, it just ends.
    let mut stream = TcpStream::connect(served.rest).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new()))
        .await
        .expect("it stays open");
    assert_eq!(counts(&served, "handshake").await, 3);
    assert!(
        connect(served.rest, client(&setting.authority, None, &[&TLS13], &[]))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn who_does_not_finish_a_handshake_is_let_go() {
    let setting = Setting::new();
    let manners = server::Manners {
        head_timeout: Duration::from_millis(100),
        ..setting.manners()
    };
    let served = served_as(manners, false).await;
    // Nothing; the beginning of a record; a record that is none.
    for begins in [&b""[..], b"\x16\x03\x01\x02\x00\x01", b"\x16\x03\x01\x00\x02hi"] {
        let mut stream = TcpStream::connect(served.rest).await.unwrap();
        stream.write_all(begins).await.unwrap();
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest))
            .await
            .expect("it stays open");
    }
    assert_eq!(counts(&served, "handshake").await, 2);
}

#[tokio::test]
async fn a_certificate_is_renewed_while_a_connection_stays_open() {
    let setting = Setting::new();
    let manners = setting.manners();
    let door = manners.tls.clone().unwrap();
    let served = served_as(manners, false).await;
    let fresh = || connect(served.rest, client(&setting.authority, None, &[&TLS13], &[]));
    let mut old = fresh().await.unwrap();
    let first = shown(&old);
    assert!(get(&mut old, &health()).await.is_ok());

    // A certificate without its key: as between two copies.
    let (certificate, key) = setting.authority.issue(&["localhost"]);
    setting.folder.put("tls.crt", &certificate);
    door.kept.look();
    assert_eq!(shown(&fresh().await.unwrap()), first, "the old pair stays");
    let page = ask(served.metrics, "GET", "/metrics", "").await;
    let refused = "tgm_tls_certificate_reads_total{use=\"listener\",result=\"refused\"} 1\n";
    assert!(page.contains(refused), "{page}");
    setting.folder.put("tls.key", "rubbish");
    door.kept.look();
    assert_eq!(shown(&fresh().await.unwrap()), first);

    setting.folder.put("tls.key", &key);
    door.kept.look();
    let mut new = fresh().await.unwrap();
    assert_eq!(shown(&new), der(&certificate));
    // The connection from before goes on with what it began with.
    for stream in [&mut old, &mut new] {
        assert!(get(stream, &health()).await.unwrap().starts_with("HTTP/1.1 200 "));
    }
    let page = ask(served.metrics, "GET", "/metrics", "").await;
    let taken = "tgm_tls_certificate_reads_total{use=\"listener\",result=\"taken\"} 1\n";
    assert!(page.contains(taken), "{page}");
    assert!(
        page.contains("tgm_tls_certificate_expiry_timestamp_seconds{use=\"listener\"} "),
        "{page}"
    );
}

#[tokio::test]
async fn a_secret_that_is_turned_as_kubernetes_does_is_seen_by_itself() {
    let mut setting = Setting::new();
    let folder = |name: &str, (certificate, key): &(String, String)| {
        std::fs::create_dir(setting.folder.path(name)).unwrap();
        setting.folder.put(&format!("{name}/tls.crt"), certificate);
        setting.folder.put(&format!("{name}/tls.key"), key);
    };
    // tls.crt -> ..data/tls.crt, ..data -> a folder per version, and a rename turns ..data.
    let (one, two) = (
        setting.authority.issue(&["localhost"]),
        setting.authority.issue(&["localhost"]),
    );
    folder("..1", &one);
    folder("..2", &two);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, setting.folder.path(name)).unwrap();
    link("..1", "..data");
    link("..data/tls.crt", "mounted.crt");
    link("..data/tls.key", "mounted.key");
    setting.tls.certificate = Some(setting.folder.path("mounted.crt"));
    setting.tls.key = Some(setting.folder.path("mounted.key"));
    let manners = setting.manners();
    let door = manners.tls.clone().unwrap();
    let served = served_as(manners, false).await;
    tokio::spawn(crate::tls::watch(vec![door.certificate()], Duration::from_millis(10)));
    let seen = || async {
        let config = client(&setting.authority, None, &[&TLS13], &[]);
        shown(&connect(served.rest, config).await.unwrap())
    };
    assert_eq!(seen().await, der(&one.0));
    link("..2", "..tmp");
    std::fs::rename(setting.folder.path("..tmp"), setting.folder.path("..data")).unwrap();
    let turned = async { while seen().await != der(&two.0) {} };
    timeout(PATIENCE, turned)
        .await
        .expect("the new certificate is never shown");
}
