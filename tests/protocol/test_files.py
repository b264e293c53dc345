"""Files: saving them under a name from a server, cutting contents into chunks, and assembling them."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pie_client import FileEvent
from pie_client._generated.decoders import FileChunkRecord
from pie_client.connection.contents import INLINE_HASH_BYTES, BytesContent, as_content
from pie_client.protocol.files import PartialFile, SpooledFile

EMPTY_DIGEST = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
ABC_DIGEST = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
DIGESTS = [(b"", EMPTY_DIGEST), (b"abc", ABC_DIGEST)]
ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


# ------------------------------------------------------------- File


def test_a_file_is_its_bytes() -> None:
    file = FileEvent(b"abc", name="a.txt")
    assert isinstance(file, bytes)
    assert file == b"abc"
    assert hash(file) == hash(b"abc")
    assert file[1:] == b"bc"
    assert file + b"d" == b"abcd"
    assert len(file) == 3
    assert bytes(memoryview(file)) == b"abc"
    assert (file.name, file.size, file.path, file.read()) == ("a.txt", 3, None, b"abc")


def test_the_name_of_a_file_is_optional() -> None:
    assert FileEvent(b"abc").name is None


@pytest.mark.parametrize(("data", "digest"), DIGESTS)
def test_the_digest_of_a_file_is_blake3(data: bytes, digest: str) -> None:
    assert FileEvent(data).digest == digest


def test_the_repr_of_a_file_shows_its_name_and_size_only() -> None:
    file = FileEvent(b"secret", name="a\nb.txt")
    assert repr(file) == str(file) == f"{file}" == r"FileEvent(name='a\nb.txt', 6 bytes)"
    assert f"{type(file).__module__}.{type(file).__qualname__}" == "pie_client.FileEvent"
    assert type(file).__name__ == SpooledFile.__name__ == "FileEvent"
    assert repr(FileEvent(b"")) == "FileEvent(name=None, 0 bytes)"


def _pickled(file: FileEvent) -> FileEvent:
    twin: FileEvent = pickle.loads(pickle.dumps(file))  # noqa: S301 - written in the same line
    return twin


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, _pickled])
def test_a_copy_of_a_file_keeps_its_name_and_digest(duplicate: Callable[[FileEvent], FileEvent]) -> None:
    file = FileEvent(b"abc", name="a.txt")
    twin = duplicate(file)
    assert type(twin) is type(file)
    assert (twin, twin.name, twin.digest) == (file, file.name, file.digest)


# ------------------------------------------------------------- save


def test_save_writes_to_a_path(tmp_path: Path) -> None:
    place = tmp_path / "b.txt"
    assert FileEvent(b"abc", name="a.txt").save(place) == place
    assert place.read_bytes() == b"abc"
    assert FileEvent(b"new", name="a.txt").save(str(place)) == place
    assert place.read_bytes() == b"new"


def test_save_uses_the_name_of_the_file_in_a_folder(tmp_path: Path) -> None:
    place = FileEvent(b"abc", name="a.txt").save(tmp_path)
    assert place == tmp_path / "a.txt"
    assert place.read_bytes() == b"abc"


def test_save_creates_a_folder_if_the_path_ends_with_a_separator(tmp_path: Path) -> None:
    place = FileEvent(b"abc", name="a.txt").save(f"{tmp_path}/new/deep/")
    assert place == tmp_path / "new" / "deep" / "a.txt"
    assert place.read_bytes() == b"abc"


def test_save_does_not_create_the_folder_of_a_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileEvent(b"abc").save(tmp_path / "new" / "a.txt")


def test_save_writes_an_empty_file(tmp_path: Path) -> None:
    place = FileEvent(b"").save(tmp_path)
    assert place == tmp_path / EMPTY_DIGEST[:16]
    assert place.read_bytes() == b""


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("a.txt", ["a.txt", "a-1.txt", "a-2.txt"]),
        ("a.tar.gz", ["a.tar.gz", "a.tar-1.gz", "a.tar-2.gz"]),
        ("a", ["a", "a-1", "a-2"]),
        (None, [ABC_DIGEST[:16], f"{ABC_DIGEST[:16]}-1", f"{ABC_DIGEST[:16]}-2"]),
    ],
)
def test_save_never_replaces_a_file_in_a_folder(tmp_path: Path, name: str | None, names: list[str]) -> None:
    file = FileEvent(b"abc", name=name)
    assert [file.save(tmp_path).name for _ in names] == names
    assert all((tmp_path / saved).read_bytes() == b"abc" for saved in names)


def test_save_skips_names_of_folders_and_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "b").symlink_to(outside)
    assert FileEvent(b"abc", name="a").save(folder) == folder / "a-1"
    assert FileEvent(b"abc", name="b").save(folder) == folder / "b-1"
    assert not outside.exists()
    assert list((folder / "a").iterdir()) == []


HOSTILE = {
    "../../etc/passwd": "passwd",
    "..\\..\\etc\\passwd": "passwd",
    "/etc/passwd": "passwd",
    "C:\\Windows\\x": "x",
    "C:x": "x",
    "\\\\host\\share\\x": "x",
    "a/b\\c/d.txt": "d.txt",
    "a/": "a",
    ".bashrc": "bashrc",
    "-rf": "rf",
    ". --x": "x",
    "a\x00b": "ab",
    "a\nb\x1b[31m.txt": "ab[31m.txt",
    "report\u202efdp.exe": "reportfdp.exe",
    '<a>"b|c?d*e': "abcde",
    "a.txt:stream": "a.txtstream",
    "trailing. . ": "trailing",
    "CON": "_CON",
    "nul.txt": "_nul.txt",
    "Aux .tar.gz": "_Aux .tar.gz",
    "com1": "_com1",
    "COM¹.x": "_COM¹.x",
    "COM10": "COM10",
    "console": "console",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_save_removes_unsafe_parts_of_a_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    place = FileEvent(b"abc", name=name).save(folder)
    assert place.name == HOSTILE[name]
    assert list(tmp_path.rglob("*")) == [folder, place]
    assert place.read_bytes() == b"abc"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "...", "/", "\\", "a/..", "a\\..", "C:", "C:\\", " ", "\x00", "?:*", "--", ".-"]
)
def test_save_uses_the_digest_if_nothing_is_left_of_the_name(tmp_path: Path, name: str) -> None:
    assert FileEvent(b"abc", name=name).save(tmp_path) == tmp_path / ABC_DIGEST[:16]


@pytest.mark.parametrize("character", ["a", "é", "名", "🥧", "a ", ". "])
def test_save_shortens_long_names(tmp_path: Path, character: str) -> None:
    file = FileEvent(b"abc", name=character * 9999)
    first, second = file.save(tmp_path), file.save(tmp_path)
    assert first.read_bytes() == second.read_bytes() == b"abc"
    assert first != second
    assert len(second.name.encode()) <= 255
    assert not first.name.endswith((" ", "."))


@given(name=st.text())
@ANY_SPEED
def test_save_stays_in_the_folder_for_any_name(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("out")
    place = FileEvent(b"abc", name=name).save(folder)
    assert place.parent == folder
    assert list(folder.iterdir()) == [place]


# ------------------------------------------------------------- cut


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (0, [0]),
        (1, [1]),
        (262_143, [262_143]),
        (262_144, [262_144]),
        (262_145, [262_144, 1]),
        (524_288, [262_144, 262_144]),
    ],
)
async def test_bytes_are_cut_into_chunks(size: int, sizes: list[int]) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    content = BytesContent(data, "h")
    chunks = [chunk async for chunk in content]
    assert [len(chunk) for chunk in chunks] == sizes
    assert content.total_chunks == len(sizes)
    assert b"".join(chunks) == data
    assert content.digest == "h"


async def test_a_content_can_be_iterated_again() -> None:
    content = await as_content(b"abc")
    assert [chunk async for chunk in content] == [chunk async for chunk in content] == [b"abc"]


@pytest.mark.parametrize(("data", "digest"), DIGESTS)
async def test_bytes_become_content_with_their_digest(data: bytes, digest: str) -> None:
    content = await as_content(data)
    assert content.digest == digest
    assert content.total_chunks == 1


async def test_large_bytes_are_hashed_to_the_same_digest() -> None:
    """D41"""
    data = bytes(INLINE_HASH_BYTES + 1)
    content = await as_content(data)
    assert content.digest == blake3(data).hexdigest()
    assert content.total_chunks == INLINE_HASH_BYTES // 262_144 + 1


async def test_a_content_is_returned_unchanged() -> None:
    content = BytesContent(b"abc", ABC_DIGEST)
    assert await as_content(content) is content


async def test_a_received_file_is_a_content() -> None:
    content = await as_content(FileEvent(b"abc", name="a.txt").read())
    assert content.digest == ABC_DIGEST
    assert [chunk async for chunk in content] == [b"abc"]


# ------------------------------------------------------------- put together


def _chunk(
    index: int, total: int, data: bytes, digest: str = ABC_DIGEST, name: str | None = None
) -> FileChunkRecord:
    return FileChunkRecord("p", digest, index, total, data, name)


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=9))
@ANY_SPEED
def test_a_file_is_assembled_from_its_chunks(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    digest = blake3(whole).hexdigest()
    chunks = [_chunk(index, len(pieces), piece, digest, "a.txt") for index, piece in enumerate(pieces)]
    partial = PartialFile(chunks[0])
    for chunk in chunks[:-1]:
        before = partial.size
        partial.add(chunk)
        assert not partial.complete
        assert partial.size - before == len(chunk.chunk_data), "each byte counts"
    partial.add(chunks[-1])
    assert partial.complete
    file = partial.finish()
    assert isinstance(file, FileEvent)
    assert (file, file.name, file.digest) == (whole, "a.txt", digest)


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ([_chunk(1, 2, b"c")], "expected chunk 0 of 2, received chunk 1"),
        ([_chunk(0, 2, b"a"), _chunk(0, 2, b"a")], "expected chunk 1 of 2, received chunk 0"),
        ([_chunk(0, 3, b"a"), _chunk(2, 3, b"c")], "expected chunk 1 of 3, received chunk 2"),
        ([_chunk(0, 3, b"a"), _chunk(1, 2, b"bc")], "total_chunks changed from 3 to 2"),
        ([_chunk(0, 0, b"abc")], "chunk 0 is out of range for 0 chunks"),
        ([_chunk(0, 1, b"ab")], "its bytes do not match the BLAKE3 digest"),
        ([_chunk(0, 1, b"abc", ABC_DIGEST.upper())], "its bytes do not match the BLAKE3 digest"),
        ([_chunk(0, 1, b"", ABC_DIGEST)], "its bytes do not match the BLAKE3 digest"),
    ],
)
def test_an_invalid_chunk_is_rejected_with_the_reason(chunks: list[FileChunkRecord], reason: str) -> None:
    """D21"""
    partial = PartialFile(chunks[0])
    for chunk in chunks[:-1]:
        partial.add(chunk)
    with pytest.raises(ValueError, match=f"^{reason}$"):
        partial.add(chunks[-1])
