//! Everything with the keyboard alone.

use serde_json::json;

use super::Inspected;

#[test]
fn the_list_and_the_pane_are_walked_with_keys() {
    let mut inspected = Inspected::serve();
    for target in ["/robots.txt", "/style.css", "/about.html", "/nothing-here"] {
        inspected.get(target);
    }
    inspected.listed(4);
    let picked = "document.querySelector('.row.picked .target bdi').textContent";
    let is = |target: &str| format!("{picked} === {}", json!(target));
    for (keys, target) in [
        (&["j"][..], "/nothing-here"),
        (&["k", "k"], "/style.css"),
        (&["ArrowDown"], "/about.html"),
        (&["g"], "/robots.txt"),
        (&["G"], "/nothing-here"),
        (&["Home"], "/robots.txt"),
        (&["j"], "/style.css"),
    ] {
        inspected.page.press(keys);
        inspected.page.until(&is(target));
    }
    let active = "document.getElementById(document.querySelector('#list').getAttribute('aria-activedescendant'))";
    inspected.page.until(&format!("{active}.classList.contains('picked')"));

    inspected.page.press(&["Enter"]);
    inspected.page.until("document.activeElement.id === 'tab-story'");
    inspected.page.press(&["ArrowRight"]);
    inspected.page.until("document.activeElement.id === 'tab-bytes' && document.querySelector('.wire')");
    inspected.page.press(&["]"]);
    inspected.page.until("document.querySelector('.phases')");
    inspected.page.press(&["["]);
    inspected.page.until("document.querySelector('.wire')");
    inspected.page.press(&["j"]);
    inspected.page.until("document.querySelector('h2 .address').textContent.endsWith('/about.html')");
    for (key, shown) in [("s", ".story"), ("b", ".wire"), ("i", ".phases"), ("n", ".facts"), ("e", ".resend")] {
        inspected.page.press(&[key]);
        inspected.page.until(&format!("document.querySelector('#panel {shown}')"));
    }
    inspected.page.press(&["Escape"]);
    inspected.page.until("document.querySelector('#detail').hidden && document.activeElement.id === 'list'");
}

#[test]
fn two_are_marked_and_compared_and_one_is_copied_with_keys() {
    let mut inspected = Inspected::serve();
    inspected.get("/robots.txt");
    inspected.get("/style.css");
    inspected.listed(2);
    inspected.page.press(&["g", "c"]);
    inspected.page.until("document.querySelector('.row.marked')");
    inspected.page.press(&["j", "c"]);
    inspected.page.until("document.querySelectorAll('.beside').length > 2");
    inspected.page.press(&["y"]);
    inspected.page.until("document.querySelector('.notice').textContent.startsWith('As curl: ')");
}

#[test]
fn the_filter_and_the_help_are_reached_and_left_with_keys() {
    let mut inspected = Inspected::serve();
    inspected.get("/robots.txt");
    inspected.get("/nothing-here");
    inspected.listed(2);
    inspected.page.press(&["/"]);
    inspected.page.until("document.activeElement.id === 'filter'");
    inspected.page.write("~c 404");
    inspected.page.press(&["Enter", "Escape"]);
    inspected.listed(1);
    inspected.page.until("document.activeElement.id === 'list'");
    inspected.page.press(&["Escape"]);
    inspected.listed(2);

    inspected.page.press(&["?"]);
    inspected.page.until("document.querySelector('dialog').open");
    let help = inspected.page.text("document.querySelector('dialog').textContent");
    for said in ["next exchange", "mark, then compare", "~why TEXT"] {
        assert!(help.contains(said), "{said}: {help}");
    }
    inspected.page.press(&["j"]);
    assert_eq!(
        inspected.page.value("document.querySelectorAll('.row.picked').length"),
        json!(0),
        "the help is in front"
    );
    inspected.page.press(&["?"]);
    inspected.page.until("!document.querySelector('dialog').open");
}

#[test]
fn letters_act_only_where_they_are_wanted() {
    let mut inspected = Inspected::serve();
    inspected.get("/robots.txt");
    inspected.listed(1);
    inspected.page.press(&["/", "j", "t", "?"]);
    assert_eq!(inspected.page.text("document.querySelector('#filter').value"), "jt?");
    assert_eq!(inspected.page.value("document.querySelector('dialog').open"), json!(false));
    inspected.page.value("document.querySelector('#filter').value = ''");
    inspected.page.press(&["Enter", "Escape"]);

    inspected.page.click("#help");
    inspected.page.click("dialog input[type=checkbox]");
    inspected.page.press(&["Escape"]);
    inspected.page.until("!document.querySelector('dialog').open");
    inspected.page.value("document.querySelector('#list').focus()");
    inspected.page.press(&["j"]);
    assert_eq!(inspected.page.value("document.querySelectorAll('.row.picked').length"), json!(0), "letters are off");
    inspected.page.press(&["ArrowDown"]);
    inspected.page.until("document.querySelector('.row.picked')");
}

#[test]
fn tab_reaches_everything_and_the_focus_can_be_seen() {
    let mut inspected = Inspected::serve();
    inspected.get("/robots.txt");
    let id = inspected.id("/robots.txt");
    inspected.open(&id, "bytes");
    inspected.page.value("document.querySelector('#filter').focus()");
    let mut reached = Vec::new();
    for _ in 0..40 {
        inspected.page.press(&["Tab"]);
        let focus = inspected.page.value(
            "(() => { const e = document.activeElement; if (e === document.body) return null; \
             const row = e.id === 'list' ? e.querySelector('.row.picked') : e; const style = getComputedStyle(row); \
             return [e.id || e.className || e.type, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1]; })()",
        );
        if focus.is_null() {
            break;
        }
        assert_eq!(focus[1], json!(true), "the focus on {} cannot be seen", focus[0]);
        reached.push(focus[0].as_str().unwrap().to_owned());
    }
    for wanted in ["pause", "save", "theme", "help", "list", "close", "tab-bytes", "radio", "wire text"] {
        assert!(reached.iter().any(|name| name == wanted), "{wanted} is not reached: {reached:?}");
    }
}
