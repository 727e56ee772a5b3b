//! What processes use of the machine, as the kernel counts it (proc(5)).

use std::fs;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::number::float;

/// How long a tick of the kernel's accounting is: a hundredth of a second, whatever the kernel's own clock does.
const TICK: Duration = Duration::from_millis(10);

/// The time on processors that a process has used, and its children that it has waited for.
struct Times {
    parent: u32,
    own: Duration,
    children: Duration,
}

/// The memory of a process, in MiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// What it holds.
    pub resident: f64,
    /// The most that it held.
    pub peak: f64,
}

/// Whose use of processors is counted.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// A process.
    Process(u32),
    /// A process and its children, those that end in between included.
    Family(u32),
    /// All that runs, here and on other machines on the same processors.
    Everybody,
}

/// A moment from which the use of processors is counted.
pub struct Meter {
    of: Of,
    since: Instant,
    used: Duration,
}

impl Meter {
    /// Begins to count.
    pub fn start(of: Of) -> Result<Self, Failure> {
        Ok(Self { of, since: Instant::now(), used: of.used()? })
    }

    /// Per cent of one core since it began.
    pub fn per_cent(&self) -> Result<f64, Failure> {
        let used = self.of.used()?.saturating_sub(self.used);
        Ok(100.0 * used.as_secs_f64() / self.since.elapsed().as_secs_f64())
    }
}

impl Of {
    fn used(self) -> Result<Duration, Failure> {
        match self {
            Self::Process(id) => Ok(times(id)?.own),
            Self::Family(id) => family(id),
            Self::Everybody => everybody(),
        }
    }
}

/// The memory of a process.
pub fn memory(process: u32) -> Result<Memory, Failure> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let mebibytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kibibytes.map(|number| float(number) / 1024.0).ok_or_else(|| format!("the kernel says no {name}"))
    };
    Ok(Memory { resident: mebibytes("VmRSS")?, peak: mebibytes("VmHWM")? })
}

/// What a process, its children and its ended children have used. A child that ends while this reads is counted by its
/// parent or not at all, never twice.
fn family(process: u32) -> Result<Duration, Failure> {
    let Times { own, children, .. } = times(process)?;
    let others = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let living = others.filter_map(|id| times(id).ok()).filter(|times| times.parent == process);
    Ok(own + children + living.map(|times| times.own + times.children).sum::<Duration>())
}

/// The first line counts all cores: user, nice, system, idle, waiting for a disk, interrupts, soft interrupts, stolen.
fn everybody() -> Result<Duration, Failure> {
    let stat = fs::read_to_string("/proc/stat")?;
    let numbers = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).unwrap_or_default();
    let ticks: Vec<u32> = numbers.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [user, nice, system, _idle, _waiting, interrupts, soft, stolen, ..] = ticks.as_slice() else {
        return Err("the kernel's accounting can't be read".into());
    };
    Ok([user, nice, system, interrupts, soft, stolen].into_iter().map(|ticks| TICK * *ticks).sum())
}

fn times(process: u32) -> Result<Times, Failure> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the name, in parentheses, and may hold anything; the state comes after it.
    let (_, fields) = stat.rsplit_once(") ").ok_or("the kernel's accounting can't be read")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let number = |place: usize| -> Result<u32, Failure> { Ok(fields.get(place).ok_or("a field is missing")?.parse()?) };
    let ticks = |place: usize| number(place).map(|ticks| TICK * ticks);
    Ok(Times { parent: number(1)?, own: ticks(11)? + ticks(12)?, children: ticks(13)? + ticks(14)? })
}
