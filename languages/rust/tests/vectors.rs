//! Decodes, compares and encodes the frames of the vectors; `other` is about those without a frame.

use crate::other;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use data_encoding::{BASE64, HEXLOWER};
use libtest_mimic::{Failed, Trial};
use pie_client::protocol::{ClientMessage, ServerMessage, ServerTextMessage};
use pie_client::{decode, Result};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Debug;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/vectors");
/// What serde and rmp-serde do not tell apart: bin with UTF-8 is text, and text or a list of small numbers is bytes; a
/// number is a key or tag by its place; a list is the fields in their order.
const NOT_SEEN: [&str; 5] = [
    "bytes-vs-array",
    "key-types",
    "map-vs-array",
    "str-vs-bin",
    "tag-vs-index",
];

/// Return a test for each vector.
pub fn tests() -> Vec<Trial> {
    let mut files: Vec<_> = fs::read_dir(FOLDER)
        .expect("the folder of the vectors exists")
        .map(|entry| entry.expect("its entries can be read").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .filter(|path| !path.to_string_lossy().ends_with(".schema.json"))
        .collect();
    files.sort();
    files.iter().flat_map(|path| read(path)).collect()
}

fn read(path: &Path) -> Vec<Trial> {
    let vectors: Vec<Map<String, Value>> = match serde_json::from_str(&text(path)) {
        Ok(vectors) => vectors,
        Err(error) => panic!("{}: not a list of vectors: {error}", path.display()),
    };
    let reference = path.ends_with("reference.json");
    vectors
        .into_iter()
        .map(|vector| {
            let id = word(&vector, "id").to_owned();
            let of_frame = vector.contains_key("from");
            Trial::test(id, move || {
                if of_frame {
                    check(&vector, reference)
                } else {
                    other::check(&vector)
                }
            })
        })
        .collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("a file of vectors can be read")
}

fn check(vector: &Map<String, Value>, reference: bool) -> std::result::Result<(), Failed> {
    match word(vector, "from") {
        "client" => check_as::<ClientMessage>(vector, reference),
        _ if vector.contains_key("text") => check_as::<ServerTextMessage>(vector, reference),
        _ => check_as::<ServerMessage>(vector, reference),
    }
}

fn check_as<T: DeserializeOwned + Serialize + Debug + PartialEq>(
    vector: &Map<String, Value>,
    reference: bool,
) -> std::result::Result<(), Failed> {
    let frame = frame(vector).expect("vectors without a frame were left out");
    let decoded = frame.decode::<T>();
    if vector.contains_key("reason") {
        let seen = words(vector, "needs").all(|need| !NOT_SEEN.contains(&need));
        return match decoded {
            Ok(message) if seen => Err(format!("not refused: {message:?}").into()),
            _ => Ok(()),
        };
    }
    let message = decoded.map_err(|error| error.to_string())?;
    if word(vector, "class") == "unknown" {
        return expect("Unknown", &format!("{message:?}"));
    }
    expect(word(vector, "class"), &class(&message))?;
    let Some(fields) = vector.get("fields") else {
        return Ok(());
    };
    let sent = plain(fields);
    expect(&sent, &plain_as(&serde_json::to_value(&message)?, &sent))?;
    match frame {
        Frame::Text(_) => expect(&sent, &serde_json::to_value(&message)?),
        Frame::Binary(bytes) => {
            let encoded = rmp_serde::to_vec_named(&message)?;
            if reference {
                expect(&HEXLOWER.encode(&bytes), &HEXLOWER.encode(&encoded))?;
            }
            let keys: BTreeMap<String, IgnoredAny> = rmp_serde::from_slice(&encoded)?;
            expect(&sent.as_object().map(Map::len), &Some(keys.len()))?;
            expect(
                &message,
                &decode::<T>(&encoded).map_err(|error| error.to_string())?,
            )
        }
    }
}

enum Frame {
    Binary(Vec<u8>),
    Text(String),
}

impl Frame {
    fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        match self {
            Self::Binary(bytes) => decode(bytes),
            Self::Text(text) => Ok(serde_json::from_str(text)?),
        }
    }
}

fn frame(vector: &Map<String, Value>) -> Option<Frame> {
    let hex = vector.get("hex").and_then(Value::as_str);
    let text = vector.get("text").and_then(Value::as_str);
    hex.map(|hex| Frame::Binary(HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal digits")))
        .or_else(|| text.map(|text| Frame::Text(text.to_owned())))
}

pub fn word<'a>(vector: &'a Map<String, Value>, key: &str) -> &'a str {
    vector.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub fn words<'a>(vector: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a str> {
    let list = vector.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// Return the type of a message, which is what `Debug` writes innermost: `ProcessEvent(Stdout(StdoutFrame { .. }))`.
pub fn class(message: &impl Debug) -> String {
    let written = format!("{message:?}");
    let end = written.find([' ', ')']).unwrap_or(written.len());
    written[..end]
        .rsplit('(')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Return fields without those that are null.
fn plain(fields: &Value) -> Value {
    match fields.as_object() {
        Some(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        None => fields.clone(),
    }
}

/// Return decoded fields, with base64 instead of the list of numbers that serde_json makes of bytes.
fn plain_as(fields: &Value, sent: &Value) -> Value {
    match (fields, sent) {
        (Value::Object(fields), sent) => fields
            .iter()
            .map(|(key, value)| (key.clone(), plain_as(value, &sent[key])))
            .collect(),
        (Value::Array(numbers), Value::String(_)) => {
            let bytes = numbers
                .iter()
                .map(|number| number.as_u64().unwrap_or_default() as u8);
            BASE64.encode(&bytes.collect::<Vec<_>>()).into()
        }
        _ => fields.clone(),
    }
}

pub fn expect<T: PartialEq + Debug + ?Sized>(
    expected: &T,
    found: &T,
) -> std::result::Result<(), Failed> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("expected {expected:?}, got {found:?}").into())
    }
}
