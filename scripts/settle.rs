//! Resolves, ahead of time, the references of a shared library to its own symbols.
//!
//! libduckdb.so is linked so that any other library could replace any of its 37,000 symbols, and so the loader looks each
//! of them up by name at every start: 8 of the 18 ms that `ingestr --help` took. No other library here has them, and the
//! library's own stand first in the order of look-up, so what the loader would find is known: the symbol's address in the
//! same file. Writing it down turns a look-up into an addition, which is what the linker's option `-Bsymbolic` does for a
//! library that one links oneself. Symbols that are not defined inside, thread-local ones, and those that must be unique
//! in the process are left to the loader.
//!
//! Calls of functions (24,500) are looked up when they are first made, some 3,000 in a run: 6 ms. Their table is not
//! turned into additions, since that would undo the delay. It begins as a table of places that do the look-up, to which
//! the loader adds where the library lies; so it is enough to write the functions' own addresses there. A loader that
//! looks everything up at the start (`LD_BIND_NOW`, musl's) heeds the entries themselves, which stay.
//!
//! The format is that of the System V ABI, AMD64 supplement, chapters 4 and 5.

/// Size of an entry of the relocation tables.
const RELA: usize = 24;
const R_X86_64_64: u64 = 1;
const R_X86_64_GLOB_DAT: u64 = 6;
const R_X86_64_JUMP_SLOT: u64 = 7;
const R_X86_64_RELATIVE: u64 = 8;
const DT_PLTRELSZ: u64 = 2;
const DT_SYMTAB: u64 = 6;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
const DT_JMPREL: u64 = 23;
/// How many entries from the first one on are relative: the loader does these in one go.
const DT_RELACOUNT: u64 = 0x6fff_fff9;

/// Settles the library; returns how many references. `None`: it is no such library, or a damaged one, and nothing was
/// changed.
pub(crate) fn settle(library: &mut [u8]) -> Option<usize> {
    // 64 bits, little endian, x86-64.
    if library.get(..6)? != b"\x7fELF\x02\x01" || number(library, 18, 2)? != 62 {
        return None;
    }
    // Looked at as a whole before anything is written.
    let calls = calls(library)?;
    let settled = data(library)?;
    for (place, address) in &calls {
        library[*place..*place + 8].copy_from_slice(&address.to_le_bytes());
    }
    Some(settled + calls.len())
}

/// Where in the file the functions' addresses belong, and what they are.
fn calls(library: &[u8]) -> Option<Vec<(usize, u64)>> {
    let dynamic = Dynamic::of(library)?;
    let (symbols, table) = (dynamic.place(DT_SYMTAB)?, dynamic.place(DT_JMPREL)?);
    let size = size(dynamic.entry(DT_PLTRELSZ)?.1)?;
    let mut calls = Vec::new();
    for at in (table..table.checked_add(size)?).step_by(RELA) {
        let [slot, info, addend] = [0, 8, 16].map(|part| number(library, at + part, 8));
        let slot = slot?;
        if let Some(address) = own_address(library, symbols, [slot, info?, addend?])? {
            let place = dynamic.holding(slot)?;
            number(library, place, 8)?;
            calls.push((place, address));
        }
    }
    Some(calls)
}

/// Settles references that are not calls.
fn data(library: &mut [u8]) -> Option<usize> {
    let dynamic = Dynamic::of(library)?;
    let (symbols, table) = (dynamic.place(DT_SYMTAB)?, dynamic.place(DT_RELA)?);
    let size = size(dynamic.entry(DT_RELASZ)?.1)?;
    let (mut relative, mut others, mut settled) = (Vec::new(), Vec::new(), 0);
    for at in (table..table.checked_add(size)?).step_by(RELA) {
        let [place, info, addend] = [0, 8, 16].map(|part| number(library, at + part, 8));
        let entry = [place?, info?, addend?];
        match own_address(library, symbols, entry)? {
            Some(address) => {
                settled += 1;
                relative.push([entry[0], R_X86_64_RELATIVE, address]);
            }
            None if entry[1] == R_X86_64_RELATIVE => relative.push(entry),
            None => others.push(entry),
        }
    }
    let count = dynamic.entry(DT_RELACOUNT)?.0;
    library.get_mut(count..count + 8)?.copy_from_slice(&(relative.len() as u64).to_le_bytes());
    let entries = relative.iter().chain(&others).flatten().flat_map(|part| part.to_le_bytes());
    let all: Vec<u8> = entries.collect();
    library.get_mut(table..table + size)?.copy_from_slice(&all);
    Some(settled)
}

/// What a relocation entry comes to, as far as the file alone decides it.
fn own_address(library: &[u8], symbols: usize, [_, info, addend]: [u64; 3]) -> Option<Option<u64>> {
    let (kind, symbol) = (info & 0xffff_ffff, size(info >> 32)?);
    if symbol == 0 || ![R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT].contains(&kind) {
        return Some(None);
    }
    let at = symbols.checked_add(symbol * 24)?;
    let (info, section) = (number(library, at + 4, 1)?, number(library, at + 6, 2)?);
    let (binding, sort) = (info >> 4, info & 15);
    // Defined in a section; global or weak; untyped, an object or a function.
    if section == 0 || section >= 0xff00 || ![1, 2].contains(&binding) || sort > 2 {
        return Some(None);
    }
    let address = number(library, at + 8, 8)?;
    Some(Some(if kind == R_X86_64_64 { address.wrapping_add(addend) } else { address }))
}

/// The dynamic section: tags, where in the file their values stand, and the values; and the loaded segments.
struct Dynamic {
    entries: Vec<(u64, usize, u64)>,
    /// Address, place in the file, size.
    segments: Vec<(u64, u64, u64)>,
}

impl Dynamic {
    fn of(library: &[u8]) -> Option<Self> {
        let (headers, count) = (size(number(library, 32, 8)?)?, size(number(library, 56, 2)?)?);
        let (mut segments, mut dynamic) = (Vec::new(), None);
        for at in (0..count).map(|n| headers + n * 56) {
            let [place, address, bytes] = [8, 16, 32].map(|part| number(library, at + part, 8));
            match number(library, at, 4)? {
                1 => segments.push((address?, place?, bytes?)),
                2 => dynamic = Some(size(place?)?),
                _ => {}
            }
        }
        let mut entries = Vec::new();
        let mut at = dynamic?;
        loop {
            let (tag, value) = (number(library, at, 8)?, number(library, at + 8, 8)?);
            if tag == 0 {
                return Some(Self { entries, segments });
            }
            entries.push((tag, at + 8, value));
            at += 16;
        }
    }

    fn entry(&self, tag: u64) -> Option<(usize, u64)> {
        self.entries.iter().find(|entry| entry.0 == tag).map(|entry| (entry.1, entry.2))
    }

    /// Where in the file the address that an entry holds is.
    fn place(&self, tag: u64) -> Option<usize> {
        self.holding(self.entry(tag)?.1)
    }

    /// Where in the file an address is.
    fn holding(&self, address: u64) -> Option<usize> {
        let holds = |segment: &&(u64, u64, u64)| (segment.0..segment.0 + segment.2).contains(&address);
        let segment = self.segments.iter().find(holds)?;
        size(address - segment.0 + segment.1)
    }
}

fn number(library: &[u8], at: usize, bytes: usize) -> Option<u64> {
    let mut wide = [0; 8];
    wide[..bytes].copy_from_slice(library.get(at..at.checked_add(bytes)?)?);
    Some(u64::from_le_bytes(wide))
}

fn size(value: u64) -> Option<usize> {
    usize::try_from(value).ok()
}
