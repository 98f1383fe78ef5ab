//! How far a transfer is, how fast it goes, and how long it will take.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use wirelight_client::progress;
use wirelight_service::Body;

/// How often the progress is shown.
const EVERY: Duration = Duration::from_millis(100);
/// What is over sooner needs no bar.
const PATIENCE: Duration = Duration::from_millis(250);
/// How wide the bar is.
const WIDTH: usize = 30;

/// A transfer under way.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    length: Option<u64>,
    pub(super) done: u64,
    began: Instant,
    shown: Option<Instant>,
    visible: bool,
}

impl Progress {
    /// A download, shown on a terminal unless it is to be quiet.
    pub(super) fn of_download(length: Option<u64>, quiet: bool) -> Self {
        Self::new("received", length, quiet)
    }

    /// Content that is sent: the same content, whose progress is shown on a terminal.
    pub(super) fn of_upload(body: Body) -> Body {
        let mut bar = Self::new("sent", http_body::Body::size_hint(&body).exact(), false);
        if !bar.visible {
            return body;
        }
        progress::watch(body, move |progress| {
            bar.reach(progress.done);
            if progress.is_over {
                bar.finish();
            }
        })
    }

    fn new(what: &'static str, length: Option<u64>, quiet: bool) -> Self {
        let visible = !quiet && io::stderr().is_terminal();
        Self { what, length, done: 0, began: Instant::now(), shown: None, visible }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.reach(self.done + bytes);
    }

    fn reach(&mut self, done: u64) {
        self.done = done;
        if !self.visible {
            return;
        }
        let now = Instant::now();
        let is_due = match self.shown {
            None => now - self.began >= PATIENCE,
            Some(shown) => now - shown >= EVERY,
        };
        if is_due {
            self.shown = Some(now);
            // A terminal that is gone needs no progress.
            let _ = write!(io::stderr(), "\r{}\x1b[K", self.line(now - self.began));
        }
    }

    /// Leaves the last line, if any was shown.
    pub(super) fn finish(&mut self) {
        if self.shown.take().is_some() {
            let _ = writeln!(io::stderr(), "\r{}\x1b[K", self.line(self.began.elapsed()));
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let rate = self.done as f64 / elapsed.as_secs_f64().max(1e-9);
        let (what, done, speed) = (self.what, size(self.done), size(rate as u64));
        let Some(length) = self.length.filter(|length| *length > 0) else {
            return format!("{what} {done} at {speed}/s");
        };
        let share = (self.done as f64 / length as f64).min(1.0);
        let filled = (share * WIDTH as f64).round() as usize;
        let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
        let percent = share * 100.0;
        let all = size(length);
        if self.done >= length {
            return format!("{bar} {percent:3.0}% {what} {all} at {speed}/s in {}", clock(elapsed));
        }
        let left = Duration::from_secs_f64(((length - self.done) as f64 / rate.max(1.0)).min(1e6));
        format!("{bar} {percent:3.0}% {what} {done} of {all} at {speed}/s, {} left", clock(left))
    }
}

/// A length of time as people read it.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}

/// A number of bytes as people read it.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_far_how_fast_and_how_long() {
        let mut bar = Progress::new("sent", Some(4096), true);
        bar.done = 1024;
        let line = bar.line(Duration::from_secs(1));
        assert_eq!(line, "########......................  25% sent 1.0 KiB of 4.0 KiB at 1.0 KiB/s, 3 s left");
        bar.done = 4096;
        assert!(bar.line(Duration::from_secs(75)).ends_with("100% sent 4.0 KiB at 54 B/s in 1:15 min"));
        bar.length = None;
        assert_eq!(bar.line(Duration::from_secs(1)), "sent 4.0 KiB at 4.0 KiB/s");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(5 << 30), "5.0 GiB");
        assert_eq!(clock(Duration::from_secs(7265)), "2:01 h");
    }
}
