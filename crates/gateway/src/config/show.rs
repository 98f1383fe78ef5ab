//! A plan as a config with nothing left unsaid.

use std::fmt::{self, Write as _};
use std::time::Duration;

use http::HeaderValue;
use wirelight_net::proxy_protocol::Version;
use wirelight_semantics::auth::Asker;
use wirelight_semantics::cors::{Methods, Names, Origins, Policy};

use super::plan::{
    AccessLog, Around, Balance, Condition, Edit, Handler, Inspector, Introductions, Listen, Plan, Protocol, ProxyHost,
    Route, Site, Tracing, Upstream,
};
use crate::access_log::Format;

/// Writes lines, each indented by how many blocks it stands in.
struct Sheet<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    depth: usize,
}

impl Sheet<'_, '_> {
    fn line(&mut self, line: impl fmt::Display) -> fmt::Result {
        writeln!(self.f, "{:1$}{line}", "", self.depth * 4)
    }

    fn block(&mut self, head: impl fmt::Display, inside: impl FnOnce(&mut Self) -> fmt::Result) -> fmt::Result {
        self.line(format_args!("{head} {{"))?;
        self.depth += 1;
        inside(self)?;
        self.depth -= 1;
        self.line("}")
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sheet = Sheet { f, depth: 0 };
        if let Some(log) = &self.access_log {
            sheet.line(log)?;
        }
        if let Some(admin) = &self.admin {
            let token = if admin.token.is_some() { " token=\"(hidden)\"" } else { "" };
            sheet.line(format_args!("admin \"{}\"{token}", admin.address))?;
        }
        if let Some(inspector) = &self.inspector {
            sheet.line(inspector)?;
        }
        if let Some(tracing) = &self.tracing {
            sheet.line(tracing)?;
        }
        if !self.trusted.is_empty() {
            sheet.line(format_args!("trust{}", quoted(&self.trusted)))?;
        }
        // Whoever is asked whether requests pass is said where that is.
        for upstream in self.upstreams.iter().filter(|upstream| !self.is_asked(upstream)) {
            upstream_block(&mut sheet, upstream)?;
        }
        for site in &self.sites {
            site_block(&mut sheet, site, &self.listeners)?;
        }
        Ok(())
    }
}

impl fmt::Display for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("access-log")?;
        if let Some(file) = &self.file {
            write!(f, " {file:?}")?;
        }
        f.write_str(match self.format {
            Format::Ecs => " format=ecs",
            Format::Combined => " format=combined",
            Format::Json => " format=json",
            Format::Pretty { .. } => " format=pretty",
        })?;
        match self.rotation {
            Some(rotation) => write!(f, " rotate=\"{}B\" keep={}", rotation.bytes_max, rotation.files_max),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("inspector")?;
        if let Some(address) = self.address {
            write!(f, " \"{address}\"")?;
        }
        write!(f, " exchanges={} memory=\"{}B\"", self.exchanges_max, self.memory_max_bytes)?;
        match &*self.hidden_fields {
            [] => Ok(()),
            hidden => write!(f, " {{ hide{} }}", quoted(hidden)),
        }
    }
}

impl fmt::Display for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tracing")?;
        if let Some(collector) = &self.collector {
            write!(f, " collector=\"{collector}\"")?;
        }
        if let Some(field) = &self.field {
            write!(f, " field={:?}", field.as_str())?;
        }
        write!(f, " sample={} service={:?}", self.sample_percent, self.service)
    }
}

/// All that a route comes to, as a config: what stands around its site, itself, and the servers it forwards to.
pub(crate) struct Whole<'a>(pub(crate) &'a Site, pub(crate) &'a Route);

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(site, route) = self;
        let mut sheet = Sheet { f, depth: 0 };
        for around in &site.around {
            around_line(&mut sheet, around)?;
        }
        route_block(&mut sheet, route)?;
        match &route.handler {
            Handler::Proxy(proxy) => upstream_block(&mut sheet, &proxy.upstream),
            _ => Ok(()),
        }
    }
}

fn upstream_block(sheet: &mut Sheet<'_, '_>, upstream: &Upstream) -> fmt::Result {
    sheet.block(format_args!("upstream {:?}", upstream.name), |sheet| {
        for server in &upstream.servers {
            let uri = match &server.socket {
                Some(path) => format!("unix:{}", path.display()),
                None => server.uri.to_string(),
            };
            sheet.line(format_args!("server {uri:?} weight={}", server.weight))?;
        }
        if !upstream.resolvers.is_empty() {
            sheet.line(format_args!("resolver{}", quoted(&upstream.resolvers)))?;
        }
        sheet.line(match &upstream.balance {
            Balance::RoundRobin => "balance round-robin".to_owned(),
            Balance::LeastRequests => "balance least-requests".to_owned(),
            Balance::Fastest => "balance fastest".to_owned(),
            Balance::Hash(key) => format!("balance hash {key}"),
        })?;
        if let Some(sticky) = &upstream.sticky {
            let key = sticky.key.as_ref().map(|key| format!(" key={:?}", key.path)).unwrap_or_default();
            let max_age = sticky.max_age.map(|age| format!(" max-age={}", Shown(age))).unwrap_or_default();
            sheet.line(format_args!("sticky cookie={:?}{key}{max_age}", sticky.cookie))?;
        }
        sheet.line(match upstream.protocol {
            Protocol::Negotiated => "protocol negotiated",
            Protocol::Http1 => "protocol http1",
            Protocol::Http2 => "protocol http2",
        })?;
        match upstream.announced {
            Some(Version::One) => sheet.line("proxy-protocol v1")?,
            Some(Version::Two) => sheet.line("proxy-protocol v2")?,
            None => {}
        }
        sheet.line(format_args!("connections {}", upstream.connections_max))?;
        sheet.line(format_args!(
            "timeout connect={} answer={} stall={} tunnel={} idle={} silence={} ping={}",
            Shown(upstream.connect_timeout),
            Shown(upstream.answer_timeout),
            Shown(upstream.stall_timeout),
            Shown(upstream.tunnel_timeout),
            Shown(upstream.idle_timeout),
            Shown(upstream.silence_timeout),
            Shown(upstream.ping_timeout)
        ))?;
        let retry = &upstream.retry;
        sheet.line(format_args!("retry attempts={} budget={}", retry.attempts_max, retry.budget_percent))?;
        sheet.line(format_args!("eject failures={} for={}", upstream.eject.failures, Shown(upstream.eject.pause)))?;
        if let Some(span) = upstream.slow_start {
            sheet.line(format_args!("slow-start {}", Shown(span)))?;
        }
        if let Some(breaker) = &upstream.breaker {
            sheet.line(format_args!(
                "breaker percent={} requests={} within={} for={} trials={}",
                breaker.percent,
                breaker.requests_min,
                Shown(breaker.within),
                Shown(breaker.pause),
                breaker.trials
            ))?;
        }
        if let Some(health) = &upstream.health {
            sheet.line(format_args!(
                "health path={:?} every={} timeout={} healthy={} unhealthy={}",
                health.path,
                Shown(health.every),
                Shown(health.timeout),
                health.healthy,
                health.unhealthy
            ))?;
        }
        Ok(())
    })
}

fn site_block(sheet: &mut Sheet<'_, '_>, site: &Site, listeners: &[Listen]) -> fmt::Result {
    sheet.block(format_args!("site{}", quoted(&site.hosts)), |sheet| {
        for listen in site.listeners.iter().filter_map(|index| listeners.get(*index)) {
            let is_vouched = site.hosts.iter().any(|host| listen.vouched.contains(host));
            let secure = match is_vouched {
                true => " tls=local",
                false if listen.is_secure() => " tls=#true",
                false => "",
            };
            let head = format!("listen \"{}\"{secure}", listen.address);
            match &listen.introductions {
                None => sheet.line(head)?,
                Some(Introductions { from, timeout }) => sheet.block(head, |sheet| {
                    sheet.line(format_args!("proxy-protocol{} timeout={}", quoted(from), Shown(*timeout)))
                })?,
            }
        }
        for around in &site.around {
            around_line(sheet, around)?;
        }
        for route in &site.routes {
            route_block(sheet, route)?;
        }
        Ok(())
    })
}

fn route_block(sheet: &mut Sheet<'_, '_>, route: &Route) -> fmt::Result {
    let mut head = "route".to_owned();
    for condition in &route.conditions {
        if let Condition::Path(patterns) = condition {
            head.push_str(&quoted(patterns));
        }
    }
    let _ = write!(head, " name={:?}", &*route.name);
    sheet.block(head, |sheet| {
        for condition in &route.conditions {
            if !matches!(condition, Condition::Path(_)) {
                sheet.line(condition)?;
            }
        }
        for around in &route.around {
            around_line(sheet, around)?;
        }
        handler_line(sheet, &route.handler)
    })
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(patterns) => write!(f, "path{}", quoted(patterns)),
            Self::Method(methods) => write!(f, "method{}", quoted(methods)),
            Self::Field(name, test) => write!(f, "field {:?} {test}", name.as_str()),
            Self::Query(name, test) => write!(f, "query {name:?} {test}"),
            Self::Client(networks) => write!(f, "client{}", quoted(networks)),
        }
    }
}

fn around_line(sheet: &mut Sheet<'_, '_>, around: &Around) -> fmt::Result {
    match around {
        Around::Rewrite(template) => sheet.line(format_args!("rewrite {:?}", template.text)),
        Around::RequestFields(edits) => sheet.block("header request", |sheet| edit_lines(sheet, edits)),
        Around::ResponseFields(edits) => sheet.block("header response", |sheet| edit_lines(sheet, edits)),
        Around::Cors(policy) => sheet.block("cors", |sheet| policy_lines(sheet, policy)),
        Around::Compress { codings, length_min_bytes } => {
            let names: Vec<_> = codings.iter().map(|coding| coding.name()).collect();
            sheet.line(format_args!("compress{} min=\"{length_min_bytes}B\"", quoted(&names)))
        }
        Around::SecurityHeaders(fields) => {
            let mut line = format!(
                "security-headers frame={} referrer={} transport={}",
                text(&fields.frame),
                text(&fields.referrer),
                text(&fields.transport)
            );
            for (name, value) in [("content", &fields.content), ("permissions", &fields.permissions)] {
                if let Some(value) = value {
                    let _ = write!(line, " {name}={}", text(value));
                }
            }
            sheet.line(line)
        }
        Around::Timeout { answer, stall } => {
            sheet.line(format_args!("timeout answer={} stall={}", Shown(*answer), Shown(*stall)))
        }
        Around::LimitBody(bytes) => sheet.line(format_args!("limit body=\"{bytes}B\"")),
        Around::LimitConcurrency { exchanges, queue, wait } => {
            sheet.line(format_args!("limit concurrency={exchanges} queue={queue} wait={}", Shown(*wait)))
        }
        Around::BasicAuth(plan) => {
            let proxy = if plan.asker == Asker::Proxy { " proxy=#true" } else { "" };
            sheet.block(format_args!("basic-auth realm={:?}{proxy}", plan.realm), |sheet| {
                // A hash is not for everybody who may see a plan.
                plan.users.iter().try_for_each(|(user, _)| sheet.line(format_args!("user {user:?} \"(hidden)\"")))
            })
        }
        Around::ForwardAuth(plan) => {
            let server = plan.upstream.servers.first().map(|server| server.uri.to_string()).unwrap_or_default();
            let url = format!("{}{}", server.trim_end_matches('/'), plan.path);
            let head = format!("forward-auth {url:?} timeout={}", Shown(plan.upstream.answer_timeout));
            match plan.copied.is_empty() {
                true => sheet.line(head),
                false => sheet.block(head, |sheet| sheet.line(format_args!("copy{}", quoted(&plan.copied)))),
            }
        }
        Around::Trace => sheet.line("trace"),
        Around::ServerTiming { reasons } => sheet.line(format_args!("server-timing reasons=#{reasons}")),
        Around::AccessLog(Some(log)) => sheet.line(log),
        Around::AccessLog(None) => sheet.line("access-log off"),
        Around::ErrorPage { statuses, page } => {
            let shown = statuses.iter().map(|(first, last)| match first == last {
                true => format!(" {first}"),
                false => format!(" \"{first}-{last}\""),
            });
            sheet.line(format_args!("error-page{} file={:?}", shown.collect::<String>(), page.path))
        }
    }
}

fn edit_lines(sheet: &mut Sheet<'_, '_>, edits: &[Edit]) -> fmt::Result {
    edits.iter().try_for_each(|edit| match edit {
        Edit::Set(name, value) => sheet.line(format_args!("set {:?} {}", name.as_str(), text(value))),
        Edit::Add(name, value) => sheet.line(format_args!("add {:?} {}", name.as_str(), text(value))),
        Edit::Remove(name) => sheet.line(format_args!("remove {:?}", name.as_str())),
    })
}

fn policy_lines(sheet: &mut Sheet<'_, '_>, policy: &Policy) -> fmt::Result {
    sheet.line(match &policy.origins {
        Origins::Any => "origins \"*\"".to_owned(),
        Origins::Listed(patterns) => format!("origins{}", quoted(patterns)),
    })?;
    sheet.line(match &policy.methods {
        Methods::Any => "methods \"*\"".to_owned(),
        Methods::Listed(methods) => format!("methods{}", quoted(methods)),
    })?;
    for (name, names) in [("fields", &policy.fields), ("expose", &policy.exposed)] {
        sheet.line(match names {
            Names::Any => format!("{name} \"*\""),
            Names::Listed(listed) => format!("{name}{}", quoted(listed)),
        })?;
    }
    sheet.line(format_args!("credentials #{}", policy.credentials))?;
    let seconds = u64::from(policy.max_age_seconds.unwrap_or_default());
    sheet.line(format_args!("max-age {}", Shown(Duration::from_secs(seconds))))
}

fn handler_line(sheet: &mut Sheet<'_, '_>, handler: &Handler) -> fmt::Result {
    match handler {
        Handler::Files(files) => {
            let not_found = files.not_found.as_ref().map(|page| format!(" not-found={page:?}")).unwrap_or_default();
            sheet.line(format_args!(
                "files {:?} index={:?} listing=#{} hidden=#{} fallback=#{} cache={}{not_found}",
                files.root,
                files.index,
                files.listing,
                files.hidden,
                files.fallback,
                text(&files.cache_control)
            ))
        }
        Handler::Connect(connect) => {
            let head =
                format!("connect timeout={} idle={}", Shown(connect.connect_timeout), Shown(connect.idle_timeout));
            sheet.block(head, |sheet| sheet.line(format_args!("allow{}", quoted(&connect.allowed.0))))
        }
        Handler::Respond { status, content, media_type } => {
            sheet.line(format_args!("respond {content:?} status={} type={}", status.as_u16(), text(media_type)))
        }
        Handler::Redirect { status, to } => {
            sheet.line(format_args!("redirect {:?} status={}", to.text, status.as_u16()))
        }
        Handler::Proxy(proxy) => {
            let host = match proxy.host {
                ProxyHost::Client => "client",
                ProxyHost::Upstream => "upstream",
            };
            sheet.line(format_args!("proxy {:?} host={host}", proxy.upstream.name))
        }
    }
}

fn quoted<T: fmt::Display>(list: &[T]) -> String {
    list.iter().map(|item| format!(" {:?}", item.to_string())).collect()
}

fn text(value: &HeaderValue) -> String {
    format!("{:?}", String::from_utf8_lossy(value.as_bytes()))
}

/// A duration as the config writes it.
struct Shown(Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => f.write_str("\"0s\""),
            _ if millis.is_multiple_of(3_600_000) => write!(f, "\"{}h\"", millis / 3_600_000),
            _ if millis.is_multiple_of(60_000) => write!(f, "\"{}m\"", millis / 60_000),
            _ if millis.is_multiple_of(1000) => write!(f, "\"{}s\"", millis / 1000),
            _ => write!(f, "\"{millis}ms\""),
        }
    }
}
