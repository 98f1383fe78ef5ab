//! `wirelight get`: a request, and all that is to be known about it.

mod items;
mod json;
mod plan;
mod repeat;
mod show;
mod trace;

use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;

use http::{HeaderMap, Method, header};
use wirelight_client::{Client, Response, Watch};
use wirelight_net::Observer;
use wirelight_service::{Exchange, Request, Trail};

use crate::args::Get;
use crate::exit::Failure;
use crate::print::Paint;
pub(super) use items::complete;
use plan::{Content, Part, Plan};
use trace::Tap;

/// Sends the request, and prints what comes back.
pub(crate) fn run(arguments: &Get) -> Result<(), Failure> {
    let done = attempt(arguments);
    match done {
        Err(failure) if arguments.silent => Err(failure.silenced()),
        done => done,
    }
}

fn attempt(arguments: &Get) -> Result<(), Failure> {
    let plan = Plan::new(arguments)?;
    if arguments.curl {
        return print(&curl(arguments, &plan));
    }
    let (mut config, jar) = plan::config(arguments, &plan)?;
    let tap = Arc::new(Tap::new(arguments.raw));
    if arguments.verbose || arguments.raw {
        config.connections.observer = Some(Arc::clone(&tap) as Arc<dyn Observer>);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::new)?;
    runtime.block_on(async {
        let client = Client::with(config).map_err(Failure::of_request)?;
        if arguments.offline {
            return offline(&plan, &client).await;
        }
        if let Some(number) = arguments.number {
            return repeat::run(arguments, &plan, &client, number).await;
        }
        let done = once(arguments, &plan, &client, &tap).await;
        if let (Some(jar), Some(path)) = (jar, &arguments.cookie_jar) {
            let text = jar.lock().to_netscape();
            std::fs::write(path, text)
                .map_err(|error| Failure::new(format!("{path} could not be written: {error}")))?;
        }
        done
    })
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::of_output)
}

fn note(text: &str) {
    // Nobody to tell is nothing to fail for.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

async fn once(arguments: &Get, plan: &Plan, client: &Client, tap: &Tap) -> Result<(), Failure> {
    let (watch, trail) = (Watch::default(), Trail::watched());
    let mut request = plan.request(client)?;
    request.extensions_mut().insert(watch.clone());
    request.extensions_mut().insert(Exchange { trail: trail.clone(), ..Exchange::default() });
    let answered = client.send(request).await;
    let (status, printed) = match answered {
        Ok(response) => (Some(response.status()), receive(arguments, plan, response).await),
        Err(error) => (None, Err(Failure::of_request(error))),
    };
    if arguments.verbose {
        note(&trace::exchanges(&watch.exchanges(), &tap.take_heads(), Paint::stderr()));
    }
    if arguments.why {
        note(&trace::decisions(&trail, Paint::stderr()));
    }
    let bytes = printed?;
    if let Some(format) = &arguments.write_out {
        print(&write_out(format, status.map_or(0, |status| status.as_u16()), bytes, &watch))?;
    }
    match status {
        Some(status) if arguments.check_status => Failure::of_status(status),
        _ => Ok(()),
    }
}

/// Prints or saves a response; how many bytes of content came.
async fn receive(arguments: &Get, plan: &Plan, response: Response) -> Result<u64, Failure> {
    if arguments.include || arguments.head {
        print(&show::head(response.status(), response.version(), response.headers(), Paint::stdout()))?;
    }
    match plan.output(arguments) {
        Some(path) => show::save(response, &path, plan.offset, arguments.silent).await,
        None => show::print(response, arguments.silent).await,
    }
}

/// The request as HTTP/1.1 would carry it.
async fn offline(plan: &Plan, client: &Client) -> Result<(), Failure> {
    let request = plan.request(client)?;
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut text = format!("{} {target} HTTP/1.1\r\n", parts.method);
    let host = parts.uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    if !parts.headers.contains_key(header::HOST) {
        let _ = write!(text, "Host: {host}\r\n");
    }
    write_fields(&mut text, &parts.headers);
    let content = body.collect(usize::MAX).await.map_err(Failure::of_request)?;
    if !content.is_empty() || matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) {
        let _ = write!(text, "Content-Length: {}\r\n", content.len());
    }
    text.push_str("\r\n");
    let mut out = std::io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(&content)).and_then(|()| out.flush());
    written.map_err(Failure::of_output)
}

fn write_fields(text: &mut String, headers: &HeaderMap) {
    for (name, value) in headers {
        let _ = write!(text, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
}

/// The curl command that sends the same.
fn curl(arguments: &Get, plan: &Plan) -> String {
    let mut words = vec!["curl".to_owned()];
    let mut add = |flag: &str, value: &str| words.extend([flag.to_owned(), quote(value)]);
    let default = if matches!(plan.content, Content::Nothing) { Method::GET } else { Method::POST };
    if plan.method != default {
        add("-X", plan.method.as_str());
    }
    for (name, value) in &plan.headers {
        add("-H", &format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
    }
    for name in &plan.without {
        add("-H", &format!("{name}:"));
    }
    match &plan.content {
        Content::Nothing => {}
        Content::Bytes(bytes) => add("--data-binary", &String::from_utf8_lossy(bytes)),
        Content::File(path) => add("--data-binary", &format!("@{}", path.display())),
        Content::Form(_, parts) => parts.iter().for_each(|part| match part {
            Part::Text(name, value) => add("--form-string", &format!("{name}={value}")),
            Part::File(name, path) => add("-F", &format!("{name}=@{}", path.display())),
        }),
    }
    if let Some(user) = &arguments.user {
        add("-u", user);
    }
    if let Some(token) = &arguments.bearer {
        add("-H", &format!("Authorization: Bearer {token}"));
    }
    if let Some(proxy) = &arguments.proxy {
        add("-x", proxy);
    }
    for (set, flag) in [
        (arguments.location, "-L"),
        (arguments.insecure, "-k"),
        (arguments.include, "-i"),
        (arguments.compressed, "--compressed"),
        (arguments.digest, "--digest"),
    ] {
        if set {
            words.push(flag.to_owned());
        }
    }
    words.push(quote(&plan.url));
    format!("{}\n", words.join(" "))
}

/// A word as a shell takes it.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The text of `-w`, with what stands in `%{...}` filled in.
fn write_out(format: &str, status: u16, bytes: u64, watch: &Watch) -> String {
    let timings = watch.last();
    let seconds = |time: Option<std::time::Duration>| format!("{:.6}", time.unwrap_or_default().as_secs_f64());
    let value = |name: &str| {
        let timings = timings.as_ref();
        Some(match name {
            "http_code" | "response_code" => format!("{status:03}"),
            "size_download" => bytes.to_string(),
            "num_redirects" => watch.exchanges().len().saturating_sub(1).to_string(),
            "remote_ip" => timings?.ends?.0.ip().to_string(),
            "remote_port" => timings?.ends?.0.port().to_string(),
            "time_namelookup" => seconds(timings?.resolved),
            "time_connect" => seconds(timings?.connected),
            "time_appconnect" => seconds(timings?.secured),
            "time_pretransfer" => seconds(timings?.sent),
            "time_starttransfer" => seconds(timings?.first_byte),
            "time_total" => seconds(timings?.done),
            _ => return None,
        })
    };
    let mut text = String::new();
    let mut rest = format;
    while let Some(start) = rest.find("%{") {
        let Some(length) = rest[start..].find('}') else { break };
        text.push_str(&rest[..start]);
        text.push_str(&value(&rest[start + 2..start + length]).unwrap_or_default());
        rest = &rest[start + length + 1..];
    }
    text.push_str(rest);
    text.replace("\\n", "\n").replace("\\t", "\t").replace("%%", "%")
}

/// One request like the plan's, watched.
fn watched(plan: &Plan, client: &Client) -> Result<(Request, Watch), Failure> {
    let watch = Watch::default();
    let mut request = plan.request(client)?;
    request.extensions_mut().insert(watch.clone());
    Ok((request, watch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quote("http://a.test/x"), "http://a.test/x");
        assert_eq!(quote("it's"), "'it'\\''s'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("$(rm)"), "'$(rm)'");
    }

    #[test]
    fn what_is_written_out_is_filled_in() {
        let text = write_out("%{http_code} %{size_download}%{unknown} 100%%\\n", 200, 7, &Watch::default());
        assert_eq!(text, "200 7 100%\n");
    }
}
