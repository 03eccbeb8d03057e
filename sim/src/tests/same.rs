//! The accounts that tests were written over stay as they are, whatever tables come beside these.

use crate::{Account, Options, SECOND};

/// FNV-1a over the ids and texts of the rows of some lists.
fn fingerprint(account: &Account, tables: &[&str]) -> u64 {
    let rows = tables.iter().flat_map(|table| account.expected(table));
    rows.flat_map(|(id, text)| id.to_le_bytes().into_iter().chain(text.into_bytes()))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn the_first_tables_follow_from_their_seed_as_ever() {
    let known = [
        (0, 0x4237_3fff_7cf3_c851, 0x8fb7_0d52_cf8d_b90b, 519_546_913),
        (1, 0x2eb8_ae09_4936_d27a, 0xc2f8_89f8_0a4c_2790, 519_546_684),
        (2, 0x845c_64a0_5290_c5d0, 0x5fa3_89dc_d411_028a, 519_547_267),
    ];
    for (seed, first, then, newest_user) in known {
        let options =
            Options { seed, unlimited: true, max_body: 2_000, silent_changes: false, ..Options::default() };
        let mut account = Account::new(options);
        let tables = ["tickets", "customers", "messages", "satisfaction-surveys", "tags"];
        assert_eq!(fingerprint(&account, &tables), first, "seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for n in 0..600 {
            let at = account.options().end + n * SECOND;
            account.random_change(&mut rng, at);
        }
        assert_eq!(fingerprint(&account, &tables), then, "seed {seed}");
        assert_eq!(account.ids("users").last(), Some(&newest_user), "seed {seed}");
    }
}
