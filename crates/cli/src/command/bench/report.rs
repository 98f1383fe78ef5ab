//! What was measured, in words and as JSON.

use std::fmt::Write as _;

use super::tally::Measured;
use crate::print::escape;

/// The shares of requests whose times are shown.
const QUANTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];
/// From this share of a core on, the one who asks may be what is measured.
const BUSY: f64 = 0.95;

pub(super) fn milliseconds(microseconds: u64) -> String {
    format!("{:.2} ms", microseconds as f64 / 1e3)
}

impl Measured {
    fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    fn rate(&self) -> f64 {
        self.answered() as f64 / self.seconds()
    }

    fn seconds(&self) -> f64 {
        self.elapsed.as_secs_f64().max(1e-9)
    }

    /// How busy a core was with asking.
    fn load(&self) -> f64 {
        self.cpu.as_secs_f64() / self.seconds()
    }

    fn cpu_microseconds(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.answered().max(1) as f64
    }
}

pub(super) fn words(measured: &Measured) -> String {
    let mut text = String::new();
    let (seconds, answered) = (measured.seconds(), measured.answered());
    // A String takes whatever is written to it.
    let _ = writeln!(
        text,
        "{answered} requests in {seconds:.2} s: {:.0} a second, {:.1} MB of content a second",
        measured.rate(),
        measured.bytes as f64 / 1e6 / seconds
    );
    let differs = QUANTILES.iter().any(|(_, quantile)| {
        measured.corrected.value_at_quantile(*quantile) != measured.times.value_at_quantile(*quantile)
    });
    if differs {
        let _ = writeln!(text, "{:>5} {:>12} {:>12}", "", "measured", "corrected");
    }
    for (name, quantile) in QUANTILES {
        let time = milliseconds(measured.times.value_at_quantile(quantile));
        let _ = write!(text, "{name:>5} {time:>12}");
        let corrected = milliseconds(measured.corrected.value_at_quantile(quantile));
        let _ = if differs { writeln!(text, " {corrected:>12}") } else { writeln!(text) };
    }
    for (status, number) in &measured.statuses {
        let _ = writeln!(text, "{number} x {status}");
    }
    for (because, number) in &measured.failures {
        let _ = writeln!(text, "{number} x failed: {}", escape(because));
    }
    if measured.unanswered > 0 {
        let _ = writeln!(text, "{} x no answer by the end", measured.unanswered);
    }
    let share = measured.load() * 100.0;
    let _ =
        write!(text, "asking took {:.2} \u{b5}s of CPU a request, {share:.0}% of a core", measured.cpu_microseconds());
    let _ = match measured.load() >= BUSY {
        true => writeln!(text, ": the server may be faster than this could ask (--threads)"),
        false => writeln!(text),
    };
    text
}

pub(super) fn json(measured: &Measured) -> String {
    let mut result = serde_json::Map::new();
    let mut put = |name: &str, value: serde_json::Value| result.insert(name.to_owned(), value);
    put("requests", measured.answered().into());
    put("seconds", measured.seconds().into());
    put("requests_per_second", measured.rate().into());
    put("content_bytes", measured.bytes.into());
    for (name, quantile) in QUANTILES {
        put(&format!("{name}_ms"), (measured.times.value_at_quantile(quantile) as f64 / 1e3).into());
        let corrected = measured.corrected.value_at_quantile(quantile) as f64 / 1e3;
        put(&format!("{name}_corrected_ms"), corrected.into());
    }
    put("mean_ms", (measured.times.mean() / 1e3).into());
    let statuses = measured.statuses.iter().map(|(status, number)| (status.to_string(), (*number).into()));
    put("statuses", serde_json::Value::Object(statuses.collect()));
    let failures = measured.failures.iter().map(|(because, number)| (because.clone(), (*number).into()));
    put("failures", serde_json::Value::Object(failures.collect()));
    put("unanswered", measured.unanswered.into());
    put("cpu_microseconds_per_request", measured.cpu_microseconds().into());
    put("cpu_load", measured.load().into());
    format!("{}\n", serde_json::Value::Object(result))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use hdrhistogram::Histogram;

    use super::*;

    #[test]
    fn both_reports_say_the_same() {
        let mut times = Histogram::new_with_bounds(1, 600_000_000, 3).unwrap();
        (1..=1000).for_each(|time| times.record(time * 10).unwrap());
        let measured = Measured {
            corrected: times.clone(),
            times,
            statuses: BTreeMap::from([(200, 1000)]),
            failures: BTreeMap::from([("it broke\u{1b}".to_owned(), 2)]),
            unanswered: 3,
            bytes: 4_000_000,
            elapsed: Duration::from_secs(2),
            cpu: Duration::from_millis(1950),
        };
        let text = words(&measured);
        assert!(text.starts_with("1000 requests in 2.00 s: 500 a second, 2.0 MB"), "{text}");
        for part in [
            "p50      5.00 ms\n",
            "2 x failed: it broke\\u{1b}\n",
            "3 x no answer",
            "1950.00 \u{b5}s of CPU",
            "98% of a core: ",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let value: serde_json::Value = serde_json::from_str(&json(&measured)).unwrap();
        assert_eq!(value["requests_per_second"].as_f64(), Some(500.0));
        assert_eq!((value["statuses"]["200"].as_u64(), value["unanswered"].as_u64()), (Some(1000), Some(3)));
        assert_eq!((value["p50_ms"].as_f64(), value["cpu_load"].as_f64()), (Some(5.003), Some(0.975)));
    }
}
