//! The client's side of TLS: whom to trust, what to present, and which check failed.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};

use super::server::{Fault, Identity};
use super::{ALPN_H2, ALPN_HTTP_1_1, Tls};
use crate::Transport;

/// The client's end of a connection over TLS.
pub type ClientSide<T> = Tls<T, UnbufferedClientConnection>;

/// What a client of TLS is told.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Files of authorities (PEM) to trust besides the platform's, or instead of them.
    pub authorities: Vec<PathBuf>,
    /// Whether the platform's authorities are left out: only those of `authorities` are trusted.
    pub only_authorities: bool,
    /// What to present when the server asks who we are.
    pub identity: Option<Identity>,
    /// Whether any certificate is taken. Whoever sets this gives up knowing whom they talk to.
    pub insecure: bool,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Whether HTTP/1.1 is offered.
    pub http1: bool,
    /// Where the session secrets go, in the format that Wireshark reads.
    pub key_log: Option<PathBuf>,
}

/// Begins connections over TLS.
#[derive(Debug, Clone)]
pub struct Connector(Arc<ClientConfig>);

/// One certificate of the chain that a server presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it names.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The hosts it is valid for.
    pub names: Vec<String>,
    /// From when it is valid.
    pub not_before: SystemTime,
    /// Until when it is valid.
    pub not_after: SystemTime,
}

/// Which check of the server's certificate failed, and what was presented.
#[derive(Debug)]
pub struct Distrust {
    /// Which check failed.
    pub check: Check,
    /// What went wrong, in one sentence without a full stop.
    pub because: String,
    /// The chain, the server's own certificate first; what could not be read is left out.
    pub chain: Vec<Certificate>,
}

/// A check that a server's certificate has to pass (RFC 9110, section 4.3.4; RFC 5280, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It is valid now.
    Time,
    /// It is valid for the name that was asked for.
    Name,
    /// An authority that is trusted has signed it.
    Authority,
    /// It has not been revoked.
    Revocation,
    /// It may be used for servers.
    Purpose,
    /// It can be read, and its signature holds.
    Form,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "time",
            Self::Name => "name",
            Self::Authority => "authority",
            Self::Revocation => "revocation",
            Self::Purpose => "purpose",
            Self::Form => "form",
        })
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate failed the check of its {}: {}", self.check, self.because)?;
        if let Some(leaf) = self.chain.first() {
            write!(f, " (presented: {leaf})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Distrust {}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", or_nameless(&self.subject))?;
        if !self.names.is_empty() {
            write!(f, " for {}", self.names.join(", "))?;
        }
        write!(f, ", signed by {}", or_nameless(&self.issuer))
    }
}

fn or_nameless(name: &str) -> &str {
    if name.is_empty() { "a certificate without a subject" } else { name }
}

impl Connector {
    /// A connector; everything that is wrong with the settings is found here.
    pub fn new(settings: &Settings) -> Result<Self, Fault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = verifier(settings, &provider)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::Unusable(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &settings.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identify(identity)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| Fault::Unusable(error.to_string()))?
            }
        };
        config.resumption = Resumption::in_memory_sessions(256);
        config.alpn_protocols = [(settings.http2, ALPN_H2), (settings.http1, ALPN_HTTP_1_1)]
            .into_iter()
            .filter(|(offered, _)| *offered)
            .map(|(_, name)| name.to_vec())
            .collect();
        if let Some(path) = &settings.key_log {
            config.key_log = Arc::new(super::key_log::KeyLogFile::open(path)?);
        }
        Ok(Self(Arc::new(config)))
    }

    /// The client's end of a connection to `host` that is about to begin; `None` if no certificate can name the host.
    pub fn connect<T: Transport>(&self, transport: T, host: &str) -> Option<std::io::Result<ClientSide<T>>> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(bare.to_owned()).ok()?;
        let machine = UnbufferedClientConnection::new(Arc::clone(&self.0), name);
        Some(machine.map(|machine| Tls::new(transport, machine, &[])).map_err(std::io::Error::other))
    }
}

impl<T: Transport> ClientSide<T> {
    /// The chain that the server presented, its own certificate first, once the handshake is over.
    pub fn presented(&self) -> Vec<Certificate> {
        describe(self.machine().peer_certificates().unwrap_or_default())
    }
}

/// What a failed handshake says about the server's certificate, if that is why it failed.
pub fn distrust(error: &std::io::Error) -> Option<&Distrust> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => {
            let cause: &(dyn std::error::Error + 'static) = &**cause;
            cause.downcast_ref()
        }
        _ => None,
    }
}

fn identify(identity: &Identity) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Fault> {
    let (chain, key, of) = match identity {
        Identity::Files(chain, key) => {
            (super::server::read(chain)?, super::server::read(key)?, (chain.clone(), key.clone()))
        }
        Identity::Pem(chain, key) => {
            (chain.clone().into_bytes(), key.clone().into_bytes(), ("certificate".into(), "key".into()))
        }
    };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&chain).filter_map(Result::ok).collect();
    if certificates.is_empty() {
        return Err(Fault::Unreadable(of.0, "holds no certificate in PEM".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|_| Fault::Unreadable(of.1, "holds no private key in PEM".to_owned()))?;
    Ok((certificates, key))
}

fn verifier(settings: &Settings, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Fault> {
    if settings.insecure {
        return Ok(Arc::new(Anybody(Arc::clone(provider))));
    }
    let unusable = |error: &dyn fmt::Display| Fault::Unusable(format!("whom to trust could not be found out: {error}"));
    let mut extra = Vec::new();
    for path in &settings.authorities {
        let pem = super::server::read(path)?;
        let before = extra.len();
        extra.extend(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
        if extra.len() == before {
            return Err(Fault::Unreadable(path.clone(), "holds no certificate in PEM".to_owned()));
        }
    }
    let checks: Arc<dyn ServerCertVerifier> = if settings.only_authorities {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(extra);
        rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| unusable(&error))?
    } else {
        let platform = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(provider));
        Arc::new(platform.map_err(|error| unusable(&error))?)
    };
    Ok(Arc::new(Telling(checks)))
}

/// Checks as another does, and tells what failed with what was presented.
#[derive(Debug)]
struct Telling(Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for Telling {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0.verify_server_cert(leaf, intermediates, name, ocsp, now).map_err(|error| {
            let rustls::Error::InvalidCertificate(cause) = &error else { return error };
            let mut chain = vec![leaf.clone()];
            chain.extend_from_slice(intermediates);
            let chain = describe(&chain);
            let (check, because) = explain(cause, name, chain.first());
            let distrust = Distrust { check, because, chain };
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(distrust))))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Takes any certificate, but still has the server prove that it holds its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, leaf, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, leaf, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Which check failed, and why in words.
fn explain(cause: &CertificateError, asked: &ServerName<'_>, leaf: Option<&Certificate>) -> (Check, String) {
    let asked = asked.to_str();
    let leaf_is_own = leaf.is_some_and(|leaf| leaf.subject == leaf.issuer);
    match cause {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let until = leaf.map(|leaf| format!(" on {}", date(leaf.not_after))).unwrap_or_default();
            (Check::Time, format!("it expired{until}"))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let from = leaf.map(|leaf| format!(" before {}", date(leaf.not_before))).unwrap_or_default();
            (Check::Time, format!("it is not valid{from}"))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = leaf.map(|leaf| leaf.names.join(", ")).filter(|names| !names.is_empty());
            let names = names.unwrap_or_else(|| "no host".to_owned());
            (Check::Name, format!("{asked} was asked for, and it is valid for {names}"))
        }
        CertificateError::UnknownIssuer if leaf_is_own => {
            (Check::Authority, "it signed itself, and is not among those that are trusted".to_owned())
        }
        CertificateError::UnknownIssuer => {
            let issuer = leaf.map_or("its signer", |leaf| or_nameless(&leaf.issuer));
            (Check::Authority, format!("no authority that is trusted stands behind {issuer}"))
        }
        CertificateError::Revoked => (Check::Revocation, "it was revoked".to_owned()),
        CertificateError::UnknownRevocationStatus | CertificateError::ExpiredRevocationList => {
            (Check::Revocation, "whether it was revoked could not be found out".to_owned())
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            (Check::Purpose, "it was not issued for servers".to_owned())
        }
        CertificateError::BadSignature => (Check::Form, "its signature does not hold".to_owned()),
        CertificateError::Other(OtherError(other)) if other.to_string().contains("CaUsedAsEndEntity") => {
            (Check::Purpose, "it is an authority's own, which may not stand for a server".to_owned())
        }
        other => (Check::Form, format!("it could not be used ({other})")),
    }
}

fn date(time: SystemTime) -> String {
    wirelight_semantics::date::text(time)
}

fn describe(chain: &[CertificateDer<'_>]) -> Vec<Certificate> {
    chain.iter().filter_map(|certificate| read(certificate)).collect()
}

fn read(der: &[u8]) -> Option<Certificate> {
    use x509_parser::prelude::*;
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let mut names = Vec::new();
    if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
        for name in &alternative.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.push(printable(name)),
                GeneralName::IPAddress(bytes) => names.extend(address(bytes)),
                _ => {}
            }
        }
    }
    Some(Certificate {
        subject: printable(&parsed.subject().to_string()),
        issuer: printable(&parsed.issuer().to_string()),
        names,
        not_before: moment(parsed.validity().not_before.timestamp()),
        not_after: moment(parsed.validity().not_after.timestamp()),
    })
}

/// What a certificate says is a stranger's: none of it may act on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| std::net::Ipv6Addr::from(sixteen).to_string())
}

fn moment(seconds: i64) -> SystemTime {
    u64::try_from(seconds).map_or(UNIX_EPOCH, |seconds| UNIX_EPOCH + Duration::from_secs(seconds))
}
