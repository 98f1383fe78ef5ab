//! The server's side of TLS: certificates chosen by name, and what clients may ask for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{
    ClientHello, ParsedCertificate, ResolvesServerCert, ServerSessionMemoryCache, UnbufferedServerConnection,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::{ALPN_H2, ALPN_HTTP_1_1, Tls};
use crate::Transport;

/// A certificate chain with its private key, both PEM.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Two files: the chain, leaf first, and the key.
    Files(PathBuf, PathBuf),
    /// The same, at hand.
    Pem(String, String),
}

/// What a server of TLS is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The certificates; the first that is valid for the name asked for is used, and the first of all when none is.
    pub identities: Vec<Identity>,
    /// The authorities (PEM) one of which must have signed the client's certificate; none are asked for without.
    pub client_authorities: Option<PathBuf>,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Where the session secrets go, in the format that Wireshark reads, so that captures can be read.
    pub key_log: Option<PathBuf>,
}

/// What is wrong with the settings, and where.
#[derive(Debug)]
pub enum Fault {
    /// A file could not be read or holds no PEM of the kind that is needed.
    Unreadable(PathBuf, String),
    /// A key does not belong to its certificate, or is of a kind that TLS cannot use.
    Unusable(String),
    /// There is no certificate at all.
    NoIdentity,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, because) => write!(f, "{}: {because}", path.display()),
            Self::Unusable(because) => f.write_str(because),
            Self::NoIdentity => f.write_str("TLS needs at least one certificate with its key"),
        }
    }
}

impl std::error::Error for Fault {}

/// Takes connections over TLS. Its settings can be exchanged while it works; connections that stand keep theirs.
#[derive(Debug)]
pub struct Acceptor {
    current: RwLock<Arc<ServerConfig>>,
}

impl Acceptor {
    /// An acceptor; everything that is wrong with the settings is found here.
    pub fn new(settings: &Settings) -> Result<Self, Fault> {
        Ok(Self { current: RwLock::new(configure(settings)?) })
    }

    /// Exchanges the settings; faulty ones change nothing.
    pub fn reload(&self, settings: &Settings) -> Result<(), Fault> {
        let configured = configure(settings)?;
        *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = configured;
        Ok(())
    }

    /// The server's end of a connection that is about to begin, with what was read from it already.
    pub fn accept<T: Transport>(
        &self,
        transport: T,
        read: &[u8],
    ) -> std::io::Result<Tls<T, UnbufferedServerConnection>> {
        let config = Arc::clone(&self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner));
        let machine = UnbufferedServerConnection::new(config).map_err(std::io::Error::other)?;
        Ok(Tls::new(transport, machine, read))
    }
}

fn configure(settings: &Settings) -> Result<Arc<ServerConfig>, Fault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let identities =
        settings.identities.iter().map(|identity| load(identity, &provider)).collect::<Result<Vec<_>, _>>()?;
    if identities.is_empty() {
        return Err(Fault::NoIdentity);
    }
    let versions = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Unusable(error.to_string()))?;
    let mut config = match &settings.client_authorities {
        None => versions.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(path)?), provider)
                .build()
                .map_err(|error| Fault::Unreadable(path.clone(), error.to_string()))?;
            versions.with_client_cert_verifier(verifier)
        }
    }
    .with_cert_resolver(Arc::new(ByName(identities)));
    config.alpn_protocols = match settings.http2 {
        true => vec![ALPN_H2.to_vec(), ALPN_HTTP_1_1.to_vec()],
        false => vec![ALPN_HTTP_1_1.to_vec()],
    };
    config.session_storage = ServerSessionMemoryCache::new(4096);
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| Fault::Unusable(error.to_string()))?;
    config.send_tls13_tickets = 2;
    if let Some(path) = &settings.key_log {
        config.key_log = Arc::new(super::key_log::KeyLogFile::open(path)?);
    }
    Ok(Arc::new(config))
}

fn load(identity: &Identity, provider: &CryptoProvider) -> Result<Named, Fault> {
    let (chain, key, of) = match identity {
        Identity::Files(chain, key) => (read(chain)?, read(key)?, (chain.clone(), key.clone())),
        Identity::Pem(chain, key) => {
            (chain.clone().into_bytes(), key.clone().into_bytes(), ("certificate".into(), "key".into()))
        }
    };
    let chain = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(&of.0, &error, "a certificate"))?;
    if chain.is_empty() {
        return Err(Fault::Unreadable(of.0, "holds no certificate in PEM".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| unreadable(&of.1, &error, "a private key"))?;
    let certified = CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| Fault::Unusable(format!("{} does not go with {}: {error}", of.1.display(), of.0.display())))?;
    Ok(Named(Arc::new(certified)))
}

fn unreadable(path: &Path, error: &pem::Error, wanted: &str) -> Fault {
    let because = match error {
        pem::Error::NoItemsFound => format!("holds no {} in PEM", wanted.trim_start_matches("a ")),
        error => format!("is not {wanted} in PEM: {error}"),
    };
    Fault::Unreadable(path.to_owned(), because)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|error| Fault::Unreadable(path.to_owned(), error.to_string()))
}

fn authorities(path: &Path) -> Result<RootCertStore, Fault> {
    let pem = read(path)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unreadable(path, &error, "a certificate"))?;
        roots.add(certificate).map_err(|error| Fault::Unreadable(path.to_owned(), error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(Fault::Unreadable(path.to_owned(), "holds no certificate in PEM".to_owned()));
    }
    Ok(roots)
}

/// A certificate that knows for which names it is valid.
#[derive(Debug)]
struct Named(Arc<CertifiedKey>);

impl Named {
    fn is_valid_for(&self, name: &ServerName<'_>) -> bool {
        let Some(leaf) = self.0.cert.first() else { return false };
        let Ok(parsed) = ParsedCertificate::try_from(leaf) else { return false };
        rustls::client::verify_server_name(&parsed, name).is_ok()
    }
}

/// Chooses by the name that the client asks for (RFC 6066, section 3).
#[derive(Debug)]
struct ByName(Vec<Named>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let [only] = self.0.as_slice() {
            // Nothing is chosen, so its names need not be read.
            return Some(Arc::clone(&only.0));
        }
        let asked = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let fits = asked.and_then(|name| self.0.iter().find(|identity| identity.is_valid_for(&name)));
        fits.or(self.0.first()).map(|identity| Arc::clone(&identity.0))
    }
}
