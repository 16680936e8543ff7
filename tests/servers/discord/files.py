"""Files: those that come with a message, and the CDN that gives them out again."""

from __future__ import annotations

import mimetypes
import time

from aiohttp import web

from tests.servers.discord.calls import Call, Upload
from tests.servers.discord.cast import Json
from tests.servers.discord.home import Home
from tests.servers.discord.message_rules import check_files

# What mimetypes does not know, or has no word for; Discord says text/plain with a charset for these.
_TEXT = {
    "c",
    "cpp",
    "go",
    "java",
    "js",
    "json",
    "kt",
    "log",
    "md",
    "py",
    "rs",
    "sh",
    "sql",
    "toml",
    "ts",
    "txt",
    "yaml",
}


def content_type_of(name: str) -> str:
    """The type that Discord's own clients tell for a file of this name."""
    if name.rpartition(".")[2].lower() in _TEXT:
        return "text/plain; charset=utf-8"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def attach(home: Home, channel: str, call: Call, body: Json, kept: list[str] | None = None) -> list[str]:
    """The ids of the message's files: the uploaded ones, and of the `kept` ones those that the body still names."""
    check_files([len(upload.data) for upload in call.files])
    named = body.get("attachments")
    told = {str(one["id"]): one for one in named or []}
    staying = [file_id for file_id in kept or [] if named is None or file_id in told]
    return staying + [_keep(home, channel, upload, told.get(upload.key, {})) for upload in call.files]


async def give(home: Home, request: web.Request) -> web.StreamResponse:
    """GET of an attachment's address; 404 once its signature is too old."""
    file = home.files.get(request.match_info["file_id"])
    if file is None or file.until < time.time() or request.query.get("ex") != f"{int(file.until):x}":
        return web.Response(status=404, text="This content is no longer available.")
    return web.Response(body=file.data, headers={"Content-Type": file.content_type})


def _keep(home: Home, channel: str, upload: Upload, told: Json) -> str:
    name = str(told.get("filename") or upload.name)
    return home.keep_file(channel, name, upload.data, content_type_of(name), told.get("description"))
