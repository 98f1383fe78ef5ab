//! A certificate authority of one user on one machine, made on first use.
//!
//! Its key never leaves its folder and is readable by its owner alone. Two processes that make it at once make one:
//! whoever puts the key down first has made it, and the other takes it up. When the authority's certificate nears its
//! end it is renewed with the same key and name, so that certificates still verify with whoever trusts the old one.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, SerialNumber,
};
use sha2::{Digest, Sha256};
use wirelight_net::tls::Identity;
use x509_parser::pem::parse_x509_pem;

use super::{Name, names};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the authority is valid.
const AUTHORITY_LIFETIME: Duration = DAY.saturating_mul(3650);
/// The authority is renewed when it has less than this before it, so that it outlives what it signs.
const AUTHORITY_LEFT_MIN: Duration = DAY.saturating_mul(398);
/// How long a certificate for a server is valid; browsers take 398 days at the most.
const CERTIFICATE_LIFETIME: Duration = DAY.saturating_mul(90);
/// Certificates begin this long before they were made, for clocks that are behind.
const CLOCK_SKEW: Duration = Duration::from_secs(60 * 60);

const CERTIFICATE_FILE: &str = "authority.pem";
const KEY_FILE: &str = "authority.key";
const ORGANIZATION: &str = "Wirelight local authority";

/// What keeps the authority from being used.
#[derive(Debug)]
pub enum Fault {
    /// A file or folder cannot be read or written.
    Inaccessible(PathBuf, io::Error),
    /// The key can be read by others, so that it may no longer be secret.
    Exposed(PathBuf),
    /// A file does not hold what it should.
    Broken(PathBuf, String),
    /// A certificate could not be made.
    Refused(rcgen::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inaccessible(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Exposed(path) => write!(f, "{} can be read by others", path.display()),
            Self::Broken(path, because) => write!(f, "{} {because}", path.display()),
            Self::Refused(error) => write!(f, "no certificate could be made: {error}"),
        }
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// What the user can do about it.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Exposed(path) => Some(format!(
                "If nobody else has read it: chmod 600 {0}. Else remove it and run `wirelight trust`.",
                path.display()
            )),
            Self::Broken(path, _) => {
                Some(format!("Remove it, and a new authority is made: rm -r {}", path.parent()?.display()))
            }
            Self::Inaccessible(..) | Self::Refused(_) => None,
        }
    }
}

impl From<rcgen::Error> for Fault {
    fn from(error: rcgen::Error) -> Self {
        Self::Refused(error)
    }
}

/// Whether an authority was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was there.
    Found,
    /// It was made just now, and nobody trusts it yet.
    Made,
    /// It was there, and its certificate was renewed just now.
    Renewed,
}

/// A certificate authority of this user's own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    path: PathBuf,
    pem: String,
    read: Read,
    origin: Origin,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("path", &self.path).field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// A certificate for a server, with its end.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate with its key; the key was never written down.
    pub identity: Identity,
    /// When it is no longer valid.
    pub ends: SystemTime,
}

/// The folder that an authority of this user's own lies in: below XDG_DATA_HOME, or below HOME; `None` if neither names
/// a folder.
pub fn folder_of_user() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")));
    data.map(|data| data.join("wirelight"))
}

/// What an authority that is made says of whose it is: the user and the machine.
pub fn whose() -> String {
    let machine = names::of_machine();
    match std::env::var("USER").or_else(|_| std::env::var("LOGNAME")) {
        Ok(user) => format!("{user} on {machine}"),
        Err(_) => machine,
    }
}

impl Authority {
    /// The authority in `folder`; made there, for `whose`, if there is none, and renewed if its end is near.
    pub fn open_or_make(folder: &Path, whose: &str, now: SystemTime) -> Result<Self, Fault> {
        let (key, made) = match read_key(folder)? {
            Some(key) => (key, false),
            None => make_key(folder)?,
        };
        let path = folder.join(CERTIFICATE_FILE);
        let origin = match read_if_there(&path)? {
            Some(pem) => {
                let read = Read::of(&path, &pem)?;
                match read.ends.duration_since(now) {
                    Ok(left) if left >= AUTHORITY_LEFT_MIN => Origin::Found,
                    _ => {
                        write_certificate(&path, &read.name, &key, now)?;
                        Origin::Renewed
                    }
                }
            }
            None => {
                write_certificate(&path, &format!("{ORGANIZATION} of {whose}"), &key, now)?;
                if made { Origin::Made } else { Origin::Renewed }
            }
        };
        Self::assemble(path, key, origin)
    }

    /// The authority in `folder`, if there is one.
    pub fn find(folder: &Path) -> Result<Option<Self>, Fault> {
        let path = folder.join(CERTIFICATE_FILE);
        let Some(key) = read_key(folder)? else { return Ok(None) };
        if !path.exists() {
            return Ok(None);
        }
        Self::assemble(path, key, Origin::Found).map(Some)
    }

    /// What stands in the folder now, whoever has put it there.
    fn assemble(path: PathBuf, key: KeyPair, origin: Origin) -> Result<Self, Fault> {
        let pem = fs::read_to_string(&path).map_err(|error| Fault::Inaccessible(path.clone(), error))?;
        let read = Read::of(&path, &pem)?;
        if read.public_key != key.public_key_raw() {
            return Err(Fault::Broken(path, format!("does not belong to {KEY_FILE} beside it")));
        }
        let issuer = Issuer::from_ca_cert_pem(&pem, key)?;
        Ok(Self { issuer, path, pem, read, origin })
    }

    /// The file that holds the authority's certificate, in PEM.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The authority's certificate, in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What the authority is called where certificates are shown.
    pub fn name(&self) -> &str {
        &self.read.name
    }

    /// The SHA-256 of the authority's key, in hexadecimal: the same before and after a renewal.
    pub fn key_fingerprint(&self) -> String {
        hex(&Sha256::digest(&self.read.public_key))
    }

    /// The SHA-256 of the authority's certificate, in hexadecimal, as browsers show it.
    pub fn fingerprint(&self) -> &str {
        &self.read.fingerprint
    }

    /// When the authority's certificate is no longer valid.
    pub fn ends(&self) -> SystemTime {
        self.read.ends
    }

    /// Whether it was there.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// A new certificate, with a new key, for a server that is known by these names.
    pub fn issue(&self, names: &[Name], now: SystemTime) -> Result<Issued, Fault> {
        let ends = (now + CERTIFICATE_LIFETIME).min(self.read.ends);
        let mut params = CertificateParams::default();
        params.not_before = (now - CLOCK_SKEW).into();
        params.not_after = ends.into();
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("localhost".into(), Name::to_string));
        for name in names {
            params.subject_alt_names.push(match name {
                Name::Host(host) => SanType::DnsName(host.as_str().try_into()?),
                Name::Address(address) => SanType::IpAddress(*address),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued { identity: Identity::Pem(certificate.pem(), key.serialize_pem()), ends })
    }
}

/// What a certificate says.
#[derive(Debug)]
struct Read {
    name: String,
    ends: SystemTime,
    public_key: Vec<u8>,
    fingerprint: String,
}

impl Read {
    fn of(path: &Path, pem: &str) -> Result<Self, Fault> {
        let broken = |because: &str| Fault::Broken(path.to_owned(), because.to_owned());
        let (_, pem) = parse_x509_pem(pem.as_bytes()).map_err(|_| broken("holds no certificate in PEM"))?;
        let certificate = pem.parse_x509().map_err(|_| broken("holds no certificate"))?;
        let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
        Ok(Self {
            name: name.ok_or_else(|| broken("holds a certificate without a name"))?.to_owned(),
            ends: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            fingerprint: hex(&Sha256::digest(&pem.contents)),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_if_there(path: &Path) -> Result<Option<String>, Fault> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::Inaccessible(path.to_owned(), error)),
    }
}

/// The authority's key, if there is one and it is still a secret.
fn read_key(folder: &Path) -> Result<Option<KeyPair>, Fault> {
    let path = folder.join(KEY_FILE);
    let Some(pem) = read_if_there(&path)? else { return Ok(None) };
    let mode = fs::metadata(&path).map_err(|error| Fault::Inaccessible(path.clone(), error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Fault::Exposed(path));
    }
    KeyPair::from_pem(&pem).map(Some).map_err(|error| Fault::Broken(path, format!("holds no key: {error}")))
}

/// Makes a key, unless another process is faster; says whether this one has made it.
fn make_key(folder: &Path) -> Result<(KeyPair, bool), Fault> {
    let inaccessible = |error| Fault::Inaccessible(folder.to_owned(), error);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(inaccessible)?;
    let key = KeyPair::generate()?;
    let draft = Draft::write(folder, KEY_FILE, &key.serialize_pem(), 0o600)?;
    match fs::hard_link(&draft.0, folder.join(KEY_FILE)) {
        Ok(()) => Ok((key, true)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let key = read_key(folder)?.ok_or_else(|| inaccessible(io::ErrorKind::NotFound.into()))?;
            Ok((key, false))
        }
        Err(error) => Err(inaccessible(error)),
    }
}

/// Makes a certificate of the authority and puts it in the place of the one that may be there.
fn write_certificate(path: &Path, name: &str, key: &KeyPair, now: SystemTime) -> Result<(), Fault> {
    let mut params = CertificateParams::default();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + AUTHORITY_LIFETIME).into();
    // Nobody may see two certificates of one issuer with one number (RFC 5280, section 4.1.2.2); the key is the same
    // in all of them, so the number comes from the moment.
    let moment = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    params.serial_number = Some(SerialNumber::from_slice(&moment.to_be_bytes()));
    params.distinguished_name.push(DnType::OrganizationName, ORGANIZATION);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let pem = params.self_signed(key)?.pem();
    let folder = path.parent().unwrap_or(Path::new("."));
    let draft = Draft::write(folder, CERTIFICATE_FILE, &pem, 0o644)?;
    fs::rename(&draft.0, path).map_err(|error| Fault::Inaccessible(path.to_owned(), error))
}

/// A file that is whole before it gets its name; removed if it never gets one.
struct Draft(PathBuf);

impl Draft {
    fn write(folder: &Path, name: &str, text: &str, mode: u32) -> Result<Self, Fault> {
        let path = folder.join(format!(".{name}.{}.{:?}", process::id(), thread::current().id()));
        let inaccessible = |error| Fault::Inaccessible(path.clone(), error);
        // One that a process of the same number left behind.
        let _ = fs::remove_file(&path);
        let mut file: File =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(inaccessible)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(inaccessible)?;
        Ok(Self(path))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
