//! Runs a program on a server and prints its events.

#[path = "../../../schema/dist/rust/protocol.rs"]
mod protocol;

use protocol::*;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::Message;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().unwrap_or("ws://127.0.0.1:8080".into());
    // Servers of the 0.4 family ignore the path and the header.
    let mut request = format!("{server}{}", FAMILY_0_5.path).into_client_request()?;
    if let Some(header) = FAMILY_0_5.identity_header {
        let headers = request.headers_mut();
        headers.insert(header, HeaderValue::from_static("alice"));
    }
    let (mut socket, _) = tungstenite::connect(request)?;

    socket.send(encoded(AuthIdentifyRequest::new(1, "alice"))?)?;
    loop {
        let Message::Binary(frame) = socket.read()? else {
            continue; // a text message, or a ping
        };
        match rmp_serde::from_slice(&frame)? {
            ServerMessage::Response(reply) if !reply.ok => return Err(reply.result.into()),
            ServerMessage::Response(reply) if reply.corr_id == 1 => {
                let result = AuthIdentifyResult::from(reply.result.as_str());
                println!("identified: {result:?}");
                socket.send(encoded(LaunchProcessRequest::new(2, "count@1.0.0", "2"))?)?;
            }
            ServerMessage::ProcessEvent(event) => {
                match &event {
                    ProcessEvent::Stdout(event) => print!("{}", event.value),
                    ProcessEvent::Return(event) => println!("returned {}", event.value),
                    other => println!("{other:?}"),
                }
                if event.is_terminal() {
                    return Ok(());
                }
            }
            _ => (), // other replies, files, MCP calls, and what this version does not know
        }
    }
}

fn encoded(request: impl Into<ClientMessage>) -> Result<Message> {
    Ok(Message::Binary(
        rmp_serde::to_vec_named(&request.into())?.into(),
    ))
}
