//! Golden screens: what is drawn, from JSON as an inspector gives it. WIRELIGHT_GOLDEN=write renews them.

use std::path::Path;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use wirelight_inspect::view::{Detail, List, Summary};

use super::screen;
use super::state::{Act, Link, Side, State};
use super::stream::Counts;

fn list() -> List {
    serde_json::from_str(include_str!("golden/list.json")).unwrap()
}

fn detail() -> Detail {
    serde_json::from_str(include_str!("golden/detail.json")).unwrap()
}

fn press(state: &mut State, keys: &str) -> Option<Act> {
    let mut act = None;
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\x1b' => KeyCode::Esc,
            '\x08' => KeyCode::Backspace,
            other => KeyCode::Char(other),
        };
        act = state.press(KeyEvent::new(code, KeyModifiers::NONE));
    }
    act
}

fn drawn(state: &State, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen::draw(frame, state)).unwrap();
    let buffer = terminal.backend().buffer();
    let lines = (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>());
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

fn golden(name: &str, screen: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/command/watch/golden").join(format!("{name}.txt"));
    if std::env::var("WIRELIGHT_GOLDEN").is_ok_and(|what| what == "write") {
        return std::fs::write(path, screen).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(screen, expected, "{name}: WIRELIGHT_GOLDEN=write writes it anew");
}

#[test]
fn the_screens_look_as_they_should() {
    let mut state = State::new(String::new());
    golden("empty", &drawn(&state, (80, 6)));
    state.take(list());
    golden("list", &drawn(&state, (120, 14)));
    golden("list_narrow", &drawn(&state, (60, 14)));
    press(&mut state, "?");
    golden("help", &drawn(&state, (80, 40)));
    press(&mut state, "q/~m x");
    golden("filter", &drawn(&state, (80, 14)));
    press(&mut state, "\x1b");
    state.open(detail());
    for (name, key) in [("story", "1"), ("messages", "2"), ("bytes", "3"), ("timing", "4")] {
        press(&mut state, key);
        golden(name, &drawn(&state, (110, 40)));
    }
}

#[test]
fn nothing_in_an_exchange_can_act_on_the_terminal() {
    let mut hostile = detail();
    let bad = "\x1b[2J\x07\u{202e}\r\n".to_owned();
    hostile.summary.target = Some(bad.clone());
    hostile.story[0].sentence = bad.clone();
    hostile.trail.iter_mut().for_each(|decided| decided.rule.name = bad.clone());
    let mut state = State::new(bad.clone());
    let mut exchanges = list();
    exchanges.exchanges.iter_mut().for_each(|each| {
        each.method = Some(bad.clone());
        each.target = Some(bad.clone());
    });
    state.take(exchanges);
    state.trouble = Some(bad);
    for _ in 0..2 {
        let screen = drawn(&state, (100, 30));
        assert!(!screen.chars().any(|char| char.is_control() && char != '\n'), "{screen:?}");
        state.open(hostile.clone());
    }
}

#[test]
fn what_is_told_stands_where_a_new_list_would_have_it() {
    let mut state = State::new(String::new());
    let all = list();
    let told = all.exchanges.clone();
    state.count(Counts { kept: all.kept, seen: all.seen });
    // In whatever order they come, and told once as under way.
    for summary in told.iter().rev().chain(&told) {
        let open = Summary { state: "open".to_owned(), seq: u64::MAX >> 11, ..summary.clone() };
        state.hear(open);
        assert_eq!(state.exchanges[0].id, summary.id, "what is under way stands first");
        state.hear(summary.clone());
    }
    let ids = |state: &State| state.exchanges.iter().map(|each| each.id.clone()).collect::<Vec<_>>();
    let expected: Vec<_> = told.iter().map(|each| each.id.clone()).collect();
    assert_eq!(ids(&state), expected);
    // The oldest are forgotten as the inspector forgets them.
    let newest = told.iter().filter(|each| each.state == "done").map(|each| each.seq).max().unwrap();
    state.count(Counts { kept: 1, seen: newest });
    let left = told.iter().filter(|each| each.state == "open" || each.seq == newest);
    assert_eq!(ids(&state), left.map(|each| each.id.clone()).collect::<Vec<_>>());
    assert_eq!(state.counts, (1, 1, newest));
}

#[test]
fn it_is_said_when_the_list_is_only_asked_for() {
    let mut state = State::new(String::new());
    state.link = Link::Asking("the stream of events ended".to_owned());
    assert!(drawn(&state, (80, 6)).contains("the stream of events ended"));
    state.link = Link::Live;
    assert!(!drawn(&state, (80, 6)).contains("the stream of events ended"));
}

#[test]
fn keys_do_what_they_say() {
    let mut state = State::new(String::new());
    state.take(list());
    let ids: Vec<String> = state.exchanges.iter().map(|each| each.id.clone()).collect();
    assert_eq!(press(&mut state, "jj\n"), Some(Act::Open(ids[2].clone())));
    // What is chosen stays so when others come.
    let mut later = list();
    later.exchanges.remove(0);
    state.take(later);
    assert_eq!(press(&mut state, "\n"), Some(Act::Open(ids[2].clone())));
    assert_eq!(press(&mut state, "g\n"), Some(Act::Open(ids.last().unwrap().clone())));
    assert_eq!(press(&mut state, "r"), Some(Act::Again(ids.last().unwrap().clone())));
    assert_eq!(press(&mut state, "Gb"), Some(Act::Open(state.exchanges[0].id.clone())));
    assert_eq!(state.side, Side::Bytes);
    assert_eq!(press(&mut state, "y"), Some(Act::Copy(state.exchanges[0].id.clone())));
    assert_eq!(press(&mut state, "o"), Some(Act::Save(String::new())));
    assert_eq!(press(&mut state, "/~e\x08c\n"), Some(Act::Filter("~c".to_owned())));
    assert_eq!(press(&mut state, "p"), Some(Act::Recording(false)));
    assert_eq!(press(&mut state, "x"), Some(Act::Clear));
    state.open(detail());
    assert_eq!(press(&mut state, "q"), None);
    assert_eq!(press(&mut state, "q"), Some(Act::Quit));
}
