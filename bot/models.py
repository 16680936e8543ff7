"""The model that the settings name, ready to be asked."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.settings import ModelApi, Settings
from conversation.errors import CorralError, ModelError, ModelRefused, ModelUnavailable, UnsupportedModel
from conversation.language_model import LanguageModel
from conversation.ports import ChatTemplate, ModelCard, Tokenizer
from conversation.prompts import (
    Llama2Template,
    PromptFormat,
    canonical_difference,
    canonical_text,
    check_infills,
    template_for,
)

if TYPE_CHECKING:
    from inference.tgi import TgiClient
    from inference.tokenizers import FileTokenizer

log = logging.getLogger(__name__)

# The adapters are imported where they are built: each brings libraries that take a part of a second, and a person
# waits for the prompt meanwhile.


async def load_tokenizer(source: str, variable: str = "MODEL_TOKENIZER") -> FileTokenizer:
    """The one that a variable names. Raises ModelError that says which."""
    from inference.tokenizers import FileTokenizer

    try:
        return await FileTokenizer.load(source)
    except ValueError as exc:
        raise ModelRefused(f"{variable}: {source}: {exc}") from exc


async def compare_with_reference(client: TgiClient, model_id: str) -> None:
    """Have the server tokenize a dialog whose ids are known, and warn when they are others. Never fails: answers to a
    slightly wrong prompt are better than none."""
    try:
        difference = canonical_difference([token.id for token in await client.tokenize(canonical_text())])
    except ModelError as error:
        log.warning("cannot check how the server of %s tokenizes its prompts: %s", model_id, error)
        return
    if difference:
        log.warning(
            "the server of %s tokenizes prompts differently from Meta's reference code, so answers will be worse: %s. "
            "Check that MODEL_ID is the model that it serves, and that it serves the model's own tokenizer.json "
            "(transformers 4's fast tokenizer is exact; slow ones and transformers 5's are not)",
            model_id,
            difference,
        )


class ConfiguredModel:
    """ModelSource of the settings. `begin` starts loading; whoever needs the model waits for that. One for `infilling`
    need not chat, but must have been trained to fill holes."""

    def __init__(self, settings: Settings, *, infilling: bool = False) -> None:
        self._settings, self._infilling = settings, infilling
        self._opening: asyncio.Task[LanguageModel] | None = None
        self._resources = AsyncExitStack()
        self._is_there: Callable[[], Awaitable[object]] | None = None  # asks its server; raises ModelError

    def begin(self) -> None:
        """Begin to load, or to ask the server who it is; failures are kept for whoever waits."""
        self._open()

    async def ready(self) -> LanguageModel:
        """See ModelSource.ready. A failed try is repeated with the next call."""
        opening = self._open()
        # Waited for from outside: one question that is stopped must not end the loading for the others.
        await asyncio.wait([opening])
        if opening.cancelled():
            raise ModelUnavailable("the program is ending")
        return opening.result()

    async def check(self) -> None:
        """For the health page: raises ModelError, or what else `ready` does, when the model would not answer now. A
        server that was there once may be away by now, so it is asked."""
        await self.ready()
        if self._is_there is not None:
            await self._is_there()

    async def close(self) -> None:
        """Stop loading, end the embedded model, close connections."""
        if self._opening is not None:
            self._opening.cancel()
            with suppress(asyncio.CancelledError, CorralError):
                await self._opening
        await self._resources.aclose()

    def _open(self) -> asyncio.Task[LanguageModel]:
        opening = self._opening
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
            builders: dict[ModelApi, Callable[[], Awaitable[LanguageModel]]] = {
                ModelApi.EMBEDDED: self._embedded,
                ModelApi.TGI: self._tgi,
                ModelApi.COMPLETIONS: self._completions,
            }
            opening = self._opening = asyncio.create_task(self._built(builders[self._settings.api]), name="open model")
        return opening

    async def _built(self, build: Callable[[], Awaitable[LanguageModel]]) -> LanguageModel:
        before = self._resources.pop_all()
        await before.aclose()  # what an earlier try that failed had opened
        model = await build()
        settings = self._settings
        try:
            check_infills(model.card.model_id)
        except UnsupportedModel:
            if self._infilling:
                raise
        else:
            model = replace(model, fills=True)
        if model.card.context_tokens <= settings.max_new_tokens * 2:
            raise ModelRefused(
                f"the window of {model.card.model_id} is {model.card.context_tokens} tokens, too small for replies of "
                f"MAX_NEW_TOKENS={settings.max_new_tokens}: set it to {model.card.context_tokens // 4}"
            )
        return model

    async def _embedded(self) -> LanguageModel:
        from inference.embedded import EmbeddedModel

        settings = self._settings
        sizes = {"context_tokens": settings.context_tokens, "slots": settings.model_slots}
        model = await EmbeddedModel.open(settings.model_id, **{name: size for name, size in sizes.items() if size})
        self._resources.push_async_callback(model.close)
        self._is_there = model.start
        form = PromptFormat(model.template, model, form="ids", server_adds_bos=False)
        return LanguageModel(model.card, model, form, f"embedded-{uuid.uuid4().hex}")  # no other process asks it

    async def _tgi(self) -> LanguageModel:
        from inference.tgi import TgiClient, TgiGenerator
        from inference.tokenizers import ServerTokenizer, TokenizeApi

        client = TgiClient(self._url, token=self._token)
        generator = TgiGenerator(client)
        self._resources.push_async_callback(generator.aclose)
        self._is_there = client.info
        card = self._named(await generator.card())
        tokenizer: Tokenizer | None = await self._tokenizer()
        exact = tokenizer is not None
        tokenizer = tokenizer or ServerTokenizer(client.server, TokenizeApi.TGI, f"tgi:{card.model_id}")
        template = await self._template(card)
        if isinstance(template, Llama2Template):
            await compare_with_reference(client, card.model_id)
        form = PromptFormat(template, tokenizer, form="text", server_adds_bos=True, exact_ids=exact)
        return LanguageModel(card, generator, form, self._server)

    async def _completions(self) -> LanguageModel:
        from inference.completions import CompletionsGenerator, Dialect
        from inference.http import ModelServer
        from inference.templates import JinjaTemplate
        from inference.tokenizers import ServerTokenizer, TokenizeApi

        server = ModelServer(self._url, token=self._token)
        generator = CompletionsGenerator(server, model=self._settings.model_id)
        self._resources.push_async_callback(generator.aclose)
        self._is_there = generator.ask_again
        card = self._named(await generator.card(self._settings.context_tokens))
        tokenizer: Tokenizer | None = await self._tokenizer()
        template: ChatTemplate | None = None
        if (await generator.served()).dialect is Dialect.LLAMA_CPP:
            tokenizer = tokenizer or ServerTokenizer(server, TokenizeApi.LLAMA_CPP, f"llamacpp:{card.model_id}")
            if not self._infilling and template_for(card.model_id) is None:
                template = JinjaTemplate.from_props(await server.get_json("/props"), card.model_id)
        template = template or await self._template(card)
        form = PromptFormat(template, tokenizer, form="ids" if tokenizer else "text", server_adds_bos=True)
        return LanguageModel(card, generator, form, self._server)

    def _named(self, card: ModelCard) -> ModelCard:
        """The server's word, unless the settings say otherwise: a path such as /data/model names no model."""
        settings = self._settings
        window = min(card.context_tokens, settings.context_tokens or card.context_tokens)
        slots = settings.model_slots or card.slots
        return replace(card, model_id=settings.model_id or card.model_id, context_tokens=window, slots=slots)

    async def _template(self, card: ModelCard) -> ChatTemplate:
        from inference.pretrained import load_template

        known = Llama2Template() if self._infilling else template_for(card.model_id)
        return known or await load_template(self._settings.model_tokenizer or card.model_id, card.model_id)

    async def _tokenizer(self) -> FileTokenizer | None:
        source = self._settings.model_tokenizer
        variable = "INFILL_MODEL_TOKENIZER" if self._infilling else "MODEL_TOKENIZER"
        return await load_tokenizer(source, variable) if source else None

    @property
    def _server(self) -> str:
        # A digest: an address may hold a password, and this becomes a part of keys.
        return hashlib.sha256(self._url.rstrip("/").encode()).hexdigest()[:16]

    @property
    def _url(self) -> str:
        assert self._settings.model_url is not None  # the settings refuse to load otherwise
        return self._settings.model_url

    @property
    def _token(self) -> str | None:
        token = self._settings.model_token
        return token.get_secret_value() if token is not None else None
