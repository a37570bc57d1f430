//! How much memory this process held, and how much there is; it does not know what for.

/// The most so far, in MiB, where the system tells: Linux does.
pub(crate) fn peak_mib() -> Option<f64> {
    kib_of("/proc/self/status", "VmHWM:")
}

/// Now, in MiB, where the system tells: Linux does.
pub(crate) fn resident_mib() -> Option<f64> {
    kib_of("/proc/self/status", "VmRSS:")
}

/// What the system could still hand out, in MiB, where it tells.
pub(crate) fn available_mib() -> Option<f64> {
    kib_of("/proc/meminfo", "MemAvailable:")
}

/// A line of KiB, in MiB.
fn kib_of(path: &str, key: &str) -> Option<f64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}
