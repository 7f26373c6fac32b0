//! The engine against the f64 reference, and the reference against its own slopes, with dropout,
//! for random shapes.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod common;

use common::{batch, gradients, key, model};
use genil_engine::reference::{self, Reference};
use genil_engine::{Batch, Engine, ModelConfig, OutputGradients, Precision};
use proptest::prelude::*;

const TOLERANCE: f64 = 2e-5;

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

fn wide_gradients(g: &OutputGradients) -> reference::Outputs {
    reference::Outputs {
        value: wide(&g.value),
        cell_value: wide(&g.cell_value),
        embedding: wide(&g.embedding),
        layers: wide(&g.layers),
        nearest_kink: 0.0,
    }
}

/// Largest difference over the largest number, which counts as at least `floor`.
fn distance(ours: &[f32], theirs: &[f64], floor: f64) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(floor, |m, x| m.max(x.abs()));
    ours.iter().zip(theirs).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max) / largest
}

/// Outputs and gradients of engine and reference agree, where rounding cannot put an activation's
/// input on the other side of zero.
fn compare(config: &ModelConfig, vocabulary: usize, batch: &Batch, seed: u64) {
    let mut engine = model(config, vocabulary, seed);
    let outputs = engine.forward(batch, key(seed)).unwrap().clone();
    let reference = Reference::new(config, engine.parameters());
    let expected = reference.forward(batch, Some(key(seed)));
    if expected.nearest_kink < 5e-6 {
        return;
    }
    let close = |what: &str, ours: &[f32], theirs: &[f64], floor| {
        let far = distance(ours, theirs, floor);
        assert!(far <= TOLERANCE, "{what}: {far:e} for {config:?} and {:?}", batch.offsets);
    };
    close("value", &outputs.value, &expected.value, 0.1);
    close("cell value", &outputs.cell_value, &expected.cell_value, 0.1);
    close("embedding", &outputs.embedding, &expected.embedding, 0.1);
    close("layers", &outputs.layers, &expected.layers, 0.1);
    let given = gradients(&outputs, seed);
    engine.backward(&given).unwrap();
    let expected = reference.backward(batch, Some(key(seed)), &wide_gradients(&given));
    // A gradient that is zero but for rounding is measured by the whole model's gradients.
    let largest = expected.iter().flatten().fold(0.0, |m: f64, x| m.max(x.abs()));
    for (ours, theirs) in engine.gradients().iter().zip(&expected) {
        close(&ours.name, &ours.data, theirs, 1e-2 * largest + 1e-30);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn outputs_and_gradients_are_the_references_for_random_shapes(
        heads in 1usize..4,
        head_width in prop::sample::select(vec![8usize, 16, 24]),
        layers in 1usize..4,
        ffn in prop::sample::select(vec![8usize, 24, 56]),
        dropout in prop::sample::select(vec![0.0f32, 0.15, 0.5]),
        lengths in prop::collection::vec(prop_oneof![Just(1usize), 2usize..70], 1..5),
        share in prop::sample::select(vec![0.0f64, 0.4, 1.0]),
        seed in 0u64..1000,
    ) {
        let config = ModelConfig { width: heads * head_width, layers, heads, ffn, dropout, precision: Precision::F32 };
        compare(&config, 30, &batch(&lengths, 30, share, seed), seed);
    }
}

#[test]
fn a_cell_longer_than_every_block_agrees_with_the_reference() {
    let config =
        ModelConfig { width: 16, layers: 2, heads: 2, ffn: 16, dropout: 0.15, ..ModelConfig::default() };
    compare(&config, 50, &batch(&[300, 3], 50, 0.4, 5), 5);
}

#[test]
fn the_token_in_front_may_be_asked_for() {
    let config =
        ModelConfig { width: 16, layers: 2, heads: 2, ffn: 16, dropout: 0.15, ..ModelConfig::default() };
    let mut batch = batch(&[7, 1, 4], 20, 0.0, 6);
    batch.asked = vec![0, 2, 7, 11];
    compare(&config, 20, &batch, 6);
}

/// A loss with the given gradients in all outputs.
fn loss(reference: &Reference, batch: &Batch, given: &reference::Outputs) -> f64 {
    let outputs = reference.forward(batch, Some(key(8)));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(&outputs.value, &given.value)
        + dot(&outputs.cell_value, &given.cell_value)
        + dot(&outputs.embedding, &given.embedding)
        + dot(&outputs.layers, &given.layers)
}

/// The reference's gradients are the central differences of its outputs, and the engine's gradients have the
/// same slopes in the same directions, dropout's masks the same throughout.
fn slopes(config: &ModelConfig, batch: &Batch, vocabulary: usize, seed: u64) {
    let mut engine = model(config, vocabulary, seed);
    let outputs = engine.forward(batch, key(8)).unwrap().clone();
    let given = gradients(&outputs, 8);
    engine.backward(&given).unwrap();
    let given = wide_gradients(&given);
    let mut reference = Reference::new(config, engine.parameters());
    if reference.forward(batch, Some(key(8))).nearest_kink < 1e-5 {
        return;
    }
    let expected = reference.backward(batch, Some(key(8)), &given);
    for (place, mut gradient) in expected.into_iter().enumerate() {
        let mut ours = wide(&engine.gradients().0[place].data);
        let mut given = given.clone();
        if place == 0 {
            // The cell head's gradient stops at the embedding, its slope does not.
            given.cell_value.fill(0.0);
            let full = std::mem::replace(
                &mut gradient,
                reference.backward(batch, Some(key(8)), &given).swap_remove(0),
            );
            ours.iter_mut().zip(&gradient).zip(&full).for_each(|((o, g), full)| *o += g - full);
        }
        let draw = key(9).with(place as u64);
        let direction: Vec<f64> = (0..gradient.len()).map(|i| draw.uniform(i as u64) - 0.5).collect();
        let step = 1e-7;
        let start = reference.parameters[place].clone();
        let mut at = |sign: f64| {
            let moved = start.iter().zip(&direction).map(|(p, u)| p + sign * step * u).collect();
            reference.parameters[place] = moved;
            loss(&reference, batch, &given)
        };
        let slope = (at(1.0) - at(-1.0)) / (2.0 * step);
        reference.parameters[place] = start;
        let along = |g: &[f64]| -> f64 { g.iter().zip(&direction).map(|(g, u)| g * u).sum() };
        let length = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let apart = [along(&gradient) - slope, along(&ours) - slope];
        let bounds = [1e-5, 1e-4].map(|bound| bound * (1.0 + length));
        assert!(apart[0].abs() < bounds[0], "reference, parameter {place}: {slope} {apart:?}");
        assert!(apart[1].abs() < bounds[1], "engine, parameter {place}: {slope} {apart:?}");
    }
}

#[test]
fn gradients_are_the_slopes_of_the_outputs_under_the_same_masks() {
    let config =
        ModelConfig { width: 16, layers: 2, heads: 2, ffn: 24, dropout: 0.3, ..ModelConfig::default() };
    slopes(&config, &batch(&[9, 1, 14], 12, 0.4, 8), 12, 8);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gradients_are_slopes_for_random_shapes(
        heads in 1usize..3,
        layers in 1usize..4,
        ffn in prop::sample::select(vec![8usize, 24]),
        dropout in prop::sample::select(vec![0.15f32, 0.5]),
        lengths in prop::collection::vec(prop_oneof![Just(1usize), 2usize..20], 1..4),
        share in prop::sample::select(vec![0.0f64, 0.4, 1.0]),
        seed in 0u64..1000,
    ) {
        let config = ModelConfig { width: heads * 8, layers, heads, ffn, dropout, precision: Precision::F32 };
        slopes(&config, &batch(&lengths, 30, share, seed), 30, seed);
    }
}
