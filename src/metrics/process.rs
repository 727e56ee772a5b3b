//! Memory, processor time and files of the process, under the names that every Prometheus client library uses. On Linux only.

use std::fs;
use std::time::Duration;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::text::{self, Text};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessUse {
    cpu: Duration,
    resident_bytes: u64,
    open_files: u64,
    /// `None`: no limit.
    most_files: Option<u64>,
    /// Since the Unix epoch. Some sandboxes hide when the machine started.
    started: Option<Duration>,
}

/// The fields of `/proc/self/stat` that count, in its units.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    /// Since the machine started.
    start_ticks: u64,
    resident_pages: u64,
}

impl ProcessUse {
    /// Reads `/proc`. `None` where the system has none.
    pub fn read() -> Option<Self> {
        let stat = Stat::parse(&fs::read_to_string("/proc/self/stat").ok()?)?;
        let booted = fs::read_to_string("/proc/stat").ok().and_then(|text| booted(&text)).map(Duration::from_secs);
        // The directory itself is open while it is read.
        let open_files = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
        Some(Self {
            cpu: of_ticks(stat.cpu_ticks)?,
            resident_bytes: stat.resident_pages.saturating_mul(u64::try_from(page_size()).ok()?),
            open_files: u64::try_from(open_files).ok()?,
            most_files: getrlimit(Resource::Nofile).current,
            started: booted.and_then(|booted| booted.checked_add(of_ticks(stat.start_ticks)?)),
        })
    }

    pub(super) fn render(self, text: &mut Text) {
        let cpu = text::seconds(self.cpu);
        text.single("process_cpu_seconds_total", "counter", "Processor time of the process.", cpu);
        let name = "process_resident_memory_bytes";
        text.single(name, "gauge", "Memory of the process that is in RAM.", self.resident_bytes);
        text.single("process_open_fds", "gauge", "Open files and connections of the process.", self.open_files);
        if let Some(most) = self.most_files {
            text.single("process_max_fds", "gauge", "The most files and connections that may be open.", most);
        }
        if let Some(started) = self.started {
            let help = "When the process started, as a Unix time.";
            text.single("process_start_time_seconds", "gauge", help, text::seconds(started));
        }
    }
}

impl Stat {
    /// The name of the program is in parentheses, and may have spaces and parentheses itself. The fields after it are counted from
    /// 3: utime is 14, stime 15, starttime 22, rss 24 (`man proc_pid_stat`).
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let field = |number: usize| rest.split_ascii_whitespace().nth(number - 3)?.parse::<u64>().ok();
        let cpu_ticks = field(14)?.checked_add(field(15)?)?;
        Some(Self { cpu_ticks, start_ticks: field(22)?, resident_pages: field(24)? })
    }
}

/// When the machine started, as a Unix time, from `/proc/stat`.
fn booted(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

fn of_ticks(ticks: u64) -> Option<Duration> {
    let second = clock_ticks_per_second().max(1);
    let nanoseconds = (ticks % second).checked_mul(1_000_000_000)? / second;
    Some(Duration::from_secs(ticks / second).saturating_add(Duration::from_nanos(nanoseconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_counted_from_behind_the_name_whatever_is_in_it() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 1111 222 13 14 15 16 17 18 333333 20 4444 22";
        let expected = Stat { cpu_ticks: 1333, start_ticks: 333_333, resident_pages: 4444 };
        assert_eq!(Stat::parse(&format!("7 (tokend) {rest}")).unwrap(), expected);
        assert_eq!(Stat::parse(&format!("7 (a) S 9 (b c) {rest}")).unwrap(), expected);
        assert_eq!(Stat::parse("7 (tokend) S 1 2"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn the_start_of_the_machine_has_a_line_of_its_own() {
        assert_eq!(booted("cpu  1 2\nctxt 5\nbtime 1800000000\nprocesses 9\n"), Some(1_800_000_000));
        assert_eq!(booted("cpu  1 2\n"), None);
    }

    #[test]
    fn ticks_are_parts_of_a_second() {
        let second = clock_ticks_per_second();
        assert_eq!(of_ticks(0), Some(Duration::ZERO));
        assert_eq!(of_ticks(3 * second + second / 2), Some(Duration::from_millis(3500)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_reading_follows_what_the_process_does() {
        let (before, now) = (ProcessUse::read().unwrap(), crate::clock::Clock::System.now().unsigned_abs());
        let files: Vec<_> = (0..256).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        let memory = vec![1_u8; 64 << 20];
        let after = ProcessUse::read().unwrap();
        // Other tests of this process open and close files and take memory meanwhile.
        assert!(after.open_files >= before.open_files + 128, "{before:?} {after:?} {}", files.len());
        assert!(after.resident_bytes >= before.resident_bytes + (32 << 20), "{before:?} {after:?} {}", memory.len());
        assert!(after.cpu >= before.cpu && after.most_files.is_none_or(|most| most > after.open_files));
        // The machine's start is known to the second.
        let started = before.started.unwrap().as_secs();
        assert!((started..started + 86_400).contains(&(now + 1)), "{before:?} {now}");
    }
}
