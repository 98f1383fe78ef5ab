//! A certificate for each kind of wrong: none is trusted, and the message says which check failed and what was
//! presented.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd};
use wirelight_client::{Client, ClientConfig, Phase};
use wirelight_net::tls::{Acceptor, Identity, Settings};
use wirelight_net::{ConnectionInfo, Context};
use wirelight_proto::{Role, h1, h2};
use wirelight_service::{Body, Request, Response, Result};

pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

pub(crate) fn authority(name: &str) -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { pem, issuer: Issuer::new(params, key) }
}

/// A certificate for `localhost`, changed, with its key.
pub(crate) fn identity(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "the server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    change(&mut params);
    let pem = params.signed_by(&key, &authority.issuer).unwrap().pem();
    Identity::Pem(pem, key.serialize_pem())
}

/// Serves over TLS, each connection with what ALPN chose.
pub(crate) async fn serve(settings: Settings) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = Acceptor::new(&settings).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut tls = acceptor.accept(stream, &[]).unwrap();
            tokio::spawn(async move {
                let Ok(agreed) = std::future::poll_fn(|cx| tls.poll_handshake(cx)).await else { return };
                let answer = async |request: Request| -> Result<Response> {
                    Ok(Response::new(Body::from(format!("{:?}", request.version()))))
                };
                let (context, info) =
                    (Arc::new(Context::default()), ConnectionInfo { id: 1, peer: None, secured: None, local: None });
                let now = std::time::Instant::now();
                if agreed.alpn.as_deref() == Some(b"h2") {
                    let engine = h2::Connection::new(Role::Server, Arc::default(), now);
                    wirelight_net::serve(tls, engine, Arc::new(answer), context, info).await;
                } else {
                    let engine = h1::Connection::new(Role::Server, Arc::default(), now);
                    wirelight_net::serve(tls, engine, Arc::new(answer), context, info).await;
                }
            });
        }
    });
    address
}

pub(crate) fn settings(identity: Identity, http2: bool) -> Settings {
    Settings { identities: vec![identity], client_authorities: None, http2, key_log: None }
}

pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wirelight-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn client(authorities: &[PathBuf], insecure: bool) -> Client {
    let mut config = ClientConfig::default();
    config.connections.tls.authorities = authorities.to_vec();
    config.connections.tls.only_authorities = true;
    config.connections.tls.insecure = insecure;
    Client::with(config).unwrap()
}

#[tokio::test]
async fn each_kind_of_wrong_is_told_apart() {
    let known = authority("the known authority");
    let unknown = authority("a stranger");
    let folder = Folder::new("tls");
    let trusted = [folder.write("ca.pem", &known.pem)];
    let own_key = KeyPair::generate().unwrap();
    let mut own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    own.distinguished_name = rcgen::DistinguishedName::new();
    own.distinguished_name.push(rcgen::DnType::CommonName, "myself");
    let own = Identity::Pem(own.self_signed(&own_key).unwrap().pem(), own_key.serialize_pem());
    let table = [
        (
            "expired",
            identity(&known, |c| (c.not_before, c.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1))),
            "time: it expired on Tue, 01 Jan 2002",
        ),
        ("not yet", identity(&known, |c| c.not_before = date_time_ymd(4000, 1, 1)), "time: it is not valid before"),
        (
            "wrong name",
            identity(&known, |c| {
                c.subject_alt_names = CertificateParams::new(vec!["other.test".to_owned()]).unwrap().subject_alt_names
            }),
            "name: localhost was asked for, and it is valid for other.test",
        ),
        (
            "no name",
            identity(&known, |c| c.subject_alt_names.clear()),
            "name: localhost was asked for, and it is valid for no host",
        ),
        ("stranger", identity(&unknown, |_| {}), "authority: no authority that is trusted stands behind CN=a stranger"),
        ("itself", own, "authority: it signed itself"),
        (
            "for clients",
            identity(&known, |c| c.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "purpose: it was not issued for servers",
        ),
        (
            "an authority's",
            identity(&known, |c| c.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            "purpose: it is an authority's own",
        ),
    ];
    for (name, identity, says) in table {
        let address = serve(settings(identity, false)).await;
        let url = format!("https://localhost:{}/", address.port());
        let error = client(&trusted, false).get(&url).send().await.expect_err(name);
        assert_eq!(Phase::of(&error), Phase::Secure, "{name}: {error}");
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert!(error.to_string().contains("presented: CN="), "{name}: {error}");
        let taken = client(&[], true).get(&url).send().await.unwrap();
        assert_eq!(taken.status(), 200, "{name}: whoever gives up on knowing gets an answer");
    }
}

#[tokio::test]
async fn what_is_right_is_trusted_and_the_version_is_negotiated() {
    let known = authority("the known authority");
    let folder = Folder::new("tls-right");
    let trusted = [folder.write("ca.pem", &known.pem)];
    for (http2, version) in [(true, "HTTP/2.0"), (false, "HTTP/1.1")] {
        let address = serve(settings(identity(&known, |_| {}), http2)).await;
        let client = client(&trusted, false);
        let url = format!("https://localhost:{}/", address.port());
        for round in 0..2 {
            let response = client.get(&url).send().await.unwrap();
            let timings = response.timings();
            assert_eq!(timings.reused, round > 0);
            if round == 0 {
                assert_eq!(timings.presented[0].names, ["localhost"]);
                assert!(timings.tls.unwrap().version.is_some() && timings.secured.is_some());
            }
            assert_eq!(response.text().await.unwrap(), version);
        }
        let many: Vec<_> = (0..20).map(|_| tokio::spawn(client.get(&url).send())).collect();
        for one in many {
            assert_eq!(one.await.unwrap().unwrap().text().await.unwrap(), version);
        }
        if http2 {
            assert_eq!(client.connections().count().0, 1, "all streams share a connection");
        }
    }
}

#[tokio::test]
async fn a_client_is_asked_who_it_is() {
    let known = authority("the known authority");
    let folder = Folder::new("tls-client");
    let ca = folder.write("ca.pem", &known.pem);
    let mut asking = settings(identity(&known, |_| {}), false);
    asking.client_authorities = Some(ca.clone());
    let address = serve(asking).await;
    let url = format!("https://localhost:{}/", address.port());
    let nobody = client(std::slice::from_ref(&ca), false).get(&url).send().await;
    assert!(nobody.is_err(), "without a certificate there is no answer");
    let mut config = ClientConfig::default();
    config.connections.tls.authorities = vec![ca];
    config.connections.tls.identity =
        Some(identity(&known, |c| c.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]));
    let somebody = Client::with(config).unwrap().get(&url).send().await.unwrap();
    assert_eq!(somebody.status(), 200);
}

#[test]
fn what_is_wrong_with_the_settings_is_found_at_once() {
    let folder = Folder::new("tls-settings");
    let empty = folder.write("empty.pem", "nothing");
    for (path, says) in [(folder.0.join("none.pem"), "No such file"), (empty, "holds no certificate")] {
        let mut config = ClientConfig::default();
        config.connections.tls.authorities = vec![path];
        let error = Client::with(config).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_platforms_authorities_are_those_of_ssl_cert_file() {
    let known = authority("the authority of the environment");
    let folder = Folder::new("tls-environment");
    let address = serve(settings(identity(&known, |_| {}), false)).await;
    for (file, trusted) in
        [(folder.write("ca.pem", &known.pem), true), (folder.write("other.pem", &authority("x").pem), false)]
    {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "tls::child", "--ignored", "--nocapture"]);
        child.env("SSL_CERT_FILE", file).env("WIRELIGHT_URL", format!("https://localhost:{}/", address.port()));
        let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = if trusted { "said 200" } else { "said localhost cannot be trusted" };
        assert!(said.contains(expected), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
#[ignore = "the test above runs it, in an environment of its own"]
async fn child() {
    let url = std::env::var("WIRELIGHT_URL").expect("it is run by the test above");
    match Client::new().unwrap().get(&url).send().await {
        Ok(response) => println!("said {}", response.status().as_u16()),
        Err(error) => println!("said {error}"),
    }
}
