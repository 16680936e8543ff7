"""Files: the three steps of an upload, files.info and the download (docs.slack.dev/messaging/working-with-files)."""

from __future__ import annotations

import uuid

from aiohttp import BodyPartReader, web

from tests.servers.slack.cast import BOT_USER, File, Json
from tests.servers.slack.chat import thread_ts
from tests.servers.slack.errors import SlackError
from tests.servers.slack.workspace import Workspace

_KINDS = {"py": "python", "js": "javascript", "md": "markdown", "png": "png", "pdf": "pdf", "txt": "text"}
_HOSTED = {"png": "image/png", "pdf": "application/pdf", "zip": "application/zip"}


def new_file(name: str, data: bytes | None, user: str, mimetype: str | None = None) -> File:
    """A file with an id of its own; its type is told by its name, as Slack does."""
    ending = name.rpartition(".")[2].lower()
    return File(
        "F" + uuid.uuid4().hex[:10].upper(),
        name,
        data,
        user,
        mimetype=mimetype or _HOSTED.get(ending, "text/plain"),
        filetype=_KINDS.get(ending, ending or "text"),
        mode="hosted" if ending in _HOSTED else "snippet",
    )


async def get_upload_url(home: Workspace, args: Json) -> Json:
    if not args.get("filename") or not args.get("length"):
        raise SlackError("invalid_arguments")
    file = new_file(str(args["filename"]), None, BOT_USER)
    home.files[file.id] = file
    return {"upload_url": f"{home.base_url}/upload/{file.id}", "file_id": file.id}


async def complete_upload(home: Workspace, args: Json) -> Json:
    """Without channel_id the files stay private."""
    asked = args.get("files") or []
    files = [home.files.get(one["id"]) for one in asked]
    if not files or any(file is None or file.data is None for file in files):
        raise SlackError("file_not_found")
    done = [file for file in files if file is not None]
    for file, one in zip(done, asked, strict=True):
        file.title = one.get("title") or file.name
    if args.get("channel_id"):
        channel = home.writable(args["channel_id"])
        under = thread_ts(args)
        root = None if under is None else home.root_of(channel, under)
        text = str(args.get("initial_comment") or "")
        home.post(home.own(channel.id, text=text, thread_ts=root, file_ids=[file.id for file in done]))
    return {"files": [home.file_payload(file) for file in done]}


async def info(home: Workspace, args: Json) -> Json:
    file = home.files.get(str(args.get("file")))
    if file is None:
        raise SlackError("file_not_found")
    return {"file": home.file_payload(file), "content": (file.data or b"").decode("utf-8", "replace")}


async def delete(home: Workspace, args: Json) -> Json:
    """The bot deletes a file of its own; a message that showed nothing else goes too."""
    file = home.files.get(str(args.get("file")))
    if file is None:
        raise SlackError("file_not_found")
    if file.user != BOT_USER:
        raise SlackError("cant_delete_file")
    del home.files[file.id]
    for message in [message for message in home.messages() if file.id in message.file_ids]:
        message.file_ids.remove(file.id)
        if not (message.file_ids or message.text or message.blocks or message.markdown):
            home.remove(message)
    return {}


async def receive(home: Workspace, request: web.Request) -> web.StreamResponse:
    """The second step: the bytes themselves, raw or as a form."""
    file = home.files.get(request.match_info["file_id"])
    if file is None:
        return web.Response(status=404)
    if request.content_type.startswith("multipart/"):
        part = await (await request.multipart()).next()
        file.data = bytes(await part.read()) if isinstance(part, BodyPartReader) else b""
    else:
        file.data = await request.read()
    return web.Response(text=f"OK - {len(file.data)}")


async def give(home: Workspace, request: web.Request, bot_token: str) -> web.StreamResponse:
    """Without the bot's token Slack answers 200 and a login page, which is easily taken for the file."""
    file = home.files.get(request.match_info["file_id"].rpartition("-")[2])
    if request.headers.get("Authorization") != f"Bearer {bot_token}":
        return web.Response(text="<!DOCTYPE html><html><title>Slack</title></html>", content_type="text/html")
    if file is None or file.data is None:
        return web.Response(status=404)
    return web.Response(body=file.data, content_type=file.mimetype)
