//! Centers that steps touch in part, and that lie in one part or several; they know no loss and no optimizer.
//!
//! Autodiff sees the touched rows alone, and their gradient is as small as they are: nothing of the size of
//! all centers is made in a step. What an optimizer remembers of a center lies beside it and moves when it
//! does, so an untouched center stays where it is, to the bit.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Gradients, IndexingUpdateOp, Int, Tensor};

use crate::ops::indices;

/// Centers in parts, one after the other.
#[derive(Module, Debug)]
pub(crate) struct Centers {
    parts: Vec<Part>,
}

#[derive(Module, Debug)]
struct Part {
    /// The centers, `[n, dim]`, then what an optimizer remembers of each, `[n, columns]`; without
    /// derivatives.
    tables: Vec<Param<Tensor<2>>>,
}

/// Rows of one part that a batch was compared with.
#[derive(Clone, Debug)]
pub(crate) struct Touched {
    /// Which rows, counted within the part, in rising order.
    rows: Vec<usize>,
    /// A leaf of its own, `[rows, dim]`; none without rows, for which there are no tensors.
    pub(super) centers: Option<Tensor<2>>,
}

/// The gradient of some rows of a part; the others have none.
#[derive(Debug)]
pub(crate) struct RowGradient {
    /// In rising order.
    rows: Vec<usize>,
    values: Option<Tensor<2>>, // [rows, dim]
}

impl Centers {
    /// Centers in one part: `[n, dim]`.
    pub(crate) fn new(centers: Tensor<2>) -> Self {
        Self { parts: vec![Part::new(vec![centers.inner()])] }
    }

    /// Number of centers.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }

    /// All centers: `[n, dim]`.
    pub(crate) fn rows(&self) -> Tensor<2> {
        joined(self.parts.iter().map(|part| part.tables[0].val()).collect())
    }

    /// Makes room for what an optimizer remembers of each center: zeros at first.
    pub(crate) fn remember(&mut self, columns: &[usize]) {
        for part in &mut self.parts {
            let (n, device) = (part.len(), part.device());
            let zeros = columns.iter().map(|columns| table(Tensor::zeros([n, *columns], &device)));
            part.tables.truncate(1);
            part.tables.extend(zeros);
        }
    }

    /// The same in one part: the form that checkpoints have.
    pub(super) fn joined(self) -> Self {
        let n_tables = self.parts.first().map_or(0, |part| part.tables.len());
        let parts = &self.parts;
        let of_all = |table: usize| {
            let values = parts.iter().map(|part| part.tables[table].val());
            joined(values.collect())
        };
        Self { parts: vec![Part::new((0..n_tables).map(of_all).collect())] }
    }

    /// The same in as many parts as devices, of as many centers each, up to one; none is empty.
    pub(super) fn split(self, devices: &[Device]) -> Self {
        let whole = self.joined();
        let n = whole.len();
        let devices = &devices[..devices.len().min(n)];
        let n_parts = devices.len();
        let bound = |part: usize| n * part / n_parts;
        let parts = devices.iter().enumerate().map(|(index, device)| {
            let (from, to) = (bound(index), bound(index + 1));
            let device = device.clone().inner();
            let of_part = |table: &Param<Tensor<2>>| {
                let values = table.val();
                let values =
                    if to - from == n { values } else { values.narrow(0, from, to - from) };
                values.to_device(&device)
            };
            Part::new(whole.parts[0].tables.iter().map(of_part).collect())
        });
        Self { parts: parts.collect() }
    }

    /// These centers as leaves of a graph, part by part; all of them if none are named.
    ///
    /// `rows` are counted over all parts, and rise.
    pub(crate) fn touch(&self, rows: Option<&[usize]>, with_gradient: bool) -> Vec<Touched> {
        let mut first = 0;
        let touch = |part: &Part| {
            let range = first..first + part.len();
            first = range.end;
            let rows: Vec<usize> = match rows {
                None => (0..range.len()).collect(),
                Some(rows) => {
                    let inside = rows.partition_point(|row| *row < range.start)
                        ..rows.partition_point(|row| *row < range.end);
                    rows[inside].iter().map(|row| row - range.start).collect()
                }
            };
            let centers = (!rows.is_empty()).then(|| {
                let index = index(&rows, range.len(), &part.device());
                let centers = taken(part.tables[0].val(), index);
                if with_gradient { Tensor::from_inner(centers).require_grad() } else { centers }
            });
            Touched { rows, centers }
        };
        self.parts.iter().map(touch).collect()
    }

    /// Moves the rows that have a gradient.
    ///
    /// `step` is given the centers of these rows, what is remembered of each, and their gradient, and
    /// returns the first two as they are afterwards.
    pub(crate) fn follow(
        &mut self,
        gradients: Vec<RowGradient>,
        step: impl Fn(Vec<Tensor<2>>, Tensor<2>) -> Vec<Tensor<2>>,
    ) {
        for (part, RowGradient { rows, values }) in self.parts.iter_mut().zip(gradients) {
            let Some(values) = values else { continue };
            let index = index(&rows, part.len(), &part.device());
            let before = part.tables.iter().map(|table| taken(table.val(), index.clone()));
            let after = step(before.collect(), values);
            // Taken out, so that nobody else holds them and they are written where they lie.
            let tables = std::mem::take(&mut part.tables).into_iter().zip(after);
            part.tables = tables
                .map(|(table, values)| {
                    table.map(|table| match &index {
                        None => values,
                        Some(index) => {
                            let update = IndexingUpdateOp::Assign;
                            table.select_assign(0, index.clone(), values, update)
                        }
                    })
                })
                .collect();
        }
    }
}

impl Part {
    fn new(tables: Vec<Tensor<2>>) -> Self {
        Self { tables: tables.into_iter().map(table).collect() }
    }

    fn len(&self) -> usize {
        self.tables.first().map_or(0, |table| table.dims()[0])
    }

    fn device(&self) -> Device {
        self.tables[0].val().device()
    }
}

impl Touched {
    /// The gradient that a backward pass left for these rows.
    pub(crate) fn gradient(self, gradients: &mut Gradients) -> RowGradient {
        let values = self.centers.map(|centers| {
            let found = centers.grad_remove(gradients);
            found.unwrap_or_else(|| centers.inner().zeros_like())
        });
        RowGradient { rows: self.rows, values }
    }

    /// A gradient of these rows: `[rows, dim]`.
    #[cfg(test)]
    pub(crate) fn with_gradient(self, values: Tensor<2>) -> RowGradient {
        RowGradient { rows: self.rows, values: Some(values) }
    }
}

impl RowGradient {
    /// The sum, over the rows of both.
    pub(crate) fn plus(self, other: Self) -> Self {
        let (one, another) = match (self.values, other.values) {
            (None, values) => return Self { rows: other.rows, values },
            (values, None) => return Self { rows: self.rows, values },
            (Some(one), Some(another)) => (one, another),
        };
        if self.rows == other.rows {
            return Self { rows: self.rows, values: Some(one + another) };
        }
        let mut rows = [self.rows.as_slice(), &other.rows].concat();
        rows.sort_unstable();
        rows.dedup();
        let device = one.device();
        let sum = Tensor::zeros([rows.len(), one.dims()[1]], &device);
        let add = |sum: Tensor<2>, (of_part, values): (Vec<usize>, Tensor<2>)| {
            let place = |row| rows.partition_point(|it| *it < row);
            let places: Vec<usize> = of_part.into_iter().map(place).collect();
            match index(&places, rows.len(), &device) {
                None => sum + values,
                Some(places) => sum.select_assign(0, places, values, IndexingUpdateOp::Add),
            }
        };
        let values = [(self.rows, one), (other.rows, another)].into_iter().fold(sum, add);
        Self { rows, values: Some(values) }
    }

    /// Square of its length.
    pub(crate) fn squared_norm(&self) -> f64 {
        let values = self.values.clone();
        values.map_or(0.0, |it| f64::from(it.square().sum().into_scalar::<f32>()))
    }

    /// The same, so many times as long.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self { rows: self.rows, values: self.values.map(|values| values * factor) }
    }
}

fn table(values: Tensor<2>) -> Param<Tensor<2>> {
    Param::initialized(ParamId::new(), values)
}

/// Rows for the device; none where they are all there are.
fn index(rows: &[usize], n: usize, device: &Device) -> Option<Tensor<1, Int>> {
    (rows.len() < n).then(|| indices(rows, device))
}

fn taken(table: Tensor<2>, index: Option<Tensor<1, Int>>) -> Tensor<2> {
    match index {
        None => table,
        Some(index) => table.select(0, index),
    }
}

/// One below the other, on the device of the first.
fn joined(mut parts: Vec<Tensor<2>>) -> Tensor<2> {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let device = parts[0].device();
    Tensor::cat(parts.into_iter().map(|part| part.to_device(&device)).collect(), 0)
}
