//! How long the processor worked for this process; it does not know on what.

/// Parts of a second that Linux counts in, on every machine that it tells them on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of all threads together so far, where the system tells: Linux does, in hundredths.
///
/// Beside the time that a clock shows, it is the same on a machine that others use, too.
pub(crate) fn seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name of the program, in brackets, and may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn work_counts_and_waiting_does_not() {
        let before = seconds().unwrap();
        let begin = Instant::now();
        while seconds().unwrap() < before + 0.1 {
            assert!(begin.elapsed() < Duration::from_mins(1), "no work was counted");
        }
        assert!(
            begin.elapsed() >= Duration::from_millis(20),
            "work was counted before it was done"
        );
    }
}
