//! How the page looks: light and dark, its contrast, on a phone, and what axe-core says of every view.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::Inspected;
use crate::process::{Listening, site};

/// The contrast of every text in view with what is behind it, by the formula of WCAG 2.2; the lowest first.
const CONTRASTS: &str = "(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const channels = color => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const found = channels(getComputedStyle(at).backgroundColor);
            if (found[3] === 255) return found;
        }
        return channels('Canvas');
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        if (!node.textContent.trim() || !element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
        if (element.closest('.unseen, option, :disabled')) continue;
        const [one, other] = [light(channels(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
        found.push([(one + 0.05) / (other + 0.05), element.className || element.tagName, node.textContent.trim().slice(0, 40)]);
    }
    return found.sort((a, b) => a[0] - b[0]).slice(0, 5);
})()";

/// Exchanges of every kind.
fn traffic(inspected: &mut Inspected) {
    for target in ["/", "/style.css", "/robots.txt", "/nothing-here", "/images/wirelight.svg"] {
        inspected.get(target);
    }
    let asked = |head: &str| format!("{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    inspected.ask(asked("GET /data/status-codes.json HTTP/1.1\r\nRange: bytes=999999-"));
    inspected.ask(asked("GET /data/status-codes.json HTTP/1.1\r\nAccept-Encoding: gzip, br"));
    inspected.ask(asked("DELETE /robots.txt HTTP/1.1"));
    inspected.ask("BAD <b>request</b>\r\n\r\n");
    inspected
        .ask(asked("OPTIONS /robots.txt HTTP/1.1\r\nOrigin: http://a.example\r\nAccess-Control-Request-Method: PUT"));
    inspected.ask(asked("GET /style.css HTTP/1.1\r\nIf-None-Match: *"));
    inspected.listed(11);
}

/// Every view of the page, and what shows that it is there.
fn views(inspected: &mut Inspected) -> Vec<(String, &'static str)> {
    let id = inspected.id("/nothing-here");
    let other = inspected.id("/style.css");
    let of = |tab: &str| format!("#/exchanges/{id}/{tab}");
    vec![
        ("#/".to_owned(), ".rows .row"),
        (of("story"), ".story"),
        (of("bytes"), ".wire"),
        (of("timing"), ".phases"),
        (of("connection"), ".facts"),
        (of("edit"), ".resend"),
        (format!("#/exchanges/{id}/compare%3A{other}"), ".beside"),
        (of("copy"), ".copy pre"),
        ("#/rules".to_owned(), ".page .rules"),
    ]
}

#[test]
fn axe_finds_no_violation_and_every_text_has_contrast_in_light_dark_and_on_a_phone() {
    let upstream = Listening::start(&["serve", &site(), "--cors"]);
    let mut inspected = Inspected::before(&upstream);
    traffic(&mut inspected);
    let views = views(&mut inspected);
    for (scheme, width, height) in [("light", 1280, 800), ("dark", 1280, 800), ("dark", 390, 844)] {
        inspected.page.size(width, height);
        inspected.page.prefer("prefers-color-scheme", scheme);
        for (place, shown) in &views {
            inspected.place(place);
            inspected.page.until(&format!("document.querySelector({})?.checkVisibility()", json!(shown)));
            let violations = inspected.violations();
            assert_eq!(violations, json!([]), "{scheme}, {width} pixels wide, {place}");
            let contrasts = inspected.page.value(CONTRASTS);
            let lowest = contrasts[0][0].as_f64().unwrap();
            assert!(lowest >= 4.5, "{scheme}, {place}: {contrasts}");
            if width == 390 {
                let wide = inspected.page.value("document.documentElement.scrollWidth");
                assert!(wide.as_u64().unwrap() <= 390, "{place} is {wide} pixels wide");
            }
        }
    }
    inspected.page.size(1280, 800);
    inspected.place("#/");
    inspected.page.until("document.querySelector('#detail').hidden");
    inspected.page.click("#help");
    assert_eq!(inspected.violations(), json!([]), "the help");
}

#[test]
fn the_theme_follows_the_system_until_one_is_chosen() {
    let mut inspected = Inspected::serve();
    let paper = "getComputedStyle(document.body).backgroundColor";
    let paper_is_dark = |inspected: &mut Inspected| {
        let color = inspected.page.text(paper);
        let first: u32 = color.trim_start_matches("rgb(").split(',').next().unwrap().parse().unwrap();
        first < 128
    };
    inspected.page.prefer("prefers-color-scheme", "dark");
    assert!(paper_is_dark(&mut inspected));
    inspected.page.prefer("prefers-color-scheme", "light");
    assert!(!paper_is_dark(&mut inspected));
    inspected.page.press(&["t", "t"]);
    inspected.page.until("document.documentElement.dataset.theme === 'dark'");
    assert!(paper_is_dark(&mut inspected), "what was chosen wins");
    inspected.page.value("location.reload()");
    inspected
        .page
        .until("document.documentElement.dataset.ready === 'yes' && document.documentElement.dataset.theme === 'dark'");
    inspected.page.click("#theme");
    inspected.page.until("document.documentElement.dataset.theme === 'system'");
    assert!(!paper_is_dark(&mut inspected));
}

#[test]
fn nothing_moves_for_those_who_do_not_want_it() {
    let mut inspected = Inspected::serve();
    let moves = "getComputedStyle(document.querySelector('.notice')).transitionDuration";
    assert_ne!(inspected.page.text(moves), "0s");
    inspected.page.prefer("prefers-reduced-motion", "reduce");
    assert_eq!(inspected.page.text(moves), "0s");
}

#[test]
fn the_pictures_of_the_documentation_can_be_taken() {
    let mut inspected = Inspected::start(&["serve", &site(), "--cors"], 1280, 800);
    traffic(&mut inspected);
    let declined = inspected.id("416");
    let of = |tab: &str| format!("#/exchanges/{declined}/{tab}");
    take(&mut inspected, "list", ("light", 1280, 460), "#/", ".rows .row");
    take(&mut inspected, "story", ("light", 1280, 640), &of("story"), ".story");
    take(&mut inspected, "bytes", ("dark", 1280, 640), &of("bytes"), ".wire");
    take(&mut inspected, "phone", ("dark", 390, 780), &of("story"), ".story");

    let upstream = Listening::start(&["serve", &site()]);
    let mut inspected = Inspected::before(&upstream);
    traffic(&mut inspected);
    inspected
        .ask("GET /robots.txt HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n");
    inspected.listed(12);
    let id = inspected.id("/robots.txt");
    let of = |tab: &str| format!("#/exchanges/{id}/{tab}");
    take(&mut inspected, "passed-on", ("light", 1280, 640), &of("bytes"), ".passing");
    take(&mut inspected, "timing", ("light", 1280, 640), &of("timing"), ".phases");
}

/// Takes a picture of a place; it is kept where golden files are to be written.
fn take(inspected: &mut Inspected, name: &str, (scheme, width, height): (&str, u32, u32), place: &str, shown: &str) {
    inspected.page.size(width, height);
    inspected.page.prefer("prefers-color-scheme", scheme);
    inspected.place(place);
    inspected.page.until(&format!("document.querySelector({})?.checkVisibility()", json!(shown)));
    inspected.page.until("document.fonts.status === 'loaded'");
    inspected.page.value("document.activeElement.blur()");
    let picture = inspected.page.picture();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() < 200_000, "{name} has {} bytes", picture.len());
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/inspector");
    let file = folder.join(format!("{name}.png"));
    if std::env::var("WIRELIGHT_GOLDEN").is_ok_and(|how| how == "write") {
        fs::create_dir_all(&folder).unwrap();
        fs::write(&file, picture).unwrap();
    }
    let page = fs::read_to_string(folder.with_extension("md")).unwrap();
    assert!(
        file.exists() && page.contains(&format!("(inspector/{name}.png)")),
        "{name}.png is not in the documentation"
    );
}
