//! Steps of rows beside Burn's steps of whole tensors.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::OptimizerConfig;
use crate::backbone::WeightSource;
use crate::backbone::layer::host;

#[derive(Module, Debug)]
struct Table {
    weight: Param<Tensor<2>>,
}

fn optimizers() -> [OptimizerConfig; 4] {
    let lr = 0.1;
    [
        OptimizerConfig::Sgd { lr, momentum: 0.9, weight_decay: 0.01 },
        OptimizerConfig::Sgd { lr, momentum: 0.0, weight_decay: 0.0 },
        OptimizerConfig::AdamW { lr, weight_decay: 0.05 },
        OptimizerConfig::AdaGrad { lr, weight_decay: 0.01 },
    ]
}

/// `[4, 3]` from a seed.
fn values(seed: u64) -> Tensor<2> {
    WeightSource::new(seed, &Device::flex()).normal([4, 3], 1.0).val()
}

#[test]
fn all_rows_move_as_burn_moves_them() {
    let device = Device::flex().autodiff();
    for config in optimizers() {
        let weight = WeightSource::new(1, &device).normal([4, 3], 1.0);
        let mut tables = vec![weight.val().inner()];
        tables
            .extend(config.remembered(3).iter().map(|it| Tensor::zeros([4, *it], &Device::flex())));
        let (mut module, mut optimizer) = (Table { weight }, config.init());
        for step in 0..5 {
            let (lr, gradient) = (0.1 / (step + 1) as f64, values(step + 2));
            let mut gradients = GradientsParams::new();
            gradients.register(module.weight.id, gradient.clone());
            module = optimizer.step(lr, module, gradients);
            tables = config.move_rows(lr, tables, gradient);
            let (found, expected) = (host(tables[0].clone()), host(module.weight.val()));
            assert_eq!(found, expected, "{config:?} at step {step}");
        }
    }
}

#[test]
fn a_row_goes_on_from_where_it_was() {
    for config in optimizers() {
        let zeros = |n: usize| {
            let columns = config.remembered(3).into_iter();
            columns.map(move |it| Tensor::zeros([n, it], &Device::flex())).collect::<Vec<_>>()
        };
        // The first two rows make three steps, between which the other two make one.
        let half = |tensor: Tensor<2>, from: usize| tensor.narrow(0, from, 2);
        let tables = [vec![half(values(1), 0)], vec![half(values(1), 2)]];
        let [one, other] = tables.map(|it| [it, zeros(2)].concat());
        let mut apart = one;
        for seed in [2, 3, 4] {
            apart = config.move_rows(0.1, apart, half(values(seed), 0));
        }
        let other = config.move_rows(0.1, other, half(values(3), 2));
        let mut table = crate::loss::centers::Centers::new(values(1));
        table.remember(&config.remembered(3));
        for (seed, rows) in [(2, &[0, 1][..]), (3, &[0, 1, 2, 3]), (4, &[0, 1])] {
            let touched = table.touch(Some(rows), false).remove(0);
            let gradient = touched.with_gradient(values(seed).narrow(0, 0, rows.len()));
            table.follow(vec![gradient], |it, gradient| config.move_rows(0.1, it, gradient));
        }
        let expected = [host(apart[0].clone()), host(other[0].clone())].concat();
        assert_eq!(host(table.rows()), expected, "{config:?}");
    }
}
