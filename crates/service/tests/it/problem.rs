use std::time::Duration;

use wirelight_service::layer::{AnswerErrors, LimitContent};
use wirelight_service::{Body, Error, Fault, Kind, Request, Response, Result, Service, ServiceExt};

use crate::script;

fn text(response: Response) -> String {
    String::from_utf8(response.into_body().into_bytes().unwrap().to_vec()).unwrap()
}

async fn ok(_: Request) -> Result<Response> {
    Ok(Response::new(Body::from("ok")))
}

#[tokio::test]
async fn an_error_is_told_in_the_form_that_suits_the_requester() {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let cases = [
        (None, "application/problem+json"),
        (Some("*/*"), "application/problem+json"),
        (Some("application/json"), "application/problem+json"),
        (Some("image/png"), "application/problem+json"),
        (Some(browser), "text/html; charset=utf-8"),
        (Some("text/plain, text/html;q=0.9"), "text/plain; charset=utf-8"),
        (Some("text/html;q=0, */*"), "application/problem+json"),
    ];
    let service = ok.layer(LimitContent { bytes_max: 1 }).layer(AnswerErrors::default());
    for (accept, content_type) in cases {
        let mut request = http::Request::post("/");
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let (request, _) = script::watched(request, Body::from("four"));
        let response = service.call(request).await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(response.headers()["content-type"], content_type, "{accept:?}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let text = text(response);
        assert!(text.contains("the content of 4 bytes is larger than the limit of 1 bytes"), "{text}");
        assert!(text.contains("content of at most 1 bytes would have been accepted"), "{text}");
        assert!(text.contains("RFC 9110, section 15.5.14"), "{text}");
    }
}

#[tokio::test]
async fn faults_inside_are_not_told_unless_asked_for() {
    let secret = async |_| Err(Error::ours("the password of the database is <swordfish>"));
    let asked = http::Request::get("/").header("accept", "text/html");
    let response = secret.layer(AnswerErrors::default()).call(asked.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(!text(response).contains("swordfish"));

    let asked = http::Request::get("/").header("accept", "text/html");
    let open = AnswerErrors { shows_insides: true };
    let response = secret.layer(open).call(asked.body(Body::empty()).unwrap()).await.unwrap();
    assert!(text(response).contains("&lt;swordfish&gt;"));
}

#[tokio::test]
async fn when_to_come_back_is_rounded_up_and_nobody_is_answered_who_is_gone() {
    for (wait, seconds) in [(0, "0"), (1, "1"), (1000, "1"), (1001, "2")] {
        let busy = move |_| async move {
            let error = Error::new(Kind::Overloaded, Fault::Ours, "busy");
            Err(error.with_retry_after(Duration::from_millis(wait)))
        };
        let response = busy.layer(AnswerErrors::default()).call(Request::new(Body::empty())).await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (503, seconds));
    }
    let gone = async |_| Err(Error::new(Kind::Gone, Fault::Downstream, "the client went away"));
    assert!(gone.layer(AnswerErrors::default()).call(Request::new(Body::empty())).await.is_err());
}
