//! The parameters of two models side by side: what earlier stages left, and what the stage at hand brings.

use super::Context;
use genil_engine::{Engine, Tensors};
use rayon::prelude::*;

/// The name of the gene embedding among the parameters.
pub const GENE_ROWS: &str = "gene_embedding.weight";

/// A copy of what earlier stages left: all parameters but the rows of genes `G_k`. Right at the beginning of stage `k`
/// these are the old values.
pub fn of_earlier_stages(engine: &dyn Engine, context: Context<'_>) -> Tensors {
    let mut old = engine.parameters().clone();
    let first_new = context.stages.partition.tokens_of(context.stage).start as usize;
    if let Some(genes) = old.get_mut(GENE_ROWS) {
        genes.data.truncate(first_new * engine.config().width);
        genes.shape[0] = first_new;
    }
    old
}

/// Calls `change` with each number of `of` and its partner in `others`. Arrays are paired by name, numbers by place;
/// what has no partner (rows of genes that `others` lacks) stays.
pub fn change(of: &mut Tensors, others: &Tensors, change: impl Fn(&mut f32, f32) + Sync) {
    const CHUNK: usize = 1 << 14;
    for tensor in of.iter_mut() {
        let Some(other) = others.get(&tensor.name) else { continue };
        let chunks = tensor.data.par_chunks_mut(CHUNK).zip(other.data.par_chunks(CHUNK));
        chunks.for_each(|(numbers, others)| {
            numbers.iter_mut().zip(others).for_each(|(number, &other)| change(number, other));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genil_engine::Tensor;

    #[test]
    fn arrays_are_paired_by_name_and_what_has_no_partner_stays() {
        let array = |name: &str, data: &[f32]| Tensor {
            name: name.into(),
            shape: vec![data.len()],
            data: data.to_vec(),
        };
        let mut of = Tensors(vec![array("a", &[1.0, 2.0, 3.0]), array("b", &[4.0]), array("c", &[5.0])]);
        change(&mut of, &Tensors(vec![array("c", &[10.0]), array("a", &[20.0, 30.0])]), |x, y| *x += y);
        let data: Vec<&[f32]> = of.iter().map(|t| &t.data[..]).collect();
        assert_eq!(data, [&[21.0, 32.0, 3.0][..], &[4.0], &[15.0]]);
    }
}
