//! A small client of a Pie engine, made of generated types: it connects, identifies, launches processes and streams
//! their events.

#[path = "../../../schema/dist/rust/protocol.rs"]
pub mod protocol;

use std::collections::VecDeque;
use std::error::Error;
use std::net::TcpStream;

use serde::de::DeserializeOwned;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::{Message, WebSocket};

use protocol::*;

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Decode a binary frame. Bytes after the message are refused.
pub fn decode<T: DeserializeOwned>(frame: &[u8]) -> Result<T> {
    let mut rest = frame;
    let message = rmp_serde::from_read(&mut rest)?;
    if rest.is_empty() {
        Ok(message)
    } else {
        Err("bytes after the message".into())
    }
}

/// Encode a message as a binary frame.
pub fn encode(message: &ClientMessage) -> Result<Vec<u8>> {
    Ok(rmp_serde::to_vec_named(message)?)
}

/// A connection to an engine.
pub struct Client {
    socket: WebSocket<TcpStream>,
    last: u32,
    events: VecDeque<ProcessEvent>,
}

impl Client {
    /// Connect to an engine of a family, as the user of a tenant, such as `default/alice`.
    pub fn connect(address: &str, family: Family, identity: &str) -> Result<Self> {
        let mut request = format!("ws://{address}{}", family.path).into_client_request()?;
        if let Some(header) = family.identity_header {
            let value = HeaderValue::from_str(identity)?;
            request
                .headers_mut()
                .insert(HeaderName::from_static(header), value);
        }
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30)))?;
        let (socket, _) = tungstenite::client(request, stream)?;
        Ok(Self {
            socket,
            last: 0,
            events: VecDeque::new(),
        })
    }

    /// Start the session of a user, unless the server wants a signature.
    pub fn identify(&mut self, username: &str) -> Result<AuthIdentifyResult> {
        let corr_id = self.number();
        let text = self.call(corr_id, AuthIdentifyRequest::new(corr_id, username))?;
        match AuthIdentifyResult::from(text.as_str()) {
            AuthIdentifyResult::Challenge(_) => Err("the server wants a signature".into()),
            result => Ok(result),
        }
    }

    /// Start a program with JSON text as its input, and return the id of its process.
    pub fn launch(&mut self, program: &str, input: &str) -> Result<ProcessId> {
        let corr_id = self.number();
        self.call(corr_id, LaunchProcessRequest::new(corr_id, program, input))
    }

    /// Return the running processes.
    pub fn processes(&mut self) -> Result<ListProcessesResult> {
        let corr_id = self.number();
        let text = self.call(corr_id, ListProcessesRequest::new(corr_id))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Send a message to a process.
    pub fn signal(&mut self, process_id: &str, message: &str) -> Result<()> {
        self.send(SignalProcessRequest::new(process_id, message).into())
    }

    /// Wait for the next event of any process.
    pub fn event(&mut self) -> Result<ProcessEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if let ServerMessage::ProcessEvent(event) = self.receive()? {
                return Ok(event);
            }
        }
    }

    fn number(&mut self) -> CorrelationId {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    /// Send a request and return the text of its reply; events that come first are kept.
    fn call(&mut self, number: CorrelationId, request: impl Into<ClientMessage>) -> Result<String> {
        self.send(request.into())?;
        loop {
            match self.receive()? {
                ServerMessage::Response(reply) if reply.corr_id == number => {
                    return match reply.ok {
                        true => Ok(reply.result),
                        false => Err(failure(Scope::Request, &reply.result)),
                    };
                }
                ServerMessage::ProcessEvent(event) => self.events.push_back(event),
                _ => (),
            }
        }
    }

    fn send(&mut self, message: ClientMessage) -> Result<()> {
        Ok(self
            .socket
            .send(Message::Binary(encode(&message)?.into()))?)
    }

    /// Wait for a binary message. A text message ends a turn, or is the text of an error.
    fn receive(&mut self) -> Result<ServerMessage> {
        loop {
            match self.socket.read()? {
                Message::Binary(frame) => return decode(&frame),
                Message::Text(text) => {
                    if let ServerTextMessage::Error(notice) = serde_json::from_str(text.as_str())? {
                        return Err(failure(Scope::Connection, &notice.message));
                    }
                }
                Message::Close(_) => return Err("the server closed the connection".into()),
                _ => (),
            }
        }
    }
}

fn failure(scope: Scope, text: &str) -> Box<dyn Error + Send + Sync> {
    match classify(scope, text) {
        Some(class) => format!("{}: {text}", class.name).into(),
        None => text.into(),
    }
}
