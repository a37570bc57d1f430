//! Going through many things on all cores, in their order and in bounded memory; it does not know what they are.

use verisim_face::pipeline::on_all_cores;

use crate::output::Printer;

/// Does `work` for every number below `n` on all cores, and hands on each number with what came of it, in order.
///
/// At most `at_once` results are kept, so that what is printed or stored appears while the rest is worked on.
pub(crate) fn each<T: Send>(
    (n, at_once): (usize, usize),
    (what, printer): (&'static str, &Printer),
    work: impl Fn(usize) -> T + Send + Sync,
    mut hand_on: impl FnMut(usize, T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let bar = printer.progress(what, n);
    for start in (0..n).step_by(at_once) {
        let done = on_all_cores(at_once.min(n - start), |index| {
            let done = work(start + index);
            bar.inc(1);
            done
        });
        for (index, done) in (start..).zip(done) {
            hand_on(index, done)?;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_is_done_at_once() {
        for at_once in [1, 3, 7, 100] {
            let mut found = Vec::new();
            let printer = Printer::new(true);
            let work = |index: usize| 2 * index;
            let hand_on = |index, done| {
                found.push((index, done));
                Ok(())
            };
            each((7, at_once), ("counting", &printer), work, hand_on).unwrap();
            assert_eq!(found, (0..7).map(|it| (it, 2 * it)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_failure_ends_it() {
        let printer = Printer::new(true);
        let mut n_seen = 0;
        let ended = each(
            (9, 2),
            ("counting", &printer),
            |index| index,
            |index, _| {
                n_seen += 1;
                anyhow::ensure!(index < 3, "enough");
                Ok(())
            },
        );
        assert_eq!((ended.is_err(), n_seen), (true, 4));
    }
}
