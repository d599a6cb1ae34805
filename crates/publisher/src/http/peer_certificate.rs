//! Who a peer is by its certificate.

/// The names of a client certificate that was verified against `doors.tls.client_ca`. Requests over such a connection carry it as an
/// extension; a request without one came without a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Its subject alternative names (RFC 5280 §4.2.1.6): DNS names in lower case, URIs such as `spiffe://cluster.local/ns/a/sa/b` as they
    /// are. A URI contains `://` and a DNS name never does, so one cannot be taken for the other. Neither the subject nor addresses count.
    pub names: Vec<String>,
}
