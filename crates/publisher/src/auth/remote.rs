//! A server that is asked about tokens – for the issuer's keys, or to review them – by URL: https with authorities of its own, plain http
//! on this host only.
//!
//! One question and one answer, bounded in time and size. Redirects are refused, and link-local and metadata addresses are never asked, as
//! for events.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tgm_ocloud::Secure;
use tgm_ocloud::endpoint::Endpoint;
use tgm_ocloud::policy::never;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::keys;
use crate::config::Delivery;
use crate::tls::Consumers;

/// How long one question may take, with everything.
const WITHIN: Duration = Duration::from_secs(5);
/// Largest head of an answer, in bytes.
const HEAD: usize = 16 << 10;

/// Where it is.
#[derive(Debug, Clone)]
pub struct Remote {
    endpoint: Endpoint,
    ca: Option<PathBuf>,
    /// How old an answer becomes before it is asked for again.
    pub refresh: Duration,
}

/// A header of a question.
pub type Header = (HeaderName, HeaderValue);

impl Remote {
    /// Judges what is written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(url: &str, ca: Option<PathBuf>, refresh: Duration) -> Result<Self, String> {
        let endpoint = Endpoint::parse(url).map_err(told)?;
        let is_here = endpoint.host == "localhost" || endpoint.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        match (endpoint.is_https, ca.is_some()) {
            (true, false) => {
                Err("an https jwks_url needs jwks_ca: the authorities that vouch for its server".to_owned())
            }
            (false, true) => Err("jwks_ca counts only with an https jwks_url".to_owned()),
            (false, _) if !is_here => Err(
                "jwks_url is https, or http on loopback: whoever changes keys on the way lets in whom he likes"
                    .to_owned(),
            ),
            _ => Ok(Remote { endpoint, ca, refresh }),
        }
    }

    /// As it was written.
    pub fn url(&self) -> &str {
        &self.endpoint.text
    }

    /// What is there now.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn read(&self) -> Result<Vec<u8>, String> {
        let (status, body) = self.put(Method::GET, None, &[], Vec::new()).await?;
        match status {
            StatusCode::OK => Ok(body),
            status => Err(format!("it answers {status}, not 200; redirects are not followed")),
        }
    }

    /// Status and body of its answer; at `path`, or where the URL leads.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn put(
        &self,
        method: Method,
        path: Option<&'static str>,
        headers: &[Header],
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>), String> {
        let mut request = Request::builder()
            .method(method)
            .uri(path.map_or_else(|| self.endpoint.target.clone(), Uri::from_static))
            .header(HOST, &self.endpoint.authority)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body)).map_err(told)?;
        let late = |_| format!("no answer within {} s", WITHIN.as_secs());
        timeout(WITHIN, self.reach(request)).await.map_err(late)?
    }

    async fn reach(&self, request: Request<Body>) -> Result<(StatusCode, Vec<u8>), String> {
        let Endpoint {
            host, port, is_https, ..
        } = &self.endpoint;
        let addresses: Vec<_> = lookup_host((host.as_str(), *port)).await.map_err(told)?.collect();
        for address in &addresses {
            never(address.ip()).map_err(told)?;
            if !is_https && !address.ip().is_loopback() {
                return Err(format!("{host} leads to {}, where http is not spoken", address.ip()));
            }
        }
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(told)?;
        if !is_https {
            return ask(stream, request).await;
        }
        // Read each time: it is seldom, and a changed file counts at once.
        let authorities = Delivery {
            ca: self.ca.clone(),
            ..Delivery::default()
        };
        let config = Consumers::new(&authorities).map_err(told)?.config()?;
        let name = ServerName::try_from(host.clone()).map_err(told)?;
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(told)?;
        ask(stream, request).await
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<(StatusCode, Vec<u8>), String> {
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD);
    let (mut open, connection) = http.handshake(TokioIo::new(stream)).await.map_err(told)?;
    let answer = async move {
        let response = open.send_request(request).await.map_err(told)?;
        let status = response.status();
        let body = to_bytes(Body::new(response.into_body()), keys::LARGEST).await;
        Ok((status, body.map_err(told)?.into()))
    };
    // Together, so that nothing outlives the question.
    let (_, answer) = tokio::join!(connection, answer);
    answer
}

/// What is said of an EndpointUri is true of it.
fn told(error: impl Display) -> String {
    error.to_string().replace("EndpointUri", "jwks_url")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{AUDIENCE, ISSUER, Signer, claims, set};
    use super::super::tests::known;
    use super::super::{BadToken, Gate};
    use super::*;
    use crate::config::{Doors, Tls};
    use crate::http::refusals::Refusals;
    use crate::tls::Door;
    use crate::tls::testing::{Authority, Folder};
    use std::net::SocketAddr;
    use std::sync::atomic::Ordering::Relaxed;
    use std::sync::{Arc, Mutex};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    /// An issuer's server, over TLS if it has a door. It answers what it is told to.
    async fn server(door: Option<Door>) -> (SocketAddr, Arc<Mutex<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, says) = (listener.local_addr().unwrap(), Arc::<Mutex<String>>::default());
        let answer = says.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (door, answer) = (door.clone(), answer.lock().unwrap().clone());
                tokio::spawn(async move {
                    match door {
                        None => reply(stream, &answer).await,
                        Some(door) => {
                            let stream = TlsAcceptor::from(door.kept.config()).accept(stream).await;
                            reply(stream?, &answer).await
                        }
                    }
                });
            }
        });
        (address, says)
    }

    async fn reply(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> std::io::Result<()> {
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            heard.push(stream.read_u8().await?);
        }
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }

    fn of(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    fn door(folder: &Folder, authority: &Authority) -> Option<Door> {
        let (certificate, key) = authority.issue(&["127.0.0.1"]);
        let tls = Tls {
            certificate: Some(folder.put("crt", &certificate)),
            key: Some(folder.put("key", &key)),
            ..Tls::default()
        };
        Door::new(&tls).unwrap()
    }

    #[tokio::test]
    async fn keys_that_rotate_at_their_server_are_followed_and_kept_while_it_is_away() {
        let (folder, authority) = (Folder::new("jwks"), Authority::new("issuer"));
        let ca = folder.put("ca", &authority.pem());
        let (address, says) = server(door(&folder, &authority)).await;
        let (old, new) = (Signer::new("ES256"), Signer::new("EdDSA"));
        let tell = |answer: String| *says.lock().unwrap() = answer;
        tell(of("200 OK", &set(&[old.jwk("old")])));
        let doors: Doors = toml::from_str(&format!(
            "[oauth]\njwks_url = \"https://{address}/keys\"\njwks_ca = \"{}\"\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"",
            ca.display()
        ))
        .unwrap();
        doors.check().unwrap();
        let refusals = Arc::<Refusals>::default();
        let gate = Gate::new(&doors, refusals.clone());
        let of_old = old.token("old", &claims("du-1", "tgm.read"));
        let of_new = new.token("new", &claims("du-1", "tgm.read"));
        let pause = || tokio::time::sleep(Duration::from_millis(20));
        while known(&gate, &of_old).await.is_err() {
            pause().await;
        }
        tell(of("503 Service Unavailable", ""));
        while refusals.keys.failed.load(Relaxed) == 0 {
            assert_eq!(known(&gate, &of_new).await, Err(BadToken::UnknownKey));
            pause().await;
        }
        assert!(known(&gate, &of_old).await.is_ok(), "what was good stays");
        tell(of("200 OK", &set(&[new.jwk("new")])));
        while known(&gate, &of_new).await.is_err() {
            pause().await;
        }
        assert_eq!(
            known(&gate, &of_old).await,
            Err(BadToken::UnknownKey),
            "what is gone counts no more"
        );
        assert!(refusals.keys.taken.load(Relaxed) >= 2 && refusals.keys.at_s.load(Relaxed) > 0);
    }

    #[tokio::test]
    async fn what_is_no_answer_is_no_key() {
        let (folder, authority) = (Folder::new("jwks-bad"), Authority::new("issuer"));
        let (ca, other) = (
            folder.put("ca", &authority.pem()),
            folder.put("other", &Authority::new("other").pem()),
        );
        let (address, says) = server(door(&folder, &authority)).await;
        let ask = async |url: String, ca: Option<PathBuf>| Remote::new(&url, ca, WITHIN)?.read().await;
        let url = format!("https://{address}/keys");
        for (answer, hint) in [
            (
                "HTTP/1.1 302 Found\r\nLocation: /keys\r\nContent-Length: 0\r\n\r\n".to_owned(),
                "302",
            ),
            (of("200 OK", &" ".repeat(keys::LARGEST + 1)), "length limit"),
            (format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "a".repeat(2 * HEAD)), ""),
            ("nonsense\r\n\r\n".to_owned(), ""),
        ] {
            *says.lock().unwrap() = answer;
            let error = ask(url.clone(), Some(ca.clone())).await.unwrap_err();
            assert!(error.contains(hint), "{hint}: {error}");
        }
        *says.lock().unwrap() = of("200 OK", "{}");
        assert_eq!(ask(url.clone(), Some(ca.clone())).await.unwrap(), b"{}");
        assert!(ask(url.clone(), Some(other)).await.unwrap_err().contains("certificate"));
        let (plain, says) = server(None).await;
        *says.lock().unwrap() = of("200 OK", "{}");
        assert_eq!(ask(format!("http://{plain}/"), None).await.unwrap(), b"{}");
        for (url, ca, hint) in [
            (url.as_str(), None, "jwks_ca"),
            ("http://issuer.example/keys", None, "loopback"),
            ("http://127.0.0.1/keys", Some(ca.clone()), "jwks_ca"),
            ("https://169.254.169.254/keys", Some(ca.clone()), "metadata"),
            ("ftp://127.0.0.1/keys", None, "ftp"),
        ] {
            let error = ask(url.to_owned(), ca).await.unwrap_err();
            assert!(error.contains(hint), "{url}: {error}");
        }
    }
}
