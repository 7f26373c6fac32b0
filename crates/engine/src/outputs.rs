//! What the model says, and the gradients of a loss in it.

/// Predictions for one batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs {
    /// `P`: the value head at each position asked for.
    pub value: Vec<f32>,
    /// `P`: the cell head there: the value predicted from the gene and the cell embedding alone.
    pub cell_value: Vec<f32>,
    /// `B × d`: the cell embeddings (the encoder's output at `<cls>`).
    pub embedding: Vec<f32>,
    /// `layers × B × d`: the residual stream at `<cls>` after each encoder layer, the lowest first; the
    /// last is `embedding` again.
    pub layers: Vec<f32>,
}

/// Gradients of a loss in [`Outputs`], of the same lengths; an empty array stands for zeros.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutputGradients {
    /// `P`.
    pub value: Vec<f32>,
    /// `P`.
    pub cell_value: Vec<f32>,
    /// `B × d`.
    pub embedding: Vec<f32>,
    /// `layers × B × d`; the last layer's are added to `embedding`'s.
    pub layers: Vec<f32>,
}
