"""Write the protocol as an AsyncAPI 3.0 document, which describes the side of the client.

Each server family is a server with one channel, because families differ in messages and in how to connect. A request with a
reply is one operation.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from codegen.export.bundle import bundle
from codegen.export.describe import Message, Object, Protocol, Request, Union
from codegen.schema import Node, nodes

CONTENT_TYPES = {"binary": "application/vnd.msgpack", "text": "application/json"}
"""Media types of messages, by their frames."""
SCHEMAS = "#/components/schemas/"


def files(protocol: Protocol) -> dict[Path, str]:
    """Return the document as JSON."""
    return {Path("asyncapi.json"): json.dumps(document(protocol), indent=2, ensure_ascii=False) + "\n"}


def document(protocol: Protocol) -> Node:
    """Return the document."""
    families: list[Node] = protocol.facts["families"]
    return {
        "asyncapi": "3.0.0",
        "id": protocol.id,
        "info": {
            "title": protocol.title,
            "version": protocol.version,
            "description": "Messages of a client and its server. Written by `python -m codegen`; never edited.",
            "license": {"name": protocol.license},
        },
        "defaultContentType": CONTENT_TYPES["binary"],
        "servers": {_key(family): _server(protocol, family) for family in families},
        "channels": {_key(family): _channel(protocol, family) for family in families},
        "operations": {
            name: operation for family in families for name, operation in _operations(protocol, family)
        },
        "components": {
            "messages": dict(_messages(protocol)),
            "schemas": _schemas(protocol),
            "correlationIds": {
                "number": {
                    "description": "Number that joins a reply to its request.",
                    "location": f"$message.payload#/{protocol.facts['correlation']}",
                }
            },
        },
    }


def _key(family: Node) -> str:
    """Return the name of a family where dots are not allowed."""
    return f"servers_{family['name'].replace('.', '_')}"


def _server(protocol: Protocol, family: Node) -> Node:
    connection = protocol.facts["connection"]
    described: Node = {
        "host": f"{connection['host']}:{connection['port']}",
        "protocol": connection["schemes"][0],
        "title": family["title"],
        "description": f"A server of releases {' and '.join(family['releases'])}, at its default address.",
    }
    path = family["server"].get("path")
    return described | ({"pathname": path} if path else {})


def _channel(protocol: Protocol, family: Node) -> Node:
    """Return the connection to a server of a family, with every message of both sides."""
    header = family["server"].get("identity_header")
    identity: Node = {
        "type": "string",
        "pattern": protocol.facts["connection"]["identity"]["pattern"],
        "description": "Tenant and user of the connection.",
    }
    headers: Node = {"type": "object", "properties": {header: identity}, "required": [header]}
    channel: Node = {
        "address": "/",
        "title": family["title"],
        "description": "One WebSocket connection: a session of one user.",
        "servers": [{"$ref": f"#/servers/{_key(family)}"}],
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"}
            for row in _rows(protocol, family)
            for name in _names(protocol, row)
        },
    }
    return channel | ({"bindings": {"ws": {"method": "GET", "headers": headers}}} if header else {})


def _operations(protocol: Protocol, family: Node) -> Iterator[tuple[str, Node]]:
    """Iterate over what a client does on a channel: it sends each request, and receives each message but replies."""
    channel = f"#/channels/{_key(family)}"
    reply = next(row for row in protocol.messages if row.type == protocol.facts["reply"])
    for row in _rows(protocol, family):
        if row is reply:
            continue
        references = [{"$ref": f"{channel}/messages/{name}"} for name in _names(protocol, row)]
        operation: Node = {
            "action": "send" if isinstance(row, Request) else "receive",
            "channel": {"$ref": channel},
            "summary": row.description.partition("\n")[0],
            "messages": references,
        }
        if isinstance(row, Request) and (row.result or row.confirmation):
            messages = [{"$ref": f"{channel}/messages/{reply.name}"}]
            operation["reply"] = {"channel": {"$ref": channel}, "messages": messages}
            operation["description"] = f"{row.description}\n\n{_result(row)}"
        yield f"{row.type}_{_key(family)}", operation


def _result(row: Request) -> str:
    if row.result:
        return f"On success, the result is a {row.result}: see the schemas."
    return f"On success, the result is a text that says nothing more, such as `{row.confirmation}`."


def _rows(protocol: Protocol, family: Node) -> list[Request | Message]:
    return [row for row in protocol.rows if family["name"] in row.families]


def _names(protocol: Protocol, row: Request | Message) -> list[str]:
    """Return the objects of a message: itself, or the members of a union."""
    definition = protocol.definitions[row.name]
    return [name for _, name in definition.members] if isinstance(definition, Union) else [row.name]


def _messages(protocol: Protocol) -> Iterator[tuple[str, Node]]:
    for row in protocol.rows:
        for name in _names(protocol, row):
            definition = cast("Object", protocol.definitions[name])
            frame = row.frame if isinstance(row, Message) else "binary"
            message: Node = {
                "name": row.type,
                "title": name,
                "summary": definition.description.partition("\n")[0],
                "contentType": CONTENT_TYPES[frame],
                "payload": {"$ref": SCHEMAS + name},
            }
            if any(field.name == protocol.facts["correlation"] for field in definition.fields):
                message["correlationId"] = {"$ref": "#/components/correlationIds/number"}
            yield name, message


def _schemas(protocol: Protocol) -> Node:
    """Return the definitions of the bundle in AsyncAPI's own form of schemas, which extends JSON Schema draft 07."""
    definitions: Node = bundle(protocol)["$defs"]
    schemas: Node = {name: definitions[name] for name in protocol.definitions}
    for schema in schemas.values():
        for _, node in list(nodes(schema)):
            if "discriminator" in node:
                node["discriminator"] = node["discriminator"]["propertyName"]
            if isinstance(node.get("$ref"), str):
                reference = {"$ref": SCHEMAS + node.pop("$ref").removeprefix("#/$defs/")}
                # Draft 07 ignores what stands beside a reference.
                node.update({"allOf": [reference]} if node else reference)
    return schemas
