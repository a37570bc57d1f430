//! Every miner beside one that goes through all triplets, on batches with many ties.

use proptest::prelude::*;

use super::*;
use crate::metric::loss::contract::clustered;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::relevance::Relations;
use crate::metric::scene::{Batch, scene};
use crate::metric::tuples::{Pairs, Triplet, all_triplets};
use crate::metric::worked;

/// Euclidean, of rows as they are: small integers tie often.
pub(super) const RAW: Distance = Distance::Lp { p: 2.0, power: 1.0, normalize: false };

pub(super) fn mine(
    miner: &dyn Mine,
    rows: &Matrix,
    labels: &[u64],
    distance: Distance,
    seed: u64,
) -> Tuples {
    let relations = Relations::within(labels);
    let batch =
        Batch { embeddings: rows, references: None, relations: &relations, labels: Some(labels) };
    miner.check().unwrap();
    let mut scene = scene(batch, distance, &Reducer::Mean);
    scene.seed = seed;
    miner.mine(&scene)
}

pub(super) fn triplets(tuples: &Tuples) -> Vec<Triplet> {
    let Tuples::Triplets(triplets) = tuples else { panic!("these are pairs") };
    triplets.clone()
}

pub(super) fn pairs(tuples: Tuples) -> Pairs {
    let Tuples::Pairs(pairs) = tuples else { panic!("these are triplets") };
    pairs
}

/// The first pair of an anchor that no other beats.
fn best(
    pairs: &[[usize; 2]],
    anchor: usize,
    is_allowed: impl Fn(usize) -> bool,
    beats: impl Fn(usize, usize) -> bool,
) -> Option<usize> {
    let all =
        || pairs.iter().filter(|it| it[0] == anchor).map(|it| it[1]).filter(|&it| is_allowed(it));
    all().find(|&it| all().all(|other| !beats(other, it)))
}

proptest! {
    #[test]
    fn miners_choose_what_a_search_through_all_triplets_does(
        samples in prop::collection::vec((0u64..4, -2i32..=2, -2i32..=2), 1..14),
        margin in prop::sample::select(vec![0.0, 0.5, 1.0, 2.0]),
    ) {
        let labels: Vec<u64> = samples.iter().map(|it| it.0).collect();
        let data = samples.iter().flat_map(|it| [f64::from(it.1), f64::from(it.2)]).collect();
        let rows = Matrix::new(data, [samples.len(), 2]);
        let relations = Relations::within(&labels);
        let all: Vec<Triplet> = all_triplets(&relations).collect();
        let both = Pairs::all(&relations);
        for distance in [RAW, Distance::Dot] {
            let values = distance.compare(&rows, None).values;
            let far = |a: usize, b: usize| distance.sign() * values[(a, b)];
            let run = |miner: &dyn Mine| mine(miner, &rows, &labels, distance, 1);

            for (kind, chooses) in [
                (TripletKind::All, (|gap, margin| gap <= margin) as fn(f64, f64) -> bool),
                (TripletKind::Easy, |gap, margin| gap > margin),
                (TripletKind::SemiHard, |gap, margin| gap <= margin && gap > 0.0),
                (TripletKind::Hard, |gap, margin| gap <= margin && gap <= 0.0),
            ] {
                let found = run(&TripletMarginMiner { margin, triplets: kind });
                let expected: Vec<Triplet> = all.iter().copied()
                    .filter(|&[a, p, n]| chooses(far(a, n) - far(a, p), margin)).collect();
                prop_assert_eq!(triplets(&found), expected);
            }

            if margin > 0.0 {
                let miner = FaceNetMiner { margin, pick: SemiHardPick::Nearest, hopeless: Hopeless::Drop };
                let expected: Vec<Triplet> = both.mated.iter().filter_map(|&[a, p]| {
                    let is_semi_hard = |n| far(a, n) > far(a, p) && far(a, n) - far(a, p) < margin;
                    let n = best(&both.non_mated, a, is_semi_hard, |x, y| far(a, x) < far(a, y))?;
                    Some([a, p, n])
                }).collect();
                prop_assert_eq!(triplets(&run(&miner)), expected);
            }

            let hardest: Vec<Triplet> = (0..labels.len()).filter_map(|a| {
                let p = best(&both.mated, a, |_| true, |x, y| far(a, x) > far(a, y))?;
                let n = best(&both.non_mated, a, |_| true, |x, y| far(a, x) < far(a, y))?;
                Some([a, p, n])
            }).collect();
            prop_assert_eq!(triplets(&run(&BatchHardMiner {})), hardest.clone());
            prop_assert_eq!(pairs(run(&NthHardestMiner::default())), Pairs::of_triplets(&hardest));

            let kept = pairs(run(&MultiSimilarityMiner { epsilon: margin }));
            let mut expected = Pairs::default();
            for &[a, p] in &both.mated {
                let n = best(&both.non_mated, a, |_| true, |x, y| far(a, x) < far(a, y));
                if n.is_some_and(|n| far(a, p) + margin > far(a, n)) { expected.mated.push([a, p]); }
            }
            for &[a, n] in &both.non_mated {
                let p = best(&both.mated, a, |_| true, |x, y| far(a, x) > far(a, y));
                if p.is_some_and(|p| far(a, n) - margin < far(a, p)) { expected.non_mated.push([a, n]); }
            }
            for pairs in [&mut expected.mated, &mut expected.non_mated] {
                pairs.sort_by(|x, y| {
                    let value = |it: &[usize; 2]| values[(it[0], it[1])];
                    x[0].cmp(&y[0]).then(value(x).partial_cmp(&value(y)).unwrap())
                });
            }
            prop_assert_eq!(kept, expected);

            let share = 0.3;
            let kept = pairs(run(&HdcMiner { share }));
            let mut mated = both.mated.clone();
            mated.sort_by(|x, y| far(y[0], y[1]).partial_cmp(&far(x[0], x[1])).unwrap());
            mated.truncate((share * mated.len() as f64).ceil() as usize);
            mated.sort_unstable();
            prop_assert_eq!(kept.mated, mated);
        }

        let miner = AngularMiner { angle: 0.5 };
        let wide: Vec<Triplet> = all.iter().copied().filter(|&[a, p, n]| {
            let [a, p, n] = [a, p, n].map(|it| rows.row(it));
            let (mut base, mut height) = (0.0f64, 0.0f64);
            for k in 0..2 {
                base += (a[k] - p[k]).powi(2);
                height += (n[k] - f64::midpoint(a[k], p[k])).powi(2);
            }
            base.sqrt().atan2(2.0 * height.sqrt()) > 0.5
        }).collect();
        prop_assert_eq!(triplets(&mine(&miner, &rows, &labels, RAW, 0)), wide);
    }
}

#[test]
fn easy_and_hard_sides_choose_what_a_search_does() {
    use super::Strategy::{All, Easy, Hard, SemiHard};
    let rows = Matrix::from_fn([16, 2], |i, j| ((i * 7 + j * 5 + i * i * j) % 5) as f64);
    let labels: Vec<u64> = (0..16).map(|i| i % 5).collect();
    let both = Pairs::all(&Relations::within(&labels));
    let values = RAW.compare(&rows, None).values;
    let ranges = [None, Some([1.0, 3.0])];
    for mated in [Easy, Hard, SemiHard, All] {
        for non_mated in [Easy, Hard, SemiHard, All] {
            for (mated_range, non_mated_range) in
                ranges.into_iter().flat_map(|it| ranges.map(|r| (it, r)))
            {
                let miner = BatchEasyHardMiner { mated, non_mated, mated_range, non_mated_range };
                let is_forbidden =
                    matches!((mated, non_mated), (SemiHard, SemiHard | All) | (All, SemiHard));
                assert_eq!(miner.check().is_err(), is_forbidden, "{miner:?}");
                if is_forbidden {
                    continue;
                }
                let mut expected = Pairs::default();
                for a in 0..16 {
                    let far = |it: usize| values[(a, it)];
                    let within = |it, range: Option<[f64; 2]>| {
                        range.is_none_or(|[low, high]| low <= far(it) && far(it) <= high)
                    };
                    let is_better = |takes_far: bool| {
                        move |x: usize, y: usize| {
                            if takes_far { far(x) > far(y) } else { far(x) < far(y) }
                        }
                    };
                    let one = |bound: Option<f64>| {
                        let allowed =
                            |it| within(it, mated_range) && bound.is_none_or(|b| far(it) < b);
                        best(&both.mated, a, allowed, is_better(mated != Easy))
                    };
                    let other = |bound: Option<f64>| {
                        let allowed =
                            |it| within(it, non_mated_range) && bound.is_none_or(|b| far(it) > b);
                        best(&both.non_mated, a, allowed, is_better(non_mated == Easy))
                    };
                    let (p, n) = match (mated, non_mated) {
                        (SemiHard, _) => {
                            let n = other(None);
                            (n.and_then(|n| one(Some(far(n)))), n)
                        }
                        (_, SemiHard) => {
                            let p = one(None);
                            (p, p.and_then(|p| other(Some(far(p)))))
                        }
                        _ => (one(None), other(None)),
                    };
                    let takes_all = mated == All || non_mated == All;
                    let is_kept = takes_all || (p.is_some() && n.is_some());
                    expected.mated.extend(p.filter(|_| is_kept && mated != All).map(|p| [a, p]));
                    expected
                        .non_mated
                        .extend(n.filter(|_| is_kept && non_mated != All).map(|n| [a, n]));
                }
                if mated == All {
                    expected.mated.clone_from(&both.mated);
                }
                if non_mated == All {
                    expected.non_mated.clone_from(&both.non_mated);
                }
                assert_eq!(pairs(mine(&miner, &rows, &labels, RAW, 0)), expected, "{miner:?}");
            }
        }
    }
}

#[test]
fn the_worked_batch_gives_the_figures_of_the_reference() {
    let (rows, labels) = (worked::embeddings(), worked::labels());
    let sums = |miner: &dyn Mine, distance| match mine(miner, &rows, &labels, distance, 0) {
        Tuples::Triplets(it) => (0..3).map(|part| it.iter().map(|it| it[part]).sum()).collect(),
        Tuples::Pairs(Pairs { mated, non_mated }) => [mated, non_mated]
            .iter()
            .flat_map(|pairs| [0, 1].map(|part| pairs.iter().map(|it| it[part]).sum()))
            .collect::<Vec<usize>>(),
    };
    let by_margin = |triplets| TripletMarginMiner { margin: 0.2, triplets };
    let euclidean = Distance::EUCLIDEAN;
    assert_eq!(sums(&by_margin(TripletKind::All), euclidean), [483, 481, 474]);
    assert_eq!(sums(&by_margin(TripletKind::Hard), euclidean), [303, 306, 306]);
    assert_eq!(sums(&by_margin(TripletKind::SemiHard), euclidean), [180, 175, 168]);
    assert_eq!(sums(&by_margin(TripletKind::Easy), euclidean), [705, 707, 714]);
    let similar = MultiSimilarityMiner { epsilon: 0.1 };
    assert_eq!(sums(&similar, Distance::Cosine), [68, 70, 316, 306]);
    assert_eq!(sums(&AngularMiner { angle: 20f64.to_radians() }, euclidean), [758, 758, 804]);
    assert_eq!(sums(&HdcMiner { share: 0.5 }, euclidean), [60, 60, 298, 298]);
    let hardest = triplets(&mine(&BatchHardMiner {}, &rows, &labels, euclidean, 0));
    let part = |part: usize| hardest.iter().map(|it| it[part]).collect::<Vec<_>>();
    assert_eq!(part(1), [2, 0, 0, 5, 3, 3, 8, 6, 6, 11, 11, 9]);
    assert_eq!(part(2), [9, 10, 3, 2, 11, 6, 5, 1, 9, 0, 1, 2]);
}

#[test]
fn a_tie_is_not_semi_hard() {
    let rows = Matrix::new(vec![0.0, 1.0, -1.0], [3, 1]);
    for (mated, non_mated) in [
        (super::Strategy::Easy, super::Strategy::SemiHard),
        (super::Strategy::SemiHard, super::Strategy::Hard),
    ] {
        let miner =
            BatchEasyHardMiner { mated, non_mated, mated_range: None, non_mated_range: None };
        let found = pairs(mine(&miner, &rows, &[0, 0, 1], RAW, 0));
        assert_eq!((found.mated, found.non_mated), (vec![[1, 0]], vec![[1, 2]]));
    }
}

#[test]
fn a_window_passes_over_the_hardest() {
    let rows = Matrix::new(vec![0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 6.0], [7, 1]);
    let miner = NthHardestMiner { mated_ranks: [2, 2], non_mated_ranks: [2, 3] };
    let found = pairs(mine(&miner, &rows, &[0, 0, 0, 1, 1, 1, 1], RAW, 0));
    assert_eq!(found.mated[0], [0, 1]);
    assert_eq!(found.non_mated[..2], [[0, 4], [0, 5]]);
}

#[test]
fn a_hopeless_pair_is_taken_only_if_asked_for() {
    let rows = Matrix::new(vec![0.0, 5.0, 1.0, 2.0], [4, 1]);
    let mined = |hopeless| {
        let miner = FaceNetMiner { margin: 0.2, pick: SemiHardPick::Nearest, hopeless };
        triplets(&mine(&miner, &rows, &[0, 0, 1, 2], RAW, 0))
    };
    assert!(mined(Hopeless::Drop).is_empty());
    assert_eq!(mined(Hopeless::Farthest), [[0, 1, 3], [1, 0, 2]]);
}

#[test]
fn references_apart_from_the_batch_are_mined_by_their_own_positions() {
    let rows = clustered(&[0, 1, 0], 3, 0.5, 1);
    let references = clustered(&[1, 0, 2, 0, 1], 3, 0.5, 2);
    let same =
        crate::metric::relevance::SameLabel { probes: &[0, 1, 0], references: &[1, 0, 2, 0, 1] };
    let relations = Relations::new([3, 5], &same);
    let batch = Batch {
        embeddings: &rows,
        references: Some(&references),
        relations: &relations,
        labels: None,
    };
    let scene = scene(batch, Distance::EUCLIDEAN, &Reducer::Mean);
    let all: Vec<Triplet> = all_triplets(&relations).collect();
    let angle = |&&[a, p, n]: &&Triplet| {
        let [a, p, n] = [rows.row(a), references.row(p), references.row(n)];
        let squared = |difference: &dyn Fn(usize) -> f64| -> f64 {
            (0..3).map(|k| difference(k).powi(2)).sum::<f64>()
        };
        let base = squared(&|k| a[k] - p[k]).sqrt();
        base.atan2(2.0 * squared(&|k| n[k] - f64::midpoint(a[k], p[k])).sqrt()) > 0.4
    };
    let wide: Vec<Triplet> = all.iter().filter(angle).copied().collect();
    assert!(!wide.is_empty() && wide.len() < all.len());
    assert_eq!(triplets(&AngularMiner { angle: 0.4 }.mine(&scene)), wide);
    let any = TripletMarginMiner { margin: 9.0, triplets: TripletKind::All };
    assert_eq!(triplets(&any.mine(&scene)), all);
    let random =
        DistanceWeightedMiner { cutoff: 0.5, nonzero_loss_cutoff: 3.0, mated: MatedDraw::Random };
    // Two references of each identity; the anchor is not among them.
    assert_eq!(triplets(&random.mine(&scene)).len(), 6);
}

#[test]
fn batches_without_pairs_give_none() {
    let miners = [
        "all",
        "angular",
        "batch-easy-hard",
        "batch-hard",
        "distance-weighted",
        "facenet",
        "hdc",
        "multi-similarity",
        "nth-hardest",
        "pair-margin",
        "triplet-margin",
        "uniform-histogram",
    ];
    let equal = Matrix::new(vec![1.0; 8], [4, 2]);
    for kind in miners {
        let miner: Miner = serde_json::from_str(&format!(r#"{{"kind": "{kind}"}}"#)).unwrap();
        let json = serde_json::to_string(&miner).unwrap();
        assert_eq!(serde_json::from_str::<Miner>(&json).unwrap(), miner);
        for rows in [&equal, &Matrix::zeros([4, 2]), &Matrix::new(vec![f64::NAN; 8], [4, 2])] {
            for labels in [[0; 4], [0, 1, 2, 3], [0, 0, 1, 1]] {
                for n in 0..=4 {
                    let some = Matrix::new(rows.data()[..2 * n].to_vec(), [n, 2]);
                    let distance = miner.distance().unwrap_or(Distance::EUCLIDEAN);
                    let found = mine(miner.choice(), &some, &labels[..n], distance, 0);
                    let found = found.triplets();
                    let has_triplets = labels == [0, 0, 1, 1] && n > 2;
                    assert!(has_triplets || found.is_empty(), "{kind}: {found:?}");
                }
            }
        }
    }
}
