//! Bad inputs of every kind, a row a case: each ends in a message with file, place and remedy, with exit
//! code 1 (or 2 for wrong arguments), without a panic, and leaves the folder as it was.
//!
//! * [`world`]: the folder that every case starts from, and how a case damages it;
//! * [`anndata`]: AnnData files, right and wrong;
//! * [`tables`]: the cases;
//! * [`places`]: disks that are full or read-only, closed pipes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod anndata;
mod places;
mod tables;
mod world;

use std::fmt::Write;
use world::World;

/// One bad input.
pub struct Case {
    /// What is bad.
    name: &'static str,
    /// Makes it so.
    damage: fn(&World),
    /// The arguments of genil, as one types them in a shell.
    run: &'static str,
    /// What the message must say.
    says: &'static [&'static str],
    ends: Ends,
}

/// How a case ends.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    /// Exit code 1; the folder is as before.
    Refused,
    /// Exit code 2: wrong arguments.
    WrongArguments,
    /// Exit code 1 after work that is kept; what was there before is as before.
    Stopped,
    /// Exit code 0: it only looks bad.
    Fine,
    /// Exit code 0; the folder is as before the damage.
    Mended,
}

/// A bad input that is refused.
const fn refused(
    name: &'static str,
    damage: fn(&World),
    run: &'static str,
    says: &'static [&'static str],
) -> Case {
    Case { name, damage, run, says, ends: Ends::Refused }
}

/// Arguments that are refused.
const fn wrong(name: &'static str, run: &'static str, says: &'static [&'static str]) -> Case {
    Case { name, damage: |_| (), run, says, ends: Ends::WrongArguments }
}

/// A bad input that is met only after some work, which is kept.
const fn stopped(
    name: &'static str,
    damage: fn(&World),
    run: &'static str,
    says: &'static [&'static str],
) -> Case {
    Case { name, damage, run, says, ends: Ends::Stopped }
}

/// An input that looks bad and is none; `says` is what the result says.
const fn fine(
    name: &'static str,
    damage: fn(&World),
    run: &'static str,
    says: &'static [&'static str],
) -> Case {
    Case { name, damage, run, says, ends: Ends::Fine }
}

/// Damage to what genil makes again by itself.
const fn mended(
    name: &'static str,
    damage: fn(&World),
    run: &'static str,
    says: &'static [&'static str],
) -> Case {
    Case { name, damage, run, says, ends: Ends::Mended }
}

/// Runs the cases of a table and tells of all that end otherwise.
fn check(table: &[Case]) {
    let mut wrong = String::new();
    for case in table {
        let world = World::new();
        let whole = world.contents();
        (case.damage)(&world);
        let before = if case.ends == Ends::Mended { whole } else { world.contents() };
        let ended = world.run(case.run);
        if let Err(what) = judge(case, &ended, &before, &world.contents()) {
            let _ = writeln!(
                wrong,
                "\n* {}: {what}\n  $ genil {}\n{}{}",
                case.name, case.run, ended.out, ended.err
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn judge(
    case: &Case,
    ended: &world::Ended,
    before: &world::Contents,
    after: &world::Contents,
) -> Result<(), String> {
    let code = match case.ends {
        Ends::Refused | Ends::Stopped => 1,
        Ends::WrongArguments => 2,
        Ends::Fine | Ends::Mended => 0,
    };
    if ended.code != Some(code) {
        return Err(format!("exit code {:?} instead of {code}", ended.code));
    }
    let said = format!("{}{}", ended.out, ended.err);
    for word in ["panicked", "memory allocation"] {
        if said.contains(word) {
            return Err(format!("it says '{word}'"));
        }
    }
    if let Some(missing) = case.says.iter().find(|word| !said.contains(**word)) {
        return Err(format!("it does not say '{missing}'"));
    }
    let remedy = if case.ends == Ends::WrongArguments { "--help" } else { "help: " };
    if code != 0 && !ended.err.contains(remedy) {
        return Err("no remedy".into());
    }
    if let Some(name) = after.keys().find(|name| name.contains(".genil-partial-")) {
        return Err(format!("{name} is left"));
    }
    let lost = before.iter().find(|(name, what)| after.get(*name) != Some(what)).map(|(name, _)| name);
    match (case.ends, lost) {
        (Ends::Fine, _) | (_, None)
            if case.ends == Ends::Fine || case.ends == Ends::Stopped || after.len() == before.len() =>
        {
            Ok(())
        }
        (_, Some(name)) => Err(format!("{name} has changed")),
        _ => Err(match after.keys().find(|name| !before.contains_key(*name)) {
            Some(new) => format!("{new} is new"),
            None => "something is gone".into(),
        }),
    }
}

macro_rules! tests {
    ($($name:ident: $table:expr;)*) => { $(#[test] fn $name() { check($table); })* };
}

tests! {
    anndata_files: tables::anndata::CASES;
    loom_files: tables::loom::CASES;
    zarr_folders: tables::zarr::CASES;
    tenx_and_matrix_market: tables::tenx::CASES;
    stores: tables::stores::CASES;
    planning: tables::planning::CASES;
    plans: tables::plans::CASES;
    settings: tables::settings::CASES;
    models: tables::models::CASES;
    scores_and_reports: tables::scores::CASES;
    arguments: tables::arguments::CASES;
}

#[test]
fn there_are_at_least_a_hundred() {
    use tables::*;
    let tables = [
        anndata::CASES,
        loom::CASES,
        zarr::CASES,
        tenx::CASES,
        stores::CASES,
        planning::CASES,
        plans::CASES,
        settings::CASES,
        models::CASES,
        scores::CASES,
        arguments::CASES,
    ];
    let bad = tables.iter().copied().flatten().filter(|case| case.ends != Ends::Fine).count();
    assert!(bad >= 100, "{bad}");
}
