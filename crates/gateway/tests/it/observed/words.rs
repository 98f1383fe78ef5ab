//! What the words for logs and traces come to, and what is wrong with each that is wrong.

use wirelight_gateway::access_log::{Format, Rotation};
use wirelight_gateway::config::File;

use crate::config::compare;

fn read(words: &str) -> Result<wirelight_gateway::config::Plan, String> {
    let text = format!("{words}\nsite default {{ listen \":1\"; route {{ respond }} }}");
    let file = File::parse("test.kdl", &text, "/logs".as_ref()).map_err(|faults| faults.to_string())?;
    file.plan().map_err(|faults| faults.to_string())
}

#[test]
fn each_word_comes_to_its_plan() {
    for (words, expected) in [
        ("access-log", "access-log format=combined"),
        ("access-log \"a.log\" format=ecs", "access-log \"/logs/a.log\" format=ecs"),
        (
            "access-log \"a.log\" rotate=\"10MiB\"",
            "access-log \"/logs/a.log\" format=combined rotate=\"10485760B\" keep=5",
        ),
        (
            "access-log \"a.log\" format=json rotate=\"1KiB\" keep=0",
            "access-log \"/logs/a.log\" format=json rotate=\"1024B\" keep=0",
        ),
        ("inspector", "inspector exchanges=10000 memory=\"67108864B\""),
        ("inspector \":4041\" exchanges=5", "inspector \"127.0.0.1:4041\" exchanges=5 memory=\"67108864B\""),
        (
            "inspector \"0.0.0.0:4040\" memory=\"1MiB\" { hide \"x-api-key\" X-Secret; hide \"a\" }",
            "inspector \"0.0.0.0:4040\" exchanges=10000 memory=\"1048576B\" { hide \"x-api-key\" \"x-secret\" \"a\" }",
        ),
        ("tracing", "tracing sample=100 service=\"wirelight\""),
        (
            "tracing collector=\"http://127.0.0.1:4318\" field=X-Trace-Id sample=5 service=edge",
            "tracing collector=\"http://127.0.0.1:4318/v1/traces\" field=\"x-trace-id\" sample=5 service=\"edge\"",
        ),
        (
            "tracing collector=\"https://otel.test/custom\"",
            "tracing collector=\"https://otel.test/custom\" sample=100 service=\"wirelight\"",
        ),
    ] {
        let plan = read(words).unwrap_or_else(|faults| panic!("{words}: {faults}"));
        assert_eq!(plan.to_string().lines().next(), Some(expected), "{words}");
        if plan.tracing.is_some() {
            let again = read(expected).unwrap_or_else(|faults| panic!("{expected}: {faults}"));
            assert_eq!(
                again.to_string(),
                plan.to_string(),
                "a plan that is printed is a config that comes to the same"
            );
        }
    }
    let log = read("access-log \"a.log\" rotate=\"1KiB\" keep=2").unwrap().access_log.unwrap();
    assert_eq!((log.format, log.rotation), (Format::Combined, Some(Rotation { bytes_max: 1024, files_max: 2 })));
}

#[test]
fn each_fault_is_found() {
    let mut wrong = String::new();
    for (words, expected) in [
        ("access-log \"a.log\" format=esc", "1:27 `esc` is no format of an access log (did you mean `ecs`?)"),
        ("access-log rotate=\"1KiB\"", "1:19 standard output cannot be rotated (name a file before it)"),
        (
            "access-log \"a.log\" keep=3",
            "1:25 no file is kept where none is rotated (say `rotate`, too, such as rotate=\"100MiB\")",
        ),
        ("access-log \"a.log\" rotate=\"0B\"", "1:27 a file of no bytes holds no line (such as \"100MiB\")"),
        ("access-log \"a.log\" rotate=\"1KiB\" keep=-1", "1:39 this is to be a whole number from 0 to 10000"),
        ("access-log off", "1:1 nothing is logged unless it is said"),
        ("inspector 4040", "1:11 this is to be text (write it in quotes)"),
        ("inspector exchanges=0", "1:21 this is to be a whole number from 1 to 10000000"),
        (
            "inspector { hide }",
            "1:13 `hide` needs the name of a field, such as \"x-api-key\" \
             (the name of a field, such as \"x-api-key\" is missing)",
        ),
        ("inspector { hide \"x y\" }", "1:18 `x y` is no name of a field"),
        ("tracing collector=\"otel:4317\"", "1:19 `otel:4317` is no collector such as http://127.0.0.1:4318"),
        ("tracing collector=\"ftp://a.test\"", "1:19 `ftp://a.test` is no collector such as http://127.0.0.1:4318"),
        ("tracing field=\"X Trace\"", "1:15 `X Trace` is no name of a field"),
        ("tracing sample=101", "1:16 this is to be a whole number from 0 to 100"),
        ("tracing smaple=1", "1:9 `smaple` is no property of `tracing` (did you mean `sample`?)"),
        ("tracing on", "1:9 `tracing` takes no argument (this one is too many)"),
        ("tracing; tracing", "1:10 `tracing` is said twice (only one could count)"),
    ] {
        let site = "site default { listen \":1\"; route { respond } }";
        compare(&mut wrong, &format!("{words}\n{site}"), expected);
    }
    let of_route = |words: &str| format!("site default {{\nlisten \":1\"\nroute {{\n{words}\nrespond\n}} }}");
    for (words, expected) in [
        ("acess-log off", "4:1 `acess-log` is no word in `route` (did you mean `access-log`?)"),
        ("access-log of format=jsn", "4:22 `jsn` is no format of an access log (did you mean `json`?)"),
        ("access-log off format=json", "4:16 `format` is no property of `access-log` (none belongs here)"),
        ("access-log off a.log", "4:16 `access-log` takes one argument (this one is too many)"),
        ("access-log a b", "4:14 `access-log` takes one argument (this one is too many)"),
        (
            "access-log keep=2",
            "4:17 no file is kept where none is rotated (say `rotate`, too, such as rotate=\"100MiB\")",
        ),
        ("access-log a; access-log off", "4:15 `access-log` is said twice (only one could count)"),
        ("access-log a { b }", "4:16 `access-log` has no block (nothing belongs here)"),
    ] {
        compare(&mut wrong, &of_route(words), expected);
    }
    let twice = format!("access-log \"a.log\"\n{}", of_route("access-log \"a.log\" format=json"));
    let ways = "5:1 two access logs write to DIR/a.log in different ways";
    compare(&mut wrong, &twice, ways);
    let after = "site default {\nlisten \":1\"\nroute { respond }\naccess-log off }";
    compare(&mut wrong, after, "4:1 `access-log` stands behind a route");
    assert!(wrong.is_empty(), "{wrong}");
}
