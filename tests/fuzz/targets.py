"""Every target by its name."""

from collections.abc import Mapping

from tests.fuzz import decoders, frames, keys, manifests, mcp, sessions
from tests.fuzz.target import Target

TARGETS: Mapping[str, Target] = {
    "frames": frames.TARGET,
    "decoders": decoders.TARGET,
    "sessions": sessions.TARGET,
    "keys": keys.TARGET,
    "manifests": manifests.TARGET,
    "mcp": mcp.TARGET,
}
