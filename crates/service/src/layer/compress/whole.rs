//! Content that is at hand, coded at once.
//!
//! Who has all of the content before the first byte codes gzip twice as fast as who takes it in pieces.

use std::cell::RefCell;

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};
use wirelight_semantics::coding::Coding;

use super::Levels;
use super::encoder::Encoder;
use crate::{Error, Result};

/// Codes all of some content.
pub(super) fn code(coding: Coding, levels: Levels, content: &[u8]) -> Result<Bytes> {
    match coding {
        Coding::Gzip | Coding::Deflate => deflate(coding == Coding::Gzip, levels.deflate, content),
        Coding::Brotli | Coding::Zstd | Coding::Identity => ROOM.with_borrow_mut(|room| {
            room.clear();
            Encoder::new(coding, levels, Some(content.len()))?.write_last(content, room)?;
            Ok(Bytes::copy_from_slice(room))
        }),
    }
}

/// What a thread keeps: making a compressor costs more than coding a short answer.
struct Kept {
    level: u32,
    compressor: Compressor,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
    /// As large as the longest result may have been, while results are mostly short.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn deflate(is_gzip: bool, level: u32, content: &[u8]) -> Result<Bytes> {
    let level = level.min(9);
    KEPT.with_borrow_mut(|kept| {
        let kept = match kept {
            Some(kept) if kept.level == level => kept,
            _ => kept.insert(Kept::new(level)),
        };
        let compressor = &mut kept.compressor;
        let bound = match is_gzip {
            true => compressor.gzip_compress_bound(content.len()),
            false => compressor.zlib_compress_bound(content.len()),
        };
        ROOM.with_borrow_mut(|room| {
            if room.len() < bound {
                room.resize(bound, 0);
            }
            let length = match is_gzip {
                true => compressor.gzip_compress(content, room),
                false => compressor.zlib_compress(content, room),
            };
            Ok(Bytes::copy_from_slice(&room[..length.map_err(Error::ours)?]))
        })
    })
}

impl Kept {
    fn new(level: u32) -> Self {
        let known = CompressionLvl::new(level as i32).expect("0 to 9 are levels of libdeflate");
        Self { level, compressor: Compressor::new(known) }
    }
}
