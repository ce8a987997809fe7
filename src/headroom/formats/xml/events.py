"""What an XML document says, apart from how it is spelt: for comparing two documents."""

from __future__ import annotations

from xml.parsers import expat

Event = tuple[str, ...]


def events(document: str) -> list[Event]:
    """Elements, attributes (sorted), text (without whitespace between tags), comments and instructions in order.

    Raises expat.ExpatError for what isn't XML. Entities declared by the document are not expanded.
    """
    out: list[Event] = []
    text: list[str] = []

    def flush() -> None:
        joined = "".join(text)
        text.clear()
        if joined.strip():
            out.append(("text", joined))

    def start(name: str, attributes: dict[str, str]) -> None:
        flush()
        out.append(("start", name, *(part for pair in sorted(attributes.items()) for part in pair)))

    def end(name: str) -> None:
        flush()
        out.append(("end", name))

    def comment(data: str) -> None:
        flush()
        out.append(("comment", data))

    def instruction(target: str, data: str) -> None:
        flush()
        out.append(("instruction", target, data))

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.CommentHandler = comment
    parser.ProcessingInstructionHandler = instruction
    parser.Parse(document, True)
    return out


def same_document(one: str, other: str) -> bool:
    """Whether two documents are equal up to whitespace between tags, attribute order and spelling."""
    try:
        return events(one) == events(other)
    except (expat.ExpatError, ValueError):
        return False
