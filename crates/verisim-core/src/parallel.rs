//! A map over positions on several threads; it does not know what is computed.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

/// Calls `compute` with every position below `n`, on all cores, and returns the results in order.
///
/// What is computed may depend on the position alone, hence the number of threads changes nothing.
pub(crate) fn map<T: Send>(n: usize, compute: impl Fn(usize) -> T + Sync) -> Vec<T> {
    map_on(thread::available_parallelism().map_or(1, NonZero::get), n, compute)
}

/// As [`map`], on a given number of threads.
pub(crate) fn map_on<T: Send>(
    n_threads: usize,
    n: usize,
    compute: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let n_threads = n_threads.clamp(1, n.max(1));
    if n_threads == 1 {
        return (0..n).map(compute).collect();
    }
    let compute = &compute;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads)
            .map(|thread| {
                let positions = thread * n / n_threads..(thread + 1) * n / n_threads;
                scope.spawn(move || positions.map(compute).collect::<Vec<T>>())
            })
            .collect();
        let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
        joined.flat_map(|results| results.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_number_of_threads() {
        for n in [0, 1, 2, 7, 100] {
            let expected: Vec<usize> = (0..n).map(|position| position * position).collect();
            for n_threads in [0, 1, 2, 3, 8, 200] {
                assert_eq!(map_on(n_threads, n, |position| position * position), expected);
            }
        }
    }
}
