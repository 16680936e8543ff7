"""Very long code as a file in a message of its own."""

from __future__ import annotations

from io import BytesIO

from discord import AllowedMentions, File, MessageFlags
from discord.http import MultipartParameters, handle_message_parameters

from adapters.markdown.file_names import name_of
from conversation.ports import Attachment


def with_file(
    attachment: Attachment, key: str, *, nonce: str | None = None, ephemeral: bool = False
) -> MultipartParameters:
    """A message that shows nothing but the file, for one call. Its name tells the segment `key`."""
    return handle_message_parameters(
        file=File(BytesIO(attachment.text.encode()), filename=name_of(attachment, key)),
        nonce=nonce,
        allowed_mentions=AllowedMentions.none(),
        flags=MessageFlags(suppress_embeds=True, ephemeral=ephemeral),
    )
