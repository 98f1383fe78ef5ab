//! RFC 9110, section 11, and RFC 7617: Basic credentials and challenges.

use proptest::prelude::*;
use wirelight_semantics::auth::{self, Asker, Basic, Outcome, is_equal};
use wirelight_semantics::decision::Decision;

use crate::{because, fields};

#[test]
fn credentials_are_judged() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "the request has no Authorization"),
        (&["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="], "Authorization carries the right password of Aladdin"),
        (&["bAsIc   QWxhZGRpbjpvcGVuIHNlc2FtZQ=="], "Authorization carries the right password of Aladdin"),
        (&["Basic QWxhZGRpbjp3cm9uZw=="], "Authorization carries an unknown user or a wrong password for Aladdin"),
        (&["Basic"], "Authorization carries no user, colon and password in base64 and UTF-8"),
        (&["Basic QWxhZGRpbg=="], "Authorization carries no user, colon and password in base64 and UTF-8"),
        (&["Basic !!!"], "Authorization carries no user, colon and password in base64 and UTF-8"),
        (&["Basic /zp4"], "Authorization carries no user, colon and password in base64 and UTF-8"),
        (&["Basic YQo6Yg=="], "Authorization carries no user, colon and password in base64 and UTF-8"),
        (&["Bearer abc"], "Authorization carries credentials of the scheme Bearer, not Basic"),
        (&["hunter2"], "Authorization carries credentials of the scheme unknown, not Basic"),
        (&["Basic QTpi", "Basic QTpi"], "the request has more than one Authorization"),
    ];
    for (values, expected) in cases {
        let request = fields(&values.iter().map(|value| ("authorization", *value)).collect::<Vec<_>>());
        let judgement = auth::judge(Asker::Origin, &request, |basic| basic.matches("Aladdin", "open sesame"));
        assert_eq!(because(&judgement), *expected, "{values:?}");
        assert_eq!(judgement.declines(), judgement.user().is_none());
        assert!(!format!("{judgement:?} {:?}", judgement.otherwise()).contains("wrong\""), "a password shows");
    }
}

#[test]
fn a_proxy_asks_by_its_own_fields() {
    let request = fields(&[("proxy-authorization", "Basic QTpi"), ("authorization", "Bearer x")]);
    let judgement = auth::judge(Asker::Proxy, &request, |_| true);
    assert!(matches!(&judgement.outcome, Outcome::Authenticated { user } if user == "A"));
    let refused = auth::judge(Asker::Proxy, &fields(&[]), |_| true);
    assert_eq!(because(&refused), "the request has no Proxy-Authorization");
    assert_eq!(refused.outcome(), "407 Proxy Authentication Required");
    assert_eq!(Asker::Proxy.status(), 407);
    assert_eq!(Asker::Origin.challenge_field(), "www-authenticate");
}

#[test]
fn a_challenge_quotes_its_realm() {
    assert_eq!(auth::challenge("a \"b\" \\").expect("fine"), r#"Basic realm="a \"b\" \\", charset="UTF-8""#);
    assert_eq!(auth::challenge("a\r\nb: c"), None);
}

#[test]
fn credentials_do_not_show_themselves() {
    let basic = Basic { user: "u".into(), password: "hunter2".into() };
    assert!(!format!("{basic:?}").contains("hunter2"));
    assert!(basic.value().expect("no colon").is_sensitive());
    assert_eq!(Basic { user: "u:v".into(), password: String::new() }.value(), None);
}

proptest! {
    #[test]
    fn credentials_read_as_they_were_written(user in "[^:\0-\x1f\x7f]{0,20}", password in "[^\0-\x1f\x7f]{0,20}") {
        let written = Basic { user: user.clone(), password: password.clone() }.value().expect("no colon in the user");
        let read = Basic::parse(written.as_bytes().strip_prefix(b"Basic ").expect("the scheme")).expect("credentials");
        prop_assert!(read.matches(&user, &password));
        let (user_too_long, password_too_long) = (format!("{user}x"), format!("{password}x"));
        prop_assert!(!read.matches(&user, &password_too_long));
        prop_assert!(!read.matches(&user_too_long, &password));
    }

    #[test]
    fn bytes_are_equal_if_they_are(left: Vec<u8>, right: Vec<u8>) {
        prop_assert_eq!(is_equal(&left, &right), left == right);
        prop_assert!(is_equal(&left, &left.clone()));
    }
}
