//! The events of a run as TensorBoard reads them.
//!
//! `RUN/tensorboard/seed-S/CHAIN/stage-K/events.out.tfevents.0.genil` mirrors that stage's `events.jsonl`: every line is one
//! event of scalars. A mirror can be brought up to date at any time, also while the run goes on, and is the same bytes for
//! the same run; hence no time of day: TensorBoard's "wall time" counts the steps.
//!
//! The form (tensorflow/core/lib/io/record_writer.h, event.proto, summary.proto): records of
//! `length u64 · masked CRC of the length u32 · data · masked CRC of the data u32`, little-endian, the data a protobuf `Event`.

use crate::events::Event;
use genil_base::{Error, Result, files};
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The folder in the run folder.
pub const FOLDER: &str = "tensorboard";
const FILE: &str = "events.out.tfevents.0.genil";

/// Brings the mirrors of all stages of the run in `folder` up to date; says how many there are.
///
/// # Errors
/// An event that cannot be read, with its file and line; a mirror that cannot be written.
pub fn mirror(folder: &Path) -> Result<usize> {
    let mut mirrors = 0;
    let models = folder.join("models");
    for seed in folders(&models)? {
        for chain in folders(&seed)? {
            for stage in folders(&chain)? {
                let events = stage.join("events.jsonl");
                // Every folder was found below `models`.
                let Ok(place) = stage.strip_prefix(&models) else { continue };
                if events.is_file() {
                    write(&events, &folder.join(FOLDER).join(place).join(FILE))?;
                    mirrors += 1;
                }
            }
        }
    }
    Ok(mirrors)
}

/// The folders in a folder, in order; none where there is no folder.
fn folders(parent: &Path) -> Result<Vec<PathBuf>> {
    if !parent.is_dir() {
        return Ok(Vec::new());
    }
    let io = |e: std::io::Error| Error::io("read the folder", parent, &e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Appends what a mirror lacks: a viewer keeps the file open. One that is no beginning of what it should be is written anew.
fn write(events: &Path, mirror: &Path) -> Result<()> {
    let whole = encode(&files::read_text(events)?).map_err(|e| e.at_path(events))?;
    let there = if mirror.is_file() {
        std::fs::read(mirror).map_err(|e| Error::io("read", mirror, &e))?
    } else {
        Vec::new()
    };
    match whole.strip_prefix(there.as_slice()) {
        Some([]) => Ok(()),
        Some(rest) if !there.is_empty() => {
            let io = |e: std::io::Error| Error::io("write", mirror, &e);
            let mut file = OpenOptions::new().write(true).open(mirror).map_err(io)?;
            file.seek(SeekFrom::Start(there.len() as u64)).map_err(io)?;
            file.write_all(rest).map_err(io)
        }
        _ => {
            let folder = files::parent(mirror);
            std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
            files::write_bytes(mirror, &whole)
        }
    }
}

/// The mirror of the whole lines of an `events.jsonl`; a last line without its end is still being written.
fn encode(lines: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    record(&mut out, &[field(1, Value::Double(0.0)), field(3, Value::Bytes(b"brain.Event:2"))].concat());
    let whole = lines.rfind('\n').map_or("", |end| &lines[..end]);
    for (number, line) in whole.lines().enumerate() {
        let event: Event = serde_json::from_str(line).map_err(|e| {
            Error::new(format!("line {} is no event: {e}", number + 1)).help("train the stage again")
        })?;
        let scalars = [
            ("loss/whole", Some(event.loss)),
            ("loss/value head", Some(event.value)),
            ("loss/cell head", Some(event.cell)),
            ("loss/added by the method", Some(event.added)),
            ("genes/old", event.old),
            ("genes/new", event.new),
            ("learning rate", Some(event.lr)),
        ];
        let summary: Vec<u8> = scalars
            .iter()
            .filter_map(|&(tag, value)| Some((tag, value?)))
            .flat_map(|(tag, value)| {
                let scalar =
                    [field(1, Value::Bytes(tag.as_bytes())), field(2, Value::Float(value as f32))].concat();
                field(1, Value::Bytes(&scalar))
            })
            .collect();
        let parts = [
            field(1, Value::Double(event.step as f64)),
            field(2, Value::Varint(event.step)),
            field(5, Value::Bytes(&summary)),
        ];
        record(&mut out, &parts.concat());
    }
    Ok(out)
}

/// A record of a TFRecord file.
fn record(out: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    for part in [length.as_slice(), data] {
        out.extend_from_slice(part);
        out.extend_from_slice(&masked(crc32c::crc32c(part)).to_le_bytes());
    }
}

/// CRCs are stored in disguise, for a CRC of data that hold CRCs is a weak one (crc32c.h).
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A protobuf value by its wire type.
enum Value<'a> {
    Varint(u64),
    Double(f64),
    Bytes(&'a [u8]),
    Float(f32),
}

/// A protobuf field.
fn field(number: u64, value: Value<'_>) -> Vec<u8> {
    let kind = match value {
        Value::Varint(_) => 0,
        Value::Double(_) => 1,
        Value::Bytes(_) => 2,
        Value::Float(_) => 5,
    };
    let mut out = varint(number << 3 | kind);
    match value {
        Value::Varint(v) => out.extend(varint(v)),
        Value::Double(v) => out.extend(v.to_le_bytes()),
        Value::Float(v) => out.extend(v.to_le_bytes()),
        Value::Bytes(v) => {
            out.extend(varint(v.len() as u64));
            out.extend(v);
        }
    }
    out
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = concat!(
        r#"{"step":300,"epoch":1,"lr":0.0005,"loss":0.5,"value":0.25,"cell":0.25,"added":0.0,"old":null,"new":0.125}"#,
        "\n"
    );

    #[test]
    fn numbers_are_framed_as_protobuf_and_tfrecord_say() {
        assert_eq!(varint(300), [0xac, 0x02]);
        assert_eq!(field(3, Value::Bytes(b"ab")), [0x1a, 2, b'a', b'b']);
        assert_eq!(field(2, Value::Float(1.0)), [0x15, 0, 0, 0x80, 0x3f]);
        let mut out = Vec::new();
        record(&mut out, b"123456789");
        // 0xE3069283 is the check value of CRC-32C for these nine digits; rotated and added to by hand.
        assert_eq!(&out[21..], (0x2507_c60d_u32.wrapping_add(0xa282_ead8)).to_le_bytes());
        assert_eq!(&out[..8], [9, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_mirror_grows_by_appending_and_keeps_its_beginning() {
        let run = tempfile::tempdir().unwrap();
        let stage = run.path().join("models/seed-0/shared/stage-0");
        std::fs::create_dir_all(&stage).unwrap();
        let events = stage.join("events.jsonl");
        let mirror_path = run.path().join("tensorboard/seed-0/shared/stage-0").join(FILE);
        let mut seen = Vec::new();
        // The second time in the middle of a line.
        for text in [LINE.to_owned(), LINE.repeat(2) + &LINE[..20], LINE.repeat(3)] {
            std::fs::write(&events, text).unwrap();
            assert_eq!(mirror(run.path()).unwrap(), 1);
            let now = std::fs::read(&mirror_path).unwrap();
            assert!(now.starts_with(&seen) && now.len() > seen.len());
            seen = now;
        }
        std::fs::write(&events, LINE).unwrap();
        mirror(run.path()).unwrap();
        assert!(std::fs::read(&mirror_path).unwrap().len() < seen.len(), "a run that began anew");
    }

    #[test]
    fn a_run_without_models_has_no_mirrors_and_a_broken_line_is_named() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(mirror(run.path()).unwrap(), 0);
        assert!(encode("{}\n").unwrap_err().to_string().contains("line 1 is no event"));
    }
}
