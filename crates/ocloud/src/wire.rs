//! The bytes of a connection to a consumer: plain or within TLS, taken and given without waiting.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use crate::dial::Dialer;
use crate::endpoint::{Endpoint, EndpointError};
use crate::link::LinkError;

/// Room that is made for each piece of an answer, in bytes; most answers are one piece and shorter.
const PIECE: usize = 512;

/// A connection.
#[derive(Debug)]
pub struct Wire {
    stream: Arc<TcpStream>,
    tls: Option<Box<ClientConnection>>,
}

impl Wire {
    /// Connects to an endpoint. Over https, the name that was written has to be in the consumer's certificate, wherever it led.
    pub async fn open(endpoint: &Endpoint, dialer: &Dialer) -> Result<Self, LinkError> {
        let tls = endpoint.is_https.then(|| client(endpoint, dialer)).transpose()?;
        let stream = Arc::new(dialer.connect(endpoint).await?);
        let mut wire = Wire { stream, tls };
        wire.shake().await?;
        Ok(wire)
    }

    async fn shake(&mut self) -> Result<(), LinkError> {
        let Wire { stream, tls } = self;
        let Some(tls) = tls.as_deref_mut() else { return Ok(()) };
        loop {
            match flush(stream, tls) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => stream.writable().await?,
                Err(error) => return Err(error.into()),
                Ok(()) if !tls.is_handshaking() => return Ok(()),
                Ok(()) => {
                    stream.readable().await?;
                    match tls.read_tls(&mut Now(stream)) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                        Err(error) => return Err(error.into()),
                        Ok(0) => return Err(LinkError::NoTls),
                        Ok(_) => {}
                    }
                    if let Err(error) = tls.process_new_packets() {
                        let _ = flush(stream, tls); // the consumer may want to know as well; it is over either way
                        return Err(LinkError::Tls(error));
                    }
                }
            }
        }
    }

    /// Gives as many bytes as go without waiting. How many were taken; they are not all on the socket while [`Self::is_held_up`].
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = self.tls.as_deref_mut() else {
            return self.stream.try_write(bytes);
        };
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            let more = tls.writer().write(rest)?; // as much as its buffer has room for
            taken += more;
            match flush(&self.stream, tls) {
                Ok(()) if more > 0 && more < rest.len() => {}
                Ok(()) => return Ok(taken),
                Err(error) if error.kind() == ErrorKind::WouldBlock && taken > 0 => return Ok(taken),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether bytes that were taken are not on the socket yet.
    pub fn is_held_up(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Waits until the socket may take more.
    pub async fn writable(&self) -> io::Result<()> {
        self.stream.writable().await
    }

    /// Waits for more of an answer; 0: there is no more.
    pub async fn receive(&mut self, answer: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            let got = match self.tls.as_deref_mut() {
                None => {
                    self.stream.readable().await?;
                    answer.reserve(PIECE);
                    self.stream.try_read_buf(answer)
                }
                Some(tls) => match decrypted(tls, answer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        self.stream.readable().await?;
                        feed(&self.stream, tls)?;
                        continue;
                    }
                    // Ended without a word: as plain as without TLS, and judged alike.
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
                    got => got,
                },
            };
            match got {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                got => return got,
            }
        }
    }

    /// The socket, to wait for what may come over an idle connection.
    pub fn stream(&self) -> Arc<TcpStream> {
        self.stream.clone()
    }

    /// Whether nothing that matters has come over an idle connection; its end, and bytes that nobody asked for, are its end. What TLS has
    /// to say for itself, such as tickets, is taken.
    pub fn is_quiet(&mut self) -> bool {
        let Some(tls) = self.tls.as_deref_mut() else {
            let read = self.stream.try_read(&mut [0]);
            return read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        };
        loop {
            match tls.read_tls(&mut Now(&self.stream)) {
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
                Ok(0) => return false,
                Ok(_) => {}
            }
            let is_quiet = |state: rustls::IoState| state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed();
            if !tls.process_new_packets().is_ok_and(is_quiet) {
                return false;
            }
        }
    }
}

fn client(endpoint: &Endpoint, dialer: &Dialer) -> Result<Box<ClientConnection>, LinkError> {
    let name = ServerName::try_from(endpoint.host.clone());
    let name = name.map_err(|_| EndpointError::Https(format!("no certificate can name {}", endpoint.host)))?;
    let client = ClientConnection::new(dialer.tls()?, name).map_err(LinkError::Tls)?;
    Ok(Box::new(client))
}

/// Puts on the socket what TLS has ready.
fn flush(stream: &TcpStream, tls: &mut ClientConnection) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(&mut Now(stream))?;
    }
    Ok(())
}

/// Hands TLS what has come. Nothing having come is no error.
fn feed(stream: &TcpStream, tls: &mut ClientConnection) -> io::Result<()> {
    match tls.read_tls(&mut Now(stream)) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let state = tls.process_new_packets();
    let _ = flush(stream, tls); // an alert, or an answer to new keys: what matters is found when more is sent
    state.map(drop).map_err(io::Error::other)
}

fn decrypted(tls: &mut ClientConnection, answer: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; PIECE];
    let got = tls.reader().read(&mut piece)?;
    answer.extend_from_slice(piece.get(..got).unwrap_or_default());
    Ok(got)
}

/// The socket for a library that reads and writes by itself: what would have to wait is an error.
struct Now<'a>(&'a TcpStream);

impl Read for Now<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject;
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use crate::authority;
    use crate::dial::Secure;
    use crate::policy::Policy;

    struct Trust(Arc<ClientConfig>);

    impl Secure for Trust {
        fn config(&self) -> Result<Arc<ClientConfig>, String> {
            Ok(self.0.clone())
        }
    }

    fn both() -> (ServerConfig, ClientConfig) {
        let authority = authority::Authority::new("consumers");
        let (certificate, key) = authority.issue(&["127.0.0.1"]);
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority::der(&authority.pem())).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let (server, client) = (
            server
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth(),
            client.with_safe_default_protocol_versions().unwrap(),
        );
        let server = server
            .with_single_cert(vec![authority::der(&certificate)], key)
            .unwrap();
        (server, client.with_root_certificates(roots).with_no_client_auth())
    }

    #[tokio::test]
    async fn what_does_not_go_at_once_goes_later_in_order_and_tickets_are_no_end() {
        let (server, client) = both();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::parse(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
        let dialer = Dialer::new(Policy::Localhost).secured(Arc::new(Trust(Arc::new(client))));
        let accept = async {
            let (stream, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(Arc::new(server)).accept(stream).await.unwrap()
        };
        let (wire, mut consumer) = tokio::join!(Wire::open(&endpoint, &dialer), accept);
        let mut wire = wire.unwrap();
        // The consumer's tickets are on their way; they are no answer.
        wire.stream().readable().await.unwrap();
        assert!(wire.is_quiet());
        let much: Vec<u8> = (0..16u32 << 20).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let mut sent = wire.try_send(&much).unwrap();
        assert!(sent < much.len() && wire.is_held_up(), "{sent}");
        let mut got = vec![0; much.len()];
        let send = async {
            while sent < much.len() || wire.is_held_up() {
                match wire.try_send(&much[sent..]) {
                    Ok(more) => sent += more,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                        wire.writable().await.unwrap();
                    }
                }
            }
        };
        let (read, ()) = tokio::join!(consumer.read_exact(&mut got), send);
        assert!(read.is_ok() && got == much);
        consumer.write_all(b"taken").await.unwrap();
        consumer.shutdown().await.unwrap();
        let mut answer = Vec::new();
        while wire.receive(&mut answer).await.unwrap() > 0 {}
        assert_eq!(answer, b"taken");
        assert!(!wire.is_quiet());
    }
}
