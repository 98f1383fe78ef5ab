//! The arguments of `get`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

/// The exit statuses of `get`.
pub(crate) const STATUSES: &str = "\
Exit status:
  0    the response came whole; with --check-status, and its status was below 300
  1    it could not be done: the message says what is in the way
  2    the arguments make no sense
  3    with --check-status: the status was 3xx
  4    with --check-status: the status was 4xx
  5    with --check-status: the status was 5xx
  6    the name could not be resolved
  7    no connection could be made
  28   it took too long
  35   the TLS handshake failed
  47   there were too many redirections
  56   the exchange broke: cut short, reset, or against the protocol
  60   the server's certificate is not trusted
From 6 on they are those of curl.";

const WHAT: &str = "What is sent";
const SHOWN: &str = "What is shown and kept";
const WAY: &str = "The way there";
const TRUST: &str = "Whom to trust, and who we are";
const AGAIN: &str = "Again and again";

/// The arguments of `get`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("ITEMs say what is sent, as HTTPie has them:
  name=value      a field of a JSON object (of a form, with --form)
  name:=json      the same, with a number, a list, ...
  name=@file      the same, with the content of a file; name:=@file with JSON from one
  name==value     a parameter of the query
  Name:value      a header field; `Name:` leaves one out, `Name;` sends it empty
  name@file       a file, in a form (multipart/form-data); `;type=image/png` says of which type
A backslash takes the meaning of the character behind it away.

-w replaces these: http_code, http_version, method, url, url_effective, scheme, content_type, redirect_url, exitcode,
errormsg, num_connects, num_headers, num_redirects, remote_ip, remote_port, local_ip, local_port, size_download,
size_upload, size_header, size_request, speed_download, speed_upload, time_namelookup, time_connect, time_appconnect,
time_pretransfer, time_redirect, time_starttransfer, time_total, ssl_verify_result, filename_effective, json,
header_json, %header{{name}}, stderr and stdout.

Examples:
  wirelight get :8080/orders                        http://localhost:8080/orders
  wirelight get -v https://example.org              every layer, with its time
  wirelight get POST :8080/orders drink=tea n:=2    a JSON object
  wirelight get -F photo=@cat.jpg :8080/upload      a form with a file
  wirelight get -n 100 -c 10 :8080/                 a hundred times, ten at once
  wirelight get --session me :8080/login -u me      who we are, for the next time
  wirelight get --cache --why https://example.org   asked once, and then only when it is stale
  wirelight get --offline POST :8080/ a=b           what would be sent

{STATUSES}"))]
pub(crate) struct Get {
    /// What to send, and where.
    #[arg(help = "[METHOD] URL [ITEM...]: without a method, GET, or POST if content is sent")]
    #[arg(value_name = "[METHOD] URL [ITEM]", required = true, num_args = 1.., value_hint = ValueHint::Url)]
    pub(crate) words: Vec<String>,

    /// The method.
    #[arg(short = 'X', long = "request", value_name = "METHOD", help_heading = WHAT)]
    pub(crate) method: Option<String>,

    /// A header field, `Name: value`; `Name:` leaves out one that would be sent, `Name;` sends it empty.
    #[arg(short = 'H', long, value_name = "FIELD", help_heading = WHAT)]
    pub(crate) header: Vec<String>,

    /// Content, or @FILE without its line breaks, or @- for standard input; several are joined by `&`.
    #[arg(short, long, alias = "data-ascii", value_name = "DATA", help_heading = WHAT)]
    pub(crate) data: Vec<String>,

    /// Content as it is, even if it begins with @.
    #[arg(long, value_name = "DATA", help_heading = WHAT)]
    pub(crate) data_raw: Vec<String>,

    /// Content, or @FILE byte for byte.
    #[arg(long, value_name = "DATA", help_heading = WHAT)]
    pub(crate) data_binary: Vec<String>,

    /// Content with its value percent-encoded: VALUE, NAME=VALUE, @FILE or NAME@FILE.
    #[arg(long, value_name = "DATA", help_heading = WHAT)]
    pub(crate) data_urlencode: Vec<String>,

    /// Put the content of -d into the query, and send GET.
    #[arg(short = 'G', long, help_heading = WHAT)]
    pub(crate) get: bool,

    /// Content as JSON, or @FILE; says so in Content-Type and Accept.
    #[arg(long, value_name = "JSON", conflicts_with = "data", help_heading = WHAT)]
    pub(crate) json: Option<String>,

    /// A field of a form: name=value, name=@FILE, name=<FILE; `;type=` and `;filename=` may follow.
    #[arg(short = 'F', long = "form-field", value_name = "NAME=VALUE", help_heading = WHAT)]
    #[arg(conflicts_with_all = ["data", "data_raw", "data_binary", "data_urlencode", "json"])]
    pub(crate) form_field: Vec<String>,

    /// A field of a form, whose value is taken as it is.
    #[arg(long, value_name = "NAME=VALUE", help_heading = WHAT)]
    #[arg(conflicts_with_all = ["data", "data_raw", "data_binary", "data_urlencode", "json"])]
    pub(crate) form_string: Vec<String>,

    /// Send ITEMs as a form, not as JSON.
    #[arg(short = 'f', long, help_heading = WHAT)]
    pub(crate) form: bool,

    /// Send a file with PUT; - for standard input, as it comes.
    #[arg(short = 'T', long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = WHAT)]
    #[arg(conflicts_with_all = ["data", "data_raw", "data_binary", "data_urlencode", "json", "form_field", "form_string"])]
    pub(crate) upload_file: Option<PathBuf>,

    /// Ask for the head alone (HEAD), and print it.
    #[arg(short = 'I', long, help_heading = WHAT)]
    pub(crate) head: bool,

    /// Ask for these bytes only: FIRST-LAST, FIRST- or -LENGTH.
    #[arg(short = 'r', long, value_name = "RANGE", conflicts_with = "continue_at", help_heading = WHAT)]
    pub(crate) range: Option<String>,

    /// What User-Agent says.
    #[arg(short = 'A', long, value_name = "NAME", help_heading = WHAT)]
    pub(crate) user_agent: Option<String>,

    /// What Referer says.
    #[arg(short = 'e', long, value_name = "URL", help_heading = WHAT)]
    pub(crate) referer: Option<String>,

    /// Cookies to send, `name=value; ...`, or a file of cookies.
    #[arg(short = 'b', long, value_name = "COOKIES", help_heading = WHAT)]
    pub(crate) cookie: Option<String>,

    /// A file to write cookies to at the end (- for standard output); with -n, how many requests are under way at once.
    #[arg(short = 'c', long = "cookie-jar", value_name = "FILE|NUMBER", help_heading = WHAT)]
    pub(crate) cookie_jar: Option<String>,

    /// Send the cookies, fields and credentials of the last time, and keep those of this time; a name for this host,
    /// or a path.
    #[arg(long, value_name = "NAME", help_heading = WHAT)]
    pub(crate) session: Option<String>,

    /// Send those of a session, and keep nothing.
    #[arg(long, value_name = "NAME", conflicts_with = "session", help_heading = WHAT)]
    pub(crate) session_read_only: Option<String>,

    /// Ask for coded content, and decode it.
    #[arg(long, help_heading = WHAT)]
    pub(crate) compressed: bool,

    /// Write the content to a file.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = SHOWN)]
    pub(crate) output: Option<PathBuf>,

    /// Write the content to a file of the name that the URL has.
    #[arg(short = 'O', long, conflicts_with = "output", help_heading = SHOWN)]
    pub(crate) remote_name: bool,

    /// Go on where a file that is there already ends (-), or at an offset.
    #[arg(short = 'C', long, value_name = "OFFSET", help_heading = SHOWN)]
    pub(crate) continue_at: Option<String>,

    /// Print the heads of all responses, too, and the trailer section.
    #[arg(short, long, help_heading = SHOWN)]
    pub(crate) include: bool,

    /// Print the exchange as it went: every layer with its time, from the name to the last byte.
    #[arg(short, long, help_heading = SHOWN)]
    pub(crate) verbose: bool,

    /// Print what was decided, by which rule, and why.
    #[arg(long, help_heading = SHOWN)]
    pub(crate) why: bool,

    /// Print the bytes of each exchange as they passed, or its frames.
    #[arg(long, help_heading = SHOWN)]
    pub(crate) raw: bool,

    /// Print no progress and no error.
    #[arg(short, long, help_heading = SHOWN)]
    pub(crate) silent: bool,

    /// What to print at the end: text with %{http_code}, %{time_total}, ..., or @FILE with such a text.
    #[arg(short = 'w', long, value_name = "FORMAT", help_heading = SHOWN)]
    pub(crate) write_out: Option<String>,

    /// Keep every exchange in an HTTP Archive (HAR 1.2), with credentials and cookies masked.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = SHOWN)]
    pub(crate) har: Option<PathBuf>,

    /// Mask nothing in --har.
    #[arg(long, requires = "har", help_heading = SHOWN)]
    pub(crate) har_secrets: bool,

    /// Exit with 3, 4 or 5 when the status is 3xx, 4xx or 5xx.
    #[arg(long, help_heading = SHOWN)]
    pub(crate) check_status: bool,

    /// Print the request instead of sending it.
    #[arg(long, help_heading = SHOWN)]
    pub(crate) offline: bool,

    /// Print the curl command that would do the same.
    #[arg(long, conflicts_with = "offline", help_heading = SHOWN)]
    pub(crate) curl: bool,

    /// Follow redirections.
    #[arg(short = 'L', long, help_heading = WAY)]
    pub(crate) location: bool,

    /// How many redirections are followed.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, help_heading = WAY)]
    pub(crate) max_redirs: usize,

    /// A proxy: http://, https://, socks5:// or socks5h://; by default what the environment says.
    #[arg(short = 'x', long, value_name = "URL", help_heading = WAY)]
    pub(crate) proxy: Option<String>,

    /// Addresses that stand for a host and port.
    #[arg(long, value_name = "HOST:PORT:ADDRESS[,ADDRESS]", help_heading = WAY)]
    pub(crate) resolve: Vec<String>,

    /// Connect to a Unix socket.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = WAY)]
    pub(crate) unix_socket: Option<PathBuf>,

    /// Connect over IPv4 only.
    #[arg(short = '4', long, help_heading = WAY)]
    pub(crate) ipv4: bool,

    /// Connect over IPv6 only.
    #[arg(short = '6', long, conflicts_with = "ipv4", help_heading = WAY)]
    pub(crate) ipv6: bool,

    /// Speak HTTP/1.0 only.
    #[arg(short = '0', long = "http1.0", help_heading = WAY)]
    pub(crate) http10: bool,

    /// Speak HTTP/1.1 only.
    #[arg(long = "http1.1", conflicts_with = "http10", help_heading = WAY)]
    pub(crate) http1: bool,

    /// Offer HTTP/2 in the TLS handshake, as is done anyway.
    #[arg(long = "http2", conflicts_with_all = ["http10", "http1"], help_heading = WAY)]
    pub(crate) http2: bool,

    /// Speak HTTP/2 without asking.
    #[arg(long = "http2-prior-knowledge", conflicts_with_all = ["http10", "http1", "http2"], help_heading = WAY)]
    pub(crate) http2_prior_knowledge: bool,

    /// The longest that the whole may take, in seconds.
    #[arg(short = 'm', long, value_name = "SECONDS", value_parser = super::seconds, help_heading = WAY)]
    pub(crate) max_time: Option<Duration>,

    /// The longest that a connection may take, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds, help_heading = WAY)]
    pub(crate) connect_timeout: Option<Duration>,

    /// Take any certificate: anybody could be at the other end.
    #[arg(short = 'k', long, help_heading = TRUST)]
    pub(crate) insecure: bool,

    /// Authorities to trust, instead of the platform's (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = TRUST)]
    pub(crate) cacert: Option<PathBuf>,

    /// The certificate to present, chain and key in one file, or the chain with --key (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = TRUST)]
    pub(crate) cert: Option<PathBuf>,

    /// The key of --cert (PEM).
    #[arg(long, value_name = "FILE", requires = "cert", value_hint = ValueHint::FilePath, help_heading = TRUST)]
    pub(crate) key: Option<PathBuf>,

    /// User and password; without a password, it is asked for on the terminal.
    #[arg(short, long, value_name = "USER[:PASSWORD]", help_heading = TRUST)]
    pub(crate) user: Option<String>,

    /// Prove user and password by a digest, instead of sending them.
    #[arg(long, help_heading = TRUST)]
    pub(crate) digest: bool,

    /// A token to send (Authorization: Bearer).
    #[arg(long, alias = "oauth2-bearer", value_name = "TOKEN", conflicts_with = "user", help_heading = TRUST)]
    pub(crate) bearer: Option<String>,

    /// Read users and passwords from ~/.netrc.
    #[arg(long, help_heading = TRUST)]
    pub(crate) netrc: bool,

    /// Send the request so often.
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = times, help_heading = AGAIN)]
    pub(crate) number: Option<usize>,

    /// With -n, begin at most so many requests in a second; N/m and N/h are so many in a minute and in an hour.
    #[arg(long, value_name = "N[/UNIT]", requires = "number", value_parser = pace, help_heading = AGAIN)]
    pub(crate) rate: Option<Duration>,

    /// Try again so often after a passing failure.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, help_heading = AGAIN)]
    pub(crate) retry: u32,

    /// With -n or --retry, wait whenever the server asks for a pause (Retry-After, RateLimit), at most so long each
    /// time, in seconds; 30 if no number follows.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "30")]
    #[arg(value_parser = super::seconds, help_heading = AGAIN)]
    pub(crate) obey_limits: Option<Duration>,

    /// Keep responses for the next time, and use those that are kept as a private cache may (RFC 9111): in DIR, or in
    /// ~/.cache/wirelight/http, or for this run only (`memory`). --why tells what was done.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[arg(value_hint = ValueHint::DirPath, help_heading = AGAIN)]
    pub(crate) cache: Option<Option<PathBuf>>,
}

/// How often something is done, if it is done at all.
fn times(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "not a number of requests".to_owned())
}

/// The time between two requests, of `N` a second, `N/s`, `N/m` or `N/h`.
fn pace(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("the unit is s, m or h".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| "not a number of requests".to_owned())?;
    match Duration::try_from_secs_f64(seconds / number) {
        Ok(between) if number > 0.0 => Ok(between),
        _ => Err("not a number of requests".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_the_time_between_two_requests() {
        for (text, milliseconds) in [("1", 1000), ("20/s", 50), ("120/m", 500), ("2/h", 1_800_000), ("0.5", 2000)] {
            assert_eq!(pace(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "0", "-1", "x", "1/d", "1/", "/s", "NaN", "1e-300"] {
            assert!(pace(text).is_err(), "{text}");
        }
    }
}
