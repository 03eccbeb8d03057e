//! How much of the answers is held in memory: so much of one, and so much of all that are under way.
//!
//! A hostile or broken server may send without an end, or a few MB that unpack to many GB. So each answer has a limit,
//! and all of a client's answers together have room for so much, from the first byte read until the rows are handed on.
//! Whoever reads waits for room instead of taking more.
//!
//! Nobody waits for somebody who waits: every answer first has a small part to itself, and beyond that only one at a
//! time grows, out of a part that the small ones cannot use. What is held after it was read is let go of by whoever
//! uses it. Should that one need another answer first, the wait is not for ever.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of an answer, unpacked. A page of 100 rows has a few MB at most.
pub const MOST: usize = 64 << 20;
/// Bytes of the body of a refusal: it says why, in a few words.
pub const MOST_OF_REFUSAL: usize = 1 << 20;
/// Bytes that an answer may have before it waits for its turn to grow.
const SMALL: usize = 8 << 20;
/// Bytes for all small answers together, and as many for what is beyond [`SMALL`] in large ones: 128 MiB in all.
const PART: usize = 64 << 20;
/// What room is counted in.
const UNIT: usize = 64 << 10;
/// Units by which a large answer grows.
const STEP: usize = SMALL / UNIT;
/// After so long without room it is taken all the same: what is in the way may wait for this very answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The room of one client.
#[derive(Debug, Clone)]
pub struct Room {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    /// Of the one that grows.
    turn: Arc<Semaphore>,
}

/// An answer has more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

impl Default for Room {
    fn default() -> Self {
        let part = || Arc::new(Semaphore::new(PART / UNIT));
        Self { small: part(), large: part(), turn: Arc::new(Semaphore::new(1)) }
    }
}

impl Room {
    /// Waits for the small part, before anything of the body is read.
    pub async fn begin(&self) -> BodyReading {
        let small = take(&self.small, SMALL / UNIT).await;
        BodyReading {
            room: self.clone(),
            bytes: Vec::new(),
            grown: 0,
            held: HeldRoom(small.into_iter().collect()),
            turn: None,
        }
    }
}

/// Units, unless there are none for too long.
async fn take(from: &Arc<Semaphore>, units: usize) -> Option<OwnedSemaphorePermit> {
    let units = u32::try_from(units).ok()?;
    tokio::time::timeout(PATIENCE, Arc::clone(from).acquire_many_owned(units)).await.ok()?.ok()
}

/// A body that is being read.
#[derive(Debug)]
pub struct BodyReading {
    room: Room,
    bytes: Vec<u8>,
    /// Bytes beyond the small part that there is room for.
    grown: usize,
    held: HeldRoom,
    turn: Option<OwnedSemaphorePermit>,
}

impl BodyReading {
    /// Adds a piece; waits for room if need be.
    ///
    /// # Errors
    /// When the answer has more than [`MOST`] with it. Nothing is kept then.
    pub async fn push(&mut self, piece: &[u8]) -> Result<(), TooLarge> {
        let length = self.bytes.len() + piece.len();
        if length > MOST {
            self.bytes = Vec::new();
            return Err(TooLarge);
        }
        while length > SMALL + self.grown && self.grown < MOST {
            if self.turn.is_none() {
                self.turn = take(&self.room.turn, 1).await;
            }
            let more = take(&self.room.large, STEP).await;
            // Whoever has waited in vain does not do so again.
            self.grown = if more.is_some() { self.grown + STEP * UNIT } else { MOST };
            self.held.0.extend(more);
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// The body; what it does not need is free again.
    #[must_use]
    pub fn finish(self) -> Body {
        let mut left = self.bytes.len().div_ceil(UNIT);
        let mut held = Vec::new();
        for mut permit in self.held.0 {
            let wanted = left.min(permit.num_permits());
            left -= wanted;
            held.extend(permit.split(wanted).filter(|part| part.num_permits() > 0));
        }
        Body { bytes: self.bytes.into(), held: HeldRoom(held) }
    }
}

/// Room that is taken until this is dropped.
#[derive(Debug, Default)]
pub struct HeldRoom(Vec<OwnedSemaphorePermit>);

/// The body of an answer, and the room that it takes.
#[derive(Default)]
pub struct Body {
    bytes: Bytes,
    held: HeldRoom,
}

impl Body {
    /// The bytes, and the room to hold as long as they, or what they were made into, are there.
    #[must_use]
    pub fn into_parts(self) -> (Bytes, HeldRoom) {
        (self.bytes, self.held)
    }
}

/// Bodies are customers' data.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Takes no room: for what was not received.
impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self { bytes: bytes.into(), held: HeldRoom::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// Reads a body of so many MiB, a quarter at a time.
    async fn read(room: &Room, mib: usize) -> Result<Body, TooLarge> {
        let mut reading = room.begin().await;
        let piece = vec![b'x'; MIB / 4];
        for _ in 0..4 * mib {
            reading.push(&piece).await?;
            tokio::task::yield_now().await;
        }
        Ok(reading.finish())
    }

    fn free(room: &Room) -> (usize, usize) {
        (room.small.available_permits() * UNIT / MIB, room.large.available_permits() * UNIT / MIB)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_takes_the_room_it_needs_until_it_is_let_go_of() {
        let room = Room::default();
        let (two, thirty) = (read(&room, 2).await.unwrap(), read(&room, 30).await.unwrap());
        assert_eq!((two.len(), thirty.len()), (2 * MIB, 30 * MIB));
        assert_eq!(free(&room), (64 - 2 - 8, 64 - 22));
        let (bytes, held) = thirty.into_parts();
        drop(bytes);
        assert_eq!(free(&room), (54, 42), "the room is held by itself");
        drop((held, two));
        assert_eq!(free(&room), (64, 64));
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_the_limit_is_refused_and_frees_what_it_had() {
        let room = Room::default();
        assert_eq!(read(&room, 64).await.unwrap().len(), 64 * MIB);
        let mut reading = room.begin().await;
        let piece = vec![b'x'; MOST];
        reading.push(&piece).await.unwrap();
        assert_eq!(reading.push(b"y").await, Err(TooLarge));
        drop(reading);
        assert_eq!(free(&room), (64, 64));
    }

    /// Far more at once than there is room for: each waits for its turn, none for another that waits.
    #[tokio::test(start_paused = true)]
    async fn many_large_answers_at_once_are_read_one_after_the_other() {
        let room = Room::default();
        let start = tokio::time::Instant::now();
        let mut all = tokio::task::JoinSet::new();
        for n in 0..24 {
            let room = room.clone();
            all.spawn(async move { read(&room, if n % 3 == 0 { 40 } else { 5 }).await.unwrap().len() });
        }
        let lengths = all.join_all().await;
        assert_eq!(lengths.iter().sum::<usize>(), (8 * 40 + 16 * 5) * MIB);
        assert_eq!(free(&room), (64, 64));
        assert!(start.elapsed() < PATIENCE, "nobody had to lose patience");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_let_go_of_keeps_nobody_for_ever() {
        let room = Room::default();
        let one = read(&room, 64).await.unwrap();
        let start = tokio::time::Instant::now();
        assert_eq!(read(&room, 60).await.unwrap().len(), 60 * MIB);
        assert!(start.elapsed() >= PATIENCE);
        drop(one);
    }
}
