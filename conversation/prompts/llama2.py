"""The chat prompt of Llama 2 and of Code Llama Instruct 7B, 13B and 34B, exactly as Meta's generation.py writes it.

As text: `<s>[INST] question [/INST] answer </s><s>[INST] question [/INST]`. Each pair is encoded alone between its
BOS and EOS, so one plain piece here is one call of the tokenizer there.
"""

from __future__ import annotations

from collections.abc import Sequence

from conversation.model import Message, Role
from conversation.ports import ChatTemplate, Clean, Piece
from conversation.prompts.dialog import check_dialog

LLAMA2_CONTROL_WORDS = (
    "<s>",
    "</s>",
    "<unk>",
    "<PRE>",
    "<SUF>",
    "<MID>",
    "<EOT>",
    "<FILL_ME>",  # transformers and TGI split the whole request at it
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "<step>",  # Code Llama 70B's
)

BOS = Piece("<s>", control=True)
EOS = Piece("</s>", control=True)


class Llama2Template:
    """`ChatTemplate` of Llama 2 chat and Code Llama Instruct except 70B."""

    name = "llama2"
    bos = BOS.text
    control_words: Sequence[str] = LLAMA2_CONTROL_WORDS
    stop: Sequence[str] = ()

    def render(self, messages: Sequence[Message], clean: Clean = str) -> tuple[Piece, ...]:
        """BOS, pair and EOS for each answered question, then BOS and the open question. Raises InvalidDialog."""
        system, turns = check_dialog(messages)
        contents = [clean(turn.content) for turn in turns]
        if system is not None:
            # Merged before the strip: the first question keeps its leading white space, as in Meta's code.
            contents[0] = _system(clean(system)) + contents[0]
        pieces: list[Piece] = []
        for question, answer in zip(contents[:-1:2], contents[1::2], strict=True):
            pieces += BOS, Piece(f"[INST] {question.strip()} [/INST] {answer.strip()} "), EOS
        return *pieces, BOS, Piece(f"[INST] {contents[-1].strip()} [/INST]")

    def turn(self, message: Message, clean: Clean = str) -> tuple[Piece, ...]:
        """What one message adds, at most.

        Exact for answers, and for questions without white space in front (which only the first keeps): no piece of
        Llama's vocabulary goes on after a space inside it, so ` [/INST]` and ` answer` never merge, and a piece encoded
        alone gets that space by itself. A system text is
        counted in an `[INST]` of its own: those eight tokens pay for the first question, whose first word loses its
        space after `\\n\\n` and may need more tokens then.
        """
        content = clean(message.content)
        if message.role is Role.SYSTEM:
            return (Piece(f"[INST] {_system(content)} [/INST]"),)
        if message.role is Role.USER:
            return BOS, Piece(f"[INST] {content.rstrip()} [/INST]")
        return Piece(f"{content.strip()} "), EOS


def _system(content: str) -> str:
    return f"<<SYS>>\n{content}\n<</SYS>>\n\n"


_: type[ChatTemplate] = Llama2Template
