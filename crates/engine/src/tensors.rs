//! Named flat arrays.

/// One named array, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// PyTorch's name, as in `encoder.layers.0.self_attn.in_proj_weight`.
    pub name: String,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// The numbers, `shape.iter().product()` of them.
    pub data: Vec<f32>,
}

/// Named arrays in a fixed order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tensors(pub Vec<Tensor>);

impl Tensors {
    /// The array called `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.iter().find(|t| t.name == name)
    }

    /// The array called `name`, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Tensor> {
        self.0.iter_mut().find(|t| t.name == name)
    }

    /// All arrays in order.
    pub fn iter(&self) -> impl Iterator<Item = &Tensor> {
        self.0.iter()
    }

    /// All arrays in order, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        self.0.iter_mut()
    }

    /// Numbers in all arrays together.
    pub fn count(&self) -> usize {
        self.iter().map(|t| t.data.len()).sum()
    }
}
