//! PEM files: what is in them, whether they changed, and how a client of TLS is made of them.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};

/// Why certificates or keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    Read(PathBuf, io::Error),
    /// A file is not what it should be.
    #[error("{0}: no {1} in PEM: {2}")]
    Pem(PathBuf, &'static str, pem::Error),
    /// A certificate cannot be used.
    #[error("{0}: {1}")]
    Unusable(PathBuf, rustls::Error),
    /// Authorities cannot be used.
    #[error("{0}: {1}")]
    Authorities(PathBuf, rustls::server::VerifierBuilderError),
    /// The library refuses what we ask of it.
    #[error("TLS: {0}")]
    Library(#[from] rustls::Error),
    /// The system has no authorities.
    #[error(
        "no certificate authorities are in any of the system's usual places; name a file of them (doors.delivery.ca in the configuration; --ca, --publisher-ca as a flag)"
    )]
    NoAuthorities,
}

/// Where distributions have the authorities that they trust: Debian and Alpine, Fedora and OpenShift, SUSE.
const SYSTEM: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];

/// The one provider of cryptography.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A client of TLS 1.3 and 1.2 that trusts the authorities in `ca` (`None`: those of the system) and shows `own`, a certificate chain
/// and its key; with the leaf that it shows.
///
/// # Errors
/// Which file cannot be used, and why.
pub fn client(
    ca: Option<&Path>,
    own: Option<(&Path, &Path)>,
) -> Result<(ClientConfig, Option<CertificateDer<'static>>), TlsError> {
    let roots = match ca {
        Some(path) => authorities(path)?,
        None => system_authorities(&SYSTEM)?,
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots);
    let Some((certificate, secret)) = own else {
        return Ok((builder.with_no_client_auth(), None));
    };
    let chain = chain(certificate)?;
    let leaf = chain.first().cloned();
    let unusable = |error| TlsError::Unusable(certificate.to_owned(), error);
    let config = builder.with_client_auth_cert(chain, key(secret)?).map_err(unusable)?;
    Ok((config, leaf))
}

/// A chain, the leaf first.
pub fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bad = |error| TlsError::Pem(path.to_owned(), "certificate", error);
    let text = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(bad)?;
    if chain.is_empty() {
        return Err(bad(pem::Error::NoItemsFound));
    }
    Ok(chain)
}

/// A private key: PKCS#8, PKCS#1 or SEC1.
pub fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| TlsError::Pem(path.to_owned(), "private key", error))
}

/// Authorities, each of which must be one.
pub fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for authority in chain(path)? {
        store
            .add(authority)
            .map_err(|error| TlsError::Unusable(path.to_owned(), error))?;
    }
    Ok(store)
}

/// Those of the system, as far as they can be used: what a distribution gathers is not ours to judge.
fn system_authorities(places: &[&str]) -> Result<RootCertStore, TlsError> {
    let path = places.iter().map(Path::new).find(|path| path.exists());
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(chain(path.ok_or(TlsError::NoAuthorities)?)?);
    match store.is_empty() {
        true => Err(TlsError::NoAuthorities),
        false => Ok(store),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Read(path.to_owned(), error))
}

/// Which content a file has, as far as its metadata tell; links are followed, so another target is another content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Option<[i128; 4]>);

impl Stamp {
    /// Of what is there now.
    pub fn of(path: &Path) -> Self {
        let read = |of: std::fs::Metadata| {
            let nanos = i128::from(of.ctime()) * 1_000_000_000 + i128::from(of.ctime_nsec());
            [of.dev().into(), of.ino().into(), of.len().into(), nanos]
        };
        Stamp(std::fs::metadata(path).ok().map(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Authority, Folder};

    #[test]
    fn what_is_in_no_file_says_which() {
        let folder = Folder::new("files");
        let authority = Authority::new("a");
        let (certificate, secret) = authority.issue(&["a.example"]);
        folder.put("c", &(certificate.clone() + &authority.pem()));
        folder.put("k", &secret);
        folder.put("broken", &certificate.replace("MII", "!!!"));
        folder.put("empty", "");
        assert_eq!(chain(&folder.path("c")).unwrap().len(), 2);
        assert!(key(&folder.path("k")).is_ok());
        assert_eq!(authorities(&folder.path("c")).unwrap().len(), 2);
        for (refused, hint) in [
            (chain(&folder.path("empty")).map(drop), "empty: no certificate"),
            (chain(&folder.path("broken")).map(drop), "broken: no certificate"),
            (chain(&folder.path("none")).map(drop), "none: No such file"),
            (key(&folder.path("c")).map(drop), "c: no private key"),
            (authorities(&folder.path("k")).map(drop), "k: no certificate"),
        ] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn the_system_has_authorities_where_it_usually_does_or_none() {
        let folder = Folder::new("system");
        let bundle = folder.put("bundle", &(Authority::new("a").pem() + &Authority::new("b").pem()));
        let found = system_authorities(&["/nowhere", bundle.to_str().unwrap(), "/nowhere/else"]).unwrap();
        assert_eq!(found.len(), 2);
        assert!(matches!(
            system_authorities(&["/nowhere"]),
            Err(TlsError::NoAuthorities)
        ));
    }

    #[test]
    fn another_content_has_another_stamp() {
        let folder = Folder::new("stamp");
        let path = folder.path("link");
        folder.put("one", "1");
        folder.put("two", "1");
        std::os::unix::fs::symlink("one", &path).unwrap();
        let one = Stamp::of(&path);
        assert_eq!(Stamp::of(&path), one);
        std::fs::remove_file(&path).unwrap();
        assert_ne!(Stamp::of(&path), one);
        std::os::unix::fs::symlink("two", &path).unwrap();
        assert_ne!(Stamp::of(&path), one, "a link that was turned");
    }
}
