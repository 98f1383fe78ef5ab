//! The file that packets are kept in, with the secrets that decrypt them in front.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use wirelight_capture::capture_file::{Captured, Entry, Reader, Writer};
use wirelight_capture::{KEPT_BYTES_MAX, Link};

use crate::exit::Failure;

/// A file that is being written. It is whole at any moment; at its end the secrets are moved in front of the packets,
/// where readers look for them.
pub(super) struct Kept {
    path: PathBuf,
    /// It begins with the first packet, which says of what kind they are.
    writer: Option<Writer<BufWriter<File>>>,
    file: Option<File>,
    source: String,
    key_log: Option<(PathBuf, u64)>,
    secrets: Vec<u8>,
    packets: u64,
}

impl Kept {
    /// Creates the file, readable by its owner alone; `source` is what the packets come from.
    pub(super) fn create(path: &Path, key_log: Option<&Path>, source: &str) -> Result<Self, Failure> {
        let file = create(path).map_err(|error| unwritable(path, &error))?;
        // What was logged before belongs to connections that may go on.
        let key_log = key_log.map(|key_log| (key_log.to_owned(), 0));
        Ok(Self {
            path: path.to_owned(),
            writer: None,
            file: Some(file),
            source: source.to_owned(),
            key_log,
            secrets: Vec::new(),
            packets: 0,
        })
    }

    pub(super) fn packet(&mut self, captured: &Captured) -> Result<(), Failure> {
        self.begin(captured.link)?;
        self.packets += 1;
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.packet(captured).and_then(|()| writer.flush()).map_err(|error| unwritable(&self.path, &error))
    }

    pub(super) fn secrets(&mut self, found: &[u8]) -> Result<(), Failure> {
        self.secrets.extend_from_slice(found);
        Ok(())
    }

    fn begin(&mut self, link: u16) -> Result<(), Failure> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let link = Link::from_number(link).unwrap_or(Link::Ip);
        self.writer = Some(writer(file, link, &self.source).map_err(|error| unwritable(&self.path, &error))?);
        Ok(())
    }

    /// Reads what was added to the key log.
    fn read_key_log(&mut self) -> Result<(), Failure> {
        let Some((path, read)) = &mut self.key_log else { return Ok(()) };
        let mut added = Vec::new();
        let reading = File::open(&*path).and_then(|mut file| {
            file.seek(SeekFrom::Start(*read))?;
            file.read_to_end(&mut added)
        });
        match reading {
            Ok(length) => *read += length as u64,
            // Nobody may have written one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::new(format!("{} cannot be read: {error}", path.display()))),
        }
        self.secrets.append(&mut added);
        Ok(())
    }

    /// Ends the file, and says what is in it.
    pub(super) fn finish(mut self) -> Result<String, Failure> {
        self.read_key_log()?;
        self.begin(Link::Ip.number())?;
        let shown = self.path.display();
        let mut words = format!("{} packets in {shown}", self.packets);
        if !self.secrets.is_empty() {
            drop(self.writer.take());
            let sorted = with_secrets_first(&self.path, &self.source, &self.secrets);
            sorted.map_err(|error| Failure::new(format!("the secrets could not be put into {shown}: {error}")))?;
            words.push_str(", with the secrets that decrypt them");
        } else if let Some((key_log, _)) = &self.key_log {
            words.push_str(&format!("; nothing stands in {}", key_log.display()));
        }
        Ok(words)
    }
}

/// Secrets decrypt only the packets behind them, but are known only once a handshake is over.
fn with_secrets_first(path: &Path, source: &str, secrets: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let mut reader = Reader::new(BufReader::new(File::open(path)?));
    let mut sorted: Option<Writer<BufWriter<File>>> = None;
    let begin = |link: Link| -> io::Result<_> {
        let mut begun = writer(create(&beside)?, link, source)?;
        begun.secrets(secrets)?;
        Ok(begun)
    };
    while let Some(entry) = reader.next_entry()? {
        let Entry::Packet(captured) = entry else { continue };
        let sorted = match &mut sorted {
            Some(sorted) => sorted,
            none => none.insert(begin(Link::from_number(captured.link).unwrap_or(Link::Ip))?),
        };
        sorted.packet(&captured)?;
    }
    let mut sorted = match sorted {
        Some(sorted) => sorted,
        None => begin(Link::Ip)?,
    };
    sorted.flush()?;
    fs::rename(&beside, path)?;
    Ok(())
}

fn writer(file: File, link: Link, source: &str) -> io::Result<Writer<BufWriter<File>>> {
    Writer::new(BufWriter::new(file), link, source, KEPT_BYTES_MAX as u32)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{} cannot be written: {error}", path.display()))
}
