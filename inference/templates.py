"""Chat templates of models other than Llama 2, written in Jinja and rendered by transformers.

A template is rendered with a mark in the place of every content, and split at the marks: what stands between them is
the template's own (control pieces, where `<|im_start|>` is a token), the contents are put back as plain text. So a
person's text never passes through the template language, stays as it is, and is never parsed for special tokens.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from conversation.errors import InvalidDialog, UnsupportedModel
from conversation.model import Message, Role
from conversation.ports import ChatTemplate, Clean, Piece
from conversation.prompts.dialog import check_dialog

# Private-use characters: no template has them, and contents are not there while the template is rendered.
_MARK = "\ue000{}\ue001"
_MARKED = re.compile("\ue000([0-9]+)\ue001")
_PROBE = "\n " + _MARK.format(0) + " \n"
_ANGLED = re.compile(r"<\|[^<>|\s]+\|>|</?[A-Za-z_]+>")


class JinjaTemplate:
    """ChatTemplate for one model's own Jinja template.

    `special_tokens` is the model's whole list of texts that can become control tokens. What a template does to a
    dialog besides is kept: SmolLM2's, for instance, begins with a system text of its own when there is none.
    A template that trims its contents is followed in that (the model was trained so); one that changes them in other
    ways cannot be split, and is refused with UnsupportedModel at the first prompt.
    With `add_bos` the model's tokenizer is one that begins every text with BOS, so that a template may leave it out.
    """

    def __init__(
        self,
        chat_template: str,
        special_tokens: Sequence[str],
        bos_token: str,
        eos_token: str,
        name: str,
        *,
        add_bos: bool = False,
    ) -> None:
        self.name = name
        # A file may name a BOS that its prompts do not begin with: SmolLM2's is the `<|im_start|>` of every turn.
        self.bos = bos_token if add_bos or "bos_token" in chat_template else ""
        self._source = chat_template
        self._tokens = {"bos_token": bos_token, "eos_token": eos_token}
        self.control_words: Sequence[str] = tuple(
            dict.fromkeys(word for word in (*special_tokens, bos_token, eos_token) if len(word) > 1)
        )
        self._trims: Mapping[Role, bool] | None = None
        self._stop: Sequence[str] | None = None

    @classmethod
    def from_props(cls, props: Mapping[str, Any], name: str) -> JinjaTemplate:
        """From the answer of llama.cpp's GET /props. It does not list the special tokens: those that the template
        writes, and all of their shape, are taken. Raises UnsupportedModel when the model has no template."""
        source = str(props.get("chat_template") or "")
        if not source:
            raise UnsupportedModel(f"{name} has no chat template")
        words = _ANGLED.findall(source)
        return cls(source, words, str(props.get("bos_token") or ""), str(props.get("eos_token") or ""), name)

    @property
    def stop(self) -> Sequence[str]:
        """The control words that the template writes right after an answer. Their tokens usually end it already."""
        if self._stop is None:
            dialog = [Message(Role.USER, "u"), Message(Role.ASSISTANT, "a")]
            after = _MARKED.split(self._rendered(dialog, ask=False))[-1].lstrip()
            self._stop = tuple(word for word in self.control_words if after.startswith(word))
        return self._stop

    async def warm(self) -> None:
        """Import transformers, off the event loop: it takes a second or two, which would stop everything else."""
        await asyncio.to_thread(_renderer)

    def render(self, messages: Sequence[Message], clean: Clean = str) -> tuple[Piece, ...]:
        """See ChatTemplate. Raises UnsupportedModel when the template cannot write any dialog."""
        check_dialog(messages)
        pieces = self._pieces(messages, self._rendered(messages, ask=True), clean)
        if self.bos and not (pieces[0].control and pieces[0].text.startswith(self.bos)):
            return Piece(self.bos, control=True), *pieces
        return pieces

    def turn(self, message: Message, clean: Clean = str) -> tuple[Piece, ...]:
        """See ChatTemplate: what the prompt grows by, or, where the template does not simply grow, a prompt of this
        message alone, which is more."""
        user, assistant = Message(Role.USER, "u"), Message(Role.ASSISTANT, "a")
        if message.role is Role.SYSTEM:
            return self._pieces([message, user], self._rendered([message, user], ask=False), clean)
        if message.role is Role.USER:
            before, dialog, ask = [user, assistant], [user, assistant, message], True
        else:
            before, dialog, ask = [user], [user, message], False
        # The context before an answer ends where the assistant begins to speak, else where its last turn ends.
        start = self._rendered(before, ask=message.role is Role.ASSISTANT)
        whole = self._rendered(dialog, ask=ask)
        return self._pieces(dialog, whole.removeprefix(start), clean)

    def _pieces(self, messages: Sequence[Message], rendered: str, clean: Clean) -> tuple[Piece, ...]:
        pieces: list[Piece] = []
        for number, part in enumerate(_MARKED.split(rendered)):
            if number % 2 == 0:
                piece = Piece(part, control=True)
            else:
                message = messages[int(part)]
                text = clean(message.content)
                piece = Piece(text.strip() if self._trimming()[message.role] else text)
            if piece.text:
                pieces.append(piece)
        return tuple(pieces)

    def _rendered(self, messages: Sequence[Message], *, ask: bool) -> str:
        # An empty content stays empty: templates ask whether there is one.
        contents = [_MARK.format(index) if message.content else "" for index, message in enumerate(messages)]
        return self._run(messages, contents, ask=ask)

    def _run(self, messages: Sequence[Message], contents: Sequence[str], *, ask: bool) -> str:
        dialog = [
            {"role": message.role.value, "content": content}
            for message, content in zip(messages, contents, strict=True)
        ]
        render, error = _renderer()
        try:
            text = render(dialog, self._source, ask, self._tokens)
        except error as exc:
            raise InvalidDialog(f"the template of {self.name} refuses this dialog", quoted=str(exc)) from exc
        if contents[-1].strip() not in text:
            raise UnsupportedModel(f"the template of {self.name} changes what people write")
        return text

    def _trimming(self) -> Mapping[Role, bool]:
        """Which roles' contents the template trims; found out by asking it."""
        if self._trims is None:
            user, assistant = Message(Role.USER, "u"), Message(Role.ASSISTANT, "a")
            self._trims = {
                Role.USER: _PROBE not in self._run([user], [_PROBE], ask=True),
                Role.ASSISTANT: _PROBE not in self._run([user, assistant], ["u", _PROBE], ask=False),
                Role.SYSTEM: False,
            }
            try:
                told = self._run([Message(Role.SYSTEM, "s"), user], [_PROBE, "u"], ask=True)
            except InvalidDialog:  # this template takes no system text at all
                return self._trims
            self._trims[Role.SYSTEM] = _PROBE not in told
        return self._trims


_Render = Callable[[list[dict[str, str]], str, bool, Mapping[str, str]], str]


@cache
def _renderer() -> tuple[_Render, type[Exception]]:
    # transformers says at its import that there is no PyTorch; nobody who reads a terminal needs to know.
    variable = "TRANSFORMERS_NO_ADVISORY_WARNINGS"
    before = os.environ.get(variable)
    os.environ[variable] = "1"
    try:
        from jinja2 import TemplateError  # noqa: PLC0415
        from transformers.utils.chat_template_utils import render_jinja_template  # noqa: PLC0415
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before

    def render(dialog: list[dict[str, str]], source: str, ask: bool, tokens: Mapping[str, str]) -> str:
        # Its annotation says str; it gives a list of texts and a list of positions.
        kwargs: dict[str, Any] = dict(tokens)
        result: Any = render_jinja_template([dialog], chat_template=source, add_generation_prompt=ask, **kwargs)
        text: str = result[0][0]
        return text

    return render, TemplateError


_: type[ChatTemplate] = JinjaTemplate
