//! One pass up and one pass down: which kernel follows which.

use super::arena::{Arena, size};
use super::attention::Attention;
use super::clock::Part;
use super::embed::Embed;
use super::heads::{Heads, Scratch};
use super::layer::Layer;
use super::linear::{BLOCK, Direction, weight_gradients};
use super::pool::{run, share};
use super::{CpuEngine, rowwise};
use crate::adam::Adam;
use crate::dropout::{Dropout, Site};
use crate::{Batch, Engine, OutputGradients};
use genil_base::Result;

/// Copies the rows in `which` of a matrix of `d` columns.
fn select(to: &mut [f32], from: &[f32], which: &[u32], d: usize) {
    share(to.chunks_mut(BLOCK * d).zip(which.chunks(BLOCK)), |(to, which)| {
        for (to, &row) in to.chunks_exact_mut(d).zip(which) {
            to.copy_from_slice(&from[row as usize * d..][..d]);
        }
    });
}

impl CpuEngine {
    /// Fills `outputs`; with `keep`, also what [`CpuEngine::run_back`] needs.
    pub(super) fn run(&mut self, batch: &Batch, dropout: Dropout, keep: bool) -> Result<()> {
        self.kept = None;
        self.rows.set(batch, self.vocabulary())?;
        self.clock.start();
        self.pack(Direction::Forward);
        let mut arena = std::mem::take(&mut self.arena);
        arena.size_forward(&self.config, &self.rows, keep);
        let d = self.config.width;
        self.embed().encode(&mut arena.embed);
        self.embed().input(&arena.embed, &mut arena.stream);
        self.clock.lap(Part::Embed);
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.layers.clear();
        for l in 0..self.config.layers {
            let last = self.is_last(l);
            let kept = &mut arena.layers[if keep { l } else { 0 }];
            if last {
                select(&mut arena.selected, &arena.stream, &self.rows.selected, d);
            }
            let queries = if last { &arena.selected } else { &arena.stream };
            kept.size(&self.config, queries.len() / d, self.rows.count());
            let layer = self.layer(l, dropout);
            let of_query = (&layer.weights.query, &mut kept.q[..]);
            let of_key_value = (&layer.weights.key_value, &mut kept.kv[..]);
            run(if last {
                let mut tasks = layer.project([of_key_value], &arena.stream);
                tasks.extend(layer.project([of_query], queries));
                tasks
            } else {
                layer.project([of_query, of_key_value], queries)
            });
            self.clock.lap(Part::Project);
            self.attention(l, dropout).forward(&kept.q, &kept.kv, &mut kept.context, &mut kept.lse);
            self.clock.lap(Part::Attention);
            let stream = if last { &mut arena.selected } else { &mut arena.stream };
            self.layer(l, dropout).rest(kept, stream);
            for &row in self.first_rows(l) {
                outputs.layers.extend_from_slice(&stream[row * d..][..d]);
            }
            self.clock.lap(Part::Rest);
        }
        self.heads().forward(&arena.selected, &mut arena.heads, &mut outputs);
        self.clock.lap(Part::Heads);
        self.outputs = outputs;
        self.arena = arena;
        self.kept = keep.then_some(dropout);
        Ok(())
    }

    /// Adds the gradients of the last pass up that kept what this needs.
    pub(super) fn run_back(&mut self, given: &OutputGradients, dropout: Dropout) {
        self.clock.start();
        self.pack(Direction::Backward);
        let mut arena = std::mem::take(&mut self.arena);
        let mut gradients = std::mem::take(&mut self.gradients);
        arena.size_backward(&self.config, &self.rows);
        let d = self.config.width;
        let Arena { stream: x, selected: x_selected, embed, layers, heads, down, partial } = &mut arena;
        let mut dx = std::mem::take(&mut down.stream);
        let mut dy = std::mem::take(&mut down.selected);
        // Nothing else needs these yet.
        let scratch = Scratch { rows: [&mut down.context, &mut down.hidden], partial };
        self.heads().backward(&mut gradients, heads, (&self.outputs, given), &mut dy, scratch);
        self.clock.lap(Part::Heads);
        for l in (0..self.config.layers).rev() {
            let last = self.is_last(l);
            if l + 2 == self.config.layers {
                // The last layer's keys and values are done with: their memory is large enough.
                std::mem::swap(&mut down.context, &mut layers[l + 1].kv);
            }
            let (below, above) = layers.split_at_mut(l);
            let kept = &mut above[0];
            let stream = if last { &mut dy } else { &mut dx };
            let t = stream.len() / d;
            if !given.layers.is_empty() {
                let of_layer = given.layers[l * self.rows.cells() * d..].chunks_exact(d);
                for (&row, g) in self.first_rows(l).iter().zip(of_layer) {
                    rowwise::add(&mut stream[row * d..][..d], g);
                }
            }
            let layer = self.layer(l, dropout);
            let x1 = if last { &mut *x_selected } else { &mut *x };
            layer.after_attention(kept, x1);
            size(partial, t.div_ceil(BLOCK) * layer.sums());
            layer.rest_backward(kept, stream, down, partial);
            layer.add_sums(partial, &mut gradients);
            self.clock.lap(Part::RestBackward);

            let (q, kv) = (&mut kept.q, &mut kept.kv);
            self.attention(l, dropout).backward(q, kv, (&kept.lse, &down.inner), &down.context[..t * d]);
            self.clock.lap(Part::AttentionBackward);

            // The layer's input once more: in the last layer all rows of it and the selected ones, else
            // in place of the context's gradient, which nothing reads any more.
            let context = &mut down.context[..t * d];
            let input = if last { &mut *x } else { &mut *context };
            match below.last() {
                Some(previous) => self.layer(l - 1, dropout).output(previous, input),
                None => self.embed().input(embed, input),
            }
            if last {
                select(context, x, &self.rows.selected, d);
            }
            let (x1, input) = if last { (&**x_selected, &**x) } else { (&**x, &*context) };
            self.clock.lap(Part::RestBackward);

            let (layer, weights) = (self.layer(l, dropout), &self.weights.layers[l]);
            let jobs = [
                (&weights.linear2, &kept.normal2[..], &kept.hidden[..]),
                (&weights.linear1, &down.hidden[..t * self.config.ffn], x1),
                (&weights.out_proj, &kept.normal1, &kept.context),
                (&weights.query, &kept.q, context),
                (&weights.key_value, &kept.kv, input),
            ];
            let mut tasks = weight_gradients(&mut gradients, jobs, &self.pools.chunk);
            let blocks = self.rows.count().div_ceil(BLOCK);
            size(partial, (t.div_ceil(BLOCK) + 2 * blocks) * d);
            let (of_query, of_key_value) = partial.split_at_mut(t.div_ceil(BLOCK) * d);
            let query = (&weights.query, &kept.q[..], &mut *of_query);
            let key_value = (&weights.key_value, &kept.kv[..], &mut *of_key_value);
            if last {
                tasks.extend(layer.project_backward([key_value], &mut dx, false));
                tasks.extend(layer.project_backward([query], &mut dy, true));
            } else {
                tasks.extend(layer.project_backward([query, key_value], &mut dx, true));
            }
            run(tasks);
            weights.query.bias_gradient(&mut gradients, of_query);
            weights.key_value.bias_gradient(&mut gradients, of_key_value);
            if last {
                for (dy, &row) in dy.chunks_exact(d).zip(&self.rows.selected) {
                    rowwise::add(&mut dx[row as usize * d..][..d], dy);
                }
            }
            self.clock.lap(Part::WeightGradients);
        }
        if let [.., last] = &mut layers[1..self.config.layers] {
            std::mem::swap(&mut down.context, &mut last.kv);
        }
        self.embed().backward(&mut gradients, &dx, embed);
        (down.stream, down.selected) = (dx, dy);
        self.adam.get_or_insert_with(|| Adam::new(&self.parameters)).touch(&self.rows.tokens);
        self.clock.lap(Part::Embed);
        self.arena = arena;
        self.gradients = gradients;
    }

    fn pack(&mut self, direction: Direction) {
        if self.packed != Some(direction) {
            self.weights.pack(&self.parameters, direction);
            self.packed = Some(direction);
        }
        self.clock.lap(Part::Pack);
    }

    fn heads(&self) -> Heads<'_> {
        let Self { layout, weights, parameters, rows, vector, .. } = self;
        Heads { layout, weights, parameters, rows, vector: *vector, pool: &self.pools.chunk }
    }

    fn embed(&self) -> Embed<'_> {
        let Self { layout, parameters, rows, vector, .. } = self;
        Embed {
            layout,
            linear: &self.weights.value_encoder,
            parameters,
            rows,
            vector: *vector,
            pool: &self.pools.chunk,
        }
    }

    pub(super) fn layer<'a>(&'a self, index: usize, dropout: Dropout) -> Layer<'a> {
        Layer {
            index,
            width: self.config.width,
            heads: self.config.heads,
            ffn: self.config.ffn,
            places: self.layout.layers[index],
            weights: &self.weights.layers[index],
            parameters: &self.parameters,
            vector: self.vector,
            dropout,
            positions: self.is_last(index).then_some(&self.rows.selected),
        }
    }

    /// The row of each cell's `<cls>` in the residual stream after a layer.
    fn first_rows(&self, index: usize) -> &[usize] {
        let starts = if self.is_last(index) { &self.rows.selected_of_cell } else { &self.rows.all };
        &starts[..self.rows.cells()]
    }

    fn is_last(&self, index: usize) -> bool {
        index + 1 == self.config.layers
    }

    fn attention<'a>(&'a self, index: usize, dropout: Dropout) -> Attention<'a> {
        let last = self.is_last(index);
        Attention {
            width: self.config.width,
            heads: self.config.heads,
            queries: if last { &self.rows.selected_of_cell } else { &self.rows.all },
            keys: &self.rows.all,
            positions: last.then_some(&self.rows.selected),
            dropout: dropout.site(index, Site::Attention),
            vector: self.vector,
            pool: &self.pools.attention,
        }
    }
}
