//! How far training moved a network; it does not know why.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::backbone::Backbone;

/// Length of the difference of two networks' parameters, relative to the length of the first's.
pub(crate) fn relative_change(before: &Backbone, after: &Backbone) -> f64 {
    #[derive(Default)]
    struct Values(Vec<f32>);
    impl ModuleVisitor for Values {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                self.0.extend(param.val().into_data().iter::<f32>());
            }
        }
    }
    let values = |backbone: &Backbone| {
        let mut values = Values::default();
        backbone.visit(&mut values);
        values.0
    };
    let (before, after) = (values(before), values(after));
    let square = |value: f32| f64::from(value).powi(2);
    let change: f64 = before.iter().zip(&after).map(|(a, b)| square(b - a)).sum();
    let length: f64 = before.into_iter().map(square).sum();
    (change / length.max(f64::MIN_POSITIVE)).sqrt()
}
