//! Which parameters there are: names, shapes, places in [`Tensors`], first values.
//!
//! Names and shapes are those of a PyTorch module made of `nn.Embedding`, `nn.Linear` and
//! `nn.TransformerEncoder`; first values follow PyTorch's defaults.

use crate::{ModelConfig, Tensor, Tensors};
use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result};

/// Place of the gene embedding in [`Tensors`].
pub(crate) const GENES: usize = 0;

/// Places of a weight and its bias.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub weight: usize,
    pub bias: usize,
}

/// Places of one encoder layer's parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerPlaces {
    pub in_proj: Pair,
    pub out_proj: Pair,
    pub linear1: Pair,
    pub linear2: Pair,
    pub norm1: Pair,
    pub norm2: Pair,
}

/// Places of all parameters.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub value_encoder: [Pair; 2],
    pub layers: Vec<LayerPlaces>,
    pub value_head: [Pair; 3],
    pub cell_head: [Pair; 3],
}

/// How a parameter starts.
#[derive(Debug, Clone, Copy)]
enum First {
    /// N(0, 1), the row of padding zero.
    Normal,
    /// Uniform within ± this bound.
    Uniform(f64),
    Constant(f32),
}

/// One parameter before it has values.
struct Planned {
    name: String,
    shape: Vec<usize>,
    first: First,
}

/// Names, shapes and first values in order, and the places by role.
struct Planner {
    planned: Vec<Planned>,
}

impl Planner {
    fn add(&mut self, name: String, shape: &[usize], first: First) -> usize {
        self.planned.push(Planned { name, shape: shape.to_vec(), first });
        self.planned.len() - 1
    }

    fn linear(&mut self, name: &str, from: usize, to: usize) -> Pair {
        let first = First::Uniform(1.0 / (from as f64).sqrt());
        let weight = self.add(format!("{name}.weight"), &[to, from], first);
        Pair { weight, bias: self.add(format!("{name}.bias"), &[to], first) }
    }

    fn norm(&mut self, name: &str, width: usize) -> Pair {
        let weight = self.add(format!("{name}.weight"), &[width], First::Constant(1.0));
        Pair { weight, bias: self.add(format!("{name}.bias"), &[width], First::Constant(0.0)) }
    }

    fn layer(&mut self, l: usize, d: usize, ffn: usize) -> LayerPlaces {
        let name = |part: &str| format!("encoder.layers.{l}.{part}");
        let xavier = First::Uniform((6.0 / (4 * d) as f64).sqrt());
        let zero = First::Constant(0.0);
        let kaiming = First::Uniform(1.0 / (d as f64).sqrt());
        LayerPlaces {
            in_proj: Pair {
                weight: self.add(name("self_attn.in_proj_weight"), &[3 * d, d], xavier),
                bias: self.add(name("self_attn.in_proj_bias"), &[3 * d], zero),
            },
            out_proj: Pair {
                weight: self.add(name("self_attn.out_proj.weight"), &[d, d], kaiming),
                bias: self.add(name("self_attn.out_proj.bias"), &[d], zero),
            },
            linear1: self.linear(&name("linear1"), d, ffn),
            linear2: self.linear(&name("linear2"), ffn, d),
            norm1: self.norm(&name("norm1"), d),
            norm2: self.norm(&name("norm2"), d),
        }
    }
}

fn plan(config: &ModelConfig, vocabulary: usize) -> (Layout, Vec<Planned>) {
    let d = config.width;
    let mut planner = Planner { planned: Vec::new() };
    planner.add("gene_embedding.weight".into(), &[vocabulary, d], First::Normal);
    let value_encoder = [planner.linear("value_encoder.0", 1, d), planner.linear("value_encoder.2", d, d)];
    let layers = (0..config.layers).map(|l| planner.layer(l, d, config.ffn)).collect();
    let value_head = [
        planner.linear("value_head.0", d, d),
        planner.linear("value_head.2", d, d),
        planner.linear("value_head.4", d, 1),
    ];
    let cell_head = [
        planner.linear("cell_head.0", d, d),
        planner.linear("cell_head.2", d, d),
        planner.linear("cell_head.4", d, d),
    ];
    (Layout { value_encoder, layers, value_head, cell_head }, planner.planned)
}

impl Layout {
    /// The places of a model's parameters.
    pub fn new(config: &ModelConfig) -> Self {
        plan(config, 0).0
    }

    /// Refuses a model that this machine cannot hold, before anything of it is made.
    ///
    /// # Errors
    /// When its parameters, gradients and moments need more memory than can be had.
    pub fn check_memory(config: &ModelConfig, vocabulary: usize) -> Result<()> {
        // Each layer's parameters as in `plan`, without the plan itself, which 2²⁰ layers would make long.
        let [d, ffn, layers] = [config.width, config.ffn, config.layers].map(|n| n as u128);
        let layer = 4 * d * d + 2 * d * ffn + 9 * d + ffn;
        let numbers = vocabulary as u128 * d + layers * layer + 6 * d * d + 10 * d;
        // Parameters, gradients and two moments of 4 bytes each.
        let bytes = 16 * numbers;
        let fits =
            usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
        if fits {
            return Ok(());
        }
        let size = format!("width {}, {} layers, a vocabulary of {vocabulary}", config.width, config.layers);
        Err(Error::new(format!(
            "a model of {size} needs {:.1} GB of memory, more than there is",
            bytes as f64 / 1e9
        ))
        .help("make [model] width, layers or ffn smaller"))
    }

    /// Puts tensors into this model's order.
    ///
    /// # Errors
    /// When one is missing, unknown or of another shape.
    pub fn arrange(config: &ModelConfig, vocabulary: usize, mut given: Tensors) -> Result<Tensors> {
        let mut arranged = Vec::new();
        for it in plan(config, vocabulary).1 {
            let Some(at) = given.0.iter().position(|t| t.name == it.name) else {
                return Err(Error::new(format!("the tensor '{}' is missing", it.name)));
            };
            let tensor = given.0.swap_remove(at);
            if tensor.shape != it.shape || tensor.data.len() != it.shape.iter().product::<usize>() {
                let what =
                    format!("the tensor '{}' has the shape {:?}, not {:?}", it.name, tensor.shape, it.shape);
                return Err(Error::new(what));
            }
            arranged.push(tensor);
        }
        match given.0.first() {
            None => Ok(Tensors(arranged)),
            Some(extra) => Err(Error::new(format!("the tensor '{}' is unknown", extra.name))),
        }
    }
}

/// A model's parameters at their first values, a function of `seed` and each parameter's place.
pub(crate) fn first_values(config: &ModelConfig, vocabulary: usize, seed: u64) -> Tensors {
    let tensors = plan(config, vocabulary).1.into_iter().enumerate().map(|(place, it)| {
        let count: usize = it.shape.iter().product();
        let key = Key::new(seed, Purpose::Init).with(place as u64);
        let data = match it.first {
            First::Normal => gene_rows(0..vocabulary, config.width, seed),
            First::Constant(value) => vec![value; count],
            First::Uniform(bound) => {
                (0..count).map(|i| ((2.0 * key.uniform(i as u64) - 1.0) * bound) as f32).collect()
            }
        };
        Tensor { name: it.name, shape: it.shape, data }
    });
    Tensors(tensors.collect())
}

/// Zeros in the shapes of `like`.
pub(crate) fn zeros(like: &Tensors) -> Tensors {
    let zero =
        |t: &Tensor| Tensor { data: vec![0.0; t.data.len()], name: t.name.clone(), shape: t.shape.clone() };
    Tensors(like.iter().map(zero).collect())
}

/// First values of some rows of the gene embedding: N(0, 1) by Box and Muller's transform, a
/// function of `seed` and the row's number alone; the row of padding is zero.
pub(crate) fn gene_rows(rows: std::ops::Range<usize>, width: usize, seed: u64) -> Vec<f32> {
    use rayon::prelude::*;
    let key = Key::new(seed, Purpose::Init).with(GENES as u64);
    let mut data = vec![0.0; rows.len() * width];
    data.par_chunks_mut(width).zip(rows).for_each(|(out, row)| {
        if row == crate::batch::PAD as usize {
            return;
        }
        let mut stream = key.with(row as u64).stream();
        for pair in out.chunks_mut(2) {
            // 1 − u is in (0, 1], where the logarithm is finite.
            let radius = (-2.0 * (1.0 - stream.uniform()).ln()).sqrt();
            let angle = std::f64::consts::TAU * stream.uniform();
            let normals = [(radius * angle.cos()) as f32, (radius * angle.sin()) as f32];
            pair.copy_from_slice(&normals[..pair.len()]);
        }
    });
    data
}
