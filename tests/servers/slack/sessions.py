"""assistant.threads.* and agents.sessions.*: what is shown while the bot works."""

from __future__ import annotations

from tests.servers.slack.cast import Json
from tests.servers.slack.errors import SlackError
from tests.servers.slack.workspace import Workspace

_STATUSES = {"active", "processing", "suspended", "closed"}


async def set_status(home: Workspace, args: Json) -> Json:
    """The line that says "is thinking..."; an empty one takes it away."""
    home.writable(args.get("channel_id"))
    if not args.get("thread_ts"):
        raise SlackError("invalid_thread_ts")
    home.statuses[str(args["thread_ts"])].append(str(args.get("status") or ""))
    return {}


async def set_title(home: Workspace, args: Json) -> Json:
    home.writable(args.get("channel_id"))
    home.titles[str(args.get("thread_ts"))] = str(args.get("title"))
    return {}


async def set_suggested_prompts(home: Workspace, args: Json) -> Json:
    home.writable(args.get("channel_id"))
    prompts = args.get("prompts")
    if not isinstance(prompts, list) or not 0 < len(prompts) <= 4:
        raise SlackError("invalid_arguments")
    if not all(prompt.get("title") and prompt.get("message") for prompt in prompts):
        raise SlackError("invalid_arguments")
    home.suggested_prompts.append(args)
    return {}


async def set_session_status(home: Workspace, args: Json) -> Json:
    channel = home.channel(args.get("channel_id"))
    if not channel.is_member:
        raise SlackError("not_authorized")
    if args.get("status") not in _STATUSES:
        raise SlackError("invalid_status")
    if not args.get("thread_ts"):
        raise SlackError("thread_ts_required")
    under = str(args["thread_ts"])
    session = home.sessions.setdefault((channel.id, under), {"title": str(args.get("title") or "")[:200]})
    session["status"] = args["status"]
    home.statuses[under].append(str(args["status"]))
    return {"status": args["status"], "agent_status": args["status"], "title": session["title"]}


async def rename_session(home: Workspace, args: Json) -> Json:
    channel = home.channel(args.get("channel_id"))
    under = str(args.get("thread_ts"))
    home.sessions.setdefault((channel.id, under), {"status": "active"})["title"] = str(args.get("title"))
    home.titles[under] = str(args.get("title"))
    return {"title": args.get("title")}
