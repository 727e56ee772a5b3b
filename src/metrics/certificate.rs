//! When the TLS certificate ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::UnixTime;

/// The end of the certificate in use. All clones are the same, so that a renewed certificate is known everywhere.
#[derive(Clone, Debug)]
pub struct CertificateEnd(Arc<AtomicI64>);

impl CertificateEnd {
    /// Of a certificate that ends at that moment.
    pub fn new(at: UnixTime) -> Self {
        Self(Arc::new(AtomicI64::new(at)))
    }

    /// Another certificate is in use, which ends at that moment.
    pub fn renew(&self, at: UnixTime) {
        self.0.store(at, Ordering::Relaxed);
    }

    /// The moment from which clients refuse the certificate.
    pub fn ends_at(&self) -> UnixTime {
        self.0.load(Ordering::Relaxed)
    }
}
