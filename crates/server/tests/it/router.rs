//! The router: which service answers, what the others are told, and what stands in the trail.

use http::{HeaderMap, Method, StatusCode, header};
use wirelight_server::router::{Mounted, Params, RouteError, Router, Routing, any, get, on, post};
use wirelight_service::{Body, Error, Exchange, Request, Response, Result, Service, Trail};

use crate::wire::Served;

/// A service that answers with its name, the method, and the raw parameters that it is asked for.
fn named(name: &'static str) -> impl Service {
    move |request: Request| {
        let params = Params::of(request.extensions());
        let raw = ["id", "line", "rest"].into_iter().filter_map(|name| Some(format!(" {name}={}", params.raw(name)?)));
        std::future::ready(Ok(Response::new(Body::from(format!("{name}{}", raw.collect::<String>())))))
    }
}

struct Answer {
    status: StatusCode,
    fields: HeaderMap,
    content: String,
    decisions: Vec<Said>,
}

#[derive(Debug, PartialEq)]
struct Said {
    rule: &'static str,
    outcome: String,
    because: String,
    otherwise: Option<String>,
    declines: bool,
}

async fn ask_with(service: &impl Service, method: &str, target: &str, fields: &[(&'static str, &str)]) -> Answer {
    let exchange = Exchange { trail: Trail::watched(), ..Exchange::default() };
    let mut request = http::Request::builder().method(method).uri(target).extension(exchange.clone());
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let response = service.call(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let content = body.collect(10_000).await.unwrap();
    let decisions = exchange.trail.read(|all| {
        let said = all.iter().map(|decision| Said {
            rule: decision.rule().name,
            outcome: decision.outcome().into(),
            because: decision.because().into(),
            otherwise: decision.otherwise().map(Into::into),
            declines: decision.declines(),
        });
        said.collect()
    });
    let content = String::from_utf8(content.to_vec()).unwrap();
    Answer { status: parts.status, fields: parts.headers, content, decisions }
}

async fn ask(service: &impl Service, method: &str, target: &str) -> Answer {
    ask_with(service, method, target, &[]).await
}

fn orders() -> Router {
    let reload = Method::from_bytes(b"RELOAD").unwrap();
    Router::new()
        .route("/", get(named("home")))
        .route("/orders", get(named("list")).post(named("create")))
        .route("/orders/new", get(named("form")))
        .route("/orders/{id}", get(named("show")).put(named("replace")))
        .route("/orders/{id}/lines/{line}", get(named("line")))
        .route("/orders/new/lines", get(named("new lines")))
        .route("/files/{*rest}", get(named("file")))
        .route("/files/special", get(named("special")))
        .route("/anything", any(named("anything")).get(named("got")))
        .route("/cache", on(reload, named("reload")))
}

#[tokio::test]
async fn the_most_specific_route_answers() {
    let router = orders();
    for (method, target, content) in [
        ("GET", "/", "home"),
        ("GET", "/orders", "list"),
        ("GET", "/orders?page=2", "list"),
        ("POST", "/orders", "create"),
        ("GET", "http://shop.test/orders", "list"),
        ("GET", "http://shop.test", "home"),
        ("GET", "/orders/new", "form"),
        ("GET", "/orders/7", "show id=7"),
        ("GET", "/orders/a%2Fb", "show id=a%2Fb"),
        ("PUT", "/orders/7", "replace id=7"),
        // The literal leads nowhere, so the parameter is tried.
        ("GET", "/orders/new/lines/2", "line id=new line=2"),
        ("GET", "/orders/new/lines", "new lines"),
        ("GET", "/files/", "file rest="),
        ("GET", "/files/a/b", "file rest=a/b"),
        ("GET", "/files/special", "special"),
        ("GET", "/files/special/x", "file rest=special/x"),
        ("GET", "/%6Frders/%6Eew", "form"),
        ("GET", "/anything", "got"),
        ("DELETE", "/anything", "anything"),
        ("OPTIONS", "/anything", "anything"),
        ("BREW", "/anything", "anything"),
        ("RELOAD", "/cache", "reload"),
    ] {
        let answer = ask(&router, method, target).await;
        assert_eq!((answer.status, &*answer.content), (StatusCode::OK, content), "{method} {target}");
        assert!(!answer.decisions[0].declines && answer.decisions.len() == 1, "{method} {target}");
    }
}

#[tokio::test]
async fn what_no_service_answers_is_refused_by_the_rules() {
    let plain = Router::new()
        .route("/orders", get(named("list")).post(named("create")))
        .route("/orders/{id}", get(named("show")))
        .route("/folder/", get(named("folder")));
    for (method, target, status, allow) in [
        ("GET", "/nothing", 404, None),
        ("GET", "/orders/", 404, None),
        ("GET", "/folder", 404, None),
        ("GET", "/orders/..", 404, None),
        ("OPTIONS", "/nothing", 404, None),
        ("PROPFIND", "/nothing", 404, None),
        ("DELETE", "/orders", 405, Some("GET, HEAD, POST, OPTIONS")),
        ("PROPFIND", "/orders", 405, Some("GET, HEAD, POST, OPTIONS")),
        ("TRACE", "/orders/7", 405, Some("GET, HEAD, OPTIONS")),
        // The most specific route answers, though another one that matches would take the method.
        ("POST", "/orders/7", 405, Some("GET, HEAD, OPTIONS")),
        ("BREW", "/orders", 501, None),
        ("BREW", "/nothing", 501, None),
        ("get", "/orders", 501, None),
        ("CONNECT", "shop.test:443", 501, None),
        ("OPTIONS", "/orders", 204, Some("GET, HEAD, POST, OPTIONS")),
        ("OPTIONS", "*", 204, Some("GET, HEAD, POST, OPTIONS")),
        ("GET", "/orders/%zz", 400, None),
    ] {
        let answer = ask(&plain, method, target).await;
        assert_eq!(answer.status, status, "{method} {target}");
        let said = answer.fields.get(header::ALLOW).map(|allow| allow.to_str().unwrap().to_owned());
        let mut methods: Vec<_> = said.iter().flat_map(|allow| allow.split(", ")).collect();
        let mut expected: Vec<_> = allow.iter().flat_map(|allow: &&str| allow.split(", ")).collect();
        methods.sort_unstable();
        expected.sort_unstable();
        assert_eq!(methods, expected, "{method} {target}");
        assert_eq!(answer.content.is_empty(), status == 204, "{method} {target}");
        let [said] = &answer.decisions[..] else { panic!("{method} {target}: {:?}", answer.decisions) };
        assert!(said.outcome.starts_with(&status.to_string()), "{method} {target}: {}", said.outcome);
        assert_eq!(said.declines, status != 204, "{method} {target}");
    }
}

#[tokio::test]
async fn a_decision_says_what_would_have_matched() {
    let router = orders();
    for (method, target, rule, because, otherwise) in [
        (
            "GET",
            "/orders/7",
            "most-specific-route",
            "/orders/{id} is the most specific route for the path, and it takes GET",
            None,
        ),
        (
            "HEAD",
            "/orders/7",
            "head-by-get",
            "/orders/{id} is the most specific route for the path, and it takes GET",
            None,
        ),
        (
            "GET",
            "/orders/7/",
            "no-route",
            "none of the 10 routes matches /orders/7/",
            Some("the same path without the slash at its end would match route /orders/{id}"),
        ),
        (
            "GET",
            "/files",
            "no-route",
            "none of the 10 routes matches /files",
            Some("the same path with a slash at its end would match route /files/{*rest}"),
        ),
        (
            "GET",
            "/ordres/7",
            "no-route",
            "none of the 10 routes matches /ordres/7",
            Some(
                "/orders/{id} would match, but segment 1 is \"ordres\" and not \"orders\"; \
                 /orders/new would match, but segment 1 is \"ordres\" and not \"orders\"; \
                 /orders would match, but segment 1 is \"ordres\" and not \"orders\"",
            ),
        ),
        (
            "PATCH",
            "/orders/7",
            "method-not-allowed",
            "the route /orders/{id} takes GET, HEAD, PUT, OPTIONS, and not PATCH",
            Some("any of those methods would have been routed"),
        ),
        (
            "GET",
            "/orders/%7",
            "percent-encoding",
            "the path's byte 8 begins \"%7\"",
            Some("a percent sign itself is written %25"),
        ),
    ] {
        let answer = ask(&router, method, target).await;
        let [said] = &answer.decisions[..] else { panic!("{method} {target}: {:?}", answer.decisions) };
        assert_eq!((said.rule, &*said.because), (rule, because), "{method} {target}");
        assert_eq!(said.otherwise.as_deref(), otherwise, "{method} {target}");
    }
    let lower = Router::new().route("/", get(named("home")));
    let answer = ask(&lower, "get", "/").await;
    assert_eq!(answer.decisions[0].because, "no route can be asked with get: they take GET, HEAD, OPTIONS");
    let otherwise = answer.decisions[0].otherwise.as_deref();
    assert_eq!(otherwise, Some("methods are compared with regard to case, and GET is known"));
}

#[tokio::test]
async fn routes_are_told_to_strangers_only_if_so_decided() {
    let fields = [("accept", "application/problem+json")];
    for (tells, told) in [(false, false), (true, true)] {
        let router = orders().tells_routes(tells);
        let answer = ask_with(&router, "GET", "/ordres/7", &fields).await;
        assert_eq!(answer.fields[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(answer.fields[header::VARY], "accept");
        let problem: serde_json::Value = serde_json::from_str(&answer.content).unwrap();
        assert_eq!(problem["status"], 404);
        assert_eq!(problem["rule"], "no-route");
        assert_eq!(problem["detail"], "none of the 10 routes matches /ordres/7");
        assert_eq!(problem.get("otherwise").is_some(), told);
        assert_eq!(answer.content.contains("{id}"), told);
    }
    let answer = ask_with(&orders(), "PATCH", "/orders/7", &fields).await;
    let problem: serde_json::Value = serde_json::from_str(&answer.content).unwrap();
    assert_eq!(problem["methods"], serde_json::json!(["GET", "HEAD", "PUT", "OPTIONS"]));
    let answer = ask_with(&orders(), "GET", "/nothing", &[("accept", "text/plain")]).await;
    assert_eq!(answer.fields[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert!(answer.content.starts_with("404 Not Found\n"), "{}", answer.content);
}

#[tokio::test]
async fn head_has_the_fields_of_get_and_no_content() {
    async fn streamed(_: Request) -> Result<Response> {
        let (_, body) = Body::channel(Some(9));
        Ok(Response::new(body))
    }
    async fn unmodified(_: Request) -> Result<Response> {
        Ok(http::Response::builder().status(304).body(Body::empty()).unwrap())
    }
    async fn left_out(_: Request) -> Result<Response> {
        Ok(Response::new(Body::empty()))
    }
    async fn told(_: Request) -> Result<Response> {
        Ok(http::Response::builder().header("content-length", "100").body(Body::empty()).unwrap())
    }
    let router = Router::new()
        .route("/full", get(named("seven!!")))
        .route("/streamed", get(streamed))
        .route("/unmodified", get(unmodified))
        .route("/left-out", get(left_out))
        .route("/told", get(told))
        .route("/own", get(named("get")).on(Method::HEAD, named("own")));
    for (target, length) in [
        ("/full", Some("7")),
        ("/streamed", Some("9")),
        ("/unmodified", None),
        ("/left-out", None),
        ("/told", Some("100")),
    ] {
        let answer = ask(&router, "HEAD", target).await;
        assert_eq!(answer.content, "", "{target}");
        let said = answer.fields.get(header::CONTENT_LENGTH).map(|length| length.to_str().unwrap());
        assert_eq!(said, length, "{target}");
    }
    assert_eq!(ask(&router, "HEAD", "/own").await.content, "own");
}

#[tokio::test]
async fn nested_routers_and_fallbacks_answer_behind_their_prefix() {
    let inner = Router::new()
        .route("/", get(named("inner home")))
        .route("/lines/{line}", get(named("inner line")))
        .fallback(named("inner fallback"));
    let router = Router::new()
        .route("/orders/{id}/summary", get(named("summary")))
        .nest("/orders/{id}", inner)
        .nest("/empty", Router::new().route("/x", get(named("x"))))
        .fallback(named("outer fallback"));
    for (method, target, content, outcome) in [
        ("GET", "/orders/7/", "inner home id=7", "routed to /orders/{id}/"),
        ("GET", "/orders/7/lines/2", "inner line id=7 line=2", "routed to /orders/{id}/lines/{line}"),
        ("GET", "/orders/7/summary", "summary id=7", "routed to /orders/{id}/summary"),
        ("GET", "/orders/7/nothing", "inner fallback", "given to the fallback of /orders/{id}"),
        ("GET", "/orders/7", "inner fallback", "given to the fallback of /orders/{id}"),
        ("BREW", "/orders/7/nothing/", "inner fallback", "given to the fallback of /orders/{id}"),
        ("GET", "/orders", "outer fallback", "given to the fallback"),
        ("OPTIONS", "/nothing", "outer fallback", "given to the fallback"),
        ("CONNECT", "shop.test:443", "outer fallback", "given to the fallback"),
        ("GET", "/empty/y", "outer fallback", "given to the fallback"),
        ("GET", "/empty/x", "x", "routed to /empty/x"),
    ] {
        let answer = ask(&router, method, target).await;
        assert_eq!((&*answer.content, &*answer.decisions[0].outcome), (content, outcome), "{method} {target}");
        assert!(!answer.decisions[0].declines, "{method} {target}");
    }
    // A route that is there is not the fallback's, whatever the method.
    assert_eq!(ask(&router, "PUT", "/empty/x").await.status, 405);
}

#[tokio::test]
async fn a_mounted_service_does_not_see_the_prefix() {
    async fn seen(request: Request) -> Result<Response> {
        let mounted = request.extensions().get::<Mounted>().map(|mounted| mounted.target.to_string());
        let text = format!("{} of {}", request.uri(), mounted.unwrap_or_default());
        Ok(Response::new(Body::from(text)))
    }
    let deeper = Router::new().mount("/deeper", seen).route("/lines/{line}", get(named("line")));
    let router = Router::new().mount("/static", seen).mount("/v/{id}", deeper);
    for (target, content) in [
        ("/static/", "/ of /static/"),
        ("/static/a%2Fb?c=/d", "/a%2Fb?c=/d of /static/a%2Fb?c=/d"),
        ("http://shop.test/static/a", "http://shop.test/a of http://shop.test/static/a"),
        ("/v/1/deeper/x", "/x of /v/1/deeper/x"),
        // The parameters of both routers can be looked up.
        ("/v/1/lines/2", "line id=1 line=2 rest=lines/2"),
    ] {
        assert_eq!(ask(&router, "GET", target).await.content, content, "{target}");
    }
    assert_eq!(ask(&router, "GET", "/static").await.status, 404);
}

#[tokio::test]
async fn parameters_are_read_by_type() {
    async fn typed(request: Request) -> Result<Response> {
        let id: u32 = Params::of(request.extensions()).get("id")?;
        Ok(Response::new(Body::from(id.to_string())))
    }
    async fn text(request: Request) -> Result<Response> {
        let params = Params::of(request.extensions());
        let segments: Vec<_> = params.segments("rest").unwrap().collect();
        assert_eq!(segments.join(&b"/"[..]), *params.bytes("rest").unwrap());
        Ok(Response::new(Body::from(params.text("rest")?.into_owned())))
    }
    async fn misspelt(request: Request) -> Result<Response> {
        let id: u32 = Params::of(request.extensions()).get("ident")?;
        Ok(Response::new(Body::from(id.to_string())))
    }
    let router = Router::new()
        .route("/typed/{id}", get(typed).post(misspelt))
        .route("/text/{*rest}", get(text))
        .route("/none", get(typed));
    for (method, target, expected) in [
        ("GET", "/typed/7", Ok("7")),
        ("GET", "/typed/%37", Ok("7")),
        ("GET", "/typed/x", Err((400, "the path's {id} is \"x\": invalid digit found in string"))),
        ("GET", "/typed/%1b", Err((400, "the path's {id} is \"\\x1b\": invalid digit found in string"))),
        ("GET", "/typed/%ff", Err((400, "the path's {id} is not UTF-8"))),
        ("POST", "/typed/7", Err((500, "the route has no parameter {ident}"))),
        ("GET", "/none", Err((500, "the route has no parameter {id}"))),
        ("GET", "/text/a/b%20c", Ok("a/b c")),
        ("GET", "/text/", Ok("")),
        ("GET", "/text/a%2fb", Err((400, "the path's {*rest} holds an encoded slash"))),
    ] {
        let request = http::Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
        let answer = router.call(request).await.map(|response| response.into_body().into_bytes().unwrap());
        let answer = answer.as_deref().map_err(|error: &Error| (error.status().as_u16(), error.because()));
        assert_eq!(answer, expected.map(str::as_bytes), "{method} {target}");
    }
}

#[test]
fn conflicts_name_both_routes() {
    let one = || Router::new().route("/orders/{id}", get(named("one"))).fallback(named("fallback"));
    let conflicts: [(Result<Router, RouteError>, &str); 9] = [
        (
            one().try_route("/orders/{name}", post(named("two"))),
            "the routes /orders/{id} and /orders/{name} match the same paths: their parameters need the same names",
        ),
        (
            one().try_nest("/orders", Router::new().route("/{order}", get(named("two")))),
            "the routes /orders/{id} and /orders/{order} match the same paths: their parameters need the same names",
        ),
        (
            one().try_route("/orders/{id}", get(named("two"))),
            "two routes are GET /orders/{id}: only one of them could ever answer",
        ),
        (
            one().try_route("/%6Frders", get(named("two")).post(named("three")).get(named("four"))),
            "two routes are GET /%6Frders: only one of them could ever answer",
        ),
        (
            one().route("/x", any(named("two"))).try_route("/x", any(named("three"))),
            "two routes take any method for /x: only one of them could ever answer",
        ),
        (
            one().route("/f/{*path}", get(named("two"))).try_mount("/f", named("three")),
            "the routes /f/{*path} and /f/{*rest} match the same paths: their parameters need the same names",
        ),
        (
            one().try_nest("", Router::new().fallback(named("two"))),
            "two fallbacks are for the same paths, / and /: only one could ever answer",
        ),
        (
            one().try_nest("/{id}", one()),
            "the pattern \"/{id}/orders/{id}\" is wrong at byte 13: this name is taken by an earlier parameter",
        ),
        (
            one().try_nest("/api/", one()),
            "the pattern \"/api/\" is wrong at byte 4: a prefix does not end with a slash: \
             what follows it begins with one",
        ),
    ];
    for (refused, sentence) in conflicts {
        assert_eq!(refused.unwrap_err().to_string(), sentence);
    }
    assert!(one().try_route("/orders/{id}", post(named("two"))).is_ok());
    assert!(one().try_route("/orders/{id}/{name}", get(named("two"))).is_ok());
    // Another way to write the same pattern.
    assert!(one().try_route("/%6Frders/{id}", post(named("two"))).is_ok());
    assert!(one().try_route("/%6Frders/{id}", get(named("two"))).is_err());
}

#[test]
#[should_panic(expected = "two routes are GET /")]
fn a_conflict_in_the_program_is_a_panic() {
    let _ = Router::new().route("/", get(named("one"))).route("/", get(named("two")));
}

#[tokio::test]
async fn what_a_router_answers_itself_is_framed_on_the_wire() {
    let served = Served::begin(orders()).await;
    let mut client = served.connect().await;
    let requests = [
        ("HEAD /orders/7", 200, "content-length: 9", ""),
        ("GET /orders/7", 200, "content-length: 9", "show id=7"),
        ("OPTIONS /orders/7", 204, "allow: GET, HEAD, PUT, OPTIONS", ""),
        ("HEAD /nothing", 404, "content-type: application/problem+json", ""),
        ("PATCH /orders/7", 405, "allow: GET, HEAD, PUT, OPTIONS", "method-not-allowed"),
        ("RELOAD /cache", 200, "content-length: 6", "reload"),
        ("OPTIONS *", 204, "", ""),
    ];
    for (asks, status, field, holds) in requests {
        client.say(&format!("{asks} HTTP/1.1\r\nhost: shop.test\r\n\r\n")).await;
        let answer = client.hear(asks.starts_with("HEAD")).await;
        assert_eq!(answer.status, status, "{asks}");
        if let Some((name, value)) = field.split_once(": ") {
            assert_eq!(answer.fields[name], value, "{asks}");
        }
        assert!(answer.content.contains(holds) && answer.content.is_empty() == holds.is_empty(), "{asks}");
    }
    drop(client);
    served.end().await;
}

#[test]
fn a_router_judges_without_a_request() {
    let router = orders();
    let judged = router.judge(&Method::DELETE, &"/orders/7".parse().unwrap());
    assert_eq!(judged.status(), Some(StatusCode::METHOD_NOT_ALLOWED));
    assert_eq!(router.judge(&Method::GET, &"/orders/7".parse().unwrap()).status(), None);
    assert_eq!(router.patterns().count(), 10);
}

/// Every path of up to four of these segments is asked for.
const SEGMENTS: [&str; 6] = ["a", "b", "", "..", "%61", "%2F"];

fn paths() -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut from = 0;
    for _ in 0..4 {
        let to = paths.len();
        for at in from..to {
            paths.extend(SEGMENTS.map(|segment| format!("{}/{segment}", paths[at])));
        }
        from = to;
    }
    paths.split_off(1)
}

fn shapes() -> Vec<String> {
    let mut shapes = vec![String::new()];
    for depth in 0..3 {
        for at in 0..shapes.len() {
            let shape = shapes[at].clone();
            let longer = ["a", "b", "", &format!("{{p{depth}}}")].map(|segment| format!("{shape}/{segment}"));
            shapes
                .extend(longer.into_iter().filter(|longer| shape.matches('/').count() == depth && !longer.is_empty()));
        }
    }
    let rests: Vec<_> = shapes.iter().map(|shape| format!("{shape}/{{*rest}}")).collect();
    shapes.into_iter().skip(1).chain(rests).collect()
}

#[test]
fn the_tree_agrees_with_trying_every_pattern() {
    let (shapes, paths) = (shapes(), paths());
    let mut seed = 0x5eed_u64;
    for round in 0..60 {
        let mut router = Router::new();
        for shape in &shapes {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if seed >> 60 == 0 {
                router = router.route(shape, get(named("any")));
            }
        }
        for path in &paths {
            let matching = router.patterns().filter(|pattern| pattern.judge(path).is_ok());
            let expected = matching.min_by(|one, other| one.compare(other)).map(|pattern| pattern.as_str());
            let found = match router.judge(&Method::GET, &path.parse().unwrap()) {
                Routing::Routed { pattern, .. } => Some(pattern.as_str().to_owned()),
                _ => None,
            };
            assert_eq!(
                found.as_deref(),
                expected,
                "round {round}: {path} among {:?}",
                router.patterns().collect::<Vec<_>>()
            );
        }
    }
}
