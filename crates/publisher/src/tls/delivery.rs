//! https to consumers.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use tgm_ocloud::Secure;
use tgm_ocloud::pem::{TlsError, client};

use super::kept::{Certificate, Kept, Made};
use crate::config::Delivery;

/// Who vouches for consumers, and what we show them.
#[derive(Debug)]
pub enum Consumers {
    /// As configured.
    Configured(Arc<Kept<ClientConfig>>),
    /// The system's authorities, which are read when the first consumer asks for https.
    System(Mutex<Option<Arc<ClientConfig>>>),
}

impl Consumers {
    /// As the configuration says; without any, nothing is read yet.
    pub fn new(delivery: &Delivery) -> Result<Self, TlsError> {
        let named = [&delivery.ca, &delivery.certificate, &delivery.key];
        let files: Vec<_> = named.into_iter().flatten().cloned().collect();
        if files.is_empty() {
            return Ok(Consumers::System(Mutex::default()));
        }
        let delivery = delivery.clone();
        let kept = Kept::new("delivery", files, Box::new(move || make(&delivery)))?;
        Ok(Consumers::Configured(Arc::new(kept)))
    }

    /// What is to be looked after.
    pub fn certificate(&self) -> Option<Arc<dyn Certificate>> {
        match self {
            Consumers::Configured(kept) => Some(kept.clone()),
            Consumers::System(_) => None,
        }
    }
}

impl Secure for Consumers {
    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let read = match self {
            Consumers::Configured(kept) => return Ok(kept.config()),
            Consumers::System(read) => read,
        };
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = &*read {
            return Ok(config.clone());
        }
        let made = make(&Delivery::default()).map_err(|error| error.to_string())?;
        Ok(read.insert(made.config).clone())
    }
}

fn make(delivery: &Delivery) -> Result<Made<ClientConfig>, TlsError> {
    let own = delivery.certificate.as_deref().zip(delivery.key.as_deref());
    let (config, leaf) = client(delivery.ca.as_deref(), own)?;
    Ok(Made {
        config: Arc::new(config),
        leaf,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::testing::{Authority, Folder};

    #[test]
    fn nothing_is_read_until_somebody_asks_unless_it_is_named() {
        let lazy = Consumers::new(&Delivery::default()).unwrap();
        assert!(matches!(&lazy, Consumers::System(read) if read.lock().unwrap().is_none()));
        assert!(lazy.certificate().is_none());
        // A machine without authorities says so; one that has them reads them once.
        match lazy.config() {
            Ok(config) => assert!(Arc::ptr_eq(&config, &lazy.config().unwrap())),
            Err(why) => assert!(why.contains("doors.delivery.ca"), "{why}"),
        }
    }

    #[test]
    fn what_is_named_has_to_be_good_and_is_read_again() {
        let folder = Folder::new("delivery");
        let authority = Authority::new("consumers");
        let (certificate, secret) = authority.issue(&["tgm.example"]);
        let delivery = Delivery {
            ca: Some(folder.put("ca", "nothing")),
            certificate: Some(folder.put("crt", &certificate)),
            key: Some(folder.put("key", &secret)),
        };
        assert!(
            Consumers::new(&delivery)
                .unwrap_err()
                .to_string()
                .contains("ca: no certificate")
        );
        folder.put("ca", &authority.pem());
        let consumers = Consumers::new(&delivery).unwrap();
        let first = consumers.config().unwrap();
        assert!(first.client_auth_cert_resolver.has_certs());
        let watched = consumers.certificate().unwrap();
        assert!(watched.renewal().ends.is_some());
        folder.put("ca", &(authority.pem() + &Authority::new("more").pem()));
        watched.look();
        assert_eq!(watched.renewal().renewed, 1);
        assert!(!Arc::ptr_eq(&first, &consumers.config().unwrap()));
    }
}
