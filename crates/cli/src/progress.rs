//! Progress as bars on a terminal, as plain lines elsewhere, or as JSON lines for a pipeline; each with rate and time left.

use genil_learn::Progress;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A log gets a line of a part under way so often.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// A pipeline gets an object so often; the first and the last of a part always.
const JSON_EVERY: Duration = Duration::from_millis(500);

/// A part of the work, and how it goes.
struct Part {
    what: String,
    unit: String,
    total: u64,
    done: u64,
    note: String,
    begun: Instant,
    /// When and with what the first units were reported: a part that is taken up again has some at once.
    first: Option<(Instant, u64)>,
    told: Option<Instant>,
}

impl Part {
    fn new(what: &str, unit: &str, total: u64) -> Self {
        let (what, unit) = (what.to_owned(), unit.to_owned());
        Self {
            what,
            unit,
            total,
            done: 0,
            note: String::new(),
            begun: Instant::now(),
            first: None,
            told: None,
        }
    }

    fn advance(&mut self, units: u64, note: &str) {
        self.done += units;
        note.clone_into(&mut self.note);
        self.first.get_or_insert((Instant::now(), self.done));
    }

    /// Units a second since the first report; `None` before a second one.
    fn rate(&self) -> Option<f64> {
        let (since, already) = self.first?;
        let (units, seconds) = (self.done - already, since.elapsed().as_secs_f64());
        (units > 0 && seconds > 0.0).then(|| units as f64 / seconds)
    }

    fn left(&self) -> Option<Duration> {
        let seconds = self.total.saturating_sub(self.done) as f64 / self.rate()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Whether it is time to tell again.
    fn is_due(&mut self, every: Duration) -> bool {
        let due = self.told.unwrap_or(self.begun).elapsed() >= every;
        if due {
            self.told = Some(Instant::now());
        }
        due
    }

    /// Nothing where a moment's work would make up a number.
    fn rate_in_words(&self) -> String {
        let rate = self.rate().filter(|_| self.begun.elapsed() > Duration::from_millis(500));
        rate.map_or_else(String::new, |rate| {
            let decimals = if rate < 10.0 { 2 } else { 0 };
            format!(", {rate:.decimals$} {}/s", self.unit)
        })
    }
}

/// A bar with rate and time left.
pub struct Bars {
    bar: Mutex<Option<(ProgressBar, bool)>>,
    coloured: bool,
}

impl Bars {
    /// With or without colours.
    pub fn new(coloured: bool) -> Self {
        Self { bar: Mutex::new(None), coloured }
    }

    fn with(&self, act: impl FnOnce(&mut Option<(ProgressBar, bool)>)) {
        if let Ok(mut bar) = self.bar.lock() {
            act(&mut bar);
        }
    }
}

impl Progress for Bars {
    fn begin(&self, what: &str, unit: &str, total: u64) {
        self.with(|slot| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let shade = if self.coloured { ".cyan/dim" } else { "" };
            let form = format!(
                "{{prefix:36!}} {{bar:24{shade}}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} left  {{msg}}"
            );
            if let Ok(style) = ProgressStyle::with_template(&form) {
                bar.set_style(style.with_key(
                    "per_sec",
                    |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                        let decimals = if state.per_sec() < 10.0 { 2 } else { 0 };
                        // A bar that cannot be written is not shown.
                        let _ = write!(out, "{:.decimals$}/s", state.per_sec());
                    },
                ));
            }
            bar.set_prefix(what.to_owned());
            *slot = Some((bar, false));
        });
    }

    fn advance(&self, units: u64, note: &str) {
        self.with(|slot| {
            if let Some((bar, started)) = slot {
                bar.set_message(note.to_owned());
                bar.inc(units);
                if !*started {
                    // What was done before says nothing of the rate.
                    bar.reset_eta();
                    *started = true;
                }
            }
        });
    }

    fn end(&self) {
        self.with(|slot| {
            if let Some((bar, _)) = slot.take() {
                bar.finish();
            }
        });
    }

    fn say(&self, line: &str) {
        self.with(|slot| match slot {
            Some((bar, _)) => bar.println(line),
            None => to_stderr(line),
        });
    }
}

/// A line when a part ends, and now and then while it lasts, for logs.
#[derive(Default)]
pub struct Lines(Mutex<Option<Part>>);

impl Progress for Lines {
    fn begin(&self, what: &str, unit: &str, total: u64) {
        if let Ok(mut now) = self.0.lock() {
            *now = Some(Part::new(what, unit, total));
        }
    }

    fn advance(&self, units: u64, note: &str) {
        if let Ok(mut now) = self.0.lock()
            && let Some(part) = &mut *now
        {
            part.advance(units, note);
            if part.is_due(LOG_EVERY) {
                let left =
                    part.left().map_or_else(String::new, |left| format!(", {} left", HumanDuration(left)));
                to_stderr(&format!(
                    "{}: {}/{} {}{}{left}  {}",
                    part.what,
                    part.done,
                    part.total,
                    part.unit,
                    part.rate_in_words(),
                    part.note
                ));
            }
        }
    }

    fn end(&self) {
        if let Ok(mut now) = self.0.lock()
            && let Some(part) = now.take()
        {
            let seconds = part.begun.elapsed().as_secs_f64();
            to_stderr(&format!("{}: {seconds:.1} s{}  {}", part.what, part.rate_in_words(), part.note));
        }
    }

    fn say(&self, line: &str) {
        to_stderr(line);
    }
}

/// One JSON object a line on standard error. Every object has `event`: `begin`, `advance`, `end` (with `part`, `unit`,
/// `done`, `total`, and where they are known `per_second`, `seconds_left`, `note`) or `say` (with `text`).
#[derive(Default)]
pub struct JsonLines(Mutex<Option<Part>>);

impl JsonLines {
    fn tell(event: &str, part: &Part) {
        let mut object = json!({
            "event": event, "part": part.what, "unit": part.unit, "done": part.done, "total": part.total,
            "seconds": rounded(part.begun.elapsed().as_secs_f64()),
        });
        if let Some(rate) = part.rate() {
            object["per_second"] = json!(rounded(rate));
        }
        if let Some(left) = part.left() {
            object["seconds_left"] = json!(rounded(left.as_secs_f64()));
        }
        if !part.note.is_empty() {
            object["note"] = json!(part.note);
        }
        to_stderr(&object.to_string());
    }
}

impl Progress for JsonLines {
    fn begin(&self, what: &str, unit: &str, total: u64) {
        if let Ok(mut now) = self.0.lock() {
            Self::tell("begin", now.insert(Part::new(what, unit, total)));
        }
    }

    fn advance(&self, units: u64, note: &str) {
        if let Ok(mut now) = self.0.lock()
            && let Some(part) = &mut *now
        {
            part.advance(units, note);
            if part.is_due(JSON_EVERY) {
                Self::tell("advance", part);
            }
        }
    }

    fn end(&self) {
        if let Ok(mut now) = self.0.lock()
            && let Some(part) = now.take()
        {
            Self::tell("end", &part);
        }
    }

    fn say(&self, line: &str) {
        to_stderr(&json!({"event": "say", "text": line}).to_string());
    }
}

/// Three decimals are enough for a progress.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn to_stderr(line: &str) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_before_is_no_progress_of_now() {
        let mut part = Part::new("stage 1", "steps", 100);
        assert_eq!(part.rate(), None);
        part.advance(60, "");
        assert_eq!((part.rate(), part.left()), (None, None));
        std::thread::sleep(Duration::from_millis(20));
        part.advance(2, "loss 0.4");
        let rate = part.rate().unwrap_or_default();
        assert!(rate > 0.0 && rate <= 100.0, "{rate}: two units in at least 20 ms");
        assert!(part.left().is_some_and(|left| left > Duration::from_millis(300)));
    }

    #[test]
    fn a_part_that_is_over_or_overdone_has_nothing_left() {
        let mut part = Part::new("cells", "cells", 2);
        part.advance(1, "");
        std::thread::sleep(Duration::from_millis(2));
        part.advance(9, "");
        assert_eq!(part.left(), Some(Duration::ZERO));
    }
}
