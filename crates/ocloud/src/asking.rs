//! How somebody who asks a publisher shows who it is – a client certificate, a bearer token from a file – and what to do where the two do
//! not come together, in words.

use std::error::Error;
use std::fmt;
use std::io;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use hyper::header::HeaderValue;
use rustls::{AlertDescription, CertificateError, Error as Tls};

use crate::endpoint::Endpoint;
use crate::pem::{self, Stamp, TlsError};

/// Longest token, in bytes. A whole head has no more than 8 KiB.
pub const LONGEST_TOKEN: usize = 6144;

/// Files that say who asks, and who vouches for whom is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// Authorities of the publisher, PEM; none: those of the system.
    pub ca: Option<PathBuf>,
    /// Our certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// A bearer token.
    pub token: Option<PathBuf>,
}

impl Credentials {
    /// Refuses what makes no sense together, or would tell a token to whoever listens on the way. `names`: what authorities, certificate,
    /// key and token are called where they were said.
    ///
    /// # Errors
    /// What is wrong, in words of `names`.
    pub fn check(&self, asked: &Endpoint, names: [&str; 4]) -> Result<(), String> {
        let [ca, certificate, key, token] = names;
        if self.certificate.is_some() != self.key.is_some() {
            return Err(format!("{certificate} and {key} go together"));
        }
        if asked.is_https {
            return Ok(());
        }
        if self.ca.is_some() || self.certificate.is_some() {
            return Err(format!(
                "{ca} and {certificate} count only over https: write https://{}",
                asked.authority.to_str().unwrap_or_default()
            ));
        }
        let is_here = asked.host == "localhost" || asked.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        match self.token.is_some() && !is_here {
            true => Err(format!(
                "{token} goes over https, or over http on this host: whoever listens on the way to {} would have the token",
                asked.host
            )),
            false => Ok(()),
        }
    }

    /// What TLS is spoken with, from the files as they are now.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn client(&self) -> Result<rustls::ClientConfig, TlsError> {
        let own = self.certificate.as_deref().zip(self.key.as_deref());
        pem::client(self.ca.as_deref(), own).map(|(config, _)| config)
    }
}

/// Why a file has no token. Nothing of its content is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It cannot be read.
    #[error("{0}: {1}")]
    Read(PathBuf, io::Error),
    /// RFC 6750 section 2.1 says what a token is made of.
    #[error("{0}: this is no bearer token: one line of letters, digits and -._~+/=, at most {LONGEST_TOKEN} bytes")]
    NoToken(PathBuf),
}

/// A file with a bearer token, which may change: Kubernetes rotates those that it projects into a pod.
pub struct TokenFile {
    path: PathBuf,
    stamp: Option<Stamp>,
    header: Option<HeaderValue>,
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl TokenFile {
    /// Not read yet.
    pub fn new(path: PathBuf) -> Self {
        TokenFile {
            path,
            stamp: None,
            header: None,
        }
    }

    /// The present `Authorization`, read again if the file is another one than before. One that cannot be used leaves the token there
    /// was: a file may be seen while it is written, and a token that is over is refused by whom it is shown to.
    ///
    /// # Errors
    /// There is none, and was none before.
    pub fn authorization(&mut self) -> Result<HeaderValue, TokenError> {
        let now = Stamp::of(&self.path); // before it is read: a change meanwhile is seen later
        if let Some(header) = self.header.as_ref().filter(|_| self.stamp.as_ref() == Some(&now)) {
            return Ok(header.clone());
        }
        match (read(&self.path), &self.header) {
            (Ok(header), _) => {
                self.stamp = Some(now);
                Ok(self.header.insert(header).clone())
            }
            (Err(_), Some(before)) => Ok(before.clone()),
            (Err(error), None) => Err(error),
        }
    }
}

fn read(path: &Path) -> Result<HeaderValue, TokenError> {
    let unreadable = |error| TokenError::Read(path.to_owned(), error);
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let longest = LONGEST_TOKEN as u64 + 2; // and the end of its line
    file.take(longest).read_to_string(&mut text).map_err(unreadable)?;
    let token = text.trim_end();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let is_token = (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(fits);
    let header = HeaderValue::from_str(&format!("Bearer {token}")).ok();
    let mut header = header
        .filter(|_| is_token)
        .ok_or_else(|| TokenError::NoToken(path.to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

/// What to do about a connection that failed, if TLS is why; `None`: it is not.
pub fn advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = within.map_or(error.downcast_ref(), |within| within.downcast_ref::<Tls>());
        if let Some(found) = found {
            return Some(to_do(found));
        }
        next = error.source();
    }
    None
}

fn to_do(error: &Tls) -> &'static str {
    use AlertDescription as Alert;
    use CertificateError as Bad;
    match error {
        Tls::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "the publisher's certificate is of another authority: name the file of the one that issued it"
        }
        Tls::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "the publisher's certificate has ended by this system's clock: renew it (doors.tls.certificate), or set the clock"
        }
        Tls::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "the publisher's certificate is not valid yet by this system's clock: set the clock"
        }
        Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "the publisher's certificate does not have the name that it is asked by: ask by a name that it has, or issue one with this name"
        }
        Tls::InvalidCertificate(_) => "the publisher's certificate cannot be used: issue another one",
        Tls::AlertReceived(Alert::CertificateRequired) => {
            "the publisher asks for a client certificate (doors.tls.client_ca): give one, with its key"
        }
        Tls::AlertReceived(Alert::UnknownCA) => {
            "the publisher does not know who issued our client certificate: give one of an authority in its doors.tls.client_ca"
        }
        Tls::AlertReceived(Alert::CertificateExpired) => {
            "our client certificate has ended by the publisher's clock: renew it, or have its clock set"
        }
        Tls::AlertReceived(_) => {
            "the publisher refuses this connection: look whether it takes our client certificate (doors.tls.client_ca, client_names)"
        }
        Tls::InvalidMessage(_) => "what answers there speaks no TLS: ask it with http://",
        _ => "TLS with the publisher failed",
    }
}

/// What to do about an answer that refuses, by its status; empty: that is not why.
pub const fn refused(status: u16) -> &'static str {
    match status {
        401 => {
            "the publisher wants to know who asks: give the file of a bearer token that is not over, of the issuer and for the audience that it trusts"
        }
        403 => {
            "the publisher does not let us do this: come with a client certificate that its [[doors.client]] names, or with a token whose role suffices (reading takes read, subscribing subscribe)"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Folder;

    #[test]
    fn a_token_never_goes_where_others_listen() {
        let names = ["--ca", "--cert", "--key", "--token-file"];
        let token = || Credentials {
            token: Some("t".into()),
            ..Credentials::default()
        };
        let ca = || Credentials {
            ca: Some("c".into()),
            ..Credentials::default()
        };
        let half = Credentials {
            key: Some("k".into()),
            ..ca()
        };
        let check = |who: Credentials, url: &str| who.check(&Endpoint::parse(url).unwrap(), names);
        for url in [
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost:1",
            "https://a.example",
        ] {
            assert_eq!(check(token(), url), Ok(()), "{url}");
        }
        let error = check(token(), "http://a.example").unwrap_err();
        assert!(error.contains("--token-file") && error.contains("a.example"), "{error}");
        let error = check(ca(), "http://localhost:9043").unwrap_err();
        assert!(
            error.contains("--ca") && error.contains("https://localhost:9043"),
            "{error}"
        );
        assert!(check(half, "https://a").unwrap_err().contains("--cert and --key"));
    }

    #[test]
    fn a_token_that_rotates_is_read_anew_and_one_half_written_is_not_taken() {
        let folder = Folder::new("token");
        let path = folder.path("token");
        let mut file = TokenFile::new(path.clone());
        let told = |file: &mut TokenFile| file.authorization().unwrap().to_str().unwrap().to_owned();
        assert!(matches!(file.authorization(), Err(TokenError::Read(..))));
        folder.put("one", "eyJ.one.x-_=\n");
        std::os::unix::fs::symlink("one", &path).unwrap();
        assert_eq!(told(&mut file), "Bearer eyJ.one.x-_=");
        assert!(file.authorization().unwrap().is_sensitive());
        folder.put("one", "");
        assert_eq!(told(&mut file), "Bearer eyJ.one.x-_=", "the one there was");
        folder.put("two", "eyJ.two.x");
        std::os::unix::fs::symlink("two", folder.path("next")).unwrap();
        std::fs::rename(folder.path("next"), &path).unwrap();
        assert_eq!(told(&mut file), "Bearer eyJ.two.x");
        let shown = format!("{file:?}");
        assert!(!shown.contains("eyJ"), "{shown}");
    }

    #[test]
    fn what_is_no_token_says_so_and_shows_nothing_of_it() {
        let folder = Folder::new("no-token");
        let long = "secret".repeat(LONGEST_TOKEN);
        for text in ["", "\n", "secret secret", "secret\r\nX: y", "sécret", &long] {
            let path = folder.put("t", text);
            let error = TokenFile::new(path.clone()).authorization().unwrap_err();
            assert!(matches!(error, TokenError::NoToken(_)), "{text:?}");
            let told = format!("{error} {error:?}");
            assert!(
                told.contains(path.to_str().unwrap()) && !told.contains("secret"),
                "{told}"
            );
        }
    }

    /// As a library wraps what happened below it.
    #[derive(Debug, thiserror::Error)]
    #[error("it failed")]
    struct Deep(#[source] io::Error);

    #[test]
    fn why_tls_failed_is_found_however_deep_it_is() {
        let wrapped = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let unknown = wrapped(Tls::InvalidCertificate(CertificateError::UnknownIssuer));
        assert!(advice(&unknown).unwrap().contains("another authority"));
        let deep = Deep(wrapped(Tls::AlertReceived(AlertDescription::CertificateRequired)));
        assert!(advice(&deep).unwrap().contains("client certificate"));
        assert_eq!(advice(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
