//! Every method against every reference, seed by seed: `paired.csv`.
//!
//! The references are fine-tuning, the replay that forgets least on average, and joint training, as far as the run has
//! them. `difference` is the method's figure minus the reference's, for each metric of `summary.csv`.
//!
//! With two seeds or more, interval and p are those of the paired t-test over seeds ([`genil_score::paired`]). With one
//! seed the interval is the bootstrap over the cells that both were measured on, and there is no p. It is that of these two
//! models, not of these two methods: another seed would move it further than other cells do.

use super::scores::{Bounds, BySeed, Units, all_contrasts, summary_of, units_of};
use super::table::{Table, text};
use super::unit::SetScores;
use crate::method::Ingredient;
use crate::run::Run;
use genil_base::Result;
use genil_score::{over_seeds, paired_difference};

/// Writes `paired.csv`. `bounds`: of each seed.
///
/// # Errors
/// When a model was not measured yet.
pub(super) fn write(run: &Run, by_seed: &BySeed<'_>, bounds: &[Bounds]) -> Result<()> {
    let mut table = Table::new("method,against,metric,difference,low,high,p,seeds");
    for against in references(run, by_seed) {
        for method in run.settings.methods.keys().filter(|method| **method != against) {
            let rows = match (run.settings.seeds.as_slice(), bounds) {
                ([seed], [bounds]) => over_cells(run, *seed, (method, against), bounds)?,
                _ => by_seeds(by_seed, (method, against)),
            };
            let seeds = run.settings.seeds.len().to_string();
            for row in rows {
                let numbers = [Some(row.difference), row.low, row.high, row.p].map(text);
                let names = [method.clone(), against.to_owned(), row.metric];
                table.row(names.into_iter().chain(numbers).chain([seeds.clone()]));
            }
        }
    }
    table.write(&run.folder.join("paired.csv"))
}

/// A method less a reference in one metric.
struct Row {
    metric: String,
    difference: f64,
    low: Option<f64>,
    high: Option<f64>,
    p: Option<f64>,
}

/// Fine-tuning, the best replay and joint training, each where the run has it.
fn references<'a>(run: &'a Run, by_seed: &BySeed<'_>) -> Vec<&'a str> {
    let of = |is: fn(&Ingredient) -> bool| {
        let methods = run.settings.methods.iter();
        methods.filter(move |(_, m)| matches!(&m.0[..], [one] if is(one))).map(|(name, _)| name.as_str())
    };
    let forgotten = |name: &str| {
        by_seed.get(&(name, "forgetting_mse".to_owned())).map_or(f64::INFINITY, |v| over_seeds(v).value)
    };
    let replay =
        of(|m| matches!(m, Ingredient::Replay { .. })).min_by(|a, b| forgotten(a).total_cmp(&forgotten(b)));
    let finetune = of(|m| matches!(m, Ingredient::FineTune {})).next();
    let joint = of(|m| matches!(m, Ingredient::Joint {})).next();
    [finetune, replay, joint].into_iter().flatten().collect()
}

/// The paired t-test of every metric that both methods have in all seeds.
fn by_seeds(by_seed: &BySeed<'_>, (method, against): (&str, &str)) -> Vec<Row> {
    let rows = by_seed.iter().filter(|((name, _), _)| *name == method).filter_map(|((_, metric), a)| {
        let it = paired_difference(a, by_seed.get(&(against, metric.clone()))?)?;
        let [low, high] = [it.interval.low, it.interval.high].map(Some);
        Some(Row { metric: metric.clone(), difference: it.mean, low, high, p: Some(it.p) })
    });
    rows.collect()
}

/// The differences of one seed with their bootstrap intervals over cells.
///
/// Contrasts are linear: those of the matrix of differences are the differences of the contrasts, and there each cell
/// meets itself. `forgetting_from_best` is not linear, for each method has its own best stage: it is left out.
fn over_cells(run: &Run, seed: u64, (method, against): (&str, &str), bounds: &Bounds) -> Result<Vec<Row>> {
    let resamples = run.settings.evaluate.resamples;
    let less = |a: &Units, b: &Units| -> Units {
        let set = |(a, b): (&SetScores, &SetScores)| {
            let both = a.metrics.iter().filter_map(|(name, a)| Some((name, a, b.metrics.get(name)?)));
            let metrics = both.map(|(name, a, b)| (name.clone(), a.minus(b, resamples))).collect();
            SetScores { set: a.set, metrics, ..SetScores::default() }
        };
        a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(set).collect()).collect()
    };
    let units = less(&units_of(run, seed, method)?, &units_of(run, seed, against)?);
    let nothing = Bounds {
        joint: bounds.joint.as_ref().map(|joint| less(joint, joint)),
        untrained: less(&bounds.untrained, &bounds.untrained),
    };
    let figures = summary_of(&units, all_contrasts(&units, &nothing, resamples));
    let rows = figures.into_iter().filter(|(metric, _)| !metric.starts_with("forgetting_from_best"));
    let row = |(metric, it): (String, super::scores::Figure)| {
        let (low, high) = it.interval.unzip();
        Row { metric, difference: it.value, low, high, p: None }
    };
    Ok(rows.map(row).collect())
}
