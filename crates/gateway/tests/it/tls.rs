//! The local authority on disk, certificates that change while they are used, and what `trust` would do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use wirelight_gateway::tls::authority::{Fault, Origin};
use wirelight_gateway::tls::certificates::Because;
use wirelight_gateway::tls::trust::{self, Act, Places, Shown, Wish};
use wirelight_gateway::tls::{Authority, Certificates, Name, Source, names};
use wirelight_net::tls::{Identity, Settings};
use wirelight_service::Clock;
use x509_parser::pem::{Pem, parse_x509_pem};
use x509_parser::prelude::GeneralName;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now() -> SystemTime {
    SystemTime::now()
}

fn made(folder: &Path) -> Authority {
    Authority::open_or_make(folder, "me on here", now()).unwrap()
}

fn rest() -> Settings {
    Settings { identities: Vec::new(), client_authorities: None, http2: true, key_log: None }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A certificate and its key as files.
fn write_pair(authority: &Authority, folder: &Path, names: &[Name]) -> (PathBuf, PathBuf) {
    let Identity::Pem(chain, key) = authority.issue(names, now()).unwrap().identity else {
        panic!("an authority issues PEM")
    };
    let paths = (folder.join("chain.pem"), folder.join("key.pem"));
    fs::write(&paths.0, chain).unwrap();
    fs::write(&paths.1, key).unwrap();
    paths
}

fn parsed(pem: &str) -> Pem {
    parse_x509_pem(pem.as_bytes()).unwrap().1
}

#[test]
fn an_authority_is_made_once_and_its_key_is_the_owners_alone() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("share/wirelight");
    assert!(Authority::find(&folder).unwrap().is_none(), "looking makes nothing");
    assert!(!folder.exists());

    let first = made(&folder);
    assert_eq!(first.origin(), Origin::Made);
    assert_eq!((mode(&folder), mode(&folder.join("authority.key"))), (0o700, 0o600));
    assert_eq!(first.name(), "Wirelight local authority of me on here");
    let second = made(&folder);
    assert_eq!((second.origin(), second.pem()), (Origin::Found, first.pem()));
    assert_eq!(Authority::find(&folder).unwrap().unwrap().pem(), first.pem());
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing but the key and the certificate: {left:?}");
}

#[test]
fn many_who_make_it_at_once_make_one() {
    for _ in 0..20 {
        let home = TempDir::new().unwrap();
        let folder = home.path().join("wirelight");
        let makers: Vec<_> = (0..8)
            .map(|_| {
                let folder = folder.clone();
                thread::spawn(move || made(&folder).key_fingerprint())
            })
            .collect();
        let fingerprints: Vec<String> = makers.into_iter().map(|maker| maker.join().unwrap()).collect();
        assert!(fingerprints.iter().all(|fingerprint| *fingerprint == fingerprints[0]), "{fingerprints:?}");
        assert_eq!(made(&folder).key_fingerprint(), fingerprints[0]);
    }
}

#[test]
fn an_authority_near_its_end_is_renewed_with_its_key_and_name() {
    let home = TempDir::new().unwrap();
    let first = made(home.path());
    let later = first.ends() - 398 * DAY + Duration::from_secs(1);
    let renewed = Authority::open_or_make(home.path(), "somebody else", later).unwrap();
    assert_eq!(renewed.origin(), Origin::Renewed);
    assert_eq!((renewed.name(), renewed.key_fingerprint()), (first.name(), first.key_fingerprint()));
    assert!(renewed.ends() > first.ends() + 3000 * DAY);
    let serial = |pem: &str| parsed(pem).parse_x509().unwrap().raw_serial().to_vec();
    assert_ne!(serial(renewed.pem()), serial(first.pem()), "no two certificates of one issuer have one number");
    let again = Authority::open_or_make(home.path(), "me", later).unwrap();
    assert_eq!((again.origin(), again.pem()), (Origin::Found, renewed.pem()));
}

#[test]
fn what_is_wrong_with_an_authority_is_said() {
    let home = TempDir::new().unwrap();
    made(home.path());
    let (key, certificate) = (home.path().join("authority.key"), home.path().join("authority.pem"));
    let open = || Authority::open_or_make(home.path(), "me", now()).unwrap_err();

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(open(), Fault::Exposed(path) if path == key));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    let whole = fs::read_to_string(&certificate).unwrap();
    fs::write(&certificate, &whole[..40]).unwrap();
    assert!(matches!(open(), Fault::Broken(path, _) if path == certificate));

    let other = TempDir::new().unwrap();
    fs::write(&certificate, made(other.path()).pem()).unwrap();
    let fault = open();
    assert_eq!(fault.to_string(), format!("{} does not belong to authority.key beside it", certificate.display()));
    assert!(fault.advice().unwrap().starts_with("Remove it"));

    fs::write(&certificate, &whole).unwrap();
    fs::write(&key, "no key").unwrap();
    assert!(matches!(open(), Fault::Broken(path, _) if path == key));
}

#[test]
fn a_certificate_is_short_lived_and_for_the_names_that_were_asked_for() {
    let home = TempDir::new().unwrap();
    let authority = made(home.path());
    let asked = names::of_server("laptop", "10.1.2.3".parse().unwrap());
    let issued = authority.issue(&asked, now()).unwrap();
    let Identity::Pem(chain, key) = &issued.identity else { panic!("an authority issues PEM") };
    assert!(key.contains("PRIVATE KEY"));
    let pem = parsed(chain);
    let certificate = pem.parse_x509().unwrap();
    let validity = certificate.validity();
    let days = (validity.not_after.timestamp() - validity.not_before.timestamp()) / 86_400;
    assert!((1..=397).contains(&days), "{days} days");
    let alternatives = certificate.subject_alternative_name().unwrap().unwrap();
    let found: Vec<String> = alternatives
        .value
        .general_names
        .iter()
        .map(|name| match name {
            GeneralName::DNSName(name) => (*name).to_owned(),
            GeneralName::IPAddress(octets) => match <[u8; 4]>::try_from(*octets) {
                Ok(octets) => std::net::Ipv4Addr::from(octets).to_string(),
                Err(_) => std::net::Ipv6Addr::from(<[u8; 16]>::try_from(*octets).unwrap()).to_string(),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(found, ["localhost", "127.0.0.1", "::1", "laptop", "laptop.local", "10.1.2.3"]);

    let last = authority.issue(&asked, authority.ends() - DAY).unwrap();
    assert_eq!(last.ends, authority.ends(), "none outlives its authority");
}

#[test]
fn certificates_are_exchanged_when_their_files_change_and_only_then() {
    let (home, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let authority = made(home.path());
    let names = names::of_server("", "::1".parse().unwrap());
    let pair = write_pair(&authority, folder.path(), &names);
    let mut certificates = Certificates::open(Source::Files(vec![pair.clone()]), rest(), now()).unwrap();
    assert!(certificates.tend(now()).is_none());

    write_pair(&authority, folder.path(), &names);
    assert_eq!(certificates.tend(now()).unwrap().unwrap(), Because::Changed);
    assert!(certificates.tend(now()).is_none());

    // Halfway through an exchange of both files, nothing fits, and nothing changes.
    let elsewhere = TempDir::new().unwrap();
    let other = write_pair(&authority, elsewhere.path(), &names);
    fs::copy(&other.0, &pair.0).unwrap();
    let fault = certificates.tend(now()).unwrap().unwrap_err();
    assert!(fault.to_string().contains("does not go with"), "{fault}");
    assert!(certificates.tend(now()).is_none(), "a fault is told once");
    fs::copy(&other.1, &pair.1).unwrap();
    assert_eq!(certificates.tend(now()).unwrap().unwrap(), Because::Changed);

    // A link whose target is exchanged, as certbot and mounted secrets do it.
    let link = folder.path().join("link.pem");
    std::os::unix::fs::symlink(&other.0, &link).unwrap();
    let source = Source::Files(vec![(link.clone(), other.1.clone())]);
    let mut linked = Certificates::open(source, rest(), now()).unwrap();
    assert!(linked.tend(now()).is_none());
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&pair.0, &link).unwrap();
    assert_eq!(linked.tend(now()).unwrap().unwrap(), Because::Changed);
    fs::remove_file(&link).unwrap();
    assert!(linked.tend(now()).unwrap().is_err());

    assert_eq!(certificates.reload(now()).unwrap(), Because::Asked);
}

#[test]
fn a_certificate_of_the_authority_is_made_anew_before_it_ends() {
    let home = TempDir::new().unwrap();
    let authority = Box::new(made(home.path()));
    let names = names::of_server("", "::1".parse().unwrap());
    let mut certificates = Certificates::open(Source::Local(authority, names), rest(), now()).unwrap();
    assert!(certificates.tend(now() + 59 * DAY).is_none());
    assert_eq!(certificates.tend(now() + 61 * DAY).unwrap().unwrap(), Because::NearItsEnd);
    assert!(certificates.tend(now() + 62 * DAY).is_none());
}

#[test]
fn whoever_watches_reports_what_it_did() {
    let (home, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let authority = made(home.path());
    let names = names::of_server("", "::1".parse().unwrap());
    let pair = write_pair(&authority, folder.path(), &names);
    let certificates = Certificates::open(Source::Files(vec![pair]), rest(), now()).unwrap();
    let (reporting, reports) = mpsc::channel();
    let report = move |outcome: Result<Because, _>| reporting.send(outcome.ok()).unwrap();
    let watch = certificates.watch(Duration::from_millis(1), Clock::system(), report).unwrap();
    let patience = Duration::from_secs(30);
    write_pair(&authority, folder.path(), &names);
    // Before both files are there, they do not fit.
    while reports.recv_timeout(patience).unwrap() != Some(Because::Changed) {}
    watch.reload();
    while reports.recv_timeout(patience).unwrap() != Some(Because::Asked) {}
    drop(watch);
    while reports.recv_timeout(patience).is_ok() {}
    assert_eq!(reports.recv_timeout(patience), Err(mpsc::RecvTimeoutError::Disconnected), "the thread has ended");
}

#[test]
fn trust_is_planned_done_found_and_undone() {
    let home = TempDir::new().unwrap();
    let authority = made(&home.path().join("data"));
    let profile = home.path().join(".mozilla/firefox/abc.default-release");
    let store = format!("sql:{}", profile.display());
    fs::create_dir_all(&profile).unwrap();
    let created = Command::new("certutil").args(["-N", "--empty-password", "-d", &store]).status();
    assert!(created.expect("libnss3-tools is installed").success());
    let system = home.path().join("ca-certificates");
    fs::create_dir(&system).unwrap();
    let places = Places {
        system: system.clone(),
        home: home.path().to_owned(),
        // What would need the administrator's rights is recorded, and not done.
        as_administrator: vec!["true".into()],
    };
    let fingerprint = authority.key_fingerprint();
    let crt = system.join(format!("wirelight-{}.crt", &fingerprint[..16]));

    let steps = trust::plan(&authority, Wish::Trust, &places);
    let stores: Vec<&str> = steps.iter().map(|step| step.store.split(' ').next().unwrap()).collect();
    assert_eq!(stores, ["the", "Firefox"]);
    let Act::Run(commands) = &steps[0].act else { panic!("{:?}", steps[0]) };
    let shown: Vec<String> = commands.iter().map(|command| Shown(command).to_string()).collect();
    let from = authority.path().display();
    assert_eq!(shown[0], format!("true install -m 0644 {from} {}", crt.display()));
    assert_eq!(shown[1], "true update-ca-certificates");
    run(&steps);
    fs::write(&crt, authority.pem()).unwrap();
    assert!(is_trusted(&store, authority.name()));

    let again = trust::plan(&authority, Wish::Trust, &places);
    assert!(again.iter().all(|step| step.act == Act::Nothing("it is trusted already")), "{again:?}");

    let later = authority.ends() - DAY;
    let renewed = Authority::open_or_make(&home.path().join("data"), "me", later).unwrap();
    let steps = trust::plan(&renewed, Wish::Trust, &places);
    assert!(steps.iter().all(|step| matches!(step.act, Act::Run(_))), "{steps:?}");
    run(&steps);
    let firefox = &trust::plan(&renewed, Wish::Trust, &places)[1];
    assert_eq!(firefox.act, Act::Nothing("it is trusted already"), "one takes the place of the other");

    run(&trust::plan(&renewed, Wish::Undo, &places));
    fs::remove_file(&crt).unwrap();
    assert!(!is_trusted(&store, authority.name()));
    let undone = trust::plan(&renewed, Wish::Undo, &places);
    assert!(undone.iter().all(|step| step.act == Act::Nothing("it is not trusted here")), "{undone:?}");
}

#[test]
fn a_browser_that_was_never_started_finds_its_store() {
    let home = TempDir::new().unwrap();
    let authority = made(&home.path().join("data"));
    let places =
        Places { system: home.path().join("none"), home: home.path().to_owned(), as_administrator: Vec::new() };
    let steps = trust::plan(&authority, Wish::Trust, &places);
    assert!(matches!(&steps[0].act, Act::Cannot(because) if because.contains("ca-certificates")));
    run(&steps[1..]);
    let store = home.path().join(".pki/nssdb");
    assert_eq!(mode(&store), 0o700);
    assert!(is_trusted(&format!("sql:{}", store.display()), authority.name()));
    let nothing = TempDir::new().unwrap();
    let places = Places { home: nothing.path().to_owned(), ..places };
    assert_eq!(trust::plan(&authority, Wish::Undo, &places).len(), 1, "undoing makes no store");
}

fn run(steps: &[trust::Step]) {
    for step in steps {
        let Act::Run(commands) = &step.act else { panic!("{step:?}") };
        for command in commands {
            trust::run(command).unwrap();
        }
    }
}

fn is_trusted(store: &str, name: &str) -> bool {
    let output = Command::new("certutil").args(["-L", "-d", store]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().any(|line| line.starts_with(name) && line.trim_end().ends_with("C,,"))
}
