"""Nested prompts, with learned tokens in them, through a CLIP text encoder: what a Stable Diffusion network is told to draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from flawsmith.core.errors import ConfigError
from flawsmith.dataset.sample import GOOD
from flawsmith.models.adapters import LoRA, attach

SLOT = "{tokens}"  # where the learned tokens stand in a prompt


@dataclass(frozen=True)
class Templates:
    """The prompts of the two branches; {product}, {defect} and {tokens} are filled in."""

    image: str
    anomaly: str
    good: str  # of a normal, in both branches

    def prompts(self, product: str, defects: Sequence[str]) -> list[tuple[str, str]]:
        """Return (image, anomaly) for good, every defect, the empty prompt and the background picture, in the token table's order.

        Raises ConfigError for a template with another name in braces.
        """

        def fill(template: str, defect: str) -> str:
            try:
                return template.format(product=readable(product), defect=readable(defect), tokens=SLOT)
            except (KeyError, IndexError, ValueError) as error:
                names = f"{{product}}, {{defect}}, {SLOT}"
                raise ConfigError(f"prompt {template!r}: cannot be filled in ({error}); expected {names}.") from None

        good = fill(self.good, GOOD).replace(SLOT, "")
        return [(good, good), *((fill(self.image, name), fill(self.anomaly, name)) for name in defects), ("", ""), (good, good)]


class PromptTable(nn.Module):
    """Prompts per defect and branch. Entries as in `TokenTable`: good, the defects, the empty one, the background.

    Only the learned tokens and the encoder's adapters are trained.
    """

    ids: Tensor
    slots: Tensor

    def __init__(
        self, text: Any, tokenizer: Any, names: tuple[str, ...], prompts: list[tuple[str, str]], tokens: int, lora_rank: int
    ) -> None:
        """text, tokenizer: a transformers CLIPTextModel and CLIPTokenizer; tokens: learned ones per prompt; lora_rank: 0 = none."""
        super().__init__()
        self.names, self.empty, self.background = names, len(names), len(names) + 1
        self.text = text.eval().requires_grad_(False)
        rows = [[_tokenise(tokenizer, prompt, tokens) for prompt in pair] for pair in prompts]
        self.register_buffer("ids", torch.tensor([[ids for ids, _ in pair] for pair in rows]), persistent=False)  # (E, 2, L)
        self.register_buffer("slots", torch.tensor([[slots for _, slots in pair] for pair in rows]), persistent=False)
        table = text.get_input_embeddings().weight.detach().float()
        first = [table[_words(tokenizer, names[i])].mean(0) if 0 < i < len(names) else table.mean(0) for i in range(len(prompts))]
        self.entries = nn.Parameter(torch.stack(first)[:, None].repeat(1, tokens, 1))  # (E, T, D): begins at the defect's own words
        self.lora = nn.ModuleDict()
        for name, layer in text.named_modules():
            if lora_rank and name.endswith(("q_proj", "k_proj", "v_proj", "out_proj")):
                self.lora[name.replace(".", "/")] = lora = LoRA(layer.in_features, layer.out_features, lora_rank, 1)
                attach(layer, lora, lambda: 1)
        self._learned: tuple[Tensor, Tensor] | None = None  # where they go and their embeddings, in the call under way
        text.get_input_embeddings().register_forward_hook(self._put)

    def forward(self, ids: Tensor, branches: int, noise: Tensor | None = None) -> tuple[Tensor, None]:
        """Return the prompts' features (branches, B, L, D), and None in the place of pooled ones. ids: (B,) entry numbers.

        noise: (B, T, D), added to the learned tokens.
        """
        entries = self.entries[ids]  # (B, T, D)
        if noise is not None:
            entries = entries + noise
        words = self.ids[ids, :branches].transpose(0, 1)  # (branches, B, L)
        slots = self.slots[ids, :branches].transpose(0, 1)
        if entries.shape[1]:
            rows = torch.arange(len(ids), device=ids.device)[None, :, None].expand_as(slots)
            self._learned = (slots >= 0)[..., None].flatten(0, 1), entries[rows, slots.clamp(min=0)].flatten(0, 1)
        try:
            features = self.text(input_ids=words.flatten(0, 1)).last_hidden_state
        finally:
            self._learned = None
        return features.unflatten(0, (branches, -1)), None

    def _put(self, _module: nn.Module, _inputs: Any, embedded: Tensor) -> Tensor:
        """Put the learned tokens into the embedded prompts (N, L, D)."""
        if self._learned is None:
            return embedded
        where, vectors = self._learned
        return torch.where(where, vectors.to(embedded.dtype), embedded)


def readable(name: str) -> str:
    """Return the name of a folder as words: "broken_large" as "broken large"."""
    return " ".join(name.replace("_", " ").replace("-", " ").split()).lower()


def _words(tokenizer: Any, name: str) -> list[int]:
    """Return the tokens of a name; those of the end mark for one that has none."""
    found: list[int] = tokenizer(readable(name), add_special_tokens=False)["input_ids"]
    return found or [tokenizer.eos_token_id]


def _tokenise(tokenizer: Any, prompt: str, tokens: int) -> tuple[list[int], list[int]]:
    """Return the tokens of a prompt, padded, and for each the number of the learned token that stands there, else -1.

    Raises ConfigError for a prompt that is too long for the encoder.
    """
    length = tokenizer.model_max_length
    ids, slots = [tokenizer.bos_token_id], [-1]
    for i, text in enumerate(prompt.split(SLOT)):
        if i:
            ids += [tokenizer.eos_token_id] * tokens  # any; its embedding is replaced
            slots += range(tokens)
        words = tokenizer(text, add_special_tokens=False)["input_ids"] if text.strip() else []
        ids, slots = ids + words, slots + [-1] * len(words)
    if len(ids) + 1 > length:
        raise ConfigError(f"prompt {prompt!r}: has {len(ids) - 1} tokens, expected at most {length - 2}; use a shorter one.")
    left = length - len(ids)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return ids + [tokenizer.eos_token_id] + [pad] * (left - 1), slots + [-1] * left
