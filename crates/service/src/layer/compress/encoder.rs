//! The four codings behind one face, for content that comes in pieces.
//!
//! What is expensive to make is used again by the same thread.

use std::cell::RefCell;
use std::io::{self, Write};

use brotli::CompressorWriter;
use flate2::{Compress, Compression, FlushCompress, Status};
use wirelight_semantics::coding::Coding;
use zstd::zstd_safe::{self, CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, get_error_name, zstd_sys};

use super::Levels;
use crate::{Error, Result};

/// How many idle encoders of a kind a thread keeps: they hold hundreds of kilobytes each.
const IDLE_MAX: usize = 2;
/// How much room output is given at a time, in bytes.
const ROOM_BYTES: usize = 8 * 1024;

/// Codes one stream of content; what comes out is appended to a buffer.
pub(super) enum Encoder {
    Deflate(Deflate),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(Zstd),
}

impl Encoder {
    /// An encoder for content whose length may be known, in bytes.
    pub(super) fn new(coding: Coding, levels: Levels, length: Option<usize>) -> Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Deflate(Deflate::new(true, levels.deflate)),
            Coding::Deflate => Self::Deflate(Deflate::new(false, levels.deflate)),
            Coding::Brotli => {
                let (level, window_log) = (levels.brotli.min(11), levels.window_log.clamp(10, 23));
                Self::Brotli(Box::new(CompressorWriter::new(Vec::new(), ROOM_BYTES, level, window_log)))
            }
            Coding::Zstd => Self::Zstd(Zstd::new(levels, length)?),
            Coding::Identity => unreachable!("what is left as it is meets no encoder"),
        })
    }

    /// Codes more content.
    pub(super) fn write(&mut self, content: &[u8], coded: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Deflate(encoder) => encoder.run(content, coded, FlushCompress::None),
            Self::Brotli(encoder) => {
                encoder.write_all(content).map_err(Error::ours)?;
                coded.append(encoder.get_mut());
                Ok(())
            }
            Self::Zstd(encoder) => encoder.run(content, coded, zstd_sys::ZSTD_EndDirective::ZSTD_e_continue),
        }
    }

    /// Codes the last of the content and ends the stream.
    pub(super) fn write_last(mut self, content: &[u8], coded: &mut Vec<u8>) -> Result<()> {
        match &mut self {
            Self::Deflate(encoder) => encoder.run(content, coded, FlushCompress::Finish),
            Self::Zstd(encoder) => {
                // With room for the longest result it codes from where the content lies to where the result belongs.
                coded.reserve(zstd_safe::compress_bound(content.len()));
                encoder.run(content, coded, zstd_sys::ZSTD_EndDirective::ZSTD_e_end)
            }
            Self::Brotli(_) => {
                self.write(content, coded)?;
                self.finish(coded)
            }
        }
    }

    /// Brings out all that was written, so that a decoder can show it.
    pub(super) fn flush(&mut self, coded: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Deflate(encoder) => encoder.run(&[], coded, FlushCompress::Sync),
            Self::Brotli(encoder) => {
                encoder.flush().map_err(Error::ours)?;
                coded.append(encoder.get_mut());
                Ok(())
            }
            Self::Zstd(encoder) => encoder.run(&[], coded, zstd_sys::ZSTD_EndDirective::ZSTD_e_flush),
        }
    }

    /// Ends the stream.
    pub(super) fn finish(self, coded: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Deflate(mut encoder) => encoder.run(&[], coded, FlushCompress::Finish),
            Self::Brotli(encoder) => {
                coded.append(&mut encoder.into_inner());
                Ok(())
            }
            Self::Zstd(mut encoder) => encoder.run(&[], coded, zstd_sys::ZSTD_EndDirective::ZSTD_e_end),
        }
    }
}

/// gzip or zlib around deflate.
pub(super) struct Deflate {
    /// `None` once it was given back.
    compress: Option<Compress>,
    format: Format,
}

/// What an idle encoder can be used again for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format {
    is_gzip: bool,
    level: u32,
}

thread_local! {
    static IDLE_DEFLATE: RefCell<Vec<(Format, Compress)>> = const { RefCell::new(Vec::new()) };
    static IDLE_ZSTD: RefCell<Vec<CCtx<'static>>> = const { RefCell::new(Vec::new()) };
}

impl Deflate {
    fn new(is_gzip: bool, level: u32) -> Self {
        let format = Format { is_gzip, level: level.min(9) };
        let idle = IDLE_DEFLATE.with_borrow_mut(|idle| {
            let at = idle.iter().position(|(other, _)| *other == format)?;
            Some(idle.swap_remove(at).1)
        });
        let compress = idle.unwrap_or_else(|| format.compress());
        Self { compress: Some(compress), format }
    }

    fn run(&mut self, content: &[u8], coded: &mut Vec<u8>, flush: FlushCompress) -> Result<()> {
        let compress = self.compress.as_mut().expect("it is there until dropped");
        let begun = compress.total_in();
        loop {
            coded.reserve(ROOM_BYTES);
            let done = (compress.total_in() - begun) as usize;
            let status = compress.compress_vec(&content[done..], coded, flush).map_err(Error::ours)?;
            let took_all = (compress.total_in() - begun) as usize == content.len();
            let has_room = coded.len() < coded.capacity();
            let is_done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                _ => took_all && has_room,
            };
            if is_done {
                return Ok(());
            }
        }
    }
}

impl Format {
    fn compress(self) -> Compress {
        const WINDOW_BITS: u8 = 15;
        let level = Compression::new(self.level);
        if self.is_gzip { Compress::new_gzip(level, WINDOW_BITS) } else { Compress::new(level, true) }
    }
}

impl Drop for Deflate {
    fn drop(&mut self) {
        let Some(mut compress) = self.compress.take() else {
            return;
        };
        // At the end of a thread there is nowhere to keep it.
        let _ = IDLE_DEFLATE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < IDLE_MAX {
                compress.reset();
                idle.push((self.format, compress));
            }
        });
    }
}

/// Zstandard.
pub(super) struct Zstd {
    /// `None` once it was given back.
    context: Option<CCtx<'static>>,
}

impl Zstd {
    fn new(levels: Levels, length: Option<usize>) -> Result<Self> {
        let idle = IDLE_ZSTD.with_borrow_mut(Vec::pop);
        let mut context = idle.unwrap_or_else(CCtx::create);
        for parameter in [
            CParameter::CompressionLevel(levels.zstd.clamp(1, 19)),
            CParameter::WindowLog(levels.window_log.clamp(10, 23)),
        ] {
            context.set_parameter(parameter).map_err(zstd_error)?;
        }
        context.set_pledged_src_size(length.map(|length| length as u64)).map_err(zstd_error)?;
        Ok(Self { context: Some(context) })
    }

    fn run(&mut self, content: &[u8], coded: &mut Vec<u8>, directive: zstd_sys::ZSTD_EndDirective) -> Result<()> {
        let context = self.context.as_mut().expect("it is there until dropped");
        let mut input = InBuffer::around(content);
        loop {
            coded.reserve(ROOM_BYTES);
            let filled = coded.len();
            let mut output = OutBuffer::around_pos(coded, filled);
            let held = context.compress_stream2(&mut output, &mut input, directive).map_err(zstd_error)?;
            let took_all = input.pos() == content.len();
            let is_done = match directive {
                zstd_sys::ZSTD_EndDirective::ZSTD_e_continue => took_all,
                _ => took_all && held == 0,
            };
            if is_done {
                return Ok(());
            }
        }
    }
}

impl Drop for Zstd {
    fn drop(&mut self) {
        let Some(mut context) = self.context.take() else {
            return;
        };
        let _ = IDLE_ZSTD.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < IDLE_MAX && context.reset(ResetDirective::SessionOnly).is_ok() {
                idle.push(context);
            }
        });
    }
}

fn zstd_error(code: usize) -> Error {
    Error::ours(io::Error::other(get_error_name(code)))
}
