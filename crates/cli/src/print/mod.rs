//! How things look on a terminal, and how they look anywhere else.

use std::fmt::{self, Display};
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// Whether, and how, to paint what is printed. NO_COLOR and a dumb terminal are honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint {
    colors: bool,
}

impl Paint {
    /// For what goes to standard output.
    pub(crate) fn stdout() -> Self {
        Self { colors: wanted() && std::io::stdout().is_terminal() }
    }

    /// For what goes to standard error.
    pub(crate) fn stderr() -> Self {
        Self { colors: wanted() && std::io::stderr().is_terminal() }
    }

    /// For no terminal: nothing is added.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { colors: false }
    }

    /// Whether colors are shown at all.
    pub(crate) fn colors(self) -> bool {
        self.colors
    }

    /// What failed.
    pub(crate) fn bad<D: Display>(self, what: D) -> Painted<D> {
        self.paint(AnsiColor::Red.on_default().bold(), what)
    }

    /// What went well.
    pub(crate) fn good<D: Display>(self, what: D) -> Painted<D> {
        self.paint(AnsiColor::Green.on_default(), what)
    }

    /// What something is called.
    pub(crate) fn name<D: Display>(self, what: D) -> Painted<D> {
        self.paint(AnsiColor::Cyan.on_default(), what)
    }

    /// What to look at first.
    pub(crate) fn strong<D: Display>(self, what: D) -> Painted<D> {
        self.paint(Style::new().bold(), what)
    }

    /// What may be passed over.
    pub(crate) fn quiet<D: Display>(self, what: D) -> Painted<D> {
        self.paint(Style::new().dimmed(), what)
    }

    fn paint<D: Display>(self, style: Style, what: D) -> Painted<D> {
        Painted { style: if self.colors { style } else { Style::new() }, what }
    }
}

/// Whether colors are welcome (NO_COLOR set to anything but nothing means they are not).
fn wanted() -> bool {
    let unset = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
    unset("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A stranger's text with everything that could act on a terminal made visible.
pub(crate) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() || is_deceptive(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Characters that change the direction of what follows, or that nobody sees.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
}

/// Something with its style around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Painted<D> {
    style: Style,
    what: D,
}

impl<D: Display> Display for Painted<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.style.render(), self.what, self.style.render_reset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colors_nothing_is_added() {
        let plain = Paint { colors: false };
        assert_eq!(plain.bad("no").to_string(), "no");
        let bright = Paint { colors: true };
        assert_eq!(bright.strong("yes").to_string(), "\u{1b}[1myes\u{1b}[0m");
    }
}
