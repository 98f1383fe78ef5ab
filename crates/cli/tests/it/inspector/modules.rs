//! The modules that only compute, called in the browser that runs them.

use serde_json::{Value, json};

use super::Inspected;

/// Imports a module of the page and gives the value of an expression on it.
fn computed(inspected: &mut Inspected, module: &str, expression: &str) -> Value {
    inspected.page.value(&format!("import('/{module}.js').then(m => {expression})"))
}

#[test]
fn what_only_computes_computes_rightly() {
    let mut inspected = Inspected::serve();
    let shown = [
        (
            "quantity",
            "[0, 999, 1000, 12345, 999949, 1530000, 125e6, -310, null].map(m.duration).join('|')",
            json!(
                "0\u{a0}µs|999\u{a0}µs|1.00\u{a0}ms|12.3\u{a0}ms|1000\u{a0}ms|1.53\u{a0}s|2\u{a0}min\u{a0}5\u{a0}s|−310\u{a0}µs|–"
            ),
        ),
        (
            "quantity",
            "[0, 999, 1250, 65536, 734e6].map(m.size).join('|')",
            json!("0\u{a0}B|999\u{a0}B|1.25\u{a0}kB|65.5\u{a0}kB|734\u{a0}MB"),
        ),
        ("quantity", "m.moment('2026-11-21T03:30:12.123456Z') - m.moment('2026-11-21T03:30:12.1Z')", json!(23456)),
        (
            "shown",
            "m.plain('a\\u202eb\\x1b[2J\\n\\u200d\\ud800 <b>')",
            json!("a\\u{202e}b\\x1b[2J\\n\\u{200d}\\u{d800} <b>"),
        ),
        ("shown", "m.plain('😀é日本')", json!("😀é日本")),
        ("shown", "m.plain('abcdef', 3)", json!("abc…")),
        ("shown", "m.shown('a\\r\\nb\\rc', {lines: true}).textContent", json!("a\nb\rc")),
        (
            "place",
            "m.read('#/exchanges/3-2/compare%3A1-1')",
            json!({"view": "exchanges", "id": "3-2", "tab": "compare:1-1"}),
        ),
        ("place", "m.read('#/%E0%A4%A/x')", json!({"view": "list", "id": "", "tab": ""})),
        ("place", "m.link({view: 'rules', id: 'a/b'})", json!("#/rules/a%2Fb")),
        (
            "difference",
            "m.align([1, 2, 3, 4], [1, 3, 4, 5]).map(pair => pair.kind)",
            json!(["same", "removed", "same", "same", "added"]),
        ),
        (
            "difference",
            "m.fields([{name: 'A', value: '1'}, {name: 'B', value: '2'}, {name: 'C', value: '3'}], \
          [{name: 'a', value: '1'}, {name: 'b', value: '9'}, {name: 'D', value: '4'}]).map(pair => pair.kind)",
            json!(["same", "changed", "removed", "added"]),
        ),
        (
            "difference",
            "m.fields([{name: 'A', value: '1'}, {name: 'A', value: '2'}], [{name: 'A', value: '2'}]).map(pair => pair.kind)",
            json!(["removed", "same"]),
        ),
        (
            "runs",
            "m.cut([{start: 0, length: 9, depth: 0, kind: 'frame'}, {start: 0, length: 3, depth: 1, kind: 'frame-length'}, \
          {start: 5, length: 4, depth: 1, kind: 'header-block'}, {start: 6, length: 1, depth: 2, kind: 'hpack-indexed'}], 10)\
          .runs.map(run => [run.start, run.end, run.path.map(span => span.kind).join('>'), run.leaf])",
            json!([
                [0, 3, "frame>frame-length", 0],
                [3, 5, "frame", 1],
                [5, 6, "frame>header-block", 2],
                [6, 7, "frame>header-block>hpack-indexed", 3],
                [7, 9, "frame>header-block", 2],
                [9, 10, "", -1]
            ]),
        ),
        ("runs", "m.text(new Uint8Array([0x61, 0xff]))", json!("a\\xff")),
        (
            "waterfall",
            "(axis => [axis.busy, axis.folds.length, axis.at(0), axis.at(20) < axis.at(1000000), axis.at(1000010)])\
          (m.axis([{start: 0, end: 10}, {start: 5, end: 20}, {start: 1000000, end: 1000010}]))",
            json!([30, 1, 0, true, 1]),
        ),
        ("waterfall", "m.axis([]).at(5)", json!(0)),
        (
            "timing",
            "m.stretches({phases: [{name: 'done', at_us: 9}, {name: 'odd', at_us: 0, says: 'x'}, {name: 'first-byte-out', at_us: 8}], \
          layers: [{name: 'cors', in_us: 1, out_us: 7, place: 'p'}, {name: 'files', in_us: 2, out_us: null, place: null}]})\
          .map(({name, from, until, depth, place}) => [name, from, until, depth, place])",
            json!([
                ["x", 0, 8, 0, null],
                ["cors", 1, 7, 1, "p"],
                ["files", 2, 9, 2, null],
                ["first byte out", 8, 9, 0, null],
                ["done", 9, 9, 0, null]
            ]),
        ),
        ("resend", "m.parsed('A: 1\\n\\nB:2\\n')", json!([["A", "1"], ["B", "2"]])),
        ("resend", "m.parsed('A: 1\\n: 2')", json!("Line 2 is no field: it must read “Name: value”.")),
        ("keys", "m.KEYS.flatMap(([keys]) => keys).length - new Set(m.KEYS.flatMap(([keys]) => keys)).size", json!(0)),
    ];
    for (module, expression, value) in shown {
        assert_eq!(computed(&mut inspected, module, expression), value, "{module}: {expression}");
    }
}

#[test]
fn elements_are_built_of_text_and_refuse_what_could_act() {
    let mut inspected = Inspected::serve();
    let text = computed(&mut inspected, "element", "m.element('p', {}, '<b>', [null, 'x', 1]).textContent");
    assert_eq!(text, json!("<b>x1"));
    for properties in [
        "{href: 'javascript:canary()'}",
        "{href: 'https://elsewhere.example/'}",
        "{href: ' #/x'}",
        "{style: 'background: url(x)'}",
        "{onclick: 'canary()'}",
        "{src: '/x'}",
        "{'a b': 'c'}",
    ] {
        let refused =
            format!("(() => {{ try {{ m.element('a', {properties}); return false }} catch {{ return true }} }})()");
        assert_eq!(computed(&mut inspected, "element", &refused), json!(true), "{properties}");
    }
}
