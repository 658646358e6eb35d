"""Conversations to tokens by a model's own chat template, and tokens back to text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from benchkit import UnavailableError
from benchkit.contracts.prompted import Conversation, Message
from benchkit_plugins.language_models.tokens import well_formed
from benchkit_plugins.recommenders.prompted.titles import gives_all

# What templates would take from elsewhere: a prompt must not depend on the day, and thinking aloud
# would use up the few tokens that a completion has.
_FIXED = {"date_string": "26 Jul 2024", "enable_thinking": False}
_MARK = "benchkit"
# How templates mark turns where it is not by special tokens: [INST], <</SYS>>, <|user|>.
_MARKUP = re.compile(r"\[/?[A-Z_]+\]|<<?[/|]?\w+\|?>>?")


class Chat:
    """A tokenizer that knows how its model is talked to.

    A model without a chat template gets the messages as they are, a blank line between them, and
    answers from the next line on. A template that has no system role gets the system message in
    front of the user's. Special tokens in a message, and what else a template marks turns with in
    brackets, are broken up by a space: titles are text, not markup.

    Args:
        tokenizer: of transformers.
        stops: further tokens that end a completion, as the model's generation settings name them.

    Attributes:
        stops: tokens that end a completion.

    Raises:
        UnavailableError: the template cannot be used.
    """

    def __init__(self, tokenizer: Any, stops: Iterable[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._breaks: dict[int, bool] = {}  # by token, as far as asked for
        added = tokenizer.added_tokens_decoder.values()
        self._markup = {str(token) for token in added if token.special and str(token).strip()}
        talk = tuple(Message(role, _MARK) for role in ("system", "user", "assistant", "user"))
        self._markup.update(_MARKUP.findall(self._rendered(talk, asking=True)))
        self._closing = self._find_closing()
        ends = {*stops, *self._closing, tokenizer.eos_token_id}
        self.stops = frozenset(token for token in ends if token is not None)

    def prompts(self, conversations: Sequence[Conversation]) -> list[list[int]]:
        """Return the tokens of each conversation, up to where the answer begins."""
        texts = [self._rendered(conversation, asking=True) for conversation in conversations]
        return self._encode(texts, special=self._tokenizer.chat_template is None)

    def completions(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each answer, the one that ends it included."""
        encoded = self._encode([self._inert(text) for text in texts], special=False)
        return [tokens + self._closing for tokens in encoded]

    def text(self, tokens: Sequence[int]) -> str:
        """Return an answer's text."""
        decoded: str = self._tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return decoded

    def gives_all(self, written: Sequence[int], most: int | None) -> bool:
        """Return whether the tokens of a completion have just given the titles that are looked at.

        Args:
            written: at least one token.
            most: how many titles are looked at; None: all there are.
        """
        return (
            most is not None
            and self._breaks_line(written[-1])
            and gives_all(self.text(written), most)
        )

    def _breaks_line(self, token: int) -> bool:
        if token not in self._breaks:
            self._breaks[token] = "\n" in self.text([token])
        return self._breaks[token]

    def _encode(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self._tokenizer(list(texts), add_special_tokens=special)["input_ids"]
        return ids

    def _rendered(self, conversation: Conversation, *, asking: bool) -> str:
        turns = [(message.role, self._inert(message.content)) for message in conversation]
        if self._tokenizer.chat_template is None:
            return _plain(turns, asking)
        try:
            return self._templated(turns, asking)
        except Exception:  # each refuses a role in its own way
            return self._without_system(turns, asking)

    def _without_system(self, turns: Sequence[tuple[str, str]], asking: bool) -> str:
        try:
            return self._templated(_merged(turns), asking)
        except Exception as error:  # a template is a program of strangers
            reason = " ".join(str(error).split())[:200]
            raise UnavailableError(f"the model's chat template fails: {reason}") from error

    def _templated(self, turns: Sequence[tuple[str, str]], asking: bool) -> str:
        rendered: str = self._tokenizer.apply_chat_template(
            [{"role": role, "content": content} for role, content in turns],
            tokenize=False,
            add_generation_prompt=asking,
            **_FIXED,
        )
        return rendered

    def _inert(self, text: str) -> str:
        clean = well_formed(text)
        for mark in self._markup:
            clean = clean.replace(mark, f"{mark[0]} {mark[1:]}")
        return clean

    def _find_closing(self) -> list[int]:
        """Return the token after an answer in the template, or the end of text."""
        talk = (Message("user", "?"), Message("assistant", _MARK))
        after = self._rendered(talk, asking=False).rpartition(_MARK)[2]
        ends = [self._tokenizer.eos_token_id]
        if self._tokenizer.chat_template is not None:
            ends = self._encode([after], special=False)[0] + ends
        special = {*self._tokenizer.added_tokens_decoder, self._tokenizer.eos_token_id}
        return [token for token in ends if token is not None and token in special][:1]


def _plain(turns: Sequence[tuple[str, str]], asking: bool) -> str:
    return "\n\n".join(content for _, content in turns) + "\n" * asking


def _merged(turns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    system = [content for role, content in turns if role == "system"]
    others = [turn for turn in turns if turn[0] != "system"]
    if system and others:
        role, content = others[0]
        others[0] = (role, "\n\n".join([*system, content]))
    return others
