//! What the engine promises beside right numbers: the same bits whatever the threads and the
//! instructions, sparse Adam, growing, restoring, duplicating, errors.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod common;

use common::{batch, gradients, key, model, squared_error};
use genil_engine::{CpuEngine, Engine, Instructions, ModelConfig, OutputGradients, Precision, Tensors};

const SMALL: ModelConfig =
    ModelConfig { width: 32, layers: 2, heads: 2, ffn: 24, dropout: 0.15, precision: Precision::F32 };

/// Steps `from..to` of a training run on ragged batches.
fn train(engine: &mut dyn Engine, from: u64, to: u64) {
    for step in from..to {
        let batch = batch(&[130, 1, 57, 200, 9, 33], 80, 0.4, step);
        let outputs = engine.forward(&batch, key(step)).unwrap().clone();
        engine.backward(&squared_error(&outputs)).unwrap();
        engine.step(1e-3);
    }
}

fn bits(tensors: &Tensors) -> Vec<u32> {
    tensors.iter().flat_map(|t| t.data.iter().map(|x| x.to_bits())).collect()
}

#[test]
fn a_training_run_gives_the_same_bits_with_any_number_of_threads() {
    for precision in [Precision::F32, Precision::Bf16] {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut engine = CpuEngine::new(ModelConfig { precision, ..SMALL }, 80, 3).ok()?;
                train(&mut engine, 0, 4);
                Some(bits(engine.parameters()))
            })
        };
        let Some(one) = run(1) else { continue };
        for threads in [2, 3, 5, 8] {
            assert!(run(threads).as_ref() == Some(&one), "{threads} threads, {precision:?}");
        }
    }
}

#[test]
fn bf16_is_near_f32_or_says_what_the_processor_lacks() {
    let config = ModelConfig { precision: Precision::Bf16, ..SMALL };
    let mut half = match CpuEngine::new(config, 80, 3) {
        Ok(engine) => engine,
        Err(error) => return assert!(error.what().contains("AVX-512 BF16"), "{error}"),
    };
    let mut whole = CpuEngine::new(SMALL, 80, 3).unwrap();
    let batch = batch(&[130, 1, 57], 80, 0.4, 1);
    let [half_says, whole_says] = [&mut half, &mut whole].map(|e| e.forward(&batch, key(0)).unwrap().clone());
    let close = |a: &[f32], b: &[f32], bound: f32| {
        let largest = b.iter().fold(1e-6f32, |m, x| m.max(x.abs()));
        let apart = a.iter().zip(b).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / largest;
        assert!(apart > 0.0 && apart < bound, "{apart}");
    };
    close(&half_says.value, &whole_says.value, 0.03);
    close(&half_says.embedding, &whole_says.embedding, 0.03);
    half.backward(&squared_error(&half_says)).unwrap();
    whole.backward(&squared_error(&whole_says)).unwrap();
    let all = |e: &CpuEngine| e.gradients().iter().flat_map(|t| t.data.clone()).collect::<Vec<f32>>();
    let (a, b) = (all(&half), all(&whole));
    let length = |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x * x)).sum::<f64>().sqrt();
    let apart = length(&mut a.iter().zip(&b).map(|(a, b)| a - b)) / length(&mut b.iter().copied());
    assert!(apart > 0.0 && apart < 0.1, "{apart}");
    let scalar = half.with_instructions(Instructions::Scalar).err().unwrap();
    assert!(scalar.what().contains("AVX-512 BF16"));
}

#[test]
fn rows_that_no_output_is_read_from_may_be_left_out() {
    // Asked for everywhere, the last layer computes every row; asked for at some, only those.
    let config = ModelConfig { layers: 3, ..SMALL };
    let some = batch(&[70, 1, 20], 80, 0.3, 1);
    let mut all = some.clone();
    all.asked = (0..all.tokens.len() as u32).collect();
    let places: Vec<usize> = some.asked.iter().map(|&p| p as usize).collect();
    let [mut left_out, mut full] = [1, 1].map(|seed| model(&config, 80, seed));
    let few = left_out.forward(&some, key(0)).unwrap().clone();
    let many = full.forward(&all, key(0)).unwrap().clone();
    assert_eq!(few.embedding, many.embedding);
    assert_eq!(few.value, places.iter().map(|&p| many.value[p]).collect::<Vec<_>>());
    assert_eq!(few.cell_value, places.iter().map(|&p| many.cell_value[p]).collect::<Vec<_>>());
    let given = gradients(&few, 1);
    let spread = |few: &[f32]| {
        let mut many = vec![0.0; all.asked.len()];
        places.iter().zip(few).for_each(|(&p, &g)| many[p] = g);
        many
    };
    let spread = OutputGradients {
        value: spread(&given.value),
        cell_value: spread(&given.cell_value),
        ..given.clone()
    };
    left_out.backward(&given).unwrap();
    full.backward(&spread).unwrap();
    for (a, b) in left_out.gradients().iter().zip(full.gradients().iter()) {
        let largest = b.data.iter().fold(1e-3f32, |m, x| m.max(x.abs()));
        let apart = a.data.iter().zip(&b.data).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(apart <= 1e-6 * largest, "{}: {apart:e} of {largest:e}", a.name);
    }
}

#[test]
fn a_training_run_gives_the_same_bits_with_all_instructions() {
    let run = |instructions| {
        let engine = CpuEngine::new(SMALL, 80, 3).unwrap().with_instructions(instructions);
        engine.ok().map(|mut engine| {
            train(&mut engine, 0, 2);
            bits(engine.parameters())
        })
    };
    let best = run(Instructions::Best).unwrap();
    for instructions in [Instructions::Scalar, Instructions::Avx2, Instructions::Avx512] {
        if let Some(other) = run(instructions) {
            assert!(other == best, "{instructions:?}");
        }
    }
}

#[test]
fn predict_is_forward_without_dropout_bit_for_bit() {
    let config = ModelConfig { dropout: 0.0, layers: 3, ..SMALL };
    let mut engine = model(&config, 80, 1);
    let batch = batch(&[70, 1, 20], 80, 0.4, 1);
    let predicted = engine.predict(&batch).unwrap().clone();
    assert_eq!(*engine.forward(&batch, key(0)).unwrap(), predicted);
    let mut dropping = CpuEngine::new(SMALL, 80, 1).unwrap();
    let predicted = dropping.predict(&batch).unwrap().clone();
    assert_ne!(*dropping.forward(&batch, key(0)).unwrap(), predicted);
}

#[test]
fn a_batch_of_other_cells_leaves_nothing_behind() {
    let (small, large) = (batch(&[5, 9], 80, 0.4, 1), batch(&[100, 40, 3], 80, 0.4, 2));
    let mut fresh = model(&SMALL, 80, 1);
    let expected = fresh.forward(&small, key(0)).unwrap().clone();
    fresh.backward(&gradients(&expected, 0)).unwrap();
    let mut used = model(&SMALL, 80, 1);
    used.predict(&large).unwrap();
    used.forward(&large, key(1)).unwrap();
    assert_eq!(*used.forward(&small, key(0)).unwrap(), expected);
    used.backward(&gradients(&expected, 0)).unwrap();
    assert!(bits(used.gradients()) == bits(fresh.gradients()));
}

#[test]
fn adam_that_skips_untouched_rows_is_dense_adam_bit_for_bit() {
    let mut engine = model(&SMALL, 500, 1);
    let mut dense: Vec<Vec<[f32; 3]>> =
        engine.parameters().iter().map(|t| t.data.iter().map(|&p| [p, 0.0, 0.0]).collect()).collect();
    for t in 1..5 {
        let batch = batch(&[20, 30], if t < 3 { 100 } else { 200 }, 0.4, t as u64);
        let outputs = engine.forward(&batch, key(0)).unwrap().clone();
        engine.backward(&squared_error(&outputs)).unwrap();
        let rate = (f64::from(1e-3f32) / (1.0 - 0.9f64.powi(t))) as f32;
        let root = (1.0 / (1.0 - 0.999f64.powi(t)).sqrt()) as f32;
        for (dense, g) in dense.iter_mut().zip(engine.gradients().iter()) {
            for ([p, m, v], g) in dense.iter_mut().zip(&g.data) {
                *m = 0.9 * *m + (1.0 - 0.9f64) as f32 * g;
                *v = 0.999 * *v + (1.0 - 0.999f64) as f32 * g * g;
                *p -= rate * (*m / (v.sqrt() * root + 1e-8));
            }
        }
        engine.step(1e-3);
        assert!(engine.gradients().iter().all(|t| t.data.iter().all(|&g| g == 0.0)));
    }
    for (dense, t) in dense.iter().zip(engine.parameters().iter()) {
        assert!(dense.iter().zip(&t.data).all(|(d, p)| d[0].to_bits() == p.to_bits()), "{}", t.name);
    }
}

#[test]
fn gradients_of_several_backwards_add_up() {
    let mut engine = model(&ModelConfig { dropout: 0.0, ..SMALL }, 80, 1);
    let batches = [batch(&[12, 5], 80, 0.5, 1), batch(&[3, 30], 80, 0.5, 2)];
    let mut alone = Vec::new();
    for batch in &batches {
        let outputs = engine.forward(batch, key(0)).unwrap().clone();
        engine.backward(&gradients(&outputs, 0)).unwrap();
        alone.push(engine.gradients().clone());
        engine.gradients_mut().iter_mut().for_each(|t| t.data.fill(0.0));
    }
    for batch in &batches {
        let outputs = engine.forward(batch, key(0)).unwrap().clone();
        engine.backward(&gradients(&outputs, 0)).unwrap();
    }
    for (i, both) in engine.gradients().iter().enumerate() {
        for (j, both) in both.data.iter().enumerate() {
            let sum = alone[0].0[i].data[j] + alone[1].0[i].data[j];
            assert!((both - sum).abs() <= 1e-5 * (1.0 + sum.abs()));
        }
    }
}

#[test]
fn growing_equals_having_been_larger_from_the_start() {
    let large = CpuEngine::new(SMALL, 90, 4).unwrap();
    let mut grown = CpuEngine::new(SMALL, 50, 4).unwrap();
    grown.grow(70, 4);
    grown.grow(90, 4);
    grown.grow(10, 4);
    assert_eq!(grown.vocabulary(), 90);
    assert!(bits(grown.parameters()) == bits(large.parameters()));
}

#[test]
fn growing_between_steps_keeps_what_was_learned() {
    let mut engine = CpuEngine::new(SMALL, 80, 4).unwrap();
    train(&mut engine, 0, 2);
    let before = engine.parameters().0[0].data.clone();
    engine.grow(120, 4);
    assert_eq!(engine.parameters().0[0].data[..before.len()], before);
    train(&mut engine, 2, 4);
    assert_eq!(engine.optimizer().first.0[0].data.len(), 120 * 32);
}

#[test]
fn a_run_resumed_from_its_state_gives_the_same_bits() {
    let mut whole = CpuEngine::new(SMALL, 80, 3).unwrap();
    train(&mut whole, 0, 5);
    let mut first = CpuEngine::new(SMALL, 80, 3).unwrap();
    train(&mut first, 0, 2);
    let mut resumed = CpuEngine::new(SMALL, 10, 99).unwrap();
    resumed.restore(first.parameters().clone(), Some(first.optimizer())).unwrap();
    train(&mut resumed, 2, 5);
    assert!(bits(resumed.parameters()) == bits(whole.parameters()));
    assert_eq!(resumed.optimizer(), whole.optimizer());
}

#[test]
fn a_restarted_optimizer_is_a_new_one() {
    let mut engine = CpuEngine::new(SMALL, 80, 3).unwrap();
    train(&mut engine, 0, 2);
    engine.restart_optimizer();
    let mut fresh = CpuEngine::new(SMALL, 80, 0).unwrap();
    fresh.restore(engine.parameters().clone(), None).unwrap();
    assert_eq!(engine.optimizer(), fresh.optimizer());
    train(&mut engine, 2, 4);
    train(&mut fresh, 2, 4);
    assert!(bits(engine.parameters()) == bits(fresh.parameters()));
}

#[test]
fn a_gradient_from_before_the_restart_still_counts() {
    let mut engine = CpuEngine::new(SMALL, 80, 3).unwrap();
    let batch = batch(&[20], 80, 0.4, 0);
    let outputs = engine.forward(&batch, key(0)).unwrap().clone();
    engine.backward(&squared_error(&outputs)).unwrap();
    engine.restart_optimizer();
    engine.step(1e-3);
    assert!(engine.gradients().iter().all(|t| t.data.iter().all(|&g| g == 0.0)));
    assert!(engine.optimizer().first.0[0].data.iter().any(|&m| m != 0.0));
}

#[test]
fn a_duplicate_predicts_the_same_and_goes_its_own_way() {
    let mut engine = CpuEngine::new(SMALL, 80, 3).unwrap();
    train(&mut engine, 0, 2);
    let mut teacher = engine.duplicate();
    let batch = batch(&[30, 4], 80, 0.4, 9);
    let before = engine.predict(&batch).unwrap().clone();
    assert_eq!(*teacher.predict(&batch).unwrap(), before);
    train(&mut engine, 2, 3);
    assert_eq!(*teacher.predict(&batch).unwrap(), before);
    assert_ne!(*engine.predict(&batch).unwrap(), before);
}

#[test]
fn changed_parameters_change_the_next_prediction() {
    let mut engine = CpuEngine::new(SMALL, 80, 3).unwrap();
    let batch = batch(&[30, 4], 80, 0.4, 9);
    let before = engine.predict(&batch).unwrap().clone();
    let name = "encoder.layers.0.linear1.weight";
    engine.parameters_mut().get_mut(name).unwrap().data.iter_mut().for_each(|w| *w *= 2.0);
    assert_ne!(*engine.predict(&batch).unwrap(), before);
}

#[test]
fn nothing_asked_still_gives_embeddings_and_their_gradients() {
    let mut engine = model(&SMALL, 80, 1);
    let outputs = engine.forward(&batch(&[6, 1, 9], 80, 0.0, 1), key(0)).unwrap().clone();
    assert_eq!((outputs.value.len(), outputs.embedding.len()), (0, 3 * 32));
    engine.backward(&OutputGradients { embedding: vec![1.0; 96], ..Default::default() }).unwrap();
    assert!(engine.gradients().0[0].data.iter().any(|&g| g != 0.0));
}

#[test]
fn the_last_layer_is_the_embedding_and_their_gradients_add_up() {
    let mut engine = model(&SMALL, 80, 1);
    let batch = batch(&[6, 1, 9], 80, 0.4, 1);
    let outputs = engine.forward(&batch, key(0)).unwrap().clone();
    let (lower, last) = outputs.layers.split_at(3 * 32);
    assert_eq!(last, outputs.embedding);
    assert_ne!(lower, last);
    let weights: Vec<f32> = (0..96).map(|i| (i as f32).sin()).collect();
    let mut run = |gradients: OutputGradients| {
        engine.forward(&batch, key(0)).unwrap();
        engine.backward(&gradients).unwrap();
        let gradients = bits(engine.gradients());
        engine.gradients_mut().iter_mut().for_each(|t| t.data.fill(0.0));
        gradients
    };
    let in_embedding = run(OutputGradients { embedding: weights.clone(), ..Default::default() });
    let layers = [vec![0.0; 96], weights].concat();
    assert!(run(OutputGradients { layers, ..Default::default() }) == in_embedding);
}

#[test]
fn a_batch_without_cells_is_a_batch() {
    let mut engine = model(&SMALL, 80, 1);
    let outputs = engine.forward(&batch(&[], 80, 0.4, 1), key(0)).unwrap().clone();
    assert_eq!(outputs, genil_engine::Outputs::default());
    engine.backward(&OutputGradients::default()).unwrap();
}

#[test]
fn what_cannot_be_done_is_said() {
    let mut engine = model(&SMALL, 80, 1);
    let batch = batch(&[6], 80, 1.0, 1);
    let empty = OutputGradients::default();
    assert!(engine.backward(&empty).unwrap_err().what().contains("needs a forward"));
    engine.forward(&batch, key(0)).unwrap();
    let wrong = OutputGradients { value: vec![0.0; 4], ..Default::default() };
    assert!(engine.backward(&wrong).unwrap_err().what().contains("4 gradients of values but 5 outputs"));
    engine.backward(&empty).unwrap();
    assert!(engine.backward(&empty).is_err(), "once for each forward");
    engine.predict(&batch).unwrap();
    assert!(engine.backward(&empty).is_err(), "a prediction keeps nothing");

    let mut fewer = engine.parameters().clone();
    fewer.0.pop();
    assert!(engine.restore(fewer, None).unwrap_err().what().contains("'cell_head.4.bias' is missing"));
    let mut other = engine.parameters().clone();
    other.0[3].shape = vec![32, 31];
    assert!(engine.restore(other, None).unwrap_err().what().contains("shape [32, 31], not [32, 32]"));
    let mut more = engine.parameters().clone();
    more.0.push(more.0[4].clone());
    assert!(engine.restore(more, None).unwrap_err().what().contains("is unknown"));
    assert!(CpuEngine::new(ModelConfig { width: 20, ..SMALL }, 80, 0).is_err());
}
