//! Talks to `python -m pie_client.testing`, a server of each family in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use libtest_mimic::{Failed, Trial};
use pie_client::protocol::{AuthIdentifyResult, Family, ProcessEvent, FAMILIES};
use pie_client::{Client, Result};

/// Return two tests for each family.
pub fn tests() -> Vec<Trial> {
    let mut tests = vec![];
    for family in FAMILIES {
        for (name, talk) in [
            ("conversation", talk as fn(Family) -> Result<()>),
            ("example", example),
        ] {
            let run = move || talk(family).map_err(|error| Failed::from(error.to_string()));
            tests.push(Trial::test(format!("{name}-{}", family.name), run));
        }
    }
    tests
}

fn talk(family: Family) -> Result<()> {
    let engine = Engine::start(family)?;
    let mut client = Client::connect(&engine.address, family, "default/alice")?;
    let result = client.identify("alice")?;
    let expected = match family.identity_header {
        Some(_) => AuthIdentifyResult::AlreadyAuthenticated,
        None => AuthIdentifyResult::AuthenticationDisabled,
    };
    assert_eq!(expected, result);

    let counting = client.launch("count@1.0.0", "3")?;
    let mut printed = String::new();
    loop {
        let event = client.event()?;
        let terminal = event.is_terminal();
        match event {
            ProcessEvent::Stdout(event) if event.process_id == counting => printed += &event.value,
            ProcessEvent::Return(event) if event.process_id == counting => (),
            other => return Err(format!("unexpected: {other:?}").into()),
        }
        if terminal {
            break;
        }
    }
    assert_eq!("1\n2\n3\n", printed);

    let waiting = client.launch("wait@1.0.0", "{}")?;
    assert_eq!(
        1,
        client
            .processes()?
            .iter()
            .filter(|process| process.id == waiting)
            .count()
    );
    client.signal(&waiting, "héllo")?;
    match client.event()? {
        ProcessEvent::Return(event) => assert_eq!("\"héllo\"", event.value),
        other => return Err(format!("unexpected: {other:?}").into()),
    }

    let refused = client
        .launch("missing@9.9.9", "{}")
        .expect_err("there is no such program");
    assert!(
        refused.to_string().starts_with("ProgramNotFoundError: "),
        "{refused}"
    );
    Ok(())
}

/// Run the program of `docs/other-languages.md`.
fn example(family: Family) -> Result<()> {
    let engine = Engine::start(family)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_example"));
    let output = command.arg(format!("ws://{}", engine.address)).output()?;
    let printed = String::from_utf8(output.stdout)?;
    let result = match family.identity_header {
        Some(_) => "AlreadyAuthenticated",
        None => "AuthenticationDisabled",
    };
    assert_eq!(format!("identified: {result}\n1\n2\nreturned 2\n"), printed);
    Ok(())
}

/// A server on this machine's loopback interface, until it is dropped.
struct Engine {
    process: Child,
    /// Kept open: a program that can't write its output ends.
    _output: BufReader<ChildStdout>,
    address: String,
}

impl Engine {
    fn start(family: Family) -> Result<Self> {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python".to_owned());
        let mut process = Command::new(python)
            .args([
                "-m",
                "pie_client.testing",
                "--port",
                "0",
                "--family",
                family.name,
            ])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().expect("the output is piped"));
        output.read_line(&mut line)?;
        let address = line
            .split("ws://")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let address = address
            .ok_or("the server did not print its URI")?
            .to_owned();
        Ok(Self {
            process,
            _output: output,
            address,
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
