"""Write a model that a real 0.5.2 engine loads and runs without a GPU: `python tests/scenarios/tiny_model.py FOLDER`.

Its weights are random, so its text is noise. The engine supports compiled-in shapes only; this is the smallest one that
generates text, `qwen35-tiny-u4g64-kv-bf16`. Its matrices are quantized: four bits per weight, and a scale and a bias per
group of 64 (MLX's affine format), under the tensor names of Hugging Face transformers.
"""

import json
import random
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VOCABULARY = 248_320
HIDDEN = 256
LAYERS = 4
FULL_ATTENTION_EVERY = 4
"""Every fourth layer has full attention, the others linear attention."""
MLP = 512
HEADS, KEY_VALUE_HEADS, HEAD_SIZE = 4, 2, 64
LINEAR_KEY_HEADS, LINEAR_VALUE_HEADS, LINEAR_HEAD_SIZE = 4, 8, 128
CONVOLUTION = 4

GROUP = 64
CODES = 16
"""Values of four bits."""
SPREAD = 4.61
"""Standard deviation of the uniform distribution over those values."""

SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>", "<|quad_start|>"),
    *("<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>"),
    *("<|video_pad|>", "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
    *("<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>"),
    *("<think>", "</think>"),
)
FIRST_SPECIAL = 248_044
"""Id of the first special token, as in the model whose shape this is."""
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The pattern by which that model's tokenizer splits text."""


@dataclass(frozen=True)
class Tensor:
    """A tensor: name, safetensors type, shape and bytes."""

    name: str
    kind: str
    shape: tuple[int, ...]
    data: bytes


def bf16(value: float) -> bytes:
    """Encode a number as bfloat16: the upper half of a float32, truncated."""
    return struct.pack("<f", value)[2:]


def vector(name: str, value: float, *shape: int) -> Tensor:
    """Return a bfloat16 tensor filled with one value."""
    count = 1
    for size in shape:
        count *= size
    return Tensor(name, "BF16", shape, bf16(value) * count)


def singles(name: str, value: float, size: int) -> Tensor:
    """Return a float32 vector filled with one value."""
    return Tensor(name, "F32", (size,), struct.pack("<f", value) * size)


def matrix(noise: random.Random, name: str, rows: int, columns: int, deviation: float) -> Iterator[Tensor]:
    """Yield the three tensors of a quantized matrix of random numbers around zero."""
    step = deviation / SPREAD
    groups = columns // GROUP
    yield Tensor(f"{name}.weight", "U32", (rows, columns // 8), noise.randbytes(rows * columns // 2))
    yield vector(f"{name}.scales", step, rows, groups)
    yield vector(f"{name}.biases", -step * (CODES - 1) / 2, rows, groups)


def full_attention(noise: random.Random, prefix: str) -> Iterator[Tensor]:
    """Yield the tensors of full attention. Queries have gates, so their matrix has twice the rows."""
    narrow, wide = HIDDEN**-0.5, (HEADS * HEAD_SIZE) ** -0.5
    yield from matrix(noise, f"{prefix}.q_proj", 2 * HEADS * HEAD_SIZE, HIDDEN, narrow)
    yield from matrix(noise, f"{prefix}.k_proj", KEY_VALUE_HEADS * HEAD_SIZE, HIDDEN, narrow)
    yield from matrix(noise, f"{prefix}.v_proj", KEY_VALUE_HEADS * HEAD_SIZE, HIDDEN, narrow)
    yield from matrix(noise, f"{prefix}.o_proj", HIDDEN, HEADS * HEAD_SIZE, wide)
    yield vector(f"{prefix}.q_norm.weight", 0.0, HEAD_SIZE)
    yield vector(f"{prefix}.k_norm.weight", 0.0, HEAD_SIZE)


def linear_attention(noise: random.Random, prefix: str) -> Iterator[Tensor]:
    """Yield the tensors of linear attention."""
    values = LINEAR_VALUE_HEADS * LINEAR_HEAD_SIZE
    mixed = 2 * LINEAR_KEY_HEADS * LINEAR_HEAD_SIZE + values
    narrow = HIDDEN**-0.5
    yield from matrix(noise, f"{prefix}.in_proj_qkv", mixed, HIDDEN, narrow)
    yield from matrix(noise, f"{prefix}.in_proj_z", values, HIDDEN, narrow)
    yield from matrix(noise, f"{prefix}.in_proj_b", LINEAR_VALUE_HEADS, HIDDEN, narrow)
    yield from matrix(noise, f"{prefix}.in_proj_a", LINEAR_VALUE_HEADS, HIDDEN, narrow)
    kernel = b"".join(bf16(noise.gauss(0.0, 0.5)) for _ in range(mixed * CONVOLUTION))
    yield Tensor(f"{prefix}.conv1d.weight", "BF16", (mixed, 1, CONVOLUTION), kernel)
    yield singles(f"{prefix}.A_log", 0.0, LINEAR_VALUE_HEADS)
    yield vector(f"{prefix}.dt_bias", 0.0, LINEAR_VALUE_HEADS)
    yield singles(f"{prefix}.norm.weight", 1.0, LINEAR_HEAD_SIZE)
    yield from matrix(noise, f"{prefix}.out_proj", HIDDEN, values, values**-0.5)


def tensors(noise: random.Random) -> Iterator[Tensor]:
    """Yield all weights of the model."""
    model = "model.language_model"
    yield from matrix(noise, f"{model}.embed_tokens", VOCABULARY, HIDDEN, 0.5)
    yield vector(f"{model}.norm.weight", 0.0, HIDDEN)
    for number in range(LAYERS):
        layer = f"{model}.layers.{number}"
        yield vector(f"{layer}.input_layernorm.weight", 0.0, HIDDEN)
        yield vector(f"{layer}.post_attention_layernorm.weight", 0.0, HIDDEN)
        if (number + 1) % FULL_ATTENTION_EVERY == 0:
            yield from full_attention(noise, f"{layer}.self_attn")
        else:
            yield from linear_attention(noise, f"{layer}.linear_attn")
        yield from matrix(noise, f"{layer}.mlp.gate_proj", MLP, HIDDEN, HIDDEN**-0.5)
        yield from matrix(noise, f"{layer}.mlp.up_proj", MLP, HIDDEN, HIDDEN**-0.5)
        yield from matrix(noise, f"{layer}.mlp.down_proj", HIDDEN, MLP, MLP**-0.5)


def write_weights(path: Path) -> None:
    """Write a safetensors file: the length of the header, the header as JSON, and the bytes of all tensors."""
    weights = list(tensors(random.Random(0)))  # noqa: S311 - reproducible and not secret
    header: dict[str, object] = {}
    end = 0
    for tensor in weights:
        start, end = end, end + len(tensor.data)
        header[tensor.name] = {"dtype": tensor.kind, "shape": tensor.shape, "data_offsets": [start, end]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        file.writelines(tensor.data for tensor in weights)


def byte_letters() -> list[str]:
    """Return the letter for each byte in byte-level tokenizers: the byte itself if it is printable."""
    visible = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    spare = iter(range(256, 512))
    return [chr(byte if byte in visible else next(spare)) for byte in range(256)]


def tokenizer() -> dict[str, object]:
    """Return a tokenizer that reads bytes. Tokens that pad the vocabulary to its size each write one word."""
    vocabulary = {letter: byte for byte, letter in enumerate(byte_letters())}
    vocabulary |= {
        f"\u0120w{number}": number for number in range(256, FIRST_SPECIAL)
    }  # U+0120 stands for a space
    added = [
        {
            "id": FIRST_SPECIAL + offset,
            "content": text,
            "special": text.startswith("<|"),
            **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
        }
        for offset, text in enumerate(SPECIAL)
    ]
    bytewise = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    cut = {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [cut, bytewise]},
        "post_processor": bytewise,
        "decoder": bytewise,
        "model": {
            "type": "BPE",
            "vocab": vocabulary,
            "merges": [],
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            **dict.fromkeys(("dropout", "unk_token")),
            **dict.fromkeys(("fuse_unk", "byte_fallback", "ignore_merges"), False),
        },
    }


def config() -> dict[str, object]:
    """Return the configuration of the model."""
    return {
        "architectures": ["Qwen3_5ForConditionalGeneration"],
        "model_type": "qwen3_5",
        "tie_word_embeddings": True,
        "text_config": {
            "model_type": "qwen3_5_text",
            "hidden_size": HIDDEN,
            "num_hidden_layers": LAYERS,
            "intermediate_size": MLP,
            "vocab_size": VOCABULARY,
            "num_attention_heads": HEADS,
            "num_key_value_heads": KEY_VALUE_HEADS,
            "head_dim": HEAD_SIZE,
            "eos_token_id": FIRST_SPECIAL,
        },
    }


def write(folder: Path) -> None:
    """Write the model into a folder, creating it if necessary."""
    folder.mkdir(parents=True, exist_ok=True)
    end_of_text, end_of_turn = (
        FIRST_SPECIAL + SPECIAL.index(text) for text in ("<|endoftext|>", "<|im_end|>")
    )
    settings: dict[str, dict[str, object]] = {
        "config": config(),
        "tokenizer": tokenizer(),
        "tokenizer_config": {
            "tokenizer_class": "Qwen2Tokenizer",
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "bos_token": None,
            "add_bos_token": False,
            "model_max_length": 4096,
        },
        "generation_config": {"eos_token_id": [end_of_turn, end_of_text]},
    }
    for name, content in settings.items():
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    write_weights(folder / "model.safetensors")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FOLDER")
    write(Path(sys.argv[1]))
