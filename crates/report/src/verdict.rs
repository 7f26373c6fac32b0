//! The answer in a sentence or two, no surer than the numbers.

use crate::metric::{self, Metric};
use crate::run::Run;
use crate::{measures, wording};
use genil_score::table::{number, with_bounds};
use genil_score::{Interval, paired_difference};

/// What a run says.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Which method forgot least, and at what price on the new genes: one short sentence.
    pub headline: String,
    /// The same with its numbers.
    pub answer: String,
    /// What limits the answer, each a sentence.
    pub caveats: Vec<String>,
}

struct Candidate<'a> {
    method: usize,
    name: &'a str,
    forgetting: Interval,
    newest: Option<Interval>,
}

/// So many other methods are named in a sentence.
const MOST: usize = 4;

/// Judges the run by its main measure. Joint training is a bound and no candidate, unless it is alone.
pub fn verdict(run: &Run) -> Verdict {
    let metric = metric::regression(run);
    let mut ranked = ranking(run, metric);
    if ranked.is_empty() {
        let advice = "Forgetting needs scores on a gene set after its own stage and after the last one: train at \
                      least one stage after the base, then evaluate the run.";
        return Verdict {
            headline: "Nothing can be said of forgetting yet.".to_owned(),
            answer: advice.to_owned(),
            caveats: Vec::new(),
        };
    }
    let first = ranked.remove(0);
    let mut caveats = certainty(run, &first, ranked.first(), metric);
    caveats.extend(disagreement(run, &first));
    Verdict {
        headline: headline(run, &first, &ranked, metric),
        answer: numbers(run, &first, &ranked, metric),
        caveats,
    }
}

/// The candidates by ascending forgetting.
fn ranking(run: &Run, metric: Metric) -> Vec<Candidate<'_>> {
    let methods = &run.manifest.methods;
    let only_joint = methods.iter().all(|m| m.is_joint());
    let candidate = |method: usize| {
        let forgetting = measures::forgetting(run, method, metric)?;
        let newest = measures::newest(run, method, metric);
        Some(Candidate { method, name: &methods[method].name, forgetting, newest })
    };
    let competes = |&m: &usize| only_joint || !methods[m].is_joint();
    let mut ranked: Vec<Candidate> = (0..methods.len()).filter(competes).filter_map(candidate).collect();
    ranked.sort_by(|a, b| a.forgetting.value.total_cmp(&b.forgetting.value));
    ranked
}

fn headline(run: &Run, first: &Candidate, others: &[Candidate], metric: Metric) -> String {
    let name = first.name;
    let Some(second) = others.first() else {
        let change = number(first.forgetting.value.abs());
        return if first.forgetting.value > 0.0 {
            format!("{name} forgot: the loss on earlier genes rose by {change}.")
        } else {
            format!("{name} forgot nothing: the loss on earlier genes fell by {change}.")
        };
    };
    let least = match paired(run, second, first, metric, measures::forgetting_by_seed) {
        None => format!("{name} forgot least in the one seed that there is"),
        Some(more) if more.low > 0.0 => format!("{name} forgot least"),
        Some(_) => format!("{name} forgot least, though not clearly less than {}", second.name),
    };
    let Some((cheapest, price)) = cheapest(first, others, metric) else { return least + "." };
    let settled =
        paired(run, first, cheapest, metric, measures::newest_by_seed).is_none_or(|it| it.low > 0.0);
    match (price > 0.0, settled) {
        (false, _) => format!("{least}, at no visible price on the newest genes."),
        (true, true) => format!("{least}, at a price of {} on the newest genes.", number(price)),
        (true, false) => format!("{least}, at no clear price on the newest genes."),
    }
}

fn numbers(run: &Run, first: &Candidate, others: &[Candidate], metric: Metric) -> String {
    let genes = wording::old_genes(run);
    let it = first.forgetting;
    let (way, by) = if it.value < 0.0 {
        ("fell", Interval { value: -it.value, low: -it.high, high: -it.low })
    } else {
        ("rose", it)
    };
    let mut text = format!("With {}, the loss on {genes} {way} by {}", first.name, with_bounds(&by));
    let rest: Vec<String> =
        others.iter().map(|c| format!("{} {}", c.name, wording::signed(c.forgetting.value))).collect();
    if !rest.is_empty() {
        let more = if rest.len() > MOST { format!(" and {} more", rest.len() - MOST) } else { String::new() };
        text += &format!(" ({}{more})", rest[..rest.len().min(MOST)].join(", "));
    }
    text.push('.');
    if let Some(newest) = first.newest {
        let set = &run.manifest.stages[run.manifest.last()].name;
        text += &format!(" Its loss on the newest genes ({set}) is {}", with_bounds(&newest));
        if let Some((other, price)) = cheapest(first, others, metric) {
            let value = number(other.newest.map_or(f64::NAN, |it| it.value));
            let least = if price > 0.0 { "the lowest of the others" } else { "the lowest; next" };
            text += &format!(", {least} is {} with {value}", other.name);
        }
        text.push('.');
    }
    text
}

/// The other candidate that is best on the newest genes, and how much worse `first` is there.
fn cheapest<'a>(
    first: &Candidate,
    others: &'a [Candidate<'a>],
    metric: Metric,
) -> Option<(&'a Candidate<'a>, f64)> {
    let own = first.newest?.value;
    let price = |c: &'a Candidate<'a>| Some((c, metric.better.worse(own, c.newest?.value)));
    others.iter().filter_map(price).max_by(|a, b| a.1.total_cmp(&b.1))
}

fn certainty(run: &Run, first: &Candidate, second: Option<&Candidate>, metric: Metric) -> Vec<String> {
    if let [seed] = run.manifest.seeds[..] {
        return vec![format!("One seed ({seed}): no interval over seeds, so the order may be chance.")];
    }
    let Some(second) = second else { return Vec::new() };
    let name = second.name;
    let mut caveats = Vec::new();
    if first.forgetting.overlaps(&second.forgetting) != Some(false) {
        caveats.push(format!("Its interval and that of {name}, the next, overlap."));
    }
    if let Some(more) = paired(run, second, first, metric, measures::forgetting_by_seed) {
        let settled = if more.low > 0.0 {
            "the interval leaves out 0"
        } else {
            "the interval holds 0, so their order is not settled"
        };
        caveats.push(format!("Seed by seed, {name} forgot {} more: {settled}.", with_bounds(&more)));
    }
    caveats
}

/// Says whether the classification judges as the regression does.
fn disagreement(run: &Run, best: &Candidate) -> Option<String> {
    let metric = metric::classification(run)?;
    let candidates = ranking(run, metric);
    let (first, others) = candidates.split_first()?;
    let measure = metric.title.to_lowercase();
    let least = with_bounds(&first.forgetting);
    if others.is_empty() {
        None
    } else if first.method == best.method {
        Some(format!("By {measure} it forgot least as well: {least}."))
    } else {
        let own = others.iter().find(|c| c.method == best.method)?;
        let clear = first.forgetting.overlaps(&own.forgetting) == Some(false);
        let gain = if first.forgetting.value < 0.0 { "; below 0 it gained" } else { "" };
        Some(format!(
            "{}: by {measure}, {} forgot least: {least}{gain}, against {} of {}.",
            if clear { "The two evaluations disagree" } else { "The two evaluations differ, not clearly" },
            first.name,
            with_bounds(&own.forgetting),
            best.name
        ))
    }
}

/// How much worse `a` is than `b`, paired by seed; `None` with fewer than two seeds in common.
fn paired(
    run: &Run,
    a: &Candidate,
    b: &Candidate,
    metric: Metric,
    of: fn(&Run, usize, Metric) -> Vec<Option<f64>>,
) -> Option<Interval> {
    let pairs = of(run, a.method, metric).into_iter().zip(of(run, b.method, metric));
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.filter_map(|(a, b)| Some((a?, b?))).unzip();
    paired_difference(&a, &b).map(|paired| paired.interval)
}
