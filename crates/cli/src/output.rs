//! What a command prints: results on standard output, everything else on standard error.

use crate::args::{Args, ProgressStyle};
use crate::progress::{Bars, JsonLines};
use genil_base::Error;
use genil_learn::{Progress, Silent};
use genil_report::Summary;
use serde::Serialize;
use std::cell::OnceCell;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

/// Where results and progress go.
pub struct Output {
    quiet: bool,
    coloured: bool,
    progress: Box<dyn Progress>,
    unwritten: OnceCell<Error>,
}

impl Output {
    /// As the arguments ask.
    pub fn new(args: &Args) -> Self {
        let bars = || Box::new(Bars::new(in_colour(std::io::stderr().is_terminal())));
        let progress: Box<dyn Progress> = match args.progress {
            _ if args.quiet => Box::new(Silent),
            ProgressStyle::None => Box::new(Silent),
            ProgressStyle::Json => Box::new(JsonLines::default()),
            ProgressStyle::Bar => bars(),
            ProgressStyle::Auto if std::io::stderr().is_terminal() => bars(),
            ProgressStyle::Auto => Box::new(crate::progress::Lines::default()),
        };
        Self {
            quiet: args.quiet,
            coloured: in_colour(std::io::stdout().is_terminal()),
            progress,
            unwritten: OnceCell::new(),
        }
    }

    /// Where progress goes.
    pub fn progress(&self) -> &dyn Progress {
        &*self.progress
    }

    /// Prints a result for people, unless `--quiet`.
    pub fn print(&self, text: &str) {
        if !self.quiet {
            self.to_stdout(text);
        }
    }

    /// Prints what a run says: the answer stands out on a terminal.
    pub fn print_summary(&self, summary: &Summary) {
        let [bold, faint, plain] = if self.coloured { ["\x1b[1m", "\x1b[2m", "\x1b[0m"] } else { [""; 3] };
        self.print(&format!(
            "{}{faint}({}){plain}\n\n{bold}{}{plain}\n{}",
            summary.table, summary.over, summary.headline, summary.text
        ));
    }

    /// Prints a result for a script; `--quiet` leaves it.
    pub fn json(&self, result: &impl Serialize) -> genil_base::Result<()> {
        let text = serde_json::to_string_pretty(result).map_err(Error::new)?;
        self.to_stdout(&text);
        Ok(())
    }

    /// Whether everything printed so far has arrived.
    ///
    /// # Errors
    /// When standard output could not be written, unless its reader has closed it: that one has what it wanted.
    pub fn arrived(&self) -> genil_base::Result<()> {
        match self.unwritten.get() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn to_stdout(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
            Err(e) if e.kind() != ErrorKind::BrokenPipe => {
                // The first error says it all.
                let _ = self.unwritten.set(Error::io("write", Path::new("standard output"), &e));
            }
            _ => {}
        }
    }

    /// Tells what went wrong.
    pub fn error(&self, error: &Error) {
        let label =
            if in_colour(std::io::stderr().is_terminal()) { "\x1b[1;31merror\x1b[0m" } else { "error" };
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(std::io::stderr(), "{label}: {error}");
    }
}

/// Colours are for terminals whose owner has not asked to be spared (no-color.org: any value but an empty one).
fn in_colour(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
