//! Ten thousand exchanges.

use std::io::{Read, Write};

use super::Inspected;

const MANY: usize = 10_000;

/// How many a connection carries before the next is opened.
const ON_ONE_CONNECTION: usize = 500;

/// Scrolls through all of it in 240 steps, and times every frame; then from end to end in long jumps.
const SCROLL: &str = "(async () => {
    const list = document.querySelector('#list');
    const frame = () => new Promise(requestAnimationFrame);
    const times = [];
    let rows = 0;
    const room = list.scrollHeight - list.clientHeight;
    await frame();
    for (let step = 0; step < 240; step += 1) {
        const began = performance.now();
        list.scrollTop = step < 120 ? step * 90 : (step * 7919 * 26) % room;
        await frame();
        times.push(performance.now() - began);
        rows = Math.max(rows, document.querySelectorAll('.rows .row').length);
        const shown = [...document.querySelectorAll('.rows .row:not([hidden])')];
        const top = list.getBoundingClientRect().top + 60;
        await frame();
        if (!shown.some(row => row.getBoundingClientRect().top <= top)) throw new Error('a frame without rows');
    }
    times.sort((one, other) => one - other);
    return [times[120], times[228], rows, document.querySelectorAll('*').length];
})()";

#[test]
fn ten_thousand_exchanges_scroll_smoothly_with_few_rows_in_the_document() {
    let mut inspected = Inspected::serve();
    let request = "GET /robots.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /robots.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let burst = request.repeat(ON_ONE_CONNECTION - 1) + last;
    for _ in 0..MANY / ON_ONE_CONNECTION {
        let mut stream = inspected.server.connect();
        let mut writing = stream.try_clone().unwrap();
        let burst = burst.clone();
        let writer = std::thread::spawn(move || writing.write_all(burst.as_bytes()).unwrap());
        stream.read_to_end(&mut Vec::new()).unwrap();
        writer.join().unwrap();
    }
    inspected.listed(MANY);
    let measured = inspected.page.value(SCROLL);
    let [median, slow, rows, elements] = [0, 1, 2, 3].map(|index| measured[index].as_f64().unwrap());
    eprintln!("frames: median {median:.1} ms, 95 of 100 within {slow:.1} ms; {rows} rows, {elements} elements");
    // A frame is 16.7 ms; the machine of a test has other work as well.
    assert!(median < 40.0, "half of the frames took longer than {median} ms");
    assert!(slow < 150.0, "one frame in twenty took longer than {slow} ms");
    assert!(rows < 100.0, "{rows} rows are in the document");
    assert!(elements < 2500.0, "{elements} elements are in the document");

    inspected.page.press(&["g"]);
    inspected.page.until("document.querySelector('.row.picked').getAttribute('aria-rowindex') === '2'");
    inspected.page.press(&["G"]);
    inspected
        .page
        .until(&format!("document.querySelector('.row.picked').getAttribute('aria-rowindex') === '{}'", MANY + 1));
    inspected.get("/style.css");
    inspected.id("/style.css");
    assert_eq!(
        inspected.page.text("document.querySelector('#list').getAttribute('aria-rowcount')"),
        (MANY + 1).to_string(),
        "the oldest goes when another comes"
    );
}
