"""The tokenizer of the embedded model: byte pairs, learnt so that each word of the little world is one token."""

from __future__ import annotations

from pathlib import Path

from transformers import CLIPTokenizer

from inkover.tabletop import folder
from inkover.tabletop.captions import WORDS

LENGTH = 40  # tokens a prompt holds, its two marks included
START, END = "<|startoftext|>", "<|endoftext|>"


def tokenizer() -> CLIPTokenizer:
    """Return the tokenizer that ships with the package, or a new one where none does."""
    shipped = folder() / "tokenizer"
    return CLIPTokenizer.from_pretrained(shipped) if shipped.exists() else learnt()


def learnt() -> CLIPTokenizer:
    """Learn the byte pairs; any other text still splits into pieces and single bytes.

    Between equally frequent pairs the learner chooses by chance: two processes may number a few words otherwise.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    learner.train_from_iterator(
        [" ".join(WORDS)],
        trainers.BpeTrainer(vocab_size=4000, min_frequency=1, end_of_word_suffix="</w>", show_progress=False),
    )
    import json

    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges), START, END]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        bos_token=START,
        eos_token=END,
        unk_token=END,
        pad_token=END,
        model_max_length=LENGTH,
    )


def save(words: CLIPTokenizer, folder: Path) -> None:
    """Write the tokenizer in the layout that transformers of every version reads: vocab.json and merges.txt too."""
    import json

    words.save_pretrained(folder)
    model = json.loads(words.backend_tokenizer.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    lines = [" ".join(pair) if not isinstance(pair, str) else pair for pair in model["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n")
