//! The gateway's commands, as a user runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::process::{Listening, PATIENCE, command, curl, wirelight};

/// A folder with a config in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(config: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write(config);
        fs::create_dir(folder.path().join("public")).unwrap();
        fs::write(folder.path().join("public/index.html"), "front page").unwrap();
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn config(&self) -> PathBuf {
        self.path().join("wirelight.kdl")
    }

    fn write(&self, config: &str) {
        fs::write(self.config(), config).unwrap();
    }

    /// Runs the command in this folder: its status, what it printed, and what it complained about.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = command(arguments).current_dir(self.path()).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

const CONFIG: &str = r#"upstream api {
    server "http://127.0.0.1:1"
}
site "example.org" "*.example.org" {
    listen "127.0.0.1:8080"
    route "/api/{*rest}" name=api {
        method GET POST
        rewrite "/{rest}"
        proxy api
    }
    route "/old/{*rest}" {
        redirect "/new/{rest}{query}" status=301
    }
    route {
        files public
    }
}
"#;

#[test]
fn check_says_what_a_config_is_and_what_is_wrong_with_it() {
    let folder = Folder::with(CONFIG);
    let said = "wirelight.kdl: 1 site with 3 routes on 1 listener: no fault\n".to_owned();
    assert_eq!(folder.run(&["check"]), (Some(0), said, String::new()));
    let (status, plan, _) = folder.run(&["check", "--plan"]);
    assert!(status == Some(0) && plan.contains("retry attempts=2 budget=20"), "{plan}");
    folder.write("site default {\n    lisen \":1\"\n    route { proxi \"http://x\" }\n}\n");
    let (status, _, error) = folder.run(&["check"]);
    assert_eq!(status, Some(1));
    for part in
        ["wirelight.kdl:2:5", "did you mean `listen`?", "wirelight.kdl:3:13", "did you mean `proxy`?", "2 faults"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
    fs::remove_file(folder.config()).unwrap();
    let (status, _, error) = folder.run(&["run"]);
    assert!(status == Some(1) && error.contains("there is no config file `wirelight.kdl`"), "{error}");
}

#[test]
fn fmt_writes_a_config_as_it_should_look_once() {
    let folder = Folder::with(&CONFIG.replace("    ", " "));
    let (status, _, error) = folder.run(&["fmt", "--check"]);
    assert!(status == Some(1) && error.contains("is not formatted"), "{error}");
    assert_eq!(folder.run(&["fmt"]).0, Some(0));
    assert_eq!(fs::read_to_string(folder.config()).unwrap(), CONFIG);
    assert_eq!(folder.run(&["fmt", "--check"]).0, Some(0));
    let link = folder.config().with_file_name("link.kdl");
    std::os::unix::fs::symlink(folder.config(), &link).unwrap();
    fs::write(folder.config(), CONFIG.replace("    ", " ")).unwrap();
    assert_eq!(folder.run(&["fmt", "link.kdl"]).0, Some(0));
    assert!(link.is_symlink() && fs::read_to_string(folder.config()).unwrap() == CONFIG);
    // A file is named in either way, and in one.
    for (arguments, expected) in [
        (&["check", "--config", "wirelight.kdl"][..], Some(0)),
        (&["fmt", "--check", "--config", "wirelight.kdl"], Some(0)),
        (&["check", "--config", "nowhere.kdl"], Some(1)),
        (&["check", "--config", "wirelight.kdl", "wirelight.kdl"], Some(2)),
    ] {
        assert_eq!(folder.run(arguments).0, expected, "{arguments:?}");
    }
}

#[test]
fn explain_tells_the_route_and_why_not_those_before_it() {
    let folder = Folder::with(CONFIG);
    let explained = |arguments: &[&str]| {
        let (status, text, error) = folder.run(&[&["explain"], arguments].concat());
        assert_eq!(status, Some(0), "{error}");
        text
    };
    let api = explained(&["http://example.org/api/a?b=c"]);
    for part in ["site example.org", "route api", "rewritten to /a?b=c", "forwarded to http://127.0.0.1:1"] {
        assert!(api.contains(part), "{part}: {api}");
    }
    let old = explained(&["DELETE", "http://www.example.org:8080/old/x"]);
    for part in [
        "route /old/{*rest}",
        "not api: path /api/{*rest}: segment 1 is \"old\" and not \"api\"",
        "301 Moved Permanently to /new/x",
    ] {
        assert!(old.contains(part), "{part}: {old}");
    }
    let put = explained(&["PUT", "http://example.org/api/a"]);
    assert!(put.contains("not api: method \"GET\" \"POST\": the method is PUT"), "{put}");
    let elsewhere = explained(&["http://other.test/"]);
    assert!(elsewhere.contains("421 Misdirected Request") && elsewhere.contains("example.org"), "{elsewhere}");
    let (status, _, error) = folder.run(&["explain", "https://example.org/"]);
    assert!(status == Some(1) && error.contains("no listener of this config is reached"), "{error}");
}

#[test]
fn run_serves_what_the_config_says_and_reads_it_again_on_hup() {
    let config = |answer: &str| {
        format!(
            "access-log \"access.log\" format=json\n\
             site default {{\n listen \"127.0.0.1:0\"\n security-headers\n \
             route \"/hello\" name=hello {{ header response {{ set X-A b }}; respond \"{answer}\" }}\n \
             route \"/post\" {{ method POST; limit body=\"4B\"; respond posted }}\n \
             route \"/{{*rest}}\" {{ files public }}\n}}\n"
        )
    };
    let folder = Folder::with(&config("one"));
    let path = folder.config();
    let server = Listening::spawn(command(&["run", "--config", path.to_str().unwrap()]).env("PORT", ""));
    let hello = curl(&["-i", &server.url("/hello")]);
    assert!(hello.ends_with("\r\n\r\none") && hello.to_lowercase().contains("x-a: b"), "{hello}");
    assert!(hello.to_lowercase().contains("x-content-type-options: nosniff"), "{hello}");
    assert_eq!(curl(&[&server.url("/")]), "front page");
    let get = curl(&["-i", &server.url("/post")]);
    assert!(get.starts_with("HTTP/1.1 404"), "a later route takes other methods: {get}");
    let large = curl(&["-i", "-d", "12345", &server.url("/post")]);
    assert!(large.starts_with("HTTP/1.1 413") && large.contains("limit of 4 bytes"), "{large}");
    assert_eq!(curl(&["-d", "1234", &server.url("/post")]), "posted");

    folder.write(&config("two"));
    hang_up(&server);
    let until = std::time::Instant::now() + PATIENCE;
    while curl(&[&server.url("/hello")]) != "two" {
        assert!(std::time::Instant::now() < until, "the new plan never came");
    }
    folder.write("site {");
    hang_up(&server);
    assert_eq!(curl(&[&server.url("/hello")]), "two");
    let log = fs::read_to_string(folder.path().join("access.log")).unwrap();
    assert!(log.contains("\"route hello\""), "{log}");
}

fn hang_up(server: &Listening) {
    server.signal("HUP");
}

#[test]
fn the_admin_listener_tells_this_machine_what_happened() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = Folder::with(&format!(
        "admin \"127.0.0.1:{port}\" token=secret\nsite default {{ listen \"127.0.0.1:0\"; route name=all {{ respond }} }}"
    ));
    let path = folder.config();
    let server = Listening::spawn(&mut command(&["run", "--config", path.to_str().unwrap()]));
    curl(&[&server.url("/secret-path")]);
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    assert!(curl(&["-i", &url("/metrics")]).starts_with("HTTP/1.1 401"));
    let token = ["-H", "Authorization: Bearer secret"];
    assert_eq!(curl(&[&token[..], &[&url("/healthz")]].concat()), "ok\n");
    let metrics = curl(&[&token[..], &[&url("/metrics")]].concat());
    let line = "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_code=\"200\",\
                wirelight_site=\"default\",http_route=\"all\"} 1\n";
    assert!(metrics.contains(line) && !metrics.contains("secret-path"), "{metrics}");
    let foreign = curl(&[&token[..], &["-i", "-H", "Host: evil.test", &url("/metrics")]].concat());
    assert!(foreign.starts_with("HTTP/1.1 421"), "{foreign}");
}

#[test]
fn the_example_has_no_fault_and_looks_as_it_should() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/gateway/wirelight.kdl");
    let config = config.to_str().unwrap();
    for arguments in [&["check", config][..], &["fmt", "--check", config]] {
        let output = wirelight(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
