//! Phrases that several parts share.

use crate::run::Run;
use genil_score::table::{number, thousands};

/// What the run calls old genes: the sets whose forgetting is its question.
pub fn old_genes(run: &Run) -> String {
    let names = run.manifest.set_names();
    match crate::measures::old_sets(run) {
        sets if sets.is_empty() => "earlier genes".to_owned(),
        sets if sets.start == 0 => "the base genes".to_owned(),
        sets => format!("the genes learnt earlier ({})", names[sets].join(", ")),
    }
}

/// What the bars of the figures are.
pub fn intervals(run: &Run) -> &'static str {
    match run.manifest.seeds.len() {
        1 => "95 % intervals over cells, of one seed",
        _ => "95 % intervals over seeds",
    }
}

/// A change with its sign.
pub fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}

/// `1 cell`, `2 cells`.
pub fn counted(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", thousands(n)) }
}

/// A name as part of a file name: letters, digits, `-` and `_` stay; where another character is replaced, a few digits of the
/// name's hash keep two names apart.
pub fn file_part(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' })
        .take(60)
        .collect();
    if plain == name && !name.is_empty() {
        return plain;
    }
    let hash = genil_base::files::sha256(name.as_bytes());
    format!("{plain}-{}", hash.get(..6).unwrap_or_default())
}
