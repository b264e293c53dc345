//! Reads results and documents, and finds the error class of a text and the family of a server.

use crate::vectors::{class, expect, word};
use data_encoding::BASE64;
use libtest_mimic::Failed;
use pie_client::protocol::*;
use ring::rand::SystemRandom;
use ring::signature::*;
use serde::de::DeserializeOwned;
use serde::Serialize;
use serde_json::{Map, Value};

type Outcome = std::result::Result<(), Failed>;

/// Reads a text as one of some types, by its name, and returns the value as JSON.
macro_rules! read_as {
    ($name:expr, $text:expr, $($type:ident)*) => {
        match $name {
            $(stringify!($type) => read::<$type>($text),)*
            other => panic!("no type has the name {other}"),
        }
    };
}

/// Check a vector without a frame.
pub fn check(vector: &Map<String, Value>) -> Outcome {
    if vector.contains_key("request") {
        return check_result(vector);
    }
    if vector.contains_key("scope") {
        let scope = match word(vector, "scope") {
            "request" => Scope::Request,
            "process" => Scope::Process,
            _ => Scope::Connection,
        };
        let found = classify(scope, word(vector, "text")).map(|class| class.name);
        return expect(&vector["class"].as_str(), &found);
    }
    if let Some(ok) = vector.get("ok").and_then(Value::as_bool) {
        let found = recognize(ok, word(vector, "result")).map(|family| family.name);
        return expect(&vector["family"].as_str(), &found);
    }
    if vector.contains_key("class") {
        return check_document(vector);
    }
    if vector.contains_key("digest") {
        return check_file(vector);
    }
    if vector.contains_key("private_key") {
        return check_key(vector);
    }
    Err("a vector of an unknown kind".into())
}

fn check_result(vector: &Map<String, Value>) -> Outcome {
    let request = REQUESTS
        .iter()
        .find(|request| request.name == word(vector, "request"));
    let request = request.expect("the vector names a request");
    let (name, text) = (word(vector, "class"), word(vector, "text"));
    if name.is_empty() {
        return expect(&None, &request.result);
    }
    if request.result == Some("AuthIdentifyResult") {
        let found = format!("{:?}", AuthIdentifyResult::from(text));
        return expect(name, found.split('(').next().unwrap_or_default());
    }
    expect(&Some(name), &request.result)?;
    if matches!(name, "LaunchProcessResult" | "SubmitWorkflowResult") {
        return expect(&vector["value"], &Value::from(text));
    }
    let read = read_as!(name, text, CheckProgramResult LaunchProcessesResult ListProcessesResult QueryResult
        RunProcessesResult);
    compare(vector, read)
}

fn check_document(vector: &Map<String, Value>) -> Outcome {
    let (name, text) = (word(vector, "class"), word(vector, "text"));
    if name == "Manifest" {
        return check_manifest(vector);
    }
    if name.ends_with("Expression") {
        let read = serde_json::from_str::<WorkflowExpression>(text);
        if let (Ok(expression), None) = (&read, vector.get("reason")) {
            expect(name, &class(expression))?;
        }
        let read = read.and_then(serde_json::to_value);
        return compare(vector, read.map_err(Failed::from));
    }
    let read = read_as!(name, text, JsonRpcFailure JsonRpcNotification JsonRpcRequest JsonRpcResponse
        McpCancelledParams McpErrorObject McpInitializeParams McpInitializeResult McpNamedParams McpResourceParams
        ProgramListing);
    compare(vector, read)
}

fn check_manifest(vector: &Map<String, Value>) -> Outcome {
    let manifest = toml::from_str::<Manifest>(word(vector, "text")).map_err(Failed::from);
    let name = regex_lite::Regex::new(VERSIONED_PROGRAM_NAME_PATTERN)?;
    let read = manifest.and_then(|manifest| {
        let package = &manifest.package;
        let others = manifest.dependencies.iter().flatten();
        let all = others.chain([(&package.name, &package.version)]);
        for (program, version) in all {
            if !name.is_match(&format!("{program}@{version}")) {
                return Err("not the name and version of a program".into());
            }
        }
        Ok(serde_json::to_value(&manifest)?)
    });
    compare(vector, read)
}

fn check_file(vector: &Map<String, Value>) -> Outcome {
    let repeated = data_encoding::HEXLOWER.decode(word(vector, "repeat").as_bytes())?;
    let length = vector["bytes"].as_u64().expect("a number of bytes") as usize;
    let content: Vec<u8> = repeated.into_iter().cycle().take(length).collect();
    let chunks: Vec<_> = match content
        .chunks(CHUNK_BYTES as usize)
        .map(<[u8]>::len)
        .collect::<Vec<_>>()
    {
        chunks if chunks.is_empty() => vec![0],
        chunks => chunks,
    };
    expect(&vector["chunks"], &Value::from(chunks))?;
    expect(
        word(vector, "digest"),
        blake3::hash(&content).to_hex().as_str(),
    )
}

/// Sign with a key, and compare the signature, or verify that of the vector.
fn check_key(vector: &Map<String, Value>) -> Outcome {
    let key = Key::read(&der(word(vector, "private_key"))?);
    let (key, info) = match (vector.get("reason"), key) {
        (None, Some(key)) => key,
        (Some(_), None) => return Ok(()),
        (None, None) => return Err("the key was not read".into()),
        (Some(_), Some((_, info))) => return Err(format!("not refused: {info:?}").into()),
    };
    expect(word(vector, "algorithm"), info.key)?;
    let challenge = BASE64.decode(word(vector, "challenge").as_bytes())?;
    let signature = BASE64.decode(word(vector, "signature").as_bytes())?;
    let (public, signed) = key.sign(&challenge)?;
    expect(&true, &der(word(vector, "public_key"))?.ends_with(&public))?;
    if vector["deterministic"] == true {
        expect(&signature, &signed)?;
    }
    for signature in [signature, signed] {
        let key = UnparsedPublicKey::new(key.algorithm(), &public);
        key.verify(&challenge, &signature)?;
    }
    Ok(())
}

/// A key that can sign, in PKCS#8.
enum Key {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

impl Key {
    /// Return a key and its row of the protocol, or none if servers accept none of its kind.
    fn read(der: &[u8]) -> Option<(Self, SignatureInfo)> {
        let random = SystemRandom::new();
        SIGNATURES.iter().find_map(|info| {
            let key = match info.key {
                "RSA" => Self::Rsa(RsaKeyPair::from_pkcs8(der).ok()?),
                "Ed25519" => Self::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?),
                "P-256" => Self::P256(
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random).ok()?,
                ),
                "P-384" => Self::P384(
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, der, &random).ok()?,
                ),
                other => panic!("no key is of the kind {other}"),
            };
            Some((key, *info))
        })
    }

    fn algorithm(&self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Rsa(_) => &RSA_PKCS1_2048_8192_SHA256,
            Self::Ed25519(_) => &ED25519,
            Self::P256(_) => &ECDSA_P256_SHA256_ASN1,
            Self::P384(_) => &ECDSA_P384_SHA384_ASN1,
        }
    }

    /// Return the public key, and the signature of a challenge.
    fn sign(&self, challenge: &[u8]) -> std::result::Result<(Vec<u8>, Vec<u8>), Failed> {
        let random = SystemRandom::new();
        Ok(match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, challenge, &mut signature)?;
                (key.public_key().as_ref().to_vec(), signature)
            }
            Self::Ed25519(key) => (
                key.public_key().as_ref().to_vec(),
                key.sign(challenge).as_ref().to_vec(),
            ),
            Self::P256(key) | Self::P384(key) => (
                key.public_key().as_ref().to_vec(),
                key.sign(&random, challenge)?.as_ref().to_vec(),
            ),
        })
    }
}

/// Return the content of a PEM file.
fn der(pem: &str) -> std::result::Result<Vec<u8>, Failed> {
    let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    Ok(BASE64.decode(lines.as_bytes())?)
}

fn read<T: DeserializeOwned + Serialize>(text: &str) -> std::result::Result<Value, Failed> {
    Ok(serde_json::to_value(serde_json::from_str::<T>(text)?)?)
}

fn compare(vector: &Map<String, Value>, read: std::result::Result<Value, Failed>) -> Outcome {
    match (vector.get("value"), read) {
        (Some(value), Ok(read)) => expect(&without_null(value), &without_null(&read)),
        (Some(_), Err(error)) => Err(error),
        (None, Ok(read)) => Err(format!("not refused: {read}").into()),
        (None, Err(_)) => Ok(()),
    }
}

/// Return a value without the keys that are null, which mean the same as absent ones.
fn without_null(value: &Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_null(value)))
            .collect(),
        Value::Array(elements) => elements.iter().map(without_null).collect(),
        _ => value.clone(),
    }
}
