//! Pseudo-cells: a group by its size, a depth by its log-normal, counts by the group's shares of genes, and of them
//! tokens as of any cell.

use super::aggregate::{Aggregate, Group};
use super::{Context, Noise};
use genil_base::random::{Key, Stream};
use genil_base::{Error, Result};
use genil_data::sample::{CellTokens, Masking, tokens_of};
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, Gamma, Poisson, StandardNormal};

/// Depths are drawn within so many standard deviations of the mean of their logarithm.
const WIDEST: f64 = 2.0;

/// One stage's groups, ready to be drawn from.
pub struct Source {
    stage: usize,
    noise: Noise,
    by_size: WeightedAliasIndex<f32>,
    groups: Vec<(Group, WeightedAliasIndex<f32>)>,
}

impl Source {
    /// # Errors
    /// When a group has no gene or a number that is no weight: the memory was damaged.
    pub fn new(stage: usize, of: &Aggregate, noise: Noise) -> Result<Self> {
        let table = |weights: Vec<f32>| {
            WeightedAliasIndex::new(weights)
                .map_err(|e| Error::new(format!("the prototypes of stage {stage} cannot be drawn from: {e}")))
        };
        let by_size = table(of.groups.iter().map(|g| g.cells).collect())?;
        let groups = of.groups.iter().map(|g| Ok((g.clone(), table(g.share.clone())?)));
        Ok(Self { stage, noise, by_size, groups: groups.collect::<Result<_>>()? })
    }

    /// One pseudo-cell. `specific_first`: the stage's own genes that it expresses are always among its tokens.
    pub fn draw(&self, context: Context<'_>, specific_first: bool, key: Key) -> CellTokens {
        let mut random = key.stream();
        let (group, genes) = &self.groups[self.by_size.sample(&mut random)];
        let away: f64 = StandardNormal.sample(&mut random);
        let away = away.clamp(-WIDEST, WIDEST);
        let total = (f64::from(group.depth[0]) + away * f64::from(group.depth[1])).exp();
        let counts = match self.noise {
            // Poisson counts given their sum are multinomial: as many draws as there are reads, where those are few.
            Noise::Poisson if total < 4.0 * group.tokens.len() as f64 => reads(total, genes, &mut random),
            noise => gene_by_gene(total, group, noise, &mut random),
        };
        let sampling = &context.settings.tokens;
        let drawn_total: u64 = counts.iter().map(|&(_, count)| u64::from(count)).sum();
        let value = |count: u32| sampling.transform.value(count as f32, drawn_total as f32);
        let drawn = counts.iter().map(|&(gene, count)| (group.tokens[gene as usize], value(count))).collect();
        let partition = &context.stages.partition;
        let first = |token| specific_first && self.stage > 0 && partition.stage_of(token) == self.stage;
        tokens_of(drawn, partition, sampling, (Masking::Random, first), key.with(1))
    }
}

/// `total` reads, one by one: (place among the group's genes, count), ascending.
fn reads(total: f64, genes: &WeightedAliasIndex<f32>, random: &mut Stream) -> Vec<(u32, u32)> {
    let mut places: Vec<u32> = (0..total.round() as usize).map(|_| genes.sample(random) as u32).collect();
    places.sort_unstable();
    places.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32)).collect()
}

/// A count for each gene by itself; those above 0.
fn gene_by_gene(total: f64, group: &Group, noise: Noise, random: &mut Stream) -> Vec<(u32, u32)> {
    let mut counts = Vec::new();
    for (place, &share) in group.share.iter().enumerate() {
        let mut mean = total * f64::from(share);
        let phi = group.dispersion.get(place).map_or(0.0, |&phi| f64::from(phi));
        if noise == Noise::NegativeBinomial && phi > 1e-3 {
            mean *= Gamma::new(1.0 / phi, phi).map_or(1.0, |gamma| gamma.sample(random));
        }
        // A mean that is no Poisson mean (0 after a Gamma draw that underflowed) counts nothing.
        let count: f64 = Poisson::new(mean).map_or(0.0, |poisson| poisson.sample(random));
        if count > 0.0 {
            counts.push((place as u32, count.min(1e6) as u32));
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use genil_base::random::Purpose;

    fn group(dispersion: Vec<f32>) -> Group {
        Group {
            cells: 30.0,
            depth: [5.0, 0.1],
            tokens: vec![2, 3, 4],
            share: vec![0.7, 0.2, 0.1],
            dispersion,
        }
    }

    /// Mean and variance of the first gene's count over many draws at a total of 100.
    fn moments(draw: impl Fn(&mut Stream) -> Vec<(u32, u32)>) -> (f64, f64) {
        let key = Key::new(3, Purpose::Method);
        let counts: Vec<f64> = (0..4000)
            .map(|i| {
                draw(&mut key.with(i).stream()).first().filter(|c| c.0 == 0).map_or(0.0, |c| f64::from(c.1))
            })
            .collect();
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        (mean, counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / counts.len() as f64)
    }

    #[test]
    fn counts_have_the_mean_and_the_variance_of_their_noise() {
        let genes = WeightedAliasIndex::new(group(vec![]).share).unwrap();
        let (mean, variance) = moments(|random| reads(100.0, &genes, random));
        assert!((mean - 70.0).abs() < 0.5 && (variance - 21.0).abs() < 2.0, "{mean} {variance}");
        let (mean, variance) = moments(|random| gene_by_gene(100.0, &group(vec![]), Noise::Poisson, random));
        assert!((mean - 70.0).abs() < 0.8 && (variance - 70.0).abs() < 6.0, "{mean} {variance}");
        let dispersed = group(vec![0.1; 3]);
        let (mean, variance) =
            moments(|random| gene_by_gene(100.0, &dispersed, Noise::NegativeBinomial, random));
        // 70 + 0.1 · 70²
        assert!((mean - 70.0).abs() < 2.0 && (variance / 560.0 - 1.0).abs() < 0.12, "{mean} {variance}");
    }
}
