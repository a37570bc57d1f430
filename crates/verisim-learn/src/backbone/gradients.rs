//! Oriented gradients collected in cells, and a fully connected layer over all or some of them; it knows no loss.
//!
//! The maps are those of Dalal and Triggs, *Histograms of Oriented Gradients for Human Detection*,
//! 2005, <https://doi.org/10.1109/CVPR.2005.177>, at several scales. Only the layers after them
//! learn: for data of few identities, on which a network that finds its own maps learns them by heart.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::align::{AlignConfig, Aligner};
use super::dropout::Dropout;
use super::edges::Edges;
use super::fixed::Fixed;
use super::layer::{LinearNorm, Norm};
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone, l2_normalize};
use crate::export::graph::{Graph, Value};

/// Keeps the slope of the square root finite where a cell has no gradient.
const FLOOR: f32 = 1e-4;

/// Configuration of [`Gradients`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientsConfig {
    /// Directions that a gradient is told apart by: even, from 4.
    #[serde(default = "eight")]
    pub orientations: usize,
    /// Side of a cell in pixels of the picture.
    pub cell: usize,
    /// How many times the picture is shrunk; each must divide `cell`, so that all scales have the
    /// same cells.
    #[serde(default = "unshrunk")]
    pub scales: Vec<usize>,
    /// Side of the window that gradients are measured against, in pixels of the shrunk picture: odd,
    /// from 3. It takes out how strong the light is.
    #[serde(default = "thirteen")]
    pub contrast_window: usize,
    /// Components of an embedding.
    pub embedding_dim: usize,
    /// Share of the maps that is dropped while training, in `[0, 1)`.
    #[serde(default)]
    pub dropout: f64,
    /// Takes the mean of the maps of a picture and of its mirror image: a head that is turned to the
    /// left and one that is turned to the right become alike.
    #[serde(default)]
    pub mirror: bool,
    /// Adds maps of the picture moved and zoomed to where the faces of training were.
    #[serde(default)]
    pub align: Option<AlignConfig>,
    /// Parts of the grid of cells, left, top, width and height in cells, that have a layer of their
    /// own beside that of the whole, and see the picture in its place if there is `align`. Each gives
    /// a unit vector of its share of the components: the whole first, then the parts in their order.
    #[serde(default)]
    pub parts: Vec<[usize; 4]>,
}

fn eight() -> usize {
    8
}

fn thirteen() -> usize {
    13
}

fn unshrunk() -> Vec<usize> {
    vec![1]
}

impl GradientsConfig {
    /// Creates the network for pictures of `input`.
    ///
    /// # Errors
    ///
    /// Fails if a parameter is out of range, or if no cell fits into a picture.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<Gradients, InvalidBackbone> {
        self.check()?;
        let [columns, rows] = [input.width, input.height].map(|side| side / self.cell);
        let n_cells = columns * rows;
        let found = format!("{} for pictures of {input}", self.cell);
        InvalidBackbone::unless(n_cells > 0, "cell", found, "at most their width and height")?;
        let fits = |&[left, top, width, height]: &[usize; 4]| {
            let ends = [left.saturating_add(width), top.saturating_add(height)];
            width > 0 && height > 0 && ends[0] <= columns && ends[1] <= rows
        };
        let found = format!("{:?} for {columns}x{rows} cells", self.parts);
        InvalidBackbone::unless(
            self.parts.iter().all(fits),
            "parts",
            found,
            "inside the grid of cells",
        )?;
        let scale = |&shrinks: &usize| Scale {
            edges: Edges {
                channels: input.channels,
                orientations: self.orientations,
                shrinks,
                contrast_window: self.contrast_window,
            },
            cell: self.cell / shrinks,
        };
        let aligner = self.align.as_ref().map(|align| align.init(input, weights)).transpose()?;
        let n_views = 1 + usize::from(aligner.is_some());
        let n_maps = self.orientations * self.scales.len() * n_views;
        let dim = self.embedding_dim / (1 + self.parts.len());
        let part = |&place: &[usize; 4], weights: &mut WeightSource| {
            let [_, _, width, height] = place;
            let n_seen = n_maps / n_views;
            let head = LinearNorm::new(n_seen * width * height, dim, weights);
            Part { maps: [n_maps - n_seen, n_seen], place, grid: [columns, rows], head }
        };
        Ok(Gradients {
            scales: self.scales.iter().map(scale).collect(),
            norm: Norm::new(n_maps, weights),
            head: LinearNorm::new(n_maps * n_cells, dim, weights),
            parts: self.parts.iter().map(|place| part(place, weights)).collect(),
            dropout: self.dropout,
            mirror: self.mirror,
            aligner,
        })
    }

    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        let check = InvalidBackbone::unless;
        let is_even = self.orientations >= 4 && self.orientations.is_multiple_of(2);
        check(is_even, "orientations", self.orientations.to_string(), "even, from 4")?;
        check(self.cell > 0, "cell", self.cell.to_string(), "above 0")?;
        let is_divisor = |scale: &usize| *scale > 0 && self.cell.is_multiple_of(*scale);
        let divide = !self.scales.is_empty() && self.scales.iter().all(is_divisor);
        let scales = format!("{:?}", self.scales);
        check(divide, "scales", scales, "one or more numbers that divide the cell")?;
        let window = self.contrast_window;
        let is_odd = window >= 3 && !window.is_multiple_of(2);
        check(is_odd, "contrast_window", window.to_string(), "odd, from 3")?;
        InvalidBackbone::check_embedding_dim(self.embedding_dim)?;
        let is_shared = self.embedding_dim.is_multiple_of(1 + self.parts.len());
        let found = format!("{} for {} parts", self.embedding_dim, self.parts.len());
        check(is_shared, "embedding_dim", found, "a multiple of one more than there are parts")?;
        InvalidBackbone::check_share("dropout", self.dropout)?;
        self.align.as_ref().map_or(Ok(()), AlignConfig::check)
    }
}

/// Maps of oriented gradients at each scale, and a fully connected layer.
#[derive(Module, Debug)]
pub struct Gradients {
    scales: Vec<Scale>,
    norm: Norm,
    head: LinearNorm,
    parts: Vec<Part>,
    dropout: f64,
    mirror: bool,
    aligner: Option<Aligner>,
}

/// A layer that sees a part of the cells.
#[derive(Module, Debug)]
struct Part {
    /// Left, top, width and height, in cells.
    place: [usize; 4],
    /// Columns and rows of all cells.
    grid: [usize; 2],
    /// First of the maps that it sees, and how many they are.
    maps: [usize; 2],
    head: LinearNorm,
}

impl Part {
    /// What the part sees, `[batch, maps, height, width]`, of all maps.
    fn of(&self, maps: Tensor<4>) -> Tensor<4> {
        let ([first, n_maps], [left, top, width, height]) = (self.maps, self.place);
        maps.narrow(1, first, n_maps).narrow(2, top, height).narrow(3, left, width)
    }

    /// `flat` are all maps after their normalization, behind one another.
    fn export(&self, graph: &mut Graph, flat: Value) -> Value {
        let ([first, n_maps], [left, top, width, height]) = (self.maps, self.place);
        let [columns, rows] = self.grid;
        let cells: Vec<usize> = (first..first + n_maps)
            .flat_map(|map| (top..top + height).map(move |row| map * rows + row))
            .flat_map(|line| (left..left + width).map(move |column| line * columns + column))
            .collect();
        let seen = graph.gather(flat, 1, &cells, [1, cells.len()]);
        let seen = graph.flatten(seen);
        let view = self.head.export(None, graph, seen);
        graph.l2_normalize(view)
    }
}

impl Gradients {
    /// Features of a batch, of any length.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding_dim]`
    pub fn forward(&self, images: &Tensor<4>, dropout: &mut Dropout) -> Tensor<2> {
        let mut maps = self.maps(images.clone());
        if self.mirror {
            maps = (maps + self.maps(images.clone().flip([3]))).mul_scalar(0.5);
        }
        let maps = self.norm.forward(maps);
        let mut see = |maps: Tensor<4>, head: &LinearNorm| {
            head.forward(dropout.apply(maps.flatten::<2>(1, 3), self.dropout))
        };
        let whole = see(maps.clone(), &self.head);
        if self.parts.is_empty() {
            return whole;
        }
        let parts = self.parts.iter().map(|part| see(part.of(maps.clone()), &part.head));
        Tensor::cat([whole].into_iter().chain(parts).map(l2_normalize).collect(), 1)
    }

    /// The maps at all scales, of the picture and of the picture in its place.
    fn maps(&self, images: Tensor<4>) -> Tensor<4> {
        let aligned = self.aligner.as_ref().map(|aligner| aligner.forward(images.clone()));
        let views = [Some(images), aligned].into_iter().flatten();
        let maps =
            views.flat_map(|view| self.scales.iter().map(move |scale| scale.forward(view.clone())));
        Tensor::cat(maps.collect(), 1)
    }

    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let mut maps = self.export_maps(graph, images);
        if self.mirror {
            let mirrored = graph.mirror(images);
            let mirrored = self.export_maps(graph, mirrored);
            let sum = graph.add(maps, mirrored);
            maps = graph.multiply_by(sum, 0.5);
        }
        let flat = graph.flatten(maps);
        let whole = self.head.export(Some(&self.norm), graph, flat);
        if self.parts.is_empty() {
            return whole;
        }
        let mut views = vec![graph.l2_normalize(whole)];
        let maps = self.norm.export(graph, maps);
        let flat = graph.flatten(maps);
        views.extend(self.parts.iter().map(|part| part.export(graph, flat)));
        graph.concat(&views)
    }

    fn export_maps(&self, graph: &mut Graph, images: Value) -> Value {
        let aligned = self.aligner.as_ref().map(|aligner| aligner.export(graph, images));
        let mut maps = Vec::new();
        for view in [Some(images), aligned].into_iter().flatten() {
            maps.extend(self.scales.iter().map(|scale| scale.export(graph, view)));
        }
        graph.concat(&maps)
    }
}

/// Oriented gradients of the picture at one scale: one map a direction, one value a cell.
#[derive(Module, Debug)]
struct Scale {
    edges: Edges,
    /// Side of a cell in pixels of the shrunk picture.
    cell: usize,
}

impl Scale {
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, orientations, height / shrinks / cell, width / shrinks / cell]`
    fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        self.collect().forward(self.edges.forward(images)).add_scalar(FLOOR).sqrt()
    }

    fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = self.edges.export(graph, images);
        let cells = self.collect().export(FLOOR, graph, maps);
        graph.sqrt(cells)
    }

    /// The weighted mean around each cell: a pixel counts for neighboring cells, too, so that small
    /// shifts change little.
    fn collect(&self) -> Fixed {
        let blur = (self.cell * 3 / 2) | 1;
        let mut line = vec![0.0; self.cell + blur - 1];
        for start in 0..self.cell {
            for weight in &mut line[start..start + blur] {
                *weight += 1.0 / (self.cell * blur) as f32;
            }
        }
        Fixed::depthwise(self.edges.orientations, &line, self.cell, blur / 2)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::super::layer::host;
    use super::*;

    const SCALE: Scale = Scale {
        edges: Edges { channels: 1, orientations: 8, shrinks: 2, contrast_window: 5 },
        cell: 3,
    };

    /// Maps of a picture of 24 x 18 pixels whose value is a function of the column and the row.
    fn maps(scale: &Scale, value: impl Fn(f32, f32) -> f32) -> Tensor<4> {
        let pixels: Vec<f32> =
            (0..24 * 18).map(|at| value((at % 24) as f32, (at / 24) as f32)).collect();
        let data = TensorData::new(pixels, [1, 1, 18, 24]);
        scale.forward(Tensor::from_data(data, &Device::flex()))
    }

    #[test]
    fn an_edge_shows_in_its_direction() {
        let found = maps(&SCALE, |x, _| x / 24.0);
        assert_eq!(found.dims(), [1, 8, 3, 4]);
        let of_cell: Vec<f32> = host(found).chunks(12).map(|map| map[5]).collect();
        // Parts along 0, 45 and 90 degrees; the square root of the share that each has.
        let expected = [1.0, 0.5f32.sqrt(), 0.0].map(f32::sqrt);
        for (found, expected) in of_cell.iter().zip(expected) {
            assert!((found / of_cell[0] - expected).abs() < 0.02, "{of_cell:?}");
        }
        assert!(of_cell[4] < 0.02, "{of_cell:?}");
    }

    #[test]
    fn the_strength_of_light_does_not_count() {
        let wave = |x: f32, y: f32| (x * 0.7).sin() * (y * 0.5).cos();
        let (full, half) = (maps(&SCALE, wave), maps(&SCALE, |x, y| 0.5 * wave(x, y) + 0.25));
        for (full, half) in host(full).into_iter().zip(host(half)) {
            assert!((full - half).abs() < 0.01, "{full} {half}");
        }
    }

    #[test]
    fn a_picture_without_edges_is_the_same_in_all_shades() {
        let [dark, light] = [-1.0, 0.7].map(|shade| host(maps(&SCALE, |_, _| shade)));
        for (dark, light) in dark.iter().zip(&light) {
            assert!((dark - FLOOR.sqrt()).abs() < 1e-3 && (dark - light).abs() < 1e-3);
        }
    }
}
