//! The laws that synthetic cells obey, drawn once from the seed, and single cells drawn from them.

use super::{ClassTruth, StageTruth, SyntheticConfig, SyntheticTruth, TISSUES};
use genil_base::random::{Key, Purpose, Stream};
use rand_distr::{Distribution, Gamma, Poisson, StandardNormal};

/// The stages with genes of their own.
const STAGES: usize = TISSUES.len() - 1;
/// The wiring of each tissue.
const WIRING: [usize; TISSUES.len()] = [0, 0, 1];
/// Activity of a gene whose programme or class is off, as a share of the typical one.
const LEAK: f64 = 0.005;
/// A cell outside of a stage's tissue is in one of the stage's classes with this probability.
const ELSEWHERE: f64 = 0.5;
/// A class prefers one lineage with this probability: base genes tell a little about classes.
const PREFERENCE: f64 = 0.3;
/// Spread of the strengths of base genes; markers are all alike, so that all can be found.
const STRENGTH_SPREAD: f64 = 0.5;

/// What is the same for all cells of a seed.
pub struct Nature<'a> {
    config: &'a SyntheticConfig,
    key: Key,
    /// For each wiring, for each base gene, its programme and its strength.
    base: Vec<Vec<(usize, f64)>>,
    /// For each wiring, for each marker of all stages, the level programme that sets its value.
    levels: Vec<Vec<usize>>,
    /// For each tissue, for each lineage, its two lineage programmes.
    lineages: Vec<Vec<[usize; 2]>>,
}

/// One cell.
pub struct SyntheticCell {
    pub cell_type: String,
    pub lineage: String,
    pub tissue: String,
    pub donor: String,
    pub batch: String,
    pub genes: Vec<u32>,
    pub counts: Vec<f32>,
}

impl<'a> Nature<'a> {
    pub fn new(config: &'a SyntheticConfig) -> Self {
        let key = Key::new(config.seed, Purpose::Synthetic);
        let programmes = config.level_programmes + config.lineage_programmes;
        let mut followed: Vec<usize> = (0..config.base_genes).map(|gene| gene % programmes).collect();
        key.with(1).shuffle(&mut followed);
        let rewired = rewired(&followed, config.level_programmes, key.with(6));
        let base = [followed, rewired].into_iter().zip(0..).map(|(followed, wiring)| {
            let mut stream = key.with(0).with(wiring).stream();
            let strength = |_: &usize| (STRENGTH_SPREAD * normal(&mut stream)).exp() * config.strength;
            let strengths: Vec<f64> = followed.iter().map(strength).collect();
            followed.into_iter().zip(strengths).collect()
        });
        let first: Vec<usize> = (0..STAGES * config.classes * config.markers)
            .map(|marker| key.with(2).below(marker as u64, config.level_programmes))
            .collect();
        // In the other wiring every marker follows another level.
        let second = first.iter().map(|level| (level + 1) % config.level_programmes).collect();
        let lineages = (0..TISSUES.len()).map(|tissue| {
            let mut order: Vec<usize> = (config.level_programmes..programmes).collect();
            key.with(3).with(tissue as u64).shuffle(&mut order);
            let pick = |place: usize| order[place % order.len()];
            (0..config.lineages).map(|lineage| [pick(2 * lineage), pick(2 * lineage + 1)]).collect()
        });
        Self { base: base.collect(), levels: vec![first, second], lineages: lineages.collect(), key, config }
    }

    /// The symbols of all genes: base genes, then the markers stage by stage, class by class.
    pub fn genes(&self) -> impl Iterator<Item = String> {
        let base = (0..self.config.base_genes).map(base_symbol);
        let stages = 1..=STAGES;
        let markers = stages.flat_map(move |stage| {
            (0..self.config.classes * self.config.markers).map(move |marker| self.symbol(stage, marker))
        });
        base.chain(markers)
    }

    fn symbol(&self, stage: usize, marker: usize) -> String {
        let (class, number) = (marker / self.config.markers, marker % self.config.markers + 1);
        format!("{}-{}-{number:02}", TISSUES[stage].to_uppercase(), letter(class))
    }

    pub fn truth(&self) -> SyntheticTruth {
        let config = self.config;
        let programmes = config.level_programmes + config.lineage_programmes;
        let followers = |wiring: &Vec<(usize, f64)>, programme: usize| {
            let of = wiring.iter().enumerate().filter(|(_, (followed, _))| *followed == programme);
            of.map(|(gene, _)| base_symbol(gene)).collect()
        };
        let class = |stage: usize, class: usize| {
            let first = (stage - 1) * config.classes * config.markers + class * config.markers;
            let of_class = class * config.markers..(class + 1) * config.markers;
            ClassTruth {
                name: format!("{}-{}", TISSUES[stage], letter(class)),
                markers: of_class.map(|marker| self.symbol(stage, marker)).collect(),
                levels: self.levels.iter().map(|of| of[first..first + config.markers].to_vec()).collect(),
            }
        };
        SyntheticTruth {
            config: config.clone(),
            programmes: self
                .base
                .iter()
                .map(|wiring| (0..programmes).map(|programme| followers(wiring, programme)).collect())
                .collect(),
            stages: (1..=STAGES)
                .map(|stage| StageTruth {
                    tissue: TISSUES[stage].into(),
                    classes: (0..config.classes).map(|c| class(stage, c)).collect(),
                })
                .collect(),
        }
    }

    /// Cell `row` of the store `store`.
    pub fn cell(&self, tissue: usize, store: u64, row: u64) -> SyntheticCell {
        let config = self.config;
        let mut stream = self.key.with(4).with(store).with(row).stream();
        let donor = stream.below(config.donors);
        let batch = donor % 2;
        // The class of each stage's markers that the cell is in.
        let classes: Vec<Option<usize>> = (1..=STAGES)
            .map(|stage| {
                (stage == tissue || stream.uniform() < ELSEWHERE).then(|| stream.below(config.classes))
            })
            .collect();
        let own = tissue.checked_sub(1).and_then(|stage| classes[stage]);
        let lineage = match own {
            Some(class) if stream.uniform() < PREFERENCE => class % config.lineages,
            _ => stream.below(config.lineages),
        };
        let depth = (config.depth_spread * normal(&mut stream)).exp();
        let activities: Vec<f64> = (0..config.level_programmes + config.lineage_programmes)
            .map(|programme| {
                let activity = (config.activity_spread * normal(&mut stream)).exp();
                let active = programme < config.level_programmes
                    || self.lineages[tissue][lineage].contains(&programme);
                if active { activity } else { LEAK }
            })
            .collect();

        let wiring = WIRING[tissue];
        let base = self.base[wiring].iter().map(|&(programme, strength)| strength * activities[programme]);
        let per_stage = config.classes * config.markers;
        let markers = self.levels[wiring].iter().enumerate().map(|(marker, &level)| {
            let (stage, class) = (marker / per_stage, marker % per_stage / config.markers);
            let activity = if classes[stage] == Some(class) { activities[level] } else { LEAK };
            config.strength * activity
        });
        let effects = self.key.with(5).with(store).with(batch as u64);
        let (mut genes, mut counts) = (Vec::new(), Vec::new());
        for (gene, mean) in (0u32..).zip(base.chain(markers)) {
            let effect = config.batch_effect * normal(&mut effects.with(u64::from(gene)).stream());
            let count = self.count(mean * depth * effect.exp(), &mut stream);
            if count > 0.0 {
                genes.push(gene);
                counts.push(count as f32);
            }
        }
        let letter = match own {
            Some(class) => letter(class),
            None => letter(lineage),
        };
        SyntheticCell {
            cell_type: format!("{}-{letter}", TISSUES[tissue]),
            lineage: format!("{}-lineage-{}", TISSUES[tissue], lineage + 1),
            tissue: TISSUES[tissue].into(),
            donor: format!("donor-{store}-{}", donor + 1),
            batch: format!("batch-{store}-{}", batch + 1),
            genes,
            counts,
        }
    }

    /// A negative-binomial count of this mean, or 0 where it drops out.
    fn count(&self, mean: f64, stream: &mut Stream) -> f64 {
        let config = self.config;
        if stream.uniform() * (config.dropout + mean) < config.dropout {
            return 0.0;
        }
        // The laws refuse means and spreads of zero: then the count is zero, or the mean as it is.
        let gamma = Gamma::new(1.0 / config.overdispersion, mean * config.overdispersion);
        let rate = gamma.map_or(mean, |gamma| gamma.sample(stream));
        Poisson::new(rate).map_or(0.0, |poisson| poisson.sample(stream)).min(1e6)
    }
}

/// Programmes of the same sizes for the same genes, dealt anew: genes that followed a level programme
/// now follow lineage programmes (as far as there is room), so that they tell nothing about levels.
fn rewired(followed: &[usize], levels: usize, key: Key) -> Vec<usize> {
    let mut genes: Vec<usize> = (0..followed.len()).collect();
    let mut programmes = followed.to_vec();
    key.with(0).shuffle(&mut genes);
    key.with(1).shuffle(&mut programmes);
    // Both sorts are stable: level genes come first, level programmes last, each in random order.
    genes.sort_by_key(|&gene| followed[gene] >= levels);
    programmes.sort_by_key(|&programme| programme < levels);
    let mut dealt = vec![0; followed.len()];
    for (gene, programme) in genes.into_iter().zip(programmes) {
        dealt[gene] = programme;
    }
    dealt
}

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

fn base_symbol(gene: usize) -> String {
    format!("BASE-{:03}", gene + 1)
}

fn letter(number: usize) -> char {
    // At most 26 classes; lineages beyond 26 share the last letter.
    char::from(b'A' + number.min(25) as u8)
}
