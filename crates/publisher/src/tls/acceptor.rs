//! TLS of a listener.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use tgm_ocloud::pem::{TlsError, authorities, chain, key, provider};

use super::kept::{Certificate, Kept, Made};
use super::names::ClientName;
use crate::config::Tls;
use crate::http::peer_certificate::PeerCertificate;

/// What a listener shows and asks for.
#[derive(Debug, Clone)]
pub struct Door {
    /// Certificate, key and authorities.
    pub kept: Arc<Kept<ServerConfig>>,
    client_names: Arc<[ClientName]>,
}

/// The files, once it is known that there are some.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    client_optional: bool,
}

impl Door {
    /// As the configuration says; `None`: no TLS.
    pub fn new(tls: &Tls) -> Result<Option<Self>, TlsError> {
        let (Some(certificate), Some(key)) = (tls.certificate.clone(), tls.key.clone()) else {
            return Ok(None);
        };
        let files = Files {
            certificate,
            key,
            client_ca: tls.client_ca.clone(),
            client_optional: tls.client_optional,
        };
        let watched = [files.certificate.clone(), files.key.clone()]
            .into_iter()
            .chain(files.client_ca.clone());
        let kept = Kept::new("listener", watched.collect(), Box::new(move || files.make()))?;
        Ok(Some(Door {
            kept: Arc::new(kept),
            client_names: tls.client_names.clone().into(),
        }))
    }

    /// Its certificate, to be looked after.
    pub fn certificate(&self) -> Arc<dyn Certificate> {
        self.kept.clone()
    }

    /// Whether a client may come in, whose certificate was verified if it showed one.
    pub fn admits(&self, peer: Option<&PeerCertificate>) -> bool {
        let is_named = |peer: &PeerCertificate| {
            let means = |name: &String| self.client_names.iter().any(|pattern| pattern.means(name));
            peer.names.iter().any(means)
        };
        self.client_names.is_empty() || peer.is_some_and(is_named)
    }
}

impl Files {
    fn make(&self) -> Result<Made<ServerConfig>, TlsError> {
        let chain = chain(&self.certificate)?;
        let leaf = chain.first().cloned();
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13, &TLS12])?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => builder.with_client_cert_verifier(self.verifier(path, authorities(path)?)?),
        };
        let unusable = |error| TlsError::Unusable(self.certificate.clone(), error);
        let mut config = builder.with_single_cert(chain, key(&self.key)?).map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if self.client_ca.is_some() {
            // A resumed session is not verified again; a certificate that has ended would come in for as long as its session lives.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Made {
            config: Arc::new(config),
            leaf,
        })
    }

    fn verifier(
        &self,
        path: &std::path::Path,
        authorities: RootCertStore,
    ) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider());
        let builder = match self.client_optional {
            true => builder.allow_unauthenticated(),
            false => builder,
        };
        builder
            .build()
            .map_err(|error| TlsError::Authorities(path.to_owned(), error))
    }
}
