//! Who watches the connections of a command that listens, and what is printed of them.

use std::fmt::Display;

use wirelight_net::{ConnectionInfo, Observer, Record, Wire};

use crate::args::Listen;
use crate::print::printer::Printer;
use crate::print::{Paint, wire};

/// Prints a line for each exchange, and whatever else was asked for.
#[derive(Debug)]
pub(crate) struct Watch {
    printer: Printer,
    paint: Paint,
    quiet: bool,
    verbose: bool,
    raw: bool,
}

impl Watch {
    pub(crate) fn new(listen: &Listen, printer: Printer) -> Self {
        Self { printer, paint: Paint::stdout(), quiet: listen.quiet, verbose: listen.verbose, raw: listen.raw }
    }
}

impl Observer for Watch {
    fn wants_bytes(&self) -> bool {
        self.raw
    }

    fn bytes(&self, connection: &ConnectionInfo, number: u64, wire: Wire, bytes: &[u8]) {
        if wire != Wire::ContentSent {
            self.printer.print(wire::show(connection, number, wire, bytes, self.paint));
        }
    }

    fn finished(&self, record: Box<Record>) {
        if !self.quiet {
            self.printer.print(format!("{record:?}\n").into_bytes());
        }
    }

    fn closed(&self, connection: &ConnectionInfo, because: &dyn Display) {
        if self.verbose {
            let line = format!("-- connection {} closed: {because}\n", connection.id);
            self.printer.print(line.into_bytes());
        }
    }
}
