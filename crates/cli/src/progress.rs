//! Progress as bars on a terminal, as plain lines elsewhere, or as JSON lines for a pipeline.

use genil_learn::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::sync::Mutex;
use std::time::Instant;

/// A bar with rate and time left.
#[derive(Default)]
pub struct Bars(Mutex<Option<ProgressBar>>);

impl Bars {
    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        if let Ok(mut bar) = self.0.lock() {
            act(&mut bar);
        }
    }
}

impl Progress for Bars {
    fn begin(&self, what: &str, unit: &str, total: u64) {
        self.with(|slot| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let form = format!("{{prefix:36!}} {{bar:24}} {{pos}}/{{len}} {unit}, {{eta}} left  {{msg}}");
            if let Ok(style) = ProgressStyle::with_template(&form) {
                bar.set_style(style);
            }
            bar.set_prefix(what.to_owned());
            *slot = Some(bar);
        });
    }

    fn advance(&self, units: u64, note: &str) {
        self.with(|slot| {
            if let Some(bar) = slot {
                bar.set_message(note.to_owned());
                bar.inc(units);
            }
        });
    }

    fn end(&self) {
        self.with(|slot| {
            if let Some(bar) = slot.take() {
                bar.finish();
            }
        });
    }

    fn say(&self, line: &str) {
        self.with(|slot| match slot {
            Some(bar) => bar.println(line),
            None => to_stderr(line),
        });
    }
}

/// One line when a part begins and one when it ends, for logs.
#[derive(Default)]
pub struct Lines(Mutex<Option<(String, Instant, String)>>);

impl Progress for Lines {
    fn begin(&self, what: &str, _: &str, _: u64) {
        if let Ok(mut now) = self.0.lock() {
            *now = Some((what.to_owned(), Instant::now(), String::new()));
        }
    }

    fn advance(&self, _: u64, note: &str) {
        if let Ok(mut now) = self.0.lock()
            && let Some((_, _, last)) = &mut *now
        {
            note.clone_into(last);
        }
    }

    fn end(&self) {
        if let Ok(mut now) = self.0.lock()
            && let Some((what, begun, note)) = now.take()
        {
            to_stderr(&format!("{what}: {:.1} s  {note}", begun.elapsed().as_secs_f64()));
        }
    }

    fn say(&self, line: &str) {
        to_stderr(line);
    }
}

/// One JSON object a line on standard error.
pub struct JsonLines;

impl Progress for JsonLines {
    fn begin(&self, what: &str, unit: &str, total: u64) {
        to_stderr(&serde_json::json!({"begin": what, "unit": unit, "total": total}).to_string());
    }

    fn advance(&self, units: u64, note: &str) {
        to_stderr(&serde_json::json!({"done": units, "note": note}).to_string());
    }

    fn end(&self) {
        to_stderr(r#"{"end":true}"#);
    }

    fn say(&self, line: &str) {
        to_stderr(&serde_json::json!({"say": line}).to_string());
    }
}

fn to_stderr(line: &str) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}
