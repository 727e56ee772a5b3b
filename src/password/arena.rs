//! The memory that password hashes are computed in.

use std::sync::{Arc, Mutex, PoisonError};

use allocator_api2::alloc::System;
use allocator_api2::collections::TryReserveError;
use allocator_api2::vec::Vec as VecIn;
use argon2::Block;

use super::parameters::HashParameters;

/// Memory from the system. The program's own allocator would keep it for the next one who needs as much.
pub(super) type Blocks = VecIn<Block, System>;

/// The least address space that an arena asks for, in blocks. From 32 MiB on, glibc maps every allocation by itself and
/// unmaps it when it is freed; anything less it learns to keep, after the first time (mallopt(3), `M_MMAP_THRESHOLD`).
/// What is never written to takes no memory.
const RETURNABLE: usize = 33 * 1024;

/// The memory that one thread hashes in, and its share in the room for hashes that need more.
///
/// What it holds is address space until the first hash, and memory from then until it is given back.
pub(super) struct Arena {
    blocks: Blocks,
    count: usize,
    large: Arc<Mutex<()>>,
}

impl Arena {
    /// Address space for hashes with `parameters`. Arenas with the same `large` take turns in allocating more.
    pub(super) fn new(parameters: HashParameters, large: Arc<Mutex<()>>) -> Result<Self, TryReserveError> {
        let count = usize::try_from(parameters.memory_kib).unwrap_or(usize::MAX);
        let mut blocks = Blocks::new_in(System);
        reserve(&mut blocks, count)?;
        Ok(Self { blocks, count, large })
    }

    /// How many blocks it has room for.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The memory, which is taken from the machine if this holds none.
    pub(super) fn memory(&mut self) -> Result<&mut [Block], TryReserveError> {
        fill(&mut self.blocks, self.count)?;
        Ok(&mut self.blocks)
    }

    /// Gives the memory back to the machine.
    pub(super) fn give_back(&mut self) {
        self.blocks = Blocks::new_in(System);
    }

    /// Whether no memory is held.
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Computes with memory of its own; one thread at a time, so that such memory exists once and not once a thread.
    pub(super) fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        let _turn = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}

/// Memory for a hash that needs more than an arena has.
pub(super) fn blocks(count: usize) -> Result<Blocks, TryReserveError> {
    let mut blocks = Blocks::new_in(System);
    fill(&mut blocks, count)?;
    Ok(blocks)
}

fn fill(blocks: &mut Blocks, count: usize) -> Result<(), TryReserveError> {
    reserve(blocks, count)?;
    if blocks.is_empty() {
        ask_for_huge_pages(blocks, count);
    }
    blocks.resize(count, Block::new());
    Ok(())
}

fn reserve(blocks: &mut Blocks, count: usize) -> Result<(), TryReserveError> {
    blocks.try_reserve_exact(count.max(RETURNABLE).saturating_sub(blocks.len()))
}

/// argon2 reads its blocks in no order, and pages of 4 KiB are more than a processor knows the places of: with pages of 2 MiB
/// a hash is a tenth faster. Where there are none, nothing is lost but that.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe function of a well-kept crate advises the system about memory of any type")]
fn ask_for_huge_pages(blocks: &mut Blocks, count: usize) {
    let begin = blocks.as_mut_ptr().cast::<u8>();
    let to_a_page = begin.align_offset(rustix::param::page_size());
    let Some(bytes) = (count * Block::SIZE).checked_sub(to_a_page) else { return };
    let page = begin.wrapping_add(to_a_page).cast();
    // SAFETY: the range lies within what `blocks` has reserved, and the advice changes neither what is in it nor who may use it.
    let advised = unsafe { rustix::mm::madvise(page, bytes, rustix::mm::Advice::LinuxHugepage) };
    if let Err(error) = advised {
        tracing::debug!(%error, "password hashes are computed in pages of the usual size");
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: &mut Blocks, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::PlainPassword;
    use crate::password::argon::Argon2Hash;

    const SMALL: HashParameters = HashParameters { memory_kib: 64, iterations: 1, parallelism: 1 };

    impl Arena {
        /// One for which no machine has the memory.
        pub(in crate::password) fn impossible() -> Self {
            Self { blocks: Blocks::new_in(System), count: usize::MAX / Block::SIZE, large: Arc::default() }
        }
    }

    #[test]
    fn a_hash_that_needs_more_than_the_arena_takes_turns_and_leaves_no_memory_behind() {
        let large = Arc::new(Mutex::new(()));
        let mut arena = Arena::new(SMALL, Arc::clone(&large)).unwrap();
        let password = PlainPassword::presented("correct horse").unwrap();
        let hash = Argon2Hash::create(&password, HashParameters { memory_kib: 1024, ..SMALL }, &mut arena).unwrap();
        assert!(hash.matches(&password, &mut arena).unwrap());
        assert!(arena.is_empty(), "it used none of its own");

        arena.alone(|| assert!(large.try_lock().is_err(), "nobody else may have such memory meanwhile"));
        let _turn = large.lock().unwrap();
        let hash = Argon2Hash::create(&password, SMALL, &mut arena).unwrap();
        assert!(hash.matches(&password, &mut arena).unwrap(), "what fits the arena waits for no turn");
        assert_eq!(arena.blocks.len(), 64);
    }

    #[test]
    fn an_arena_holds_memory_from_its_first_hash_until_it_gives_it_back() {
        let mut arena = Arena::new(SMALL, Arc::default()).unwrap();
        let password = PlainPassword::presented("correct horse").unwrap();
        let hash = Argon2Hash::random(SMALL).unwrap();
        for _ in 0..2 {
            assert!(arena.is_empty());
            assert!(!hash.matches(&password, &mut arena).unwrap());
            let held = arena.memory().unwrap().as_ptr();
            assert!(!hash.matches(&password, &mut arena).unwrap());
            assert_eq!((arena.blocks.as_ptr(), arena.blocks.len()), (held, 64), "it is kept");
            arena.give_back();
            assert_eq!(arena.blocks.capacity(), 0);
        }
    }

    /// What this process has of the machine's memory, in MiB.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim_end_matches("kB").trim().parse::<usize>().unwrap() / 1024
    }

    /// Many times, since an allocator may learn to keep what comes again and again. Other tests use some of it meanwhile.
    #[test]
    fn the_machine_has_the_memory_that_is_given_back() {
        let parameters = HashParameters { memory_kib: HashParameters::MAX_MEMORY_KIB, iterations: 1, parallelism: 1 };
        let mut arena = Arena::new(parameters, Arc::default()).unwrap();
        for _ in 0..3 {
            let before = resident();
            arena.memory().unwrap();
            let held = resident();
            arena.give_back();
            assert!(held > before + 128, "{before} {held}");
            assert!(resident() + 128 < held, "{held} {}", resident());
        }
    }

    /// What the system says of the mapping that `address` is in: `hg` among its flags is that it was asked for.
    #[cfg(target_os = "linux")]
    fn flags_of(address: usize) -> Vec<String> {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut is_there = false;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let bounds = range.and_then(|(from, to)| {
                Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
            });
            match bounds {
                Some((from, to)) => is_there = (from..to).contains(&address),
                None if is_there && line.starts_with("VmFlags:") => {
                    return line.split(' ').skip(1).map(str::to_owned).collect();
                }
                None => {}
            }
        }
        panic!("no mapping has {address:x}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn huge_pages_are_asked_for_from_the_first_block_to_the_last_and_for_nothing_after_it() {
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            println!("this system has no huge pages to ask for");
            return;
        }
        let huge = |memory: *const Block| flags_of(memory.addr()).contains(&"hg".to_owned());
        let mut arena = Arena::new(HashParameters::default(), Arc::default()).unwrap();
        for _ in 0..2 {
            let memory = arena.memory().unwrap();
            let (first, last) = (&raw const memory[4], &raw const memory[memory.len() - 1]);
            assert!(huge(first) && huge(last));
            assert!(!huge(last.wrapping_add(4 * 1024)), "the address space after them isn't to become memory");
            arena.give_back();
        }
        let own = blocks(20_000).unwrap();
        assert!(huge(&raw const own[4]) && huge(&raw const own[19_999]));
    }

    #[test]
    fn memory_that_can_not_be_had_is_an_error() {
        assert!(Arena::impossible().memory().is_err());
        assert!(blocks(usize::MAX / Block::SIZE).is_err());
    }
}
