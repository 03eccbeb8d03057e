//! Words of several languages, drawn as often as language draws them.
//!
//! How long a text is and how well it compresses decide what a database makes of it, so bodies are made of words and not
//! of whole sentences: the n-th word of a list, which stands in order of frequency, comes with a weight of 1 / (n + 2.7)
//! (Zipf's law as Mandelbrot corrected it), and between them stand things that never repeat: order and tracking
//! numbers, dates, amounts. One sentence in twelve is a prepared one, with the characters that break careless software.
//!
//! Compared with real mail, as `gzip -6` sees each body by itself: texts of 1.1 KB on average shrink to a half (1.85 times
//! smaller; published replies from a dozen mail programs, the fixtures of mailgun/talon, 2.05 at the same size), HTML of
//! 1.3 KB 2.1 times (2.7 at 1.8 KB). So real mail compresses a little better still. All texts of an account together
//! compress 3.7 times (`zstd -3` 4.0), because agents repeat macros and mails quote each other.

use std::sync::LazyLock;

use crate::dice::Dice;
use crate::json::Out;
use crate::text::{FIRST, SENTENCES, Word};

/// Draws have so many bits.
const BITS: u32 = 12;

/// A vocabulary.
#[derive(Debug)]
pub(crate) struct Language {
    words: Vec<Word>,
    /// The same with a capital first letter, where the script has some.
    capital: Vec<Word>,
    /// Which word each draw is.
    draws: Vec<u16>,
    /// Between words.
    space: &'static str,
    end: Word,
    pub(crate) greeting: Word,
    pub(crate) farewell: Word,
}

/// One language for each draw of 64, as in a shop that sells mostly where English is spoken.
static LANGUAGES: LazyLock<Vec<(usize, Language)>> = LazyLock::new(|| {
    let european = |words, greeting, farewell| Language::new(words, " ", ".", greeting, farewell);
    vec![
        (40, european(include_str!("words/en.txt"), "Hi", "Best regards,")),
        (6, european(include_str!("words/fr.txt"), "Bonjour", "Bien cordialement,")),
        (6, european(include_str!("words/de.txt"), "Guten Tag", "Viele Grüße")),
        (5, european(include_str!("words/es.txt"), "Hola", "Un saludo,")),
        (2, european(include_str!("words/ru.txt"), "Здравствуйте", "С уважением,")),
        (1, european(include_str!("words/he.txt"), "שלום", "תודה,")),
        (1, european(include_str!("words/ar.txt"), "مرحبا", "شكرا،")),
        (
            2,
            Language::new(
                include_str!("words/ja.txt"),
                "",
                "。",
                "お世話になっております",
                "よろしくお願いいたします。",
            ),
        ),
        (1, Language::new(include_str!("words/zh.txt"), "", "。", "您好", "谢谢")),
    ]
});

impl Language {
    fn new(words: &str, space: &'static str, end: &str, greeting: &str, farewell: &str) -> Language {
        let words: Vec<&str> = words.split_whitespace().collect();
        let capital = words.iter().map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_uppercase().collect::<String>());
            Word::of(&(first.unwrap_or_default() + letters.as_str()))
        });
        Language {
            capital: capital.collect(),
            draws: draws(words.len()),
            words: words.into_iter().map(Word::of).collect(),
            space,
            end: Word::of(end),
            greeting: Word::of(greeting),
            farewell: Word::of(farewell),
        }
    }

    /// The language of a person or a conversation.
    pub(crate) fn of(mut dice: Dice) -> &'static Language {
        let mut draw = dice.below(64);
        for (share, language) in LANGUAGES.iter() {
            match draw.checked_sub(*share) {
                Some(rest) => draw = rest,
                None => return language,
            }
        }
        &LANGUAGES[0].1
    }

    fn draw(&self, random: u64) -> usize {
        usize::from(self.draws[(random >> (64 - BITS)) as usize])
    }

    /// One sentence of 4 to 18 words, and a space after it.
    pub(crate) fn sentence(&self, out: &mut Out, dice: &mut Dice) {
        let shape = dice.next();
        if shape.is_multiple_of(12) {
            out.word(dice.pick(&SENTENCES));
            return;
        }
        out.word(&self.capital[self.draw(dice.next())]);
        for _ in 0..4 + (shape >> 32) % 15 {
            let random = dice.next();
            // The low bits, which do not choose the word.
            match random % 64 {
                0 => fact(out, dice),
                1..=3 => _ = out.raw(if self.space.is_empty() { "、" } else { "," }),
                _ => {}
            }
            out.raw(self.space).word(&self.words[self.draw(random)]);
        }
        match (shape >> 8) % 8 {
            0 => out.raw("?"),
            1 => out.raw("!"),
            _ => out.word(&self.end),
        };
        out.raw(self.space);
    }
}

/// For each draw the number of a word: as many draws as its share, and at least one.
fn draws(words: usize) -> Vec<u16> {
    #[expect(clippy::cast_precision_loss, reason = "numbers of words are small")]
    let weight = |n: usize| 1.0 / (n as f64 + 2.7);
    let (all, wanted) = ((0..words).map(weight).sum::<f64>(), 1 << BITS);
    let mut draws = Vec::with_capacity(wanted);
    let mut sum = 0.0;
    for n in 0..words {
        sum += weight(n) / all;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 4,096")]
        let end = ((sum * f64::from(1u32 << BITS)) as usize).max(draws.len() + 1).min(wanted);
        draws.resize(end, u16::try_from(n).unwrap_or(0));
    }
    draws.resize(wanted, 0);
    draws
}

/// Something particular: a number, a date, an amount, a name. Stands after a space of its own.
fn fact(out: &mut Out, dice: &mut Dice) {
    const MONTHS: [&str; 6] = ["January", "March", "mai", "Juli", "September", "Dec"];
    let number = i64::try_from(dice.next() >> 24).unwrap_or(0);
    match dice.below(6) {
        0 | 1 => out.raw(" #").int(100_000 + number % 900_000),
        2 => out.raw(" JJD").int(1_000_000_000 + number % 9_000_000_000),
        3 => out.raw(" ").int(1 + number % 28).raw(" ").raw(dice.text(&MONTHS)),
        4 => out.raw(" €").int(5 + number % 240).raw(".").int(10 + number % 90),
        _ => out.raw(" ").word(dice.pick(&FIRST)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_as_often_as_zipf_says() {
        for (_, language) in LANGUAGES.iter() {
            let times = |n| language.draws.iter().filter(|draw| usize::from(**draw) == n).count();
            assert_eq!(language.draws.len(), 1 << BITS);
            assert!((0..language.words.len()).all(|n| times(n) > 0), "{}", language.greeting.plain);
            let ratio = times(0) * 10 / times(9);
            // (9 + 2.7) / 2.7 is 4.3.
            assert!((40..48).contains(&ratio), "{}: {ratio}", language.greeting.plain);
        }
        assert_eq!(LANGUAGES.iter().map(|(share, _)| share).sum::<usize>(), 64);
    }

    #[test]
    fn no_two_texts_are_alike() {
        let text = |seed| {
            let mut out = Out::default();
            let mut dice = Dice::of([1, 1, 1, seed]);
            Language::of(dice).sentence(&mut out, &mut dice);
            out.into_string()
        };
        let texts: std::collections::BTreeSet<String> = (0..1_000).map(text).collect();
        assert!(texts.len() > 900, "{}", texts.len());
        assert_eq!(text(7), text(7));
    }
}
