//! A thread that prints, so that a slow terminal holds up nobody but itself.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

/// How many pieces of text may wait to be printed; what comes when there is no room is left out, and counted.
const WAITING_MAX: usize = 8 * 1024;

/// Prints pieces of text in order, each whole. Clones print to the same place.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    queue: SyncSender<Message>,
    left_out: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Print(Vec<u8>),
    /// Everything before it was printed once this is answered.
    Flush(SyncSender<()>),
}

impl Printer {
    /// Prints to standard output.
    pub(crate) fn stdout() -> Self {
        Self::to(io::stdout(), WAITING_MAX)
    }

    fn to(place: impl Write + Send + 'static, waiting_max: usize) -> Self {
        let (queue, waiting) = sync_channel(waiting_max);
        let left_out = Arc::new(AtomicU64::new(0));
        let printer = Self { queue, left_out: Arc::clone(&left_out) };
        thread::Builder::new()
            .name("wirelight-print".to_owned())
            .spawn(move || print(&waiting, BufWriter::new(place), &left_out))
            .expect("the system starts a thread");
        printer
    }

    /// Prints a piece of text soon; never waits.
    pub(crate) fn print(&self, text: Vec<u8>) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Print(text)) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything so far was printed.
    pub(crate) fn flush(&self) {
        let (answer, printed) = sync_channel(1);
        // Without a reader nothing can be printed, and nothing is waited for.
        if self.queue.send(Message::Flush(answer)).is_ok() {
            let _ = printed.recv();
        }
    }
}

/// Whoever reads our output may go away; serving goes on without being printed.
fn print(waiting: &Receiver<Message>, mut place: impl Write, left_out: &AtomicU64) {
    while let Ok(first) = waiting.recv() {
        let mut answers = Vec::new();
        for message in std::iter::once(first).chain(waiting.try_iter()) {
            match message {
                Message::Print(text) => {
                    let _ = place.write_all(&text);
                }
                Message::Flush(answer) => answers.push(answer),
            }
        }
        let missing = left_out.swap(0, Ordering::Relaxed);
        if missing > 0 {
            eprintln!("wirelight: {missing} lines came faster than they could be printed, and were left out");
        }
        let _ = place.flush();
        for answer in answers {
            let _ = answer.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn pieces_are_printed_whole_and_in_order() {
        let page = Page::default();
        let printer = Printer::to(page.clone(), 100);
        for number in 0..100 {
            printer.print(format!("{number}\n").into_bytes());
        }
        printer.flush();
        let expected: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(String::from_utf8(page.0.lock().unwrap().clone()).unwrap(), expected);
    }

    #[test]
    fn a_stuck_reader_holds_up_nobody() {
        struct Stuck(mpsc::Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (release, stuck) = mpsc::channel();
        let printer = Printer::to(Stuck(stuck), 2);
        for _ in 0..10 {
            printer.print(vec![b'x'; 100_000]);
        }
        assert!(printer.left_out.load(Ordering::Relaxed) >= 7);
        drop(release);
        printer.flush();
    }
}
