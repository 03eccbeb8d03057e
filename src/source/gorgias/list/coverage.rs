//! What several walks have read of one list, and what is left between them.
//!
//! The walks stand in the order of the list: from its newest end downwards first, from its oldest end upwards last,
//! between them those that began in the middle, downwards. Each has read everything between where it began and where
//! it is. So the list has been read whole once each walk has come to where its neighbour below began: *past* the first
//! value that the neighbour has read, since of rows that share a value the neighbour may have met only some. Where a
//! walk from the middle was meant to begin plays no part.

use crate::model::Micros;
use crate::source::gorgias::list::checkpoint::{Direction, Walk};

/// Whether a walk has read to the end of the list.
fn ended(walk: &Walk) -> bool {
    walk.done && walk.cursor.is_none() && walk.pages > 0
}

/// Ends the walks that have nothing left to read.
pub(crate) fn settle(walks: &mut [Walk]) {
    if let Some(odd) = walks.iter().position(|walk| walk.unordered) {
        // A list that is not in order has to be read to its end, and then it has been read whole.
        walks.iter_mut().enumerate().filter(|(n, _)| *n != odd).for_each(|(_, other)| other.done = true);
        return;
    }
    for n in 1..walks.len() {
        let (above, below) = walks.split_at_mut(n);
        let (above, below) = (&mut above[n - 1], &mut below[0]);
        let Some(at) = above.last.filter(|_| above.sorted) else { continue };
        if let Some(first) = below.first {
            above.done |= at < first;
        } else if below.sorted && below.last.is_some_and(|last| at < last) {
            above.done = true;
            below.done = true;
        }
    }
    for n in 0..walks.len() {
        if !ended(&walks[n]) {
            continue;
        }
        // Whatever lies on its way has been read.
        let behind = match walks[n].direction {
            Direction::NewestFirst => n + 1..walks.len(),
            Direction::OldestFirst => 0..n,
        };
        walks[behind].iter_mut().for_each(|walk| walk.done = true);
    }
}

/// The walk that comes towards walk `n`, if any does.
pub(crate) fn facing(walks: &[Walk], n: usize) -> Option<usize> {
    let last = walks.len().checked_sub(1)?;
    let meets = walks.len() >= 2 && walks[last].direction == Direction::OldestFirst;
    match n {
        _ if !meets => None,
        _ if n == last => Some(last - 1),
        _ if n + 1 == last => Some(last),
        _ => None,
    }
}

/// Takes a walk from the middle out: what it has read counts for nothing, and its neighbours go on.
pub(crate) fn take_out(walks: &mut Vec<Walk>, n: usize) {
    walks.remove(n);
    for neighbour in [n.checked_sub(1), Some(n)].into_iter().flatten() {
        if let Some(walk) = walks.get_mut(neighbour).filter(|walk| !ended(walk)) {
            walk.done = false;
        }
    }
    settle(walks);
}

/// What is left to read below walk `n`: from where it stands to where its neighbour began, or stands. `None`: nothing,
/// or it is not known.
pub(crate) fn left_below(walks: &[Walk], n: usize) -> Option<(Micros, Micros)> {
    let (walk, below) = (walks.get(n)?, walks.get(n + 1)?);
    if walk.done || walk.unordered || walk.direction == Direction::OldestFirst {
        return None;
    }
    let (from, to) = (walk.last?, below.first.or(below.last)?);
    (from > to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SortField;

    fn down(first: Option<i64>, last: i64) -> Walk {
        Walk {
            first: first.map(Micros),
            last: Some(Micros(last)),
            cursor: Some("c".into()),
            pages: 1,
            sorted: true,
            ..Walk::new(SortField::Created, Direction::NewestFirst, None)
        }
    }

    fn up(last: i64) -> Walk {
        Walk { direction: Direction::OldestFirst, ..down(None, last) }
    }

    fn done(mut walks: Vec<Walk>) -> String {
        settle(&mut walks);
        walks.iter().map(|walk| if walk.done { 'x' } else { '.' }).collect()
    }

    #[test]
    fn walks_that_may_go_either_way_have_not_met() {
        let unknown = |walk| Walk { sorted: false, ..walk };
        assert_eq!(done(vec![down(None, 40), up(50)]), "xx");
        assert_eq!(done(vec![down(None, 40), unknown(up(50))]), "..");
        assert_eq!(done(vec![unknown(down(None, 40)), up(50)]), "..");
        assert_eq!(done(vec![unknown(down(None, 40)), down(Some(50), 30), up(10)]), "...");
    }

    #[test]
    fn a_walk_ends_past_where_its_neighbour_began_and_not_at_it() {
        assert_eq!(done(vec![down(None, 90), down(Some(50), 30), up(10)]), "...");
        assert_eq!(done(vec![down(None, 50), down(Some(50), 30), up(10)]), "...");
        assert_eq!(done(vec![down(None, 49), down(Some(50), 30), up(10)]), "x..");
        assert_eq!(done(vec![down(None, 90), down(Some(50), 10), up(10)]), "...");
        assert_eq!(done(vec![down(None, 90), down(Some(50), 9), up(10)]), ".xx");
        assert_eq!(done(vec![down(None, 90), up(10)]), "..");
        assert_eq!(done(vec![down(None, 9), up(10)]), "xx");
    }

    #[test]
    fn the_end_of_the_list_ends_what_lies_on_the_way() {
        let end = |walk: Walk| Walk { cursor: None, done: true, ..walk };
        assert_eq!(done(vec![down(None, 90), end(down(Some(50), 1)), up(10)]), ".xx");
        assert_eq!(done(vec![end(down(None, 1)), down(Some(50), 30), up(10)]), "xxx");
        assert_eq!(done(vec![down(None, 90), down(Some(50), 30), end(up(99))]), "xxx");
        let unordered = Walk { unordered: true, ..down(None, 90) };
        assert_eq!(done(vec![unordered, down(Some(50), 30), up(10)]), ".xx");
    }

    #[test]
    fn a_walk_that_is_taken_out_leaves_its_stretch_to_its_neighbours() {
        let mut walks = vec![down(None, 49), down(Some(50), 9), up(10)];
        settle(&mut walks);
        assert!(walks.iter().all(|walk| walk.done));
        take_out(&mut walks, 1);
        assert_eq!(walks.iter().map(|walk| walk.done).collect::<Vec<_>>(), [false, false]);
        assert_eq!(left_below(&walks, 0), Some((Micros(49), Micros(10))));
    }

    #[test]
    fn only_the_lowest_two_walks_face_each_other() {
        let walks = vec![down(None, 90), down(Some(50), 30), up(10)];
        assert_eq!([0, 1, 2].map(|n| facing(&walks, n)), [None, Some(2), Some(1)]);
        assert_eq!(facing(&walks[..1], 0), None);
    }
}
