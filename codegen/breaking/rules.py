"""The rules: what each reports, and what it means for programs of different ages."""

from dataclasses import dataclass
from enum import Enum, Flag, unique
from functools import reduce
from typing import Literal, NamedTuple, cast, get_args

Answer = Literal["ok", "warn", "breaks"]
ORDER: tuple[Answer, ...] = get_args(Answer)


class Answers(NamedTuple):
    """What a change means; ``breaks`` means that what worked before does not work any more."""

    w1: Answer
    """Whether a new client works with an old server."""
    w2: Answer
    """Whether an old client works with a new server."""
    api: Answer
    """Whether users' code still type-checks and means the same."""

    def __or__(self, other: "Answers") -> "Answers":
        """Return the worse answer to each question."""
        return Answers(_worse(self.w1, other.w1), _worse(self.w2, other.w2), _worse(self.api, other.api))


def _worse(one: Answer, other: Answer) -> Answer:
    return one if ORDER.index(one) > ORDER.index(other) else other


FINE = Answers("ok", "ok", "ok")


class Sender(Flag):
    """Who sends a value."""

    NONE = 0
    CLIENT = 1
    SERVER = 2
    BOTH = 3


def _answers(text: str) -> Answers:
    w1, w2, api = cast("list[Answer]", text.split())
    return Answers(w1, w2, api)


@unique
class Rule(Enum):
    """A kind of change: what it is, and its answers (W1, W2, API) for what a client sends and for what a server sends.

    One list of answers stands for both. Where an answer depends on more, the text says so.
    """

    REQUEST_ADDED = (
        "A request is appended to the table. W1 is `ok` if only new families know it.",
        "warn ok ok",
    )
    REQUEST_INSERTED = (
        "A request is added before others, whose index changes. Servers also take the index.",
        "breaks breaks ok",
    )
    REQUEST_REMOVED = "A request is removed.", "ok breaks breaks"
    REQUEST_RENAMED = "A request has another tag, and is otherwise the same.", "breaks breaks breaks"
    REQUEST_REORDERED = "A request has another index, because others moved or went.", "breaks breaks ok"
    REQUEST_KIND_CHANGED = "A request has another kind.", "breaks breaks breaks"
    REQUEST_FAMILY_ADDED = (
        "One more family knows a request. W1 is `ok` if the family is new.",
        "warn ok ok",
    )
    REQUEST_FAMILY_REMOVED = "A family no longer knows a request.", "ok breaks breaks"
    REQUEST_ROLE_CHANGED = (
        "A fact about a request differs: what it creates, claims or captures, its chunks, its answer.",
        "breaks breaks warn",
    )
    REQUEST_REPEATABLE_ADDED = "A request may be sent again after a loss.", "breaks ok ok"
    REQUEST_REPEATABLE_REMOVED = "A request may no longer be sent again after a loss.", "ok breaks breaks"
    REQUEST_SESSION_OPENED = "A request may be sent before identification.", "breaks ok ok"
    REQUEST_SESSION_CLOSED = "A request may no longer be sent before identification.", "ok breaks warn"
    REQUEST_USELESS_ADDED = "Servers of a family refuse a request from now on.", "ok breaks breaks"
    REQUEST_USELESS_REMOVED = "Servers of a family no longer refuse a request.", "warn ok ok"
    REQUEST_SUBJECT_CHANGED = "Errors of a request name another subject.", "ok ok warn"
    DEFAULT_ADDED = "An argument may be left out.", "ok ok ok"
    DEFAULT_CHANGED = "An argument that is left out has another value.", "ok ok breaks"
    DEFAULT_REMOVED = "An argument may no longer be left out.", "ok ok breaks"
    RESULT_TYPE_CHANGED = (
        "A reply has a result instead of a confirmation, or JSON instead of text.",
        "breaks breaks breaks",
    )
    RESULT_CONST_CHANGED = "A fixed text of a result differs.", "breaks breaks warn"
    RESULT_CHOICE_ADDED = (
        "A result has one more choice. W2 is `warn` if another choice takes any text.",
        "ok breaks warn",
    )
    RESULT_CHOICE_REMOVED = (
        "A choice of a result is gone. W1 is `warn` if another choice takes any text.",
        "breaks ok breaks",
    )
    RESULT_CHOICE_REORDERED = "The choices of a result are tried in another order.", "warn ok warn"
    CONFIRMATION_CHANGED = "The text of a confirmation differs. Clients accept any.", "ok ok warn"
    FIELD_REQUIRED_ADDED = (
        "A required field is added. The API is `ok` for an argument with a default.",
        "ok breaks breaks",
        "breaks ok ok",
    )
    FIELD_OPTIONAL_ADDED = (
        "An optional field is added. W1 is `ok` for a request that names the families that know the field.",
        "warn ok ok",
        "ok ok ok",
    )
    FIELD_REQUIRED_REMOVED = "A required field is removed.", "breaks warn breaks", "ok breaks breaks"
    FIELD_OPTIONAL_REMOVED = "An optional field is removed.", "ok warn breaks", "ok ok breaks"
    FIELD_RENAMED = (
        "A field has another name, and is otherwise the same. The API is `ok` if it is spelled the same in Python.",
        "breaks breaks breaks",
    )
    FIELD_BECAME_REQUIRED = (
        "An optional field is required. The API is `ok` for an argument with a default.",
        "ok breaks breaks",
        "breaks ok ok",
    )
    FIELD_BECAME_OPTIONAL = "A required field is optional.", "breaks ok ok", "ok breaks breaks"
    FIELDS_REORDERED = (
        "Fields have another order: that of an event's positions in patterns.",
        "ok ok ok",
        "ok ok warn",
    )
    FIELD_FAMILY_ADDED = "One more family knows an optional field.", "warn ok ok", "ok ok ok"
    FIELD_FAMILY_REMOVED = "A family no longer knows an optional field.", "ok warn breaks", "ok ok warn"
    TYPE_WIDENED = (
        "A type accepts more. The API is `breaks` for what a server sends if its type in Python is wider.",
        "breaks ok ok",
        "ok breaks ok",
    )
    TYPE_NARROWED = "A type accepts less.", "ok breaks breaks", "breaks ok ok"
    TYPE_CHANGED = (
        "A type accepts other values. The API is `ok` for what a server sends if its type in Python is not wider.",
        "breaks breaks breaks",
    )
    TAG_CHANGED = "The tag of an object, or the field that has it, differs.", "breaks breaks ok"
    UNION_MEMBER_ADDED = "A union has one more member.", "breaks ok ok", "ok breaks warn"
    UNION_MEMBER_REMOVED = "A member of a union is gone.", "ok breaks breaks", "breaks ok breaks"
    TITLE_CHANGED = "A class or type has another name.", "ok ok breaks"
    DEFINITION_REMOVED = "A class or type is gone.", "ok ok breaks"
    MESSAGE_ADDED = "A server message is added. Clients ignore those that they do not know.", "ok warn ok"
    MESSAGE_REMOVED = "A server message is removed.", "breaks warn breaks"
    MESSAGE_RENAMED = "A server message has another tag, and is otherwise the same.", "breaks breaks breaks"
    MESSAGE_FRAME_CHANGED = "A server message comes in another kind of frame.", "breaks breaks ok"
    MESSAGE_FAMILY_ADDED = "Servers of one more family send a message.", "ok warn ok"
    MESSAGE_FAMILY_REMOVED = "Servers of a family no longer send a message.", "warn warn ok"
    MESSAGE_UNKNOWN_CHANGED = (
        "Members of a union that the schema does not know have another type.",
        "breaks breaks breaks",
    )
    EVENT_ADDED = (
        "A kind of event is added. W2 is `breaks` if it ends the process: old clients wait on.",
        "ok ok warn",
    )
    EVENT_REMOVED = (
        "A kind of event is removed. W1 is `breaks` if it ends the process.",
        "warn ok breaks",
    )
    EVENT_RENAMED = "A kind of event has another tag.", "breaks breaks breaks"
    EVENT_CLASS_RENAMED = "The class or name of a kind of event differs.", "ok ok breaks"
    EVENT_TERMINAL_CHANGED = "A kind of event ends its process, or no longer does.", "breaks breaks breaks"
    EVENT_SOURCE_CHANGED = (
        "An event is joined from another message, or no longer joined.",
        "breaks breaks breaks",
    )
    ERROR_CLASS_ADDED = "An error class is added.", "ok ok ok"
    ERROR_CLASS_REMOVED = "An error class is removed.", "ok ok breaks"
    ERROR_CLASS_RENAMED = "An error class has another name, and the same texts.", "ok ok breaks"
    ERROR_CATEGORY_CHANGED = "An error class has another category, so another base class.", "ok ok breaks"
    ERROR_SCOPE_CHANGED = "An error class has another scope, so another base class.", "ok ok breaks"
    ERRORS_REORDERED = (
        "Classes or texts have another order, which decides between texts that both match.",
        "ok ok warn",
    )
    TEXT_ADDED = "A text is added. W2 and API are `ok` if it has no class.", "ok warn warn"
    TEXT_REMOVED = "A text is removed. W1 and API are `ok` if it has no class.", "breaks ok breaks"
    TEXT_RECLASSIFIED = "A text has another class or scope.", "ok ok breaks"
    TEXT_REWORDED = (
        "A text differs. W1 and W2 are `ok` if it has no class: clients do not look for it.",
        "breaks breaks ok",
    )
    TEXT_ID_CHANGED = "A text has another id, which is on no wire and in no API.", "ok ok ok"
    TEXT_FAMILIES_CHANGED = "Other families send a text. Clients look for the texts of all.", "ok ok ok"
    TEXT_ORIGIN_CHANGED = "A text has another sender or code, or is generated or not.", "warn warn ok"
    FAMILY_ADDED = "A family is added. Old clients do not recognize its servers.", "ok breaks warn"
    FAMILY_REMOVED = "A family is removed.", "breaks ok breaks"
    FAMILY_PATH_CHANGED = "A family's servers have another path.", "breaks breaks ok"
    FAMILY_HEADER_CHANGED = (
        "A family's servers take the identity in another header, or none.",
        "breaks breaks ok",
    )
    FAMILY_RECOGNITION_CHANGED = "A family is recognized by other replies.", "breaks breaks ok"
    FAMILY_LIMIT_RAISED = "A family's limit is higher.", "breaks ok ok"
    FAMILY_LIMIT_LOWERED = "A family's limit is lower.", "ok breaks warn"
    FAMILY_TRAIT_CHANGED = "Another trait of a family's servers differs.", "breaks breaks warn"
    FAMILY_DESCRIPTION_CHANGED = "A family has another title, order or list of releases.", "ok ok warn"
    LIMIT_ADDED = "A limit is added.", "ok warn warn"
    LIMIT_REMOVED = "A limit is removed.", "warn ok ok"
    LIMIT_LOOSENED = "A limit allows more.", "breaks ok ok"
    LIMIT_TIGHTENED = "A limit allows less.", "ok breaks warn"
    SERVER_FACT_CHANGED = "A limit or name that only servers need differs.", "warn warn ok"
    WIRE_NAME_CHANGED = "A name that every message has differs.", "breaks breaks ok"
    CONNECTION_CHANGED = "How to open, use or close a connection differs.", "breaks breaks ok"
    BEHAVIOUR_CHANGED = "Order, numbers, files or the search for texts differ.", "breaks breaks warn"
    SIGNATURE_ADDED = "One more kind of key may sign.", "breaks ok ok"
    SIGNATURE_REMOVED = "A kind of key may no longer sign.", "ok breaks breaks"
    SIGNATURE_CHANGED = "A kind of key signs in another way.", "breaks breaks ok"
    USER_CHANGED = "A default user differs.", "ok ok breaks"
    SYNONYM_ADDED = "A field has a further name.", "ok ok ok"
    SYNONYM_REMOVED = "A further name of a field is gone, or means another.", "ok ok breaks"
    REGISTRY_CHANGED = "A program registry is asked in another way.", "breaks breaks ok"
    SCRIPT_CHANGED = "The manifest of a script has other entries.", "breaks breaks ok"
    MCP_CHANGED = "A version, transport, code or method of MCP differs.", "warn warn warn"
    EXPORTS_CHANGED = "Other folders or objects are exported.", "ok ok breaks"
    FACT_ADDED = "The schema states a fact that it did not state before.", "ok ok ok"
    FACT_CHANGED = "A fact differs for which no other rule exists.", "breaks breaks warn"

    def __init__(self, doc: str, client: str, server: str | None = None) -> None:
        self.doc = doc
        self.client = _answers(client)
        self.server = _answers(server or client)

    @property
    def title(self) -> str:
        """The rule's name in reports: that of the member in lower case with hyphens."""
        return self.name.lower().replace("_", "-")

    def answers(self, senders: Sender) -> Answers:
        """Return the answers for values of some senders; the worse ones for both, or if it is unknown who sends them."""
        each = {Sender.CLIENT: self.client, Sender.SERVER: self.server}
        return reduce(Answers.__or__, [each[sender] for sender in senders or Sender.BOTH], FINE)


@dataclass(frozen=True)
class Change:
    """A difference between two schemas, under one rule."""

    rule: Rule
    path: str
    """Where: a file, and keys as in a JSON Pointer; rows of tables by their names."""
    answers: Answers
    message: str

    @property
    def is_break(self) -> bool:
        return "breaks" in self.answers

    def as_json(self) -> dict[str, str]:
        """Return the change as a JSON object."""
        answers = cast("dict[str, str]", self.answers._asdict())
        return {"rule": self.rule.title, "path": self.path, **answers, "message": self.message}

    def __str__(self) -> str:
        return f"{self.rule.title} {self.path} ({'/'.join(self.answers)}): {self.message}"


def change(
    rule: Rule,
    path: str,
    message: str,
    senders: Sender = Sender.BOTH,
    *,
    w1: Answer | None = None,
    w2: Answer | None = None,
    api: Answer | None = None,
) -> Change:
    """Return a change with the rule's answers, except those that are given."""
    found = rule.answers(senders)
    return Change(rule, path, Answers(w1 or found.w1, w2 or found.w2, api or found.api), message)
