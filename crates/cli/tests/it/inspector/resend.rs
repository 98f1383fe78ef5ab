//! Sending again: as it was, and changed.

use serde_json::json;

use super::Inspected;

#[test]
fn an_exchange_is_sent_again_as_it_was() {
    let mut inspected = Inspected::start(&["echo"], 1280, 800);
    inspected.get("/echo?again");
    inspected.listed(1);
    inspected.page.click(".rows .row");
    inspected.page.until("document.querySelector('.story')");
    inspected.page.press(&["r"]);
    inspected.page.until("document.querySelector('.notice').textContent.startsWith('Sent again: 200')");
    inspected.listed(2);
    assert_eq!(
        inspected.server.printed_when(|log| log.matches("/echo?again").count() == 2).matches("/echo?again").count(),
        2
    );
}

#[test]
fn an_exchange_is_edited_and_sent() {
    let mut inspected = Inspected::start(&["echo"], 1280, 800);
    inspected.ask(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nCookie: a=secret\r\n\
         Content-Length: 5\r\nConnection: close\r\n\r\nhello",
    );
    let id = inspected.id("/echo");
    inspected.open(&id, "edit");
    assert_eq!(inspected.page.text("document.querySelector('#resend-method').value"), "POST");
    assert_eq!(inspected.page.text("document.querySelector('#resend-content').value"), "hello");
    let fields = inspected.page.text("document.querySelector('#resend-fields').value");
    assert!(
        fields.contains("text/plain") && !fields.contains("secret") && !fields.contains("Content-Length"),
        "{fields}"
    );
    assert!(inspected.panel().to_lowercase().contains("left out, because their values are never kept: cookie"));

    let fill = |selector: &str, text: &str| {
        format!("(() => {{ const e = document.querySelector({}); e.value = {}; }})()", json!(selector), json!(text))
    };
    inspected.page.value(&fill("#resend-fields", "X-Edited: yes\nno field"));
    inspected.page.click(".resend .primary");
    inspected.page.until("document.querySelector('.answer').textContent.includes('Line 2 is no field')");
    inspected.page.value(&fill("#resend-fields", "X-Edited: yes\nContent-Type: text/plain"));
    inspected.page.value(&fill("#resend-method", "PUT"));
    inspected.page.value(&fill("#resend-target", "/echo?edited=1"));
    inspected.page.value(&fill("#resend-content", "changed content"));
    inspected.page.value("document.querySelector('#resend-content').focus()");
    inspected.page.press(&["Control+Enter"]);
    inspected.page.until("document.querySelector('.answer .status')?.textContent === '200'");

    inspected.page.click(".answer .button");
    inspected.page.until("document.querySelector('h2 .address')?.textContent.endsWith('/echo?edited=1')");
    let id = inspected.id("/echo?edited=1");
    inspected.open(&id, "bytes");
    let received = inspected.page.text("document.querySelector('.side').textContent");
    assert!(received.contains("PUT /echo?edited=1") && received.contains("changed content"), "{received}");
    assert!(received.to_lowercase().contains("x-edited"), "{received}");
}
