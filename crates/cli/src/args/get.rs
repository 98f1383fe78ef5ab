//! The arguments of `get`.

use std::path::PathBuf;

use clap::Args;

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
  56   the exchange broke: cut short, reset, or against the protocol
  60   the server's certificate is not trusted";

/// The arguments of `get`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("ITEMs say what is sent, as HTTPie has them:
  name=value      a field of a JSON object (of a form, with --form)
  name:=json      the same, with a number, a list, ...
  name=@file      the same, with the content of a file
  name==value     a parameter of the query
  Name:value      a header field; `Name:` leaves one out
  name@file       a file, in a form (multipart/form-data)

Examples:
  wirelight get :8080/orders                        http://localhost:8080/orders
  wirelight get -v https://example.org              every layer, with its time
  wirelight get POST :8080/orders drink=tea n:=2    a JSON object
  wirelight get -F photo=@cat.jpg :8080/upload      a form with a file
  wirelight get -n 100 -c 10 :8080/                 a hundred times, ten at once
  wirelight get --offline POST :8080/ a=b           what would be sent

{STATUSES}"))]
pub(crate) struct Get {
    /// What to send, and where.
    #[arg(help = "[METHOD] URL [ITEM...]: without a method, GET, or POST if content is sent")]
    #[arg(value_name = "[METHOD] URL [ITEM]", required = true, num_args = 1..)]
    pub(crate) words: Vec<String>,

    /// The method.
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,

    /// A header field, `Name: value`; `Name:` leaves out one that would be sent.
    #[arg(short = 'H', long, value_name = "FIELD")]
    pub(crate) header: Vec<String>,

    /// Content, or @FILE, or @- for standard input; several are joined by `&`.
    #[arg(short, long, value_name = "DATA")]
    pub(crate) data: Vec<String>,

    /// Content as JSON, or @FILE; says so in Content-Type and Accept.
    #[arg(long, value_name = "JSON", conflicts_with = "data")]
    pub(crate) json: Option<String>,

    /// A field of a form, name=value or name=@FILE.
    #[arg(short = 'F', long = "form-field", value_name = "NAME=VALUE", conflicts_with_all = ["data", "json"])]
    pub(crate) form_field: Vec<String>,

    /// Send ITEMs as a form, not as JSON.
    #[arg(short = 'f', long)]
    pub(crate) form: bool,

    /// Write the content to a file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Write the content to a file of the name that the URL has.
    #[arg(short = 'O', long, conflicts_with = "output")]
    pub(crate) remote_name: bool,

    /// Go on where a file that is there already ends (-), or at an offset.
    #[arg(short = 'C', long, value_name = "OFFSET")]
    pub(crate) continue_at: Option<String>,

    /// Print the head of the response, too.
    #[arg(short, long)]
    pub(crate) include: bool,

    /// Ask for the head alone (HEAD), and print it.
    #[arg(short = 'I', long)]
    pub(crate) head: bool,

    /// Print the exchange as it went: every layer with its time, from the name to the last byte.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Print what was decided, by which rule, and why.
    #[arg(long)]
    pub(crate) why: bool,

    /// Print the bytes of each exchange as they passed.
    #[arg(long)]
    pub(crate) raw: bool,

    /// Print no progress and no error.
    #[arg(short, long)]
    pub(crate) silent: bool,

    /// Follow redirections.
    #[arg(short = 'L', long)]
    pub(crate) location: bool,

    /// How many redirections are followed.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub(crate) max_redirs: usize,

    /// Take any certificate: anybody could be at the other end.
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// Authorities to trust, instead of the platform's (PEM).
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// The certificate to present, chain and key in one file, or the chain with --key (PEM).
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// The key of --cert (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// User and password.
    #[arg(short, long, value_name = "USER:PASSWORD")]
    pub(crate) user: Option<String>,

    /// Prove user and password by a digest, instead of sending them.
    #[arg(long, requires = "user")]
    pub(crate) digest: bool,

    /// A token to send (Authorization: Bearer).
    #[arg(long, value_name = "TOKEN", conflicts_with = "user")]
    pub(crate) bearer: Option<String>,

    /// Read users and passwords from ~/.netrc.
    #[arg(long)]
    pub(crate) netrc: bool,

    /// What User-Agent says.
    #[arg(short = 'A', long, value_name = "NAME")]
    pub(crate) user_agent: Option<String>,

    /// Cookies to send, `name=value; ...`, or a file of cookies.
    #[arg(short = 'b', long, value_name = "COOKIES")]
    pub(crate) cookie: Option<String>,

    /// A file to keep cookies in; with -n, how many requests are under way at once.
    #[arg(short = 'c', long = "cookie-jar", value_name = "FILE|NUMBER")]
    pub(crate) cookie_jar: Option<String>,

    /// Send the request so often.
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub(crate) number: Option<usize>,

    /// A proxy: http://, https://, socks5:// or socks5h://; by default what the environment says.
    #[arg(short = 'x', long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// An address that stands for a host and port.
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    pub(crate) resolve: Vec<String>,

    /// Connect to a Unix socket.
    #[arg(long, value_name = "PATH")]
    pub(crate) unix_socket: Option<PathBuf>,

    /// Connect over IPv4 only.
    #[arg(short = '4', long)]
    pub(crate) ipv4: bool,

    /// Connect over IPv6 only.
    #[arg(short = '6', long, conflicts_with = "ipv4")]
    pub(crate) ipv6: bool,

    /// Speak HTTP/1.1 only.
    #[arg(long = "http1.1")]
    pub(crate) http1: bool,

    /// Offer HTTP/2 in the TLS handshake, as is done anyway.
    #[arg(long = "http2", conflicts_with = "http1")]
    pub(crate) http2: bool,

    /// Speak HTTP/2 without asking.
    #[arg(long = "http2-prior-knowledge", conflicts_with_all = ["http1", "http2"])]
    pub(crate) http2_prior_knowledge: bool,

    /// Ask for coded content, and decode it.
    #[arg(long)]
    pub(crate) compressed: bool,

    /// Try again so often after a passing failure.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) retry: u32,

    /// The longest that the whole may take, in seconds.
    #[arg(short = 'm', long, value_name = "SECONDS", value_parser = super::seconds)]
    pub(crate) max_time: Option<std::time::Duration>,

    /// The longest that a connection may take, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds)]
    pub(crate) connect_timeout: Option<std::time::Duration>,

    /// What to print at the end: text with %{http_code}, %{time_total}, %{size_download}, ...
    #[arg(short = 'w', long, value_name = "FORMAT")]
    pub(crate) write_out: Option<String>,

    /// Exit with 3, 4 or 5 when the status is 3xx, 4xx or 5xx.
    #[arg(long)]
    pub(crate) check_status: bool,

    /// Print the request instead of sending it.
    #[arg(long)]
    pub(crate) offline: bool,

    /// Print the curl command that would do the same.
    #[arg(long, conflicts_with = "offline")]
    pub(crate) curl: bool,
}
