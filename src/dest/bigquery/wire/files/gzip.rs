//! Text that is compressed on its way, or not.

use std::io::Write as _;

use arrow_schema::ArrowError;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Of gzip: the fastest, 0.6 s for 60,000 messages and a third of their bytes. Level 6 takes nine times the CPU for two
/// fifths fewer bytes, which nobody pays for: loading is free, and reading Gorgias takes longer than sending.
const LEVEL: u32 = 1;
/// Bytes of text that are compressed at once.
const BLOCK: usize = 64 * 1024;

/// Text in, bytes of the file out.
pub(super) enum Gzip {
    Plain(Vec<u8>),
    Gzip { encoder: Box<GzEncoder<Vec<u8>>>, text: Vec<u8> },
}

impl Gzip {
    pub(super) fn new(compress: bool) -> Self {
        if compress { Self::at_level(LEVEL) } else { Self::Plain(Vec::new()) }
    }

    pub(super) fn at_level(level: u32) -> Self {
        let encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        Self::Gzip { encoder: Box::new(encoder), text: Vec::new() }
    }

    /// Where text is appended.
    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Plain(out) => out,
            Self::Gzip { text, .. } => text,
        }
    }

    /// To be called after each row.
    pub(super) fn row(&mut self) -> Result<(), ArrowError> {
        match self {
            Self::Gzip { encoder, text } if text.len() >= BLOCK => {
                encoder.write_all(text)?;
                text.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn ready(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Plain(out) => out,
            Self::Gzip { encoder, .. } => encoder.get_mut(),
        }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, ArrowError> {
        match self {
            Self::Plain(out) => Ok(out),
            Self::Gzip { mut encoder, text } => {
                encoder.write_all(&text)?;
                Ok(encoder.finish()?)
            }
        }
    }
}
